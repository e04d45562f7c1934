// Is a difference shown to be too small to matter, rather than merely not shown to be there?

import { studentCdf } from './distributions.ts';

/** The outcome of two one-sided tests. */
export type EquivalenceResult = {
  /** The larger of the two one-sided p values: equivalent at level α when p ≤ α. */
  readonly p: number;
  /** Estimated difference of means, second − first. */
  readonly difference: number;
  /** Of the t law; 0 when the values do not vary. */
  readonly degrees: number;
};

/** Between which differences two means count as the same; low < 0 < high, in the units of the values. */
export type Margin = { readonly low: number; readonly high: number };

/**
 * Two one-sided Welch tests of independent samples: Schuirmann (1987), "A Comparison of the Two One-Sided Tests
 * Procedure and the Power Approach"; Welch (1947) for unequal variances. Rejecting both at 5 % is the same as a 90 %
 * interval that lies within the margin. Of logarithms, the margin is one of ratios: [ln 0.95, ln 1.05] for ±5 %.
 * Samples that do not vary have p = 0 within the margin and 1 outside of it or upon it.
 *
 * @throws {RangeError} with fewer than two values on a side, a value that is not finite, or a margin without zero inside.
 */
export function equivalence(
  first: readonly number[],
  second: readonly number[],
  margin: Margin,
): EquivalenceResult {
  const a = moments(first);
  const b = moments(second);
  const [va, vb] = [a.variance / first.length, b.variance / second.length];
  const error = Math.sqrt(va + vb);
  const degrees =
    error === 0 ? 0 : (va + vb) ** 2 / (va ** 2 / (first.length - 1) + vb ** 2 / (second.length - 1));
  return twoOneSided(b.mean - a.mean, error, degrees, margin);
}

/**
 * The same for paired values, given their differences: two one-sided t tests of one sample.
 *
 * @throws {RangeError} as `equivalence`.
 */
export function pairedEquivalence(differences: readonly number[], margin: Margin): EquivalenceResult {
  const { mean, variance } = moments(differences);
  const error = Math.sqrt(variance / differences.length);
  return twoOneSided(mean, error, error === 0 ? 0 : differences.length - 1, margin);
}

function twoOneSided(difference: number, error: number, degrees: number, margin: Margin): EquivalenceResult {
  if (!(margin.low < 0 && margin.high > 0)) throw new RangeError('a margin of equivalence has zero inside');
  if (error === 0) {
    return { p: difference > margin.low && difference < margin.high ? 0 : 1, difference, degrees };
  }
  const notBelow = studentCdf(-(difference - margin.low) / error, degrees);
  const notAbove = studentCdf((difference - margin.high) / error, degrees);
  return { p: Math.max(notBelow, notAbove), difference, degrees };
}

/**
 * Mean and variance (n − 1). A variance within rounding of the values is none: equal costs of equal work, taken to
 * logarithms, would else differ in the last digit.
 */
function moments(values: readonly number[]): { mean: number; variance: number } {
  if (values.length < 2) throw new RangeError('a t test needs two values on each side');
  if (!values.every(Number.isFinite)) throw new RangeError('a t test needs finite values');
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const scale = Math.max(...values.map(Math.abs));
  return { mean, variance: Math.sqrt(variance) <= scale * 1e-14 ? 0 : variance };
}
