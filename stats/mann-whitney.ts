// Do the values of one sample tend to be larger than those of another, whatever their law?

import { normalCdf } from './distributions.ts';
import { median } from './spread.ts';

/** The outcome of a Mann–Whitney U test. */
export type MannWhitneyResult = {
  /** How many pairs (first, second) have the first above; a tie counts half. From 0 to n·m. */
  readonly u: number;
  /** Two-sided. */
  readonly p: number;
  readonly method: 'exact' | 'normal';
};

/** Samples up to this size have an exact law, as in R. */
const EXACT_BELOW = 50;

/**
 * Mann and Whitney (1947), "On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other";
 * the same as Wilcoxon's rank-sum test. Exact without ties and below 50 values on each side; else by the normal
 * approximation with correction for ties and for continuity. p is 1 when all values are equal. Agrees with R's
 * wilcox.test and with SciPy's mannwhitneyu.
 *
 * @throws {RangeError} when a sample is empty or a value is not finite.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): MannWhitneyResult {
  assertSamples(first, second);
  const [n, m] = [first.length, second.length];
  let u = 0;
  for (const a of first) for (const b of second) u += a > b ? 1 : a === b ? 0.5 : 0;
  const ties = tieSizes([...first, ...second]);
  const furthest = Math.max(u, n * m - u);
  if (ties.every((size) => size === 1) && n < EXACT_BELOW && m < EXACT_BELOW) {
    return { u, p: Math.min(1, 2 * exactUpperTail(furthest, n, m)), method: 'exact' };
  }
  const total = n + m;
  const tieTerm = ties.reduce((sum, size) => sum + size ** 3 - size, 0) / (total * (total - 1));
  const deviation = Math.sqrt(((n * m) / 12) * (total + 1 - tieTerm));
  if (deviation === 0) return { u, p: 1, method: 'normal' };
  const z = (furthest - (n * m) / 2 - 0.5) / deviation;
  return { u, p: Math.min(1, 2 * normalCdf(-z)), method: 'normal' };
}

/**
 * How far `second` lies above `first`: the median of all differences second − first, the estimate that belongs to the
 * test above. Hodges and Lehmann (1963), "Estimates of Location Based on Rank Tests". In the units of the values; of
 * logarithms, its exponential is a ratio.
 *
 * @throws {RangeError} when a sample is empty or a value is not finite.
 */
export function hodgesLehmann(first: readonly number[], second: readonly number[]): number {
  assertSamples(first, second);
  return median(first.flatMap((a) => second.map((b) => b - a))) ?? 0;
}

function assertSamples(first: readonly number[], second: readonly number[]): void {
  if (first.length === 0 || second.length === 0) throw new RangeError('both samples need values');
  if (![...first, ...second].every(Number.isFinite)) throw new RangeError('ranks need finite values');
}

function tieSizes(values: readonly number[]): number[] {
  const sizes = new Map<number, number>();
  for (const value of values) sizes.set(value, (sizes.get(value) ?? 0) + 1);
  return [...sizes.values()];
}

/**
 * The smallest U from which the exact test of n v m values without ties rejects at the two-sided level `alpha`.
 * `undefined` when not even complete separation (U = n·m) does.
 */
export function criticalU(n: number, m: number, alpha: number): number | undefined {
  const counts = arrangements(n, m);
  const all = counts.reduce((a, b) => a + b, 0);
  let tail = 0;
  for (let u = n * m; u >= 0; u -= 1) {
    tail += counts[u] ?? 0;
    if ((2 * tail) / all > alpha) return u === n * m ? undefined : u + 1;
  }
  return 0;
}

function exactUpperTail(u: number, n: number, m: number): number {
  let all = 0;
  let tail = 0;
  for (const [k, count] of arrangements(n, m).entries()) {
    all += count;
    if (k >= u) tail += count;
  }
  return tail / all;
}

/**
 * In how many orders of n and m values U is 0, 1, … n·m: the coefficients of the Gaussian binomial
 * ∏ᵢ (1 − x^(m+i)) / (1 − x^i), i = 1 … n.
 */
function arrangements(n: number, m: number): number[] {
  const counts = new Array<number>(n * m + 1).fill(0);
  counts[0] = 1;
  for (let i = 1; i <= n; i += 1) {
    for (let k = n * m; k >= m + i; k -= 1) counts[k] = (counts[k] ?? 0) - (counts[k - m - i] ?? 0);
    for (let k = i; k <= n * m; k += 1) counts[k] = (counts[k] ?? 0) + (counts[k - i] ?? 0);
  }
  return counts;
}
