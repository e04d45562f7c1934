// At which points of a history did the level change for good, rather than waver?

import { studentCdf } from './distributions.ts';

/** A point where the level changes. Means are of the values between the neighbouring change points, in their units. */
export type ChangePoint = {
  /** The first value of the new level. */
  readonly index: number;
  readonly before: number;
  readonly after: number;
  /** after / before − 1. `undefined` when `before` is zero. */
  readonly change: number | undefined;
  /** Two-sided, of Student's t test between the two neighbouring segments. */
  readonly p: number;
};

/** What counts as a change. */
export type ChangePointOptions = {
  /** The largest p of a change: 0.001 unless told. Strictly between 0 and 1. */
  readonly maxP?: number;
  /** The smallest relative change, forwards or backwards, whichever is larger: 0.05 is 5 %; 0 unless told. */
  readonly minMagnitude?: number;
  /** How many values are looked at together, from 4; 50 unless told. Smaller windows see older, smaller changes. */
  readonly window?: number;
};

/**
 * Change points of `series` in ascending order, as Apache Otava (formerly Hunter) finds them: Fleming et al., "Hunter:
 * Using Change Point Detection to Hunt for Performance Regressions" (2023). Windows that overlap by half are split where
 * the energy statistic Q̂ is largest (Matteson and James 2014, "A Nonparametric Approach for Multiple Change Point
 * Analysis of Multivariate Data", α = 1), again and again, while Student's t test tells the halves apart at ten times
 * `maxP`; of these weak points the weakest are merged away, and their neighbours tested anew, until all pass `maxP` and
 * `minMagnitude`. Unlike Otava's, variances are divided by n − 1, as the t test assumes. The result is deterministic.
 *
 * A value at the very end can be a change point of one value: it is the t test's strictness, and `minMagnitude`, that keep a
 * single outlier from being one.
 *
 * @throws {RangeError} when an option is out of range or a value is not finite.
 */
export function changePoints(series: readonly number[], options: ChangePointOptions = {}): ChangePoint[] {
  const { maxP = 0.001, minMagnitude = 0, window = 50 } = options;
  if (!(maxP > 0 && maxP < 1)) throw new RangeError(`maxP lies between 0 and 1, not at ${maxP}`);
  if (!(minMagnitude >= 0)) throw new RangeError(`minMagnitude is not negative, as ${minMagnitude} is`);
  if (!Number.isInteger(window) || window < 4)
    throw new RangeError(`a window has four values or more, not ${window}`);
  if (!series.every(Number.isFinite)) throw new RangeError('change points need finite values');
  return strongOnly(weakPoints(series, window, weakLevel(maxP)), series, maxP, minMagnitude);
}

function weakLevel(maxP: number): number {
  if (maxP < 0.05) return maxP * 10;
  return maxP < 0.5 ? maxP * 2 : maxP;
}

function weakPoints(series: readonly number[], window: number, maxP: number): number[] {
  const found = new Set<number>();
  let start = 0;
  while (start < series.length) {
    const inWindow = splits(series.slice(start, start + window), maxP);
    for (const index of inWindow) found.add(start + index);
    start = Math.max(start + (window >> 1), start + (inWindow.at(-1) ?? 0));
  }
  return [...found].sort((a, b) => a - b);
}

/** Splits one window for as long as the best split of any of its segments is significant. */
function splits(values: readonly number[], maxP: number): number[] {
  const energy = new Energy(values);
  let bounds = [0, values.length];
  for (;;) {
    let best = { q: Number.NEGATIVE_INFINITY, at: 0, start: 0, end: 0 };
    for (const [i, end] of bounds.entries()) {
      const start = bounds[i - 1];
      if (start === undefined || end - start < 2) continue;
      const split = energy.bestSplit(start, end);
      if (split.q > best.q) best = { ...split, start, end };
    }
    const { at, start, end } = best;
    if (at === 0 || pooledT(values.slice(start, at), values.slice(at, end)) > maxP)
      return bounds.slice(1, -1);
    bounds = [...bounds, at].sort((a, b) => a - b);
  }
}

/** The sums of |xᵢ − xⱼ| over rectangles of indices, each from four prefix sums. */
class Energy {
  readonly #prefix: Float64Array;
  readonly #side: number;

