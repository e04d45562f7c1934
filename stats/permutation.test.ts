// Are permutation p values exact where they say so, never zero, and those of SciPy?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { permutationTest, signFlipTest } from './permutation.ts';
import { seeded } from './random.ts';

const difference = (a: number[], b: number[]): number =>
  b.reduce((x, y) => x + y, 0) / b.length - a.reduce((x, y) => x + y, 0) / a.length;
const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
const random = seeded(1);

// Gosset (1908), hours of additional sleep; Fisher (1935), Darwin's maize: the data sets `sleep` and `zea` of R.
const SLEEP = [
  [0.7, -1.6, -0.2, -1.2, -0.1, 3.4],
  [1.9, 0.8, 1.1, 0.1, -0.1, 4.4],
] as const;
const MAIZE = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75];

test('unpaired: every assignment, as scipy.stats.permutation_test', () => {
  const even = permutationTest(SLEEP[0], SLEEP[1], difference, { random });
  assert.deepEqual([even.method, even.permutations], ['exact', 924]);
  assert.ok(Math.abs(even.p - 0.26406926406926406) < 1e-12, `${even.p}`);
  const uneven = permutationTest([19, 22, 16, 29, 24], [20, 11, 17, 12], difference, { random });
  // SciPy doubles the smaller tail (0.0794); the share as far from zero on either side is counted by hand below.
  assert.equal(uneven.permutations, 126);
  assert.equal(uneven.p, shareAsFar([19, 22, 16, 29, 24, 20, 11, 17, 12], 5));
});

/** By bit masks, on integers: another way to the same count. */
function shareAsFar(pooled: readonly number[], size: number): number {
  const total = pooled.reduce((a, b) => a + b, 0);
  const distance = (first: number): number =>
    Math.abs((total - first) * size - first * (pooled.length - size));
  const observed = distance(pooled.slice(0, size).reduce((a, b) => a + b, 0));
  let [hits, seen] = [0, 0];
  for (let mask = 0; mask < 2 ** pooled.length; mask += 1) {
    const chosen = pooled.filter((_, i) => mask & (1 << i));
    if (chosen.length !== size) continue;
    seen += 1;
    if (distance(chosen.reduce((a, b) => a + b, 0)) >= observed) hits += 1;
  }
  return hits / seen;
}

test('paired: Fisher’s exact count of Darwin’s maize, p = 0.0527', () => {
  const drawn = signFlipTest(MAIZE, sum, { random, resamples: 20_000 });
  assert.equal(drawn.method, 'monte-carlo');
  assert.ok(Math.abs(drawn.p - 0.05267333984375) < 0.006, `${drawn.p}`);
  // Without the one that the bound of enumeration cannot take: 2¹⁴ patterns, each side of zero alike.
  const exact = signFlipTest(MAIZE.slice(0, 14), sum, { random });
  assert.deepEqual([exact.method, exact.permutations], ['exact', 16_384]);
  assert.ok(Number.isInteger((exact.p * 16_384) / 2));
});

test('complete separation of 5 v 5 is 2 of 252, and of 8 pairs 2 of 256', () => {
  assert.equal(permutationTest([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], difference, { random }).p, 2 / 252);
  assert.equal(signFlipTest([1, 2, 3, 4, 5, 6, 7, 8], sum, { random }).p, 2 / 256);
});

test('sums that differ by rounding alone are ties: 0.1 + 0.2 and 0.3', () => {
  const result = signFlipTest([0.1, 0.2, -0.3], sum, { random });
  assert.equal(result.p, 1);
  assert.equal(permutationTest([7, 7, 7], [7, 7, 7], difference, { random }).p, 1);
});

test('too many assignments are drawn: never p = 0, and the exact p within its error', () => {
  const apart = permutationTest(
    Array.from({ length: 12 }, (_, i) => i),
    Array.from({ length: 12 }, (_, i) => 100 + i),
    difference,
    { random, resamples: 999 },
  );
  assert.deepEqual(apart, { p: 1 / 1000, method: 'monte-carlo', permutations: 1000 });
});

test('nothing to permute and a statistic without answer are refused', () => {
  assert.throws(() => permutationTest([], [1], difference, { random }), RangeError);
  assert.throws(() => signFlipTest([], sum, { random }), RangeError);
  assert.throws(() => permutationTest([1], [2], () => Number.NaN, { random }), RangeError);
  assert.throws(() => permutationTest([1], [2], difference, { random, resamples: 1 }), RangeError);
});
