// Do the order statistics agree with R's type 7, and refuse what has no answer?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, medianElement, medianInPlace, pairedRatio, quantile, spread } from './spread.ts';

test('quantile interpolates as R does: quantile(c(3,1,4,1,5,9,2,6), c(.1,.25,.5,.9))', () => {
  const values = [3, 1, 4, 1, 5, 9, 2, 6];
  const expected: [number, number][] = [
    [0, 1],
    [0.1, 1],
    [0.25, 1.75],
    [0.5, 3.5],
    [0.9, 6.9],
    [1, 9],
  ];
  for (const [q, value] of expected) assert.ok(Math.abs((quantile(values, q) ?? Number.NaN) - value) < 1e-12);
});

test('no samples is absent, never zero', () => {
  assert.equal(median([]), undefined);
  assert.equal(spread([]), undefined);
  assert.equal(
    medianElement([], () => 0),
    undefined,
  );
  assert.equal(pairedRatio(new Map(), new Map([[1, 2]])), undefined);
});

test('one sample is its own median and range', () => {
  assert.deepEqual(spread([7]), { n: 1, median: 7, min: 7, max: 7 });
});

test('the caller’s array is left as it was', () => {
  const values = [3, 1, 2];
  spread(values);
  assert.deepEqual(values, [3, 1, 2]);
});

test('a quantile outside [0, 1] and a value that is no number are bugs', () => {
  assert.throws(() => quantile([1], 1.5), RangeError);
  assert.throws(() => quantile([1], Number.NaN), RangeError);
  assert.throws(() => quantile([1, Number.NaN], 0.5), RangeError);
});

test('ratios are paired by block, and blocks with one side only are left out', () => {
  const fast = new Map([
    [0, 200],
    [1, 330],
    [2, 400],
  ]);
  const slow = new Map([
    [0, 100],
    [1, 110],
    [3, 50],
  ]);
  assert.deepEqual(pairedRatio(fast, slow), { n: 2, median: Math.sqrt(6), min: 2, max: 3 });
  assert.ok(Math.abs((pairedRatio(slow, fast)?.median ?? 0) - 1 / Math.sqrt(6)) < 1e-12, 'and its reverse');
  assert.equal(pairedRatio(fast, new Map([[0, 0]])), undefined);
});

test('the median element is one that exists: the lower middle of an even number', () => {
  assert.equal(
    medianElement([4, 1, 3, 2], (x) => x),
    2,
  );
  assert.equal(
    medianElement(['ccc', 'a', 'bb'], (x) => x.length),
    'bb',
  );
});

test('the median in place is the median, whatever the size and order', () => {
  for (const values of [
    [7],
    [2, 1],
    [5, 1, 4],
    [4, 1, 3, 2],
    Array.from({ length: 61 }, (_, i) => (i * 37) % 61),
  ]) {
    assert.equal(medianInPlace([...values]), median(values));
  }
  assert.ok(Number.isNaN(medianInPlace([])));
});
