// Does the generator's account of itself show a stall by the time that it took?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GeneratorWatch } from './generator.ts';

/** Holds the loop for as long on the clock, and on the CPU, of which a busy machine may give less; returns how long it was. */
function block(ms: number): number {
  const fromMs = performance.now();
  const from = process.cpuUsage();
  const cpuMs = (): number => process.cpuUsage(from).user / 1000;
  while (performance.now() - fromMs < ms || cpuMs() < ms * 0.9);
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
  // Other stalls, of a busy machine, may come on top.
  assert.ok(health.stalledShare <= 1, `${health.stalledShare}`);
  assert.ok(health.eventLoopMaxUs >= 85_000, `${health.eventLoopMaxUs} µs`);
});

test('shares are of the load: an idle time after it takes nothing off, and a stall in it is told apart', async () => {
  const watch = new GeneratorWatch();
  const fromMs = performance.now();
  watch.start();
  await sleep(150);
  const blockedMs = block(100);
  watch.loadOver();
  const loadMs = performance.now() - fromMs;
  await sleep(300);
  const afterMs = block(100);
  await sleep(300);
  watch.loadOver();
  const health = watch.stop();
  const least = ((blockedMs - 10) / loadMs) * 0.95;
  assert.ok(health.stalledShare >= least, `${health.stalledShare} < ${least}`);
  // Two blocks keep a core busy for more of the load than of the whole.
  assert.ok(health.cpuShare >= (0.5 * 100) / loadMs, `${health.cpuShare} of ${loadMs} ms`);
  assert.ok(health.stalledAfterUs >= (afterMs - 10) * 950, `${health.stalledAfterUs} µs`);
  assert.ok(health.stalledAfterUs <= (performance.now() - fromMs - loadMs) * 1000);
});

test('without a word that the load is over, it was over at the stop', async () => {
  const { health } = await watched(() => sleep(50));
  assert.equal(health.stalledAfterUs, 0);
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
  // On a machine that is busy with other things a turn may take longer: those turns, and only those, may count.
  let longTurnsMs = 0;
  const { health, elapsedMs } = await watched(async () => {
    for (let turn = 0; turn < 30; turn += 1) {
      const fromMs = performance.now();
      block(5);
      await sleep(5);
      const turnMs = performance.now() - fromMs;
      if (turnMs > 15) longTurnsMs += turnMs;
    }
  });
  const stalledMs = health.stalledShare * elapsedMs;
  t.diagnostic(`stalled for ${stalledMs} ms, turns over 15 ms: ${longTurnsMs} ms in all`);
  assert.ok(stalledMs <= longTurnsMs * 1.05, `${stalledMs} of ${longTurnsMs} ms`);
});