  constructor(values: readonly number[]) {
    this.#side = values.length + 1;
    this.#prefix = new Float64Array(this.#side ** 2);
    for (const [i, a] of values.entries()) {
      let row = 0;
      for (const [j, b] of values.entries()) {
        row += Math.abs(a - b);
        this.#prefix[(i + 1) * this.#side + j + 1] = (this.#prefix[i * this.#side + j + 1] ?? 0) + row;
      }
    }
  }

  #sum(i0: number, i1: number, j0: number, j1: number): number {
    const at = (i: number, j: number): number => this.#prefix[i * this.#side + j] ?? 0;
    return at(i1, j1) - at(i0, j1) - at(i1, j0) + at(i0, j0);
  }

  /**
   * Over all start < τ < κ ≤ end, the τ with the largest Q̂ = mn/(m + n) · (2 · mean between − mean within left − mean
   * within right), where the right side ends at κ: a later change must not hide an earlier one (Matteson and James, 2.2).
   */
  bestSplit(start: number, end: number): { q: number; at: number } {
    let best = { q: Number.NEGATIVE_INFINITY, at: 0 };
    for (let at = start + 1; at < end; at += 1) {
      const n = at - start;
      const left = n > 1 ? this.#sum(start, at, start, at) / (n * (n - 1)) : 0;
      for (let to = at + 1; to <= end; to += 1) {
        const m = to - at;
        const right = m > 1 ? this.#sum(at, to, at, to) / (m * (m - 1)) : 0;
        const between = this.#sum(start, at, at, to) / (n * m);
        const q = ((n * m) / (n + m)) * (2 * between - left - right);
        if (q > best.q) best = { q, at };
      }
    }
    return best;
  }
}

/** Merges the weakest point away until every one is strong; the neighbours' segments grow, and are tested anew. */
function strongOnly(
  weak: readonly number[],
  series: readonly number[],
  maxP: number,
  minMagnitude: number,
): ChangePoint[] {
  let indices = [...weak];
  for (;;) {
    const points = indices.map((index, i) => describe(series, indices[i - 1] ?? 0, index, indices[i + 1]));
    const unlikely = points.toSorted((a, b) => b.p - a.p)[0];
    const small = points.toSorted((a, b) => magnitude(a) - magnitude(b))[0];
    if (unlikely === undefined || small === undefined) return points;
    const weakest = unlikely.p > maxP ? unlikely : small;
    if (weakest === small && unlikely.p <= maxP && magnitude(small) >= minMagnitude) return points;
    indices = indices.filter((index) => index !== weakest.index);
  }
}

function describe(
  series: readonly number[],
  start: number,
  index: number,
  end: number | undefined,
): ChangePoint {
  const left = series.slice(start, index);
  const right = series.slice(index, end);
  const [before, after] = [meanOf(left), meanOf(right)];
  return {
    index,
    before,
    after,
    change: before === 0 ? undefined : after / before - 1,
    p: pooledT(left, right),
  };
}

function magnitude({ before, after }: ChangePoint): number {
  const relative = (a: number, b: number): number => (b === 0 ? 0 : Math.abs(a / b - 1));
  return Math.max(relative(after, before), relative(before, after));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Two-sided p of Student's t test with pooled variance; 1 with two values in all; 0 when constants differ. */
function pooledT(left: readonly number[], right: readonly number[]): number {
  const degrees = left.length + right.length - 2;
  if (degrees <= 0) return 1;
  const [a, b] = [meanOf(left), meanOf(right)];
  const squares =
    left.reduce((sum, value) => sum + (value - a) ** 2, 0) +
    right.reduce((sum, value) => sum + (value - b) ** 2, 0);
  const error = Math.sqrt((squares / degrees) * (1 / left.length + 1 / right.length));
  const scale = Math.max(Math.abs(a), Math.abs(b));
  // Means of equal values differ in their last digits: a difference that small is none.
  if (Math.abs(a - b) <= scale * 1e-14) return 1;
  return error <= scale * 1e-14 ? 0 : 2 * studentCdf(-Math.abs(a - b) / error, degrees);
}
