// Does one direction of the network make bytes as late as it should?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStream } from '../../stats/random.ts';
import { Way } from './way.ts';

const way = (seed = 1): Way => new Way(randomStream(seed, 'network up'));

test('what is in nobody’s way is due at once', () => {
  const one = way();
  assert.equal(one.clear, true);
  assert.equal(one.dueMs(100, 1_000, 0), 100);
  one.become({ trouble: 'slow', delayMs: 30, jitterMs: 0 });
  assert.equal(one.clear, false);
  assert.equal(one.dueMs(100, 1_000, 0), 130);
  one.become(undefined);
  assert.equal(one.dueMs(100, 1_000, 0), 100);
});

test('nothing sets out before its connection is made', () => {
  const one = way();
  one.become({ trouble: 'slow', delayMs: 30, jitterMs: 0 });
  assert.equal(one.dueMs(100, 1, 160), 190);
});

test('a line sends one thing after the other, and then they are on their way together', () => {
  const one = way();
  one.become({ trouble: 'slow', delayMs: 30, jitterMs: 0, bytesPerSec: 1_000 });
  assert.deepEqual(
    [one.dueMs(0, 100, 0), one.dueMs(0, 50, 0), one.dueMs(10, 50, 0), one.dueMs(500, 100, 0)],
    [130, 180, 230, 630],
  );
});

test('jitter goes both ways, stays within its bounds, and is the same for the same seed', () => {
  const drawn = (seed: number): number[] => {
    const one = way(seed);
    one.become({ trouble: 'slow', delayMs: 20, jitterMs: 15 });
    return Array.from({ length: 2_000 }, () => one.delayMs());
  };
  const delays = drawn(7);
  assert.ok(Math.min(...delays) >= 5 && Math.min(...delays) < 6);
  assert.ok(Math.max(...delays) <= 35 && Math.max(...delays) > 34);
  assert.ok(Math.abs(delays.reduce((sum, one) => sum + one, 0) / delays.length - 20) < 1);
  assert.deepEqual(drawn(7), delays);
  assert.notDeepEqual(drawn(8), delays);
});

test('no jitter makes anything arrive before it was sent', () => {
  const one = way();
  one.become({ trouble: 'slow', delayMs: 1, jitterMs: 100 });
  for (let i = 0; i < 100; i += 1) assert.ok(one.dueMs(10, 1, 0) >= 10);
});
