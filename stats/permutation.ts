// Would a difference this large come about if the labels meant nothing?

import { assertResamples } from './bootstrap.ts';
import type { Random } from './random.ts';

/** The outcome of a permutation test. */
export type PermutationResult = {
  /** Two-sided: the share of relabellings whose statistic is at least as far from zero as the observed one. */
  readonly p: number;
  /** `exact` when every relabelling was looked at. */
  readonly method: 'exact' | 'monte-carlo';
  /** How many relabellings were looked at, the observed one included. */
  readonly permutations: number;
};

/** How to draw relabellings when there are too many to look at each. */
export type PermutationOptions = {
  readonly random: Random;
  /** 100 to 100,000; 4,000 unless told. */
  readonly resamples?: number;
};

/** Up to so many relabellings are enumerated: 7 v 7 (3,432), 8 v 8 (12,870), 14 pairs (16,384). */
const ENUMERATED = 20_000;

/**
 * Relabellings whose statistic differs from the observed one by rounding alone count as equal to it: sums taken in
 * another order differ in their last digits, and a tie lost makes p too small.
 */
const ROUNDING = 1e-9;

/**
 * Are two independent samples exchangeable? `statistic` must be zero in the middle of its law under "no difference"
 * (difference of means, of medians, of mean ranks); the arrays it is handed are overwritten by the next call, and it may
 * reorder them. Exact by enumeration of all C(n + m, n) assignments up to 20,000, else by `resamples` random ones with
 * p = (1 + extreme) / (1 + resamples): Phipson and Smyth (2010), "Permutation P-values Should Never Be Zero".
 *
 * @throws {RangeError} when a sample is empty, `resamples` is out of range, or the statistic is not finite.
 */
export function permutationTest(
  first: readonly number[],
  second: readonly number[],
  statistic: (first: number[], second: number[]) => number,
  { random, resamples = 4_000 }: PermutationOptions,
): PermutationResult {
  assertResamples(resamples);
  if (first.length === 0 || second.length === 0)
    throw new RangeError('a permutation test needs values on both sides');
  const pooled = [...first, ...second];
  const a = new Array<number>(first.length);
  const b = new Array<number>(second.length);
  const extreme = extremeness(statistic([...first], [...second]));
  if (combinations(pooled.length, first.length) > ENUMERATED) {
    return monteCarlo(resamples, () => {
      shuffle(pooled, random);
      for (let i = 0; i < a.length; i += 1) a[i] = pooled[i] ?? 0;
      for (let i = 0; i < b.length; i += 1) b[i] = pooled[a.length + i] ?? 0;
      return extreme(statistic(a, b));
    });
  }
  let hits = 0;
  let seen = 0;
  forEachCombination(pooled.length, first.length, (chosen) => {
    let [toA, toB] = [0, 0];
    for (const [i, value] of pooled.entries()) {
      if (chosen[i]) a[toA++] = value;
      else b[toB++] = value;
    }
    seen += 1;
    if (extreme(statistic(a, b))) hits += 1;
  });
  return { p: hits / seen, method: 'exact', permutations: seen };
}

/**
 * Are paired differences symmetric around zero? Flips the sign of each: exact by all 2ⁿ sign patterns up to 20,000,
 * else by random ones, as in `permutationTest`. `statistic` must be odd (the mean, the median, the sum of signed ranks).
 *
 * @throws {RangeError} without differences, when `resamples` is out of range, or when the statistic is not finite.
 */
export function signFlipTest(
  differences: readonly number[],
  statistic: (differences: number[]) => number,
  { random, resamples = 4_000 }: PermutationOptions,
): PermutationResult {
  assertResamples(resamples);
  if (differences.length === 0) throw new RangeError('a sign-flip test needs differences');
  const flipped = [...differences];
  const extreme = extremeness(statistic([...differences]));
  const patterns = 2 ** differences.length;
  if (patterns > ENUMERATED) {
    return monteCarlo(resamples, () => {
      for (const [i, value] of differences.entries()) flipped[i] = random() < 0.5 ? value : -value;
      return extreme(statistic(flipped));
    });
  }
  let hits = 0;
  for (let pattern = 0; pattern < patterns; pattern += 1) {
    for (const [i, value] of differences.entries()) flipped[i] = pattern & (1 << i) ? -value : value;
    if (extreme(statistic(flipped))) hits += 1;
  }
  return { p: hits / patterns, method: 'exact', permutations: patterns };
}

/** C(n, k), as a float: exact far beyond the bound that it is compared with. */
export function combinations(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i += 1) result = Math.round((result * (n - i + 1)) / i);
  return result;
}

function extremeness(observed: number): (value: number) => boolean {
  if (!Number.isFinite(observed)) throw new RangeError('the statistic of a permutation test must be finite');
  const bound = Math.abs(observed) * (1 - ROUNDING);
  return (value) => Math.abs(value) >= bound;
}

function monteCarlo(resamples: number, draw: () => boolean): PermutationResult {
  let hits = 1;
  for (let i = 0; i < resamples; i += 1) if (draw()) hits += 1;
  return { p: hits / (resamples + 1), method: 'monte-carlo', permutations: resamples + 1 };
}

function shuffle(values: number[], random: Random): void {
  for (let i = values.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const kept = values[i] ?? 0;
    values[i] = values[j] ?? 0;
    values[j] = kept;
  }
}

/** Calls `visit` with a mask of `k` out of `n` for every choice there is. */
function forEachCombination(n: number, k: number, visit: (chosen: readonly boolean[]) => void): void {
  const mask = new Array<boolean>(n).fill(false);
  const choose = (from: number, left: number): void => {
    if (left === 0) {
      visit(mask);
      return;
    }
    for (let i = from; i <= n - left; i += 1) {
      mask[i] = true;
      choose(i + 1, left - 1);
      mask[i] = false;
    }
  };
  choose(0, k);
}
