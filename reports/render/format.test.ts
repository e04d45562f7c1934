// Are numbers written as promised, also where rounding crosses a decade?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatRange,
  formatRatio,
  formatSeconds,
  timeUnit,
} from './format.ts';

test('three significant digits, thousands apart by U+202F', () => {
  const expected: [number, string][] = [
    [0, '0'],
    [0.012345, '0.0123'],
    [0.9996, '1.00'],
    [1.2345, '1.23'],
    [9.996, '10.0'],
    [99.96, '100'],
    [123.4, '123'],
    [999.6, '1\u202f000'],
    [12_345.6, '12\u202f346'],
    [1_234_567, '1\u202f234\u202f567'],
    [-12.34, '−12.3'],
    [0.0000123, '1.23e−5'],
    [Number.NaN, '–'],
  ];
  for (const [value, text] of expected) assert.equal(formatNumber(value), text);
  assert.equal(formatCount(-1234), '−1\u202f234');
  assert.equal(formatCount(-0.2), '0');
  assert.equal(formatRatio(2.346), '2.35');
  assert.equal(formatRatio(12.346), '12.3');
});

test('durations choose their unit, columns choose one for all', () => {
  assert.equal(formatDuration(850), '850\u202fµs');
  assert.equal(formatDuration(12_345), '12.3\u202fms');
  assert.equal(formatDuration(4e6), '4.00\u202fs');
  assert.equal(timeUnit([200, 400, 900]).label, 'µs');
  assert.equal(timeUnit([800, 12_000, 400_000]).label, 'ms');
  assert.equal(timeUnit([9e6, 3e6]).label, 's');
  assert.equal(timeUnit([]).label, 'ms');
  assert.equal(formatSeconds(45), '45 s');
  assert.equal(formatSeconds(1572), '26 min 12 s');
  assert.equal(formatSeconds(2.5), '2.50 s');
  assert.equal(formatSeconds(600), '10 min');
  assert.equal(formatSeconds(299.6), '5 min');
  assert.equal(formatSeconds(119.97), '120 s');
  assert.equal(formatBytes(34_359_738_368), '32.0\u202fGiB');
  assert.equal(formatBytes(0), '0\u202fB');
});

test('one run has no range', () => {
  assert.equal(formatRange({ n: 1, median: 5, min: 5, max: 5 }, String), '');
  assert.equal(formatRange({ n: 2, median: 5, min: 4, max: 6 }, String), '[4–6]');
});
