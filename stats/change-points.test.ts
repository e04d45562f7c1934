// Are changes of level found where Otava finds them, and wavering left alone?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changePoints } from './change-points.ts';
import { normalQuantile } from './distributions.ts';
import { seeded } from './random.ts';

// The series of Otava's own tests (tests/analysis_test.py, test_single_series).
const OTAVA = [
  ...[1.02, 0.95, 0.99, 1.0, 1.12, 1.0, 1.01, 0.98, 1.01, 0.96],
  ...[0.5, 0.51, 0.48, 0.48, 0.55, 0.5, 0.49, 0.51, 0.5, 0.49],
];
const indices = (series: readonly number[], options = {}): number[] =>
  changePoints(series, options).map(({ index }) => index);
const noise = (length: number, level: number, random: () => number): number[] =>
  Array.from({ length }, () => level * (1 + 0.03 * normalQuantile(Math.max(random(), 1e-12))));

test('the series of Otava’s tests changes at 10, by a half', () => {
  assert.deepEqual(indices(OTAVA, { window: 10, maxP: 0.0001 }), [10]);
  const [point] = changePoints(OTAVA, { maxP: 0.0001 });
  assert.ok(point && Math.abs(point.before - 1.004) < 1e-9 && Math.abs(point.after - 0.501) < 1e-9);
  assert.ok(Math.abs((point.change ?? 0) - (0.501 / 1.004 - 1)) < 1e-9 && point.p < 1e-12);
});

test('a second change, near the end, as in Otava’s tests: 10 and 23', () => {
  // Theirs are at 0.0001: variances divided by n make the t of three against two values larger than it is.
  const longer = [...OTAVA, 0.47, 0.48, 0.45, 0.01, 0.1, 0.22];
  assert.deepEqual(indices(longer, { window: 5, maxP: 0.0002 }), [10, 23]);
});

test('up and down again within one window, and across windows', () => {
  const random = seeded(9);
  const series = [...noise(60, 100, random), ...noise(20, 110, random), ...noise(60, 100, random)];
  const found = indices(series);
  assert.equal(found.length, 2);
  assert.ok(Math.abs((found[0] ?? 0) - 60) <= 1 && Math.abs((found[1] ?? 0) - 80) <= 1, `${found}`);
});

test('noise alone: at most one change point in fifty series of sixty values', () => {
  const random = seeded(10);
  let found = 0;
  for (let trial = 0; trial < 50; trial += 1) found += indices(noise(60, 100, random)).length > 0 ? 1 : 0;
  // The best split is chosen before it is tested, so a p of 0.001 comes up more often than one time in a thousand.
  assert.ok(found <= 3, `seed 10: ${found} of 50`);
});

test('a change below the least magnitude is merged away, and the larger one keeps its place', () => {
  const random = seeded(12);
  const series = [...noise(40, 100, random), ...noise(40, 104, random), ...noise(40, 150, random)];
  assert.equal(indices(series).length, 2);
  const [only, ...rest] = indices(series, { minMagnitude: 0.1 });
  assert.ok(Math.abs((only ?? 0) - 80) <= 1 && rest.length === 0);
});

test('a constant history has none, nothing has none, and a step of constants is one', () => {
  assert.deepEqual(indices(new Array<number>(80).fill(0.1)), []);
  assert.deepEqual(indices([]), []);
  assert.deepEqual(indices([1, 2]), []);
  assert.deepEqual(indices([5, 5, 5, 5, 8, 8, 8, 8]), [4]);
  assert.equal(changePoints([0, 0, 0, 0, 8, 8, 8, 8])[0]?.change, undefined);
});

test('options out of range are bugs', () => {
  assert.throws(() => changePoints([1], { maxP: 0 }), RangeError);
  assert.throws(() => changePoints([1], { window: 3 }), RangeError);
  assert.throws(() => changePoints([1], { minMagnitude: -1 }), RangeError);
  assert.throws(() => changePoints([Number.NaN]), RangeError);
});
