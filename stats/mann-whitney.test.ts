// Do the rank tests agree with R, SciPy and the printed tables of critical values?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { criticalU, hodgesLehmann, mannWhitney } from './mann-whitney.ts';
import { seeded } from './random.ts';
import { criticalW, signedRankTest } from './signed-rank.ts';

test('exact: the example of scipy.stats.mannwhitneyu, U = 17, p = 1/9', () => {
  const { u, p, method } = mannWhitney([19, 22, 16, 29, 24], [20, 11, 17, 12]);
  assert.deepEqual([u, method], [17, 'exact']);
  assert.ok(Math.abs(p - 1 / 9) < 1e-12);
});

test('exact: the example of R’s wilcox.test (Hollander and Wolfe 1973, p. 69), W = 35, p = 0.2544', () => {
  const x = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
  const { u, p } = mannWhitney(x, [1.15, 0.88, 0.9, 0.74, 1.21]);
  assert.equal(u, 35);
  assert.ok(Math.abs(p - 0.2544122544122544) < 1e-12);
});

test('ties: the normal approximation with both corrections, as SciPy', () => {
  const { u, p, method } = mannWhitney([1, 2, 2, 3, 5, 5, 8, 9], [2, 4, 5, 7, 8, 8, 10, 12, 12]);
  assert.deepEqual([u, method], [18, 'normal']);
  assert.ok(Math.abs(p - 0.08959944317015009) < 1e-10, `${p}`);
});

test('values that are all equal tell nothing, and an empty sample is a bug', () => {
  assert.equal(mannWhitney([3, 3, 3], [3, 3]).p, 1);
  assert.throws(() => mannWhitney([], [1]), RangeError);
  assert.throws(() => hodgesLehmann([1], [Number.NaN]), RangeError);
});

test('critical values are those of the printed tables: two-sided 5 %, lower U of n v m', () => {
  // Mann–Whitney tables give the lower critical value; ours is the upper, n·m − lower.
  const table = [
    [4, 4, 0],
    [5, 5, 2],
    [8, 8, 13],
    [10, 10, 23],
    [7, 12, 18],
    [20, 20, 127],
  ] as const;
  for (const [n, m, lower] of table) assert.equal(criticalU(n, m, 0.05), n * m - lower, `${n} v ${m}`);
  assert.equal(criticalU(3, 3, 0.05), undefined);
});

test('signed ranks: critical values of the printed tables, two-sided 5 %', () => {
  const table = [
    [6, 0],
    [8, 3],
    [10, 8],
    [15, 25],
    [20, 52],
  ] as const;
  for (const [n, lower] of table) assert.equal(criticalW(n, 0.05), (n * (n + 1)) / 2 - lower, `${n}`);
  assert.equal(criticalW(5, 0.05), undefined);
});

test('signed ranks: depression scores, Hollander and Wolfe (1973), p. 29, as wilcox.test: p = 0.03906', () => {
  const x = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
  const y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
  const differences = x.map((value, i) => value - (y[i] ?? 0));
  assert.equal(signedRankTest(differences, { random: seeded(1) }).p, 0.0390625);
});

test('signed ranks: zeros keep no rank and ties share one', () => {
  const options = { random: seeded(1) };
  assert.equal(signedRankTest([0, 0, 1, 2, 3, 4, 5, 6], options).p, 2 / 64);
  // |ranks| 1.5 1.5 3: of the eight patterns, sums ±6 are as far as the observed one.
  assert.equal(signedRankTest([2, 2, 5], options).p, 2 / 8);
  assert.throws(() => signedRankTest([Number.NaN], options), RangeError);
});

test('Hodges and Lehmann: the middle of all differences', () => {
  assert.equal(hodgesLehmann([1, 2], [4, 8]), (3 + 6) / 2 + 0);
  assert.equal(hodgesLehmann([0, 1, 100], [10, 11, 12]), 10);
});
