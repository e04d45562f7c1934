// Does a correlated level, such as a backlog, rise or fall? Its slope, with an interval that counts the correlation.

import { studentQuantile } from './distributions.ts';

/** In units of the values per unit of the times. */
export type Slope = { readonly slope: number; readonly low: number; readonly high: number };

const FEWEST_POINTS = 6;
/** By simulation: the fewest with which nine of ten backlogs that stay are said to stay, at up to 97 % of what their servers can do. */
const MORE_STANDARD_ERRORS = 1.25;

/**
 * The slope of a level over time. A backlog remembers: its neighbours are alike, so the interval of ordinary least squares
 * is far too short. Here the residuals follow an autoregression of the first order, and the slope is that of generalised least
 * squares (Prais and Winsten 1954). At a correlation of 1, a random walk, it is the mean step with the steps' own spread.
 * The points must be about evenly spaced and in the order of their times. `undefined` with fewer than six of them.
 *
 * @throws {RangeError} when a number is not finite, the lists differ in length, or times do not rise.
 */
export function slopeInterval(
  times: readonly number[],
  values: readonly number[],
  { confidence = 0.95 }: { readonly confidence?: number } = {},
): Slope | undefined {
  if (times.length !== values.length) throw new RangeError('a slope needs one value for each time');
  if (![...times, ...values].every(Number.isFinite)) throw new RangeError('a slope needs finite numbers');
  if (times.some((t, i) => i > 0 && t <= (times[i - 1] ?? t)))
    throw new RangeError('a slope needs times that rise');
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`no interval has a confidence of ${confidence}`);
  const n = times.length;
  if (n < FEWEST_POINTS) return undefined;
  const plain = { level: new Array<number>(n).fill(1), time: times, value: values };
  const correlation = correlationOf(residuals(plain, fit(plain)));
  const white = {
    level: whitened(plain.level, correlation),
    time: whitened(plain.time, correlation),
    value: whitened(plain.value, correlation),
  };
  const line = fit(white);
  const variance = residuals(white, line).reduce((sum, r) => sum + r * r, 0) / (n - 2);
  const half = studentQuantile((1 + confidence) / 2, n - 2) * Math.sqrt(variance * line.slopeVariance);
  return { slope: line.slope, low: line.slope - half, high: line.slope + half };
}

type Series = {
  readonly level: readonly number[];
  readonly time: readonly number[];
  readonly value: readonly number[];
};

/** `slopeVariance` is per unit of the residuals' variance. */
type Line = { readonly level: number; readonly slope: number; readonly slopeVariance: number };

/** Least squares of value = a · level + b · time. */
function fit({ level, time, value }: Series): Line {
  const [ll, lt, tt] = [dot(level, level), dot(level, time), dot(time, time)];
  const [lv, tv] = [dot(level, value), dot(time, value)];
  // The steps of a random walk say nothing of its level.
  if (ll === 0) return { level: 0, slope: tv / tt, slopeVariance: 1 / tt };
  const determinant = ll * tt - lt * lt;
  return {
    level: (lv * tt - tv * lt) / determinant,
    slope: (tv * ll - lv * lt) / determinant,
    slopeVariance: ll / determinant,
  };
}

function dot(x: readonly number[], y: readonly number[]): number {
  return x.reduce((sum, one, i) => sum + one * (y[i] ?? 0), 0);
}

function residuals({ level, time, value }: Series, line: Line): number[] {
  return value.map((v, i) => v - line.level * (level[i] ?? 0) - line.slope * (time[i] ?? 0));
}

/**
 * Correlation of neighbours, 0 … 1: corrected for the bias that a fitted line leaves in it, −(2 + 4ρ) ÷ n (Orcutt and Winokur
 * 1969), and then some standard errors more, since a short series hides its memory: too much only widens the interval.
 */
function correlationOf(errors: readonly number[]): number {
  const n = errors.length;
  const before = errors.slice(0, -1);
  const squares = dot(before, before);
  if (squares === 0) return 0;
  const corrected = (n * (dot(errors.slice(1), before) / squares) + 2) / (n - 4);
  const uncertain = MORE_STANDARD_ERRORS * Math.sqrt(Math.max(0, 1 - corrected ** 2) / n);
  return Math.min(1, Math.max(0, corrected + uncertain));
}

/** Each value less what its neighbour foretells, so that what is left is independent. */
function whitened(values: readonly number[], correlation: number): number[] {
  return values.map((value, i) =>
    i === 0 ? value * Math.sqrt(1 - correlation ** 2) : value - correlation * (values[i - 1] ?? 0),
  );
}
