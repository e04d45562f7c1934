// Does the generator's account of itself show a stall by the time that it took?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GeneratorWatch } from './generator.ts';

function block(ms: number): number {
  const fromMs = performance.now();
  while (performance.now() - fromMs < ms);
  return performance.now() - fromMs;
}

/** Runs `work` under watch. `elapsedMs` is at least as long as the watch ran. */
async function watched(work: () => Promise<void>) {
  const watch = new GeneratorWatch();
  const fromMs = performance.now();
  watch.start();
  await work();
  const health = watch.stop();
  return { health, elapsedMs: performance.now() - fromMs };
}

test('one stall of 100 ms weighs as long as it lasted, though it is one sample among many', async () => {
  let blockedMs = 0;
  const { health, elapsedMs } = await watched(async () => {
    await sleep(300);
    blockedMs = block(100);
    await sleep(300);
  });
  // A stall begins within a tick of 10 ms, of which the elapsed part does not count.
  const least = (blockedMs - 10) / elapsedMs;
  assert.ok(health.stalledShare >= least * 0.95, `${health.stalledShare} < ${least}`);
  // Other stalls, of a busy machine, may come on top: this bound only tells a share from a count of milliseconds.
  assert.ok(health.stalledShare < 0.9, `${health.stalledShare}`);
  assert.ok(health.eventLoopMaxUs >= 85_000, `${health.eventLoopMaxUs} µs`);
});

test('a stall that lasts until the end counts too', async () => {
  let blockedMs = 0;
  const { health, elapsedMs } = await watched(async () => {
    await sleep(50);
    blockedMs = block(100);
  });
  assert.ok(health.stalledShare >= ((blockedMs - 10) / elapsedMs) * 0.95, `${health.stalledShare}`);
  assert.ok(health.stalledShare <= 1);
});

test('what holds the loop for some milliseconds at a time is no stall', async (t) => {
  // On a machine that is busy with other things a turn may take longer than 20 ms now and then: the best of five.
  const shares: number[] = [];
  for (let i = 0; i < 5 && (shares.length === 0 || Math.min(...shares) > 0); i += 1) {
    const { health } = await watched(async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        block(5);
        await sleep(5);
      }
    });
    shares.push(health.stalledShare);
  }
  t.diagnostic(`stalled shares ${shares.join(', ')}`);
  assert.equal(Math.min(...shares), 0);
});
