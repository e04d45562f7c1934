// Do the retry policies keep their bounds?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exponentialRetry, fixedRetry } from './retry.ts';

const failure = (attempt: number) => ({ attempt, maxAttempts: 100, error: new Error('x') });

test('fixed: the same delay after each failure', () => {
  const policy = fixedRetry(250);
  assert.deepEqual(
    [1, 2, 9].map((attempt) => policy(failure(attempt))),
    [250, 250, 250],
  );
});

test('exponential: doubles up to the cap, and the jitter spans from nothing to the bound', () => {
  const upper = exponentialRetry({ baseMs: 100, capMs: 1000, random: () => 1 - Number.EPSILON });
  assert.deepEqual(
    [1, 2, 3, 4, 5, 60].map((attempt) => upper(failure(attempt))),
    [99, 199, 399, 799, 999, 999],
  );
  const lower = exponentialRetry({ baseMs: 100, random: () => 0 });
  assert.equal(lower(failure(10)), 0);
  const middle = exponentialRetry({ baseMs: 100, random: () => 0.5 });
  assert.equal(middle(failure(1)), 50);
});

test('exponential: a huge attempt stays finite', () => {
  const policy = exponentialRetry({ random: () => 0.5 });
  assert.equal(policy(failure(32_767)), 1_800_000);
});

test('delays below zero and infinite ones are refused', () => {
  for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => fixedRetry(delayMs), { name: 'InvalidArgumentError' });
  assert.throws(() => exponentialRetry({ capMs: -1 }), { name: 'InvalidArgumentError' });
  // What a caller without types may hand in.
  const refused = (options: unknown, message: RegExp) =>
    assert.throws(() => exponentialRetry(options as never), { name: 'InvalidArgumentError', message });
  refused({ base: 10 }, /^exponentialRetry has no option base: there are baseMs, capMs, random/);
  refused({ random: 0.5 }, /^random is 0\.5: give a function/);
  refused({ baseMs: '10' }, /^baseMs is "10": give a number of milliseconds/);
  refused(null, /^the options of exponentialRetry is null/);
});
