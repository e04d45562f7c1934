// Do jobs arrive as the schedule says: at constant rates, phase by phase, the same for the same seed?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStream } from '../../stats/random.ts';
import { type ArrivalPhase, arrivals, type Segment, shareOf } from './arrivals.ts';

const SEED = 20_240_607;

function draw(phases: readonly ArrivalPhase[], label = 'a', seed = SEED): number[] {
  return [...arrivals(phases, randomStream(seed, label))].map((arrival) => arrival.atUs);
}

/** What `producers` producers draw together, in order. */
function together(phases: readonly ArrivalPhase[], producers: number): number[] {
  return Array.from({ length: producers }, (_, p) => draw(shareOf(phases, p, producers), `p${p}`))
    .flat()
    .sort((x, y) => x - y);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function covariance(x: readonly number[], y: readonly number[]): number {
  const [mx, my] = [mean(x), mean(y)];
  return mean(x.map((value, i) => (value - mx) * ((y[i] ?? Number.NaN) - my)));
}

function correlation(x: readonly number[], y: readonly number[]): number {
  return covariance(x, y) / Math.sqrt(covariance(x, x) * covariance(y, y));
}

type Spacing = 'poisson' | 'uniform';

const rated = (spacing: Spacing, ...segments: Segment[]): ArrivalPhase => ({
  kind: 'rate',
  seconds: segments.reduce((sum, s) => sum + s.seconds, 0),
  spacing,
  segments,
  shift: 0.5,
});
const ramp = (spacing: Spacing, seconds: number, fromPerSec: number, toPerSec: number): ArrivalPhase =>
  rated(spacing, { seconds, fromPerSec, toPerSec });
const poisson = (seconds: number, rate: number): ArrivalPhase => ramp('poisson', seconds, rate, rate);
const uniform = (seconds: number, rate: number): ArrivalPhase => ramp('uniform', seconds, rate, rate);
const silent = (seconds: number): ArrivalPhase => ({ kind: 'silent', seconds });

test('Poisson gaps are exponential: mean, variance, shape, and no memory from gap to gap', () => {
  const at = draw([poisson(100, 1000)]);
  const gaps = at.map((us, i) => us - (at[i - 1] ?? 0));
  const n = gaps.length;
  const said = `seed ${SEED}, ${n} gaps`;
  // Four standard errors of each estimate.
  assert.ok(Math.abs(mean(gaps) - 1000) < (4 * 1000) / Math.sqrt(n), `mean ${mean(gaps)}, ${said}`);
  const variance = covariance(gaps, gaps) / 1e6;
  assert.ok(Math.abs(variance - 1) < 4 * Math.sqrt(8 / n), `variance ${variance}, ${said}`);
  const lag1 = correlation(gaps.slice(1), gaps.slice(0, -1));
  assert.ok(Math.abs(lag1) < 4 / Math.sqrt(n), `autocorrelation ${lag1}, ${said}`);
  // Kolmogorov and Smirnov's distance; 1.95 / √n is exceeded once in a thousand.
  const distance = distanceFromLaw(gaps);
  assert.ok(distance < 1.95 / Math.sqrt(n), `distance from the exponential law ${distance}, ${said}`);
});

/** The largest distance between the gaps' distribution and the exponential one with a mean of 1 ms. */
function distanceFromLaw(gaps: readonly number[]): number {
  const ascending = gaps.toSorted((x, y) => x - y);
  return ascending.reduce((worst, gap, i) => {
    const law = 1 - Math.exp(-gap / 1000);
    return Math.max(worst, Math.abs(law - i / gaps.length), Math.abs(law - (i + 1) / gaps.length));
  }, 0);
}

test('each phase has its own rate, a silent phase has none, and all is in order within the load', () => {
  const at = draw([poisson(10, 500), silent(5), poisson(2, 5_000), poisson(1, 0)]);
  assert.ok(at.every((us, i) => us >= 0 && us < 18e6 && us >= (at[i - 1] ?? 0)));
  const count = (from: number, to: number): number =>
    at.filter((us) => us >= from * 1e6 && us < to * 1e6).length;
  for (const [from, to, expected] of [
    [0, 10, 5_000],
    [15, 17, 10_000],
  ] as const) {
    const got = count(from, to);
    assert.ok(
      Math.abs(got - expected) < 4 * Math.sqrt(expected),
      `${got} of ${expected} in ${from}…${to} s, seed ${SEED}`,
    );
  }
  assert.equal(count(10, 15), 0);
  assert.equal(count(17, 18), 0);
});

test('counts of a phase vary as Poisson counts do, those of the next phase do not follow them', () => {
  const first: number[] = [];
  const second: number[] = [];
  const firstGapOfSecond: number[] = [];
  for (let seed = 0; seed < 2_000; seed += 1) {
    const at = draw([poisson(1, 50), poisson(1, 100)], 'phases', seed);
    first.push(at.filter((us) => us < 1e6).length);
    second.push(at.filter((us) => us >= 1e6).length);
    firstGapOfSecond.push((at.find((us) => us >= 1e6) ?? Number.NaN) - 1e6);
  }
  const dispersion = covariance(first, first) / mean(first);
  assert.ok(Math.abs(dispersion - 1) < 4 * Math.sqrt(2 / 2_000), `variance over mean ${dispersion}`);
  assert.ok(Math.abs(correlation(first, second)) < 4 / Math.sqrt(2_000));
  // No memory: from the border on the first gap is as long as any other of the new rate.
  assert.ok(Math.abs(mean(firstGapOfSecond) - 10_000) < (4 * 10_000) / Math.sqrt(2_000));
});

test('k uniform producers, shifted, interleave to the one even schedule', () => {
  const phases = [uniform(2, 100), uniform(1, 1_000)];
  const whole = draw(phases);
  assert.equal(whole.length, 1_200);
  assert.equal(whole[0], 5_000);
  assert.equal(whole[200], 2_000_500, 'the next phase begins where the last one ended');
  assert.ok(whole.slice(1, 200).every((us, i) => Math.abs(us - (whole[i] ?? 0) - 10_000) < 1e-3));
  for (let producers = 1; producers <= 5; producers += 1) {
    const merged = together(phases, producers);
    assert.equal(merged.length, whole.length, `${producers} producers`);
    for (const [i, us] of merged.entries())
      assert.ok(Math.abs(us - (whole[i] ?? Number.NaN)) < 1e-3, `${producers} producers, job ${i}: ${us}`);
  }
});

test('k Poisson producers add up to the whole rate', () => {
  for (const producers of [2, 3, 7]) {
    const merged = together([poisson(20, 1_000), silent(1)], producers);
    assert.ok(
      Math.abs(merged.length - 20_000) < 4 * Math.sqrt(20_000),
      `${merged.length} of ${producers} producers`,
    );
    assert.equal(new Set(merged).size > merged.length - 3, true, 'producers must not draw alike');
  }
});

test('a seed and a label give one schedule; another seed or label gives another', () => {
  const phases = [poisson(1, 200)];
  assert.deepEqual(draw(phases, 'a', 7), draw(phases, 'a', 7));
  assert.notDeepEqual(draw(phases, 'a', 7), draw(phases, 'a', 8));
  assert.notDeepEqual(draw(phases, 'a', 7), draw(phases, 'b', 7));
});

test('a share leaves the length, the model and the silence of a phase alone', () => {
  const [busy, quiet] = shareOf([uniform(3, 90), silent(2)], 1, 3);
  assert.deepEqual(busy, { ...uniform(3, 30), shift: 0.5 });
  assert.deepEqual(quiet, silent(2));
});
