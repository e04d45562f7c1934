// How far does one side lie above the other, and between which limits? By ranks, so that an outlier counts no more than any other.

import { criticalU } from './mann-whitney.ts';
import { criticalW } from './signed-rank.ts';

/** The estimate of Hodges and Lehmann, and the confidence limits that belong to the same test. In the units of the values. */
export type Shift = {
  readonly estimate: number;
  /** The shift lies above it, but for a chance of `alpha`; undefined where so few values tell nothing at that level. */
  readonly lower: (alpha: number) => number | undefined;
  readonly upper: (alpha: number) => number | undefined;
};

/**
 * Of differences of pairs, by the signed-rank test: the median of all averages of two of them (Hodges and Lehmann 1963), each with itself
 * among them, and as limits those averages at which the exact one-sided test begins to reject.
 *
 * @throws {RangeError} without differences, or when one is not finite.
 */
export function pairedShift(differences: readonly number[]): Shift {
  requireFinite(differences);
  const averages = new Float64Array((differences.length * (differences.length + 1)) / 2);
  let at = 0;
  for (let i = 0; i < differences.length; i += 1) {
    for (let j = i; j < differences.length; j += 1) {
      averages[at] = ((differences[i] ?? 0) + (differences[j] ?? 0)) / 2;
      at += 1;
    }
  }
  return shiftOf(averages.sort(), (alpha) => criticalW(differences.length, 2 * alpha));
}

/**
 * Of `head` above `base`, by the rank-sum test: the median of all differences, and its limits among them.
 *
 * @throws {RangeError} when a side is empty or a value is not finite.
 */
export function unpairedShift(base: readonly number[], head: readonly number[]): Shift {
  requireFinite(base);
  requireFinite(head);
  const differences = Float64Array.from(head.flatMap((value) => base.map((other) => value - other)));
  return shiftOf(differences.sort(), (alpha) => criticalU(base.length, head.length, 2 * alpha));
}

function shiftOf(sorted: Float64Array, critical: (alpha: number) => number | undefined): Shift {
  const value = (place: number): number => sorted[place] ?? Number.NaN;
  const half = sorted.length >> 1;
  const limit = (alpha: number, place: (c: number) => number): number | undefined => {
    const c = critical(alpha);
    return c === undefined || c < 1 ? undefined : value(place(c));
  };
  return {
    estimate: sorted.length % 2 === 1 ? value(half) : (value(half - 1) + value(half)) / 2,
    lower: (alpha) => limit(alpha, (c) => sorted.length - c),
    upper: (alpha) => limit(alpha, (c) => c - 1),
  };
}

function requireFinite(values: readonly number[]): void {
  if (values.length === 0) throw new RangeError('a shift needs values on each side');
  if (!values.every(Number.isFinite)) throw new RangeError('a shift needs finite values');
}
