// Is the end of a warm-up found where it is, and said to be missing where there is none?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from './random.ts';
import { warmUp } from './warm-up.ts';

const noisy = (length: number, level: (i: number) => number, seed = 4): number[] => {
  const random = seeded(seed);
  return Array.from({ length }, (_, i) => level(i) + random() - 0.5);
};

/** The rule as White, Cobb and Spratt (2000) write it, over the first half and without any update: d that minimises Σ (Zⱼ − Z̄)² / (k − d)². */
function byDefinition(values: readonly number[]): number {
  const means = Array.from({ length: Math.floor(values.length / 5) }, (_, i) =>
    mean(values.slice(5 * i, 5 * i + 5)),
  );
  const errors = means.slice(0, 1 + means.length / 2).map((_, d) => {
    const kept = means.slice(d);
    return kept.reduce((sum, value) => sum + (value - mean(kept)) ** 2, 0) / kept.length ** 2;
  });
  return 5 * errors.indexOf(Math.min(...errors));
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test('a ramp of 40 values: never cut too early, and found by 55 in most of 200 series', (t) => {
  let [late, missed] = [0, 0];
  for (let seed = 1; seed <= 200; seed += 1) {
    const { index, found } = warmUp(noisy(240, (i) => Math.min(i / 4, 10), seed));
    assert.ok(index >= 30, `seed ${seed}: ${index}`);
    if (!found) missed += 1;
    else if (index > 55) late += 1;
  }
  // Taking off more costs precision alone, and chance makes the rule do so now and then.
  t.diagnostic(`of 200: ${late} later than 55, ${missed} not found`);
  assert.ok(late <= 60 && missed <= 10, `${late} late, ${missed} not found`);
});

test('the answer is the minimum by definition, also upon a large level', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const values = noisy(203, (i) => 1e6 + 8 * Math.exp(-i / 12), seed);
    assert.equal(warmUp(values).index, byDefinition(values), `seed ${seed}`);
  }
});

test('a steady series is kept from its start, but the floor is always taken off', () => {
  assert.deepEqual(warmUp(new Array<number>(100).fill(7)), { index: 0, found: true });
  assert.deepEqual(warmUp(new Array<number>(100).fill(7), { floor: 12 }), { index: 12, found: true });
});

test('a series that rises to its end has no steady part: the cap, and not found', () => {
  assert.deepEqual(warmUp(noisy(200, (i) => i)), { index: 100, found: false });
  assert.deepEqual(
    warmUp(
      noisy(200, (i) => Math.min(i, 90)),
      { cap: 60 },
    ),
    { index: 60, found: false },
  );
});

test('fewer than ten batches say nothing', () => {
  assert.deepEqual(warmUp(noisy(49, () => 1)), { index: 24, found: false });
  assert.deepEqual(warmUp([]), { index: 0, found: false });
});

test('bounds that contradict each other are bugs', () => {
  assert.throws(() => warmUp([1, 2, 3], { floor: 2, cap: 1 }), RangeError);
  assert.throws(() => warmUp([1, 2, 3], { cap: 4 }), RangeError);
  assert.throws(() => warmUp([1, 2, 3], { batch: 0 }), RangeError);
  assert.throws(() => warmUp([1, Number.NaN]), RangeError);
});
