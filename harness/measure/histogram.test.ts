// Is a latency counted as it was, and is nothing quoted that the samples do not bear?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { randomStream } from '../../stats/random.ts';
import { percentilesSchema } from '../result/result.ts';
import { LatencyHistogram } from './histogram.ts';

function of(values: Iterable<number>): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test('no samples is absent, never zero', () => {
  assert.equal(new LatencyHistogram().percentiles(), undefined);
  assert.equal(new LatencyHistogram().quotable(50), undefined);
});

test('a percentile needs 100 samples beyond it, to the sample', () => {
  for (const [name, percent, least] of [
    ['p50', 50, 200],
    ['p90', 90, 1_000],
    ['p95', 95, 2_000],
    ['p99', 99, 10_000],
    ['p999', 99.9, 100_000],
  ] as const) {
    const short = of(upTo(least - 1));
    assert.equal(short.percentiles()?.[name], undefined, `${name} of ${least - 1}`);
    assert.ok(!(name in (short.percentiles() ?? {})), 'absent, not a key without a value');
    const enough = of(upTo(least)).percentiles()?.[name] ?? Number.NaN;
    const exact = (least * percent) / 100;
    assert.ok(
      Math.abs(enough - exact) <= exact / 1000 + 1,
      `${name} of ${least}: ${enough}, exactly ${exact}`,
    );
  }
});

test('for the limits of the audit there is a percentile of however few samples, never beyond the maximum', () => {
  assert.equal(new LatencyHistogram().unquotable(99), 0);
  assert.equal(of([1_000_000]).unquotable(99), 1_000_000);
  assert.equal(of(upTo(99)).quotable(99), undefined);
  assert.equal(of(upTo(100)).unquotable(99), 99);
  assert.equal(of([-5]).unquotable(99), 0);
});

test('percentiles agree with sorted samples to three digits, over six decades', () => {
  const random = randomStream(1, 'histogram');
  const values = Array.from({ length: 200_000 }, () => 10 ** (1 + 6 * random()));
  const found = of(values).percentiles();
  const ascending = values.toSorted((x, y) => x - y);
  for (const [name, percent] of [
    ['p50', 50],
    ['p90', 90],
    ['p95', 95],
    ['p99', 99],
    ['p999', 99.9],
  ] as const) {
    const exact = ascending[Math.ceil((percent / 100) * values.length) - 1] ?? Number.NaN;
    const got = found?.[name] ?? Number.NaN;
    assert.ok(Math.abs(got - exact) <= exact / 1000 + 1, `${name}: ${got}, exactly ${exact}, seed 1`);
  }
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  assert.ok(Math.abs((found?.mean ?? Number.NaN) - mean) <= 1);
});

test('minimum and maximum are exact, and no percentile lies beyond them', () => {
  // 1,000,000 lies low in a bucket whose upper end is 1,000,447.
  const found = of([...upTo(300).map(() => 1_000_000), 999_999.4]).percentiles();
  assert.equal(found?.max, 1_000_000);
  assert.equal(found?.min, 999_999);
  assert.equal(found?.p50, 1_000_000);
  const days = of([3 * 86_400e6]).percentiles();
  assert.equal(days?.max, 3 * 86_400e6, 'beyond what the buckets hold');
  assert.equal(days?.mean, 3 * 86_400e6);
});

test('a value below zero is counted, shown by the minimum, and part of the mean', () => {
  const histogram = of([...upTo(300), -700]);
  assert.equal(histogram.negative, 1);
  const found = histogram.percentiles();
  assert.equal(found?.count, 301);
  assert.equal(found?.min, -700);
  assert.equal(found?.mean, Math.round((45_150 - 700) / 301));
  const allBelow = of(upTo(300).map((v) => -v)).percentiles();
  assert.equal(allBelow?.max, -1);
  assert.equal(allBelow?.count, 300);
});

test('what is not a number is refused, not counted as a zero', () => {
  const histogram = new LatencyHistogram();
  assert.throws(() => histogram.record(Number.NaN), RangeError);
  assert.equal(histogram.count, 0);
});

test('a line of the log decodes to the same histogram', () => {
  const values = [...upTo(500), 86_000, 3_600e6];
  const line = of(values).logLine('pickup', 7, 1);
  const [tag, start, length, maxMs, base64, ...rest] = line.split(',');
  assert.deepEqual([tag, start, length, rest], ['Tag=pickup', '7.000', '1.000', []]);
  assert.ok(Math.abs(Number(maxMs) - 3_600e3) / 3_600e3 < 1e-3);
  const decoded = decodeFromCompressedBase64(base64 ?? '', 32, false);
  assert.equal(decoded.totalCount, values.length);
  for (const percent of [1, 50, 90, 99, 100]) {
    const exact = values[Math.ceil((percent / 100) * values.length) - 1] ?? Number.NaN;
    const got = decoded.getValueAtPercentile(percent);
    assert.ok(Math.abs(got - exact) <= exact / 1000 + 1, `p${percent}: ${got}, exactly ${exact}`);
  }
});

test('what had not ended is a sample like others, and is told from which value on that is a lower bound', () => {
  const histogram = new LatencyHistogram();
  for (let us = 1; us <= 1_000; us += 1) histogram.record(us);
  for (const us of [900.4, 5_000]) histogram.recordUnfinished(us);
  const found = histogram.percentiles();
  assert.deepEqual([found?.count, found?.max], [1_002, 5_000]);
  assert.deepEqual([found?.unfinished, found?.unfinishedFromUs], [2, 900]);
  assert.throws(() => histogram.recordUnfinished(Number.NaN), RangeError);
  histogram.reset();
  histogram.record(1);
  assert.equal(histogram.percentiles()?.unfinished, undefined);
});

test('a reset histogram remembers nothing', () => {
  const histogram = of([-5, 10, 1e9]);
  histogram.reset();
  assert.equal(histogram.percentiles(), undefined);
  assert.equal(histogram.negative, 0);
  histogram.record(42);
  assert.deepEqual(histogram.percentiles(), { count: 1, min: 42, mean: 42, max: 42 });
});

test('what it publishes is what the bundle’s schema takes', () => {
  percentilesSchema.parse(of([...upTo(100_000), -3]).percentiles());
  percentilesSchema.parse(of([0.4]).percentiles());
});
