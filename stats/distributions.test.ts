// Do the distributions agree with jstat, with printed tables and with SciPy?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import jstat from 'jstat';
import {
  incompleteBeta,
  logGamma,
  normalCdf,
  normalQuantile,
  studentCdf,
  studentQuantile,
} from './distributions.ts';

/** jstat itself is right to 7 digits in places: iₓ(½, ½) at ½ is off by 4 in 10⁸. Finer comparisons are with SciPy, below. */
const JSTAT = 1e-7;

function assertClose(actual: number, expected: number, relative: number): void {
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-300);
  assert.ok(error <= relative, `${actual} is not ${expected} within ${relative}`);
}

test('log-gamma and incomplete beta agree with jstat', () => {
  for (const x of [0.1, 0.5, 1.5, 2.7, 10, 171.5, 1000]) {
    assertClose(logGamma(x), jstat.gammaln(x), 1e-10);
  }
  for (const [a, b] of [
    [0.5, 0.5],
    [2, 3],
    [9.25, 0.5],
    [40, 60],
  ] as const) {
    for (const x of [0.01, 0.3, 0.5, 0.9]) assertClose(incompleteBeta(x, a, b), jstat.ibeta(x, a, b), JSTAT);
  }
});

test('log-gamma of integers and halves is that of factorials and of √π', () => {
  assertClose(logGamma(11), Math.log(3_628_800), 1e-14);
  assertClose(logGamma(0.5), Math.log(Math.PI) / 2, 1e-14);
});

test('Student’s t agrees with jstat, also with degrees that are no integer', () => {
  for (const degrees of [1, 2.7, 8, 18.5, 300]) {
    for (const t of [-5, -1.2, 0, 0.3, 2.5])
      assertClose(studentCdf(t, degrees), jstat.studentt.cdf(t, degrees), JSTAT);
    for (const p of [0.01, 0.4, 0.975])
      assertClose(studentQuantile(p, degrees), jstat.studentt.inv(p, degrees), 1e-6);
  }
});

test('Student’s t agrees with the printed table: NIST/SEMATECH e-Handbook 1.3.6.7.2', () => {
  const table = [
    [0.975, 1, 12.706],
    [0.95, 4, 2.132],
    [0.975, 9, 2.262],
    [0.995, 18, 2.878],
    [0.999, 100, 3.174],
  ] as const;
  for (const [p, degrees, t] of table) assert.equal(studentQuantile(p, degrees).toFixed(3), t.toFixed(3));
});

test('tails keep their digits: scipy.stats.t and scipy.stats.norm', () => {
  assertClose(studentCdf(-30, 3), 4.067640213581979e-5, 1e-12);
  assertClose(studentCdf(-4.6, 18), 0.00011112444696085915, 1e-12);
  assertClose(studentQuantile(0.0001, 18.5), -4.61800736, 1e-8);
  assertClose(normalCdf(-10), 7.61985302e-24, 1e-8);
  assertClose(normalCdf(-3), 1.349898031630095e-3, 1e-12);
  assertClose(normalCdf(1.5), jstat.normal.cdf(1.5, 0, 1), 1e-10);
  assertClose(normalQuantile(1e-9), -5.99780702, 1e-8);
  assertClose(normalQuantile(0.975), 1.959963984540054, 1e-12);
});

test('the ends of a law are at infinity, and no probability lies beyond them', () => {
  assert.deepEqual([normalQuantile(0), normalQuantile(1), normalQuantile(0.5)], [-Infinity, Infinity, 0]);
  assert.deepEqual([studentCdf(-Infinity, 3), studentCdf(Infinity, 3)], [0, 1]);
  assert.throws(() => normalQuantile(1.1), RangeError);
  assert.throws(() => studentCdf(Number.NaN, 3), RangeError);
  assert.throws(() => studentQuantile(0.5, 0), RangeError);
  assert.throws(() => logGamma(0), RangeError);
  assert.throws(() => incompleteBeta(1.2, 1, 1), RangeError);
});
