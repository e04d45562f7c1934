// Within which bounds does a statistic lie, when nothing is known of the law of its values?

import { normalCdf, normalQuantile } from './distributions.ts';
import type { Random } from './random.ts';
import { quantile } from './spread.ts';

/** An estimate and the interval around it, in the units of the statistic. */
export type Interval = { readonly estimate: number; readonly low: number; readonly high: number };

/** How to resample. */
export type BootstrapOptions = {
  readonly random: Random;
  /** How many resamples: 100 to 100,000; 4,000 unless told. */
  readonly resamples?: number;
  /** The share of intervals that should hold the truth: strictly between 0 and 1; 0.95 unless told. */
  readonly confidence?: number;
  /**
   * `percentile` takes quantiles of the resampled statistics as they are: the choice for medians and other quantiles,
   * whose jackknife is not consistent. `bca` (unless told) corrects for bias and skewness: the choice for smooth
   * statistics, such as means and ratios of means.
   */
  readonly method?: 'percentile' | 'bca';
};

/**
 * Bootstrap interval of `statistic` over independent `values`: Efron and Tibshirani, "An Introduction to the Bootstrap"
 * (1993), 13.3 (percentile) and 14.3 (BCa). The statistic is handed an array that the next call overwrites; it may
 * reorder it. With two equal ends when the values do not vary. With few values (n < 10) intervals of any bootstrap are
 * somewhat too short.
 *
 * @throws {RangeError} without values, when an option is out of range, or when the statistic is not finite.
 */
export function bootstrapInterval(
  values: readonly number[],
  statistic: (values: number[]) => number,
  options: BootstrapOptions,
): Interval {
  return resample([values], ([first = []]) => statistic(first), options);
}

/**
 * Bootstrap interval of a statistic of two independent samples, such as the ratio of their medians; each is resampled
 * on its own. Everything else as in `bootstrapInterval`.
 */
export function bootstrapIntervalOfTwo(
  first: readonly number[],
  second: readonly number[],
  statistic: (first: number[], second: number[]) => number,
  options: BootstrapOptions,
): Interval {
  return resample([first, second], ([a = [], b = []]) => statistic(a, b), options);
}

type Statistic = (samples: number[][]) => number;

function resample(
  samples: readonly (readonly number[])[],
  statistic: Statistic,
  { random, resamples = 4_000, confidence = 0.95, method = 'bca' }: BootstrapOptions,
): Interval {
  assertResamples(resamples);
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`no interval has a confidence of ${confidence}`);
  if (samples.some((sample) => sample.length === 0)) throw new RangeError('a bootstrap needs values');
  const estimate = statistic(samples.map((sample) => [...sample]));
  const drawn = samples.map((sample) => [...sample]);
  const replicates: number[] = [];
  for (let i = 0; i < resamples; i += 1) {
    for (const [which, sample] of samples.entries()) drawInto(drawn[which] ?? [], sample, random);
    replicates.push(statistic(drawn));
  }
  if (!replicates.every(Number.isFinite)) throw new RangeError('the statistic of a resample is not finite');
  replicates.sort((a, b) => a - b);
  const ends: [number, number] = [(1 - confidence) / 2, (1 + confidence) / 2];
  const [low, high] = method === 'bca' ? correctedEnds(ends, samples, statistic, estimate, replicates) : ends;
  return {
    estimate,
    low: quantile(replicates, low) ?? estimate,
    high: quantile(replicates, high) ?? estimate,
  };
}

/** @throws {RangeError} when a number of resamples would make noise (< 100) or stall the caller (> 100,000). */
export function assertResamples(resamples: number): void {
  if (!Number.isInteger(resamples) || resamples < 100 || resamples > 100_000) {
    throw new RangeError(`resamples must be an integer from 100 to 100,000, not ${resamples}`);
  }
}

/** Fills `target` with draws from `source`, with replacement. */
function drawInto(target: number[], source: readonly number[], random: Random): void {
  for (let i = 0; i < target.length; i += 1) target[i] = source[Math.floor(random() * source.length)] ?? 0;
}

/**
 * The BCa levels (Efron 1987): Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))), where z₀ is the bias, from the share of replicates
 * below the estimate (ties count half, as SciPy has it), and a the acceleration, from the jackknife of every sample.
 */
function correctedEnds(
  ends: [number, number],
  samples: readonly (readonly number[])[],
  statistic: Statistic,
  estimate: number,
  replicates: readonly number[],
): [number, number] {
  let below = 0;
  for (const replicate of replicates) below += replicate < estimate ? 1 : replicate === estimate ? 0.5 : 0;
  // An estimate beyond every replicate would have an infinite bias: it counts as beyond all but half of one.
  const share = Math.min(Math.max(below, 0.5), replicates.length - 0.5) / replicates.length;
  const bias = normalQuantile(share);
  const acceleration = jackknifeAcceleration(samples, statistic);
  const correct = (end: number): number => {
    const shifted = bias + normalQuantile(end);
    return normalCdf(bias + shifted / Math.max(1 - acceleration * shifted, 1e-9));
  };
  return [correct(ends[0]), correct(ends[1])];
}

function jackknifeAcceleration(samples: readonly (readonly number[])[], statistic: Statistic): number {
  let cubes = 0;
  let squares = 0;
  for (const [which, sample] of samples.entries()) {
    if (sample.length < 2) continue;
    const left = sample.map((_, out) =>
      statistic(samples.map((s, i) => (i === which ? s.filter((_, index) => index !== out) : [...s]))),
    );
    const mean = left.reduce((a, b) => a + b, 0) / left.length;
    const influence = left.map((value) => ((sample.length - 1) * (mean - value)) / sample.length);
    cubes += influence.reduce((sum, value) => sum + value ** 3, 0);
    squares += influence.reduce((sum, value) => sum + value ** 2, 0);
  }
  return squares > 0 ? cubes / (6 * squares ** 1.5) : 0;
}
