// Is a stream determined by its seed, and even?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from './random.ts';

test('one seed, one stream; high bits of the seed count too', () => {
  const first = (seed: number): number[] => {
    const random = seeded(seed);
    return [random(), random(), random()];
  };
  assert.deepEqual(first(7), first(7));
  assert.notDeepEqual(first(7), first(8));
  assert.notDeepEqual(first(7), first(7 + 2 ** 40));
});

test('draws fall evenly into ten bins: χ² with 9 degrees of freedom is below 27.9 (p = 0.001)', () => {
  const random = seeded(3);
  const bins = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i += 1) {
    const bin = Math.floor(random() * 10);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  const chi = bins.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  assert.ok(chi < 27.9, `χ² = ${chi}`);
});

test('what is no seed is refused', () => {
  assert.throws(() => seeded(-1), RangeError);
  assert.throws(() => seeded(0.5), RangeError);
});
