// Are bootstrap intervals those of SciPy, and do they hold the truth as often as they say?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootstrapInterval, bootstrapIntervalOfTwo } from './bootstrap.ts';
import { seeded } from './random.ts';
import { medianInPlace } from './spread.ts';

// Survival of mice in days: Efron and Tibshirani (1993), table 2.1.
const TREATED = [94, 197, 16, 38, 99, 141, 23];
const CONTROL = [52, 104, 146, 10, 51, 30, 40, 27, 46];

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));

/** Ends from 400,000 resamples of scipy.stats.bootstrap 1.17; ours of 20,000 may differ by simulation error. */
function assertEnds(actual: { low: number; high: number }, low: number, high: number, within: number): void {
  const message = `[${actual.low}, ${actual.high}] is not [${low}, ${high}]`;
  assert.ok(Math.abs(actual.low - low) <= within && Math.abs(actual.high - high) <= within, message);
}

test('one sample: percentile and BCa as scipy.stats.bootstrap', () => {
  const options = { random: seeded(1), resamples: 20_000 };
  assertEnds(bootstrapInterval(TREATED, mean, { ...options, method: 'percentile' }), 43.86, 134.43, 2);
  assertEnds(bootstrapInterval(TREATED, mean, options), 46.29, 138.29, 2);
  // A biased and skewed statistic, where the correction moves both ends by more than the error allowed.
  assertEnds(bootstrapInterval(CONTROL, deviation, { ...options, method: 'percentile' }), 10.82, 53.56, 1);
  assertEnds(bootstrapInterval(CONTROL, deviation, options), 21.04, 60.08, 1.2);
});

test('two samples: percentile and BCa as scipy.stats.bootstrap', () => {
  const options = { random: seeded(2), resamples: 20_000 };
  const difference = (a: number[], b: number[]): number => mean(a) - mean(b);
  const ratio = (a: number[], b: number[]): number => mean(a) / mean(b);
  assertEnds(
    bootstrapIntervalOfTwo(TREATED, CONTROL, difference, { ...options, method: 'percentile' }),
    -20.75,
    84.14,
    2.5,
  );
  assertEnds(bootstrapIntervalOfTwo(TREATED, CONTROL, difference, options), -19.08, 85.9, 2.5);
  assertEnds(
    bootstrapIntervalOfTwo(TREATED, CONTROL, ratio, { ...options, method: 'percentile' }),
    0.703,
    3.088,
    0.08,
  );
  assertEnds(bootstrapIntervalOfTwo(TREATED, CONTROL, ratio, options), 0.676, 3.005, 0.08);
});

test('the percentile interval of a median holds the truth in 90 to 97 % of samples of ten', () => {
  const seed = 11;
  const random = seeded(seed);
  let held = 0;
  for (let trial = 0; trial < 1000; trial += 1) {
    const sample = Array.from({ length: 10 }, () => -Math.log(1 - random()));
    const options = { random, resamples: 400, method: 'percentile' } as const;
    const { low, high } = bootstrapInterval(sample, medianInPlace, options);
    if (low <= Math.LN2 && Math.LN2 <= high) held += 1;
  }
  assert.ok(held >= 900 && held <= 970, `seed ${seed}: ${held} of 1000`);
});

test('the same seed gives the same interval, and the caller’s values stay as they were', () => {
  const values = [3, 1, 2, 9, 4];
  const once = bootstrapInterval(values, medianInPlace, { random: seeded(5) });
  assert.deepEqual(bootstrapInterval(values, medianInPlace, { random: seeded(5) }), once);
  assert.deepEqual(values, [3, 1, 2, 9, 4]);
});

test('values that do not vary have an interval of no width', () => {
  assert.deepEqual(bootstrapInterval([5, 5, 5], mean, { random: seeded(1) }), {
    estimate: 5,
    low: 5,
    high: 5,
  });
});

test('no values, too few or too many resamples and a statistic without answer are refused', () => {
  const random = seeded(1);
  assert.throws(() => bootstrapInterval([], mean, { random }), RangeError);
  assert.throws(() => bootstrapInterval([1], mean, { random, resamples: 99 }), RangeError);
  assert.throws(() => bootstrapInterval([1], mean, { random, resamples: 100_001 }), RangeError);
  assert.throws(() => bootstrapInterval([1], mean, { random, confidence: 1 }), RangeError);
  assert.throws(() => bootstrapInterval([1, 2], () => Number.NaN, { random }), RangeError);
});
