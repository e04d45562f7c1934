// Does an alarm wake at its instant or before, each time, and closer than a timer?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { openAlarm, type Pacing, timerWaitMs } from './alarm.ts';
import { nowUs } from './clock.ts';

const HANG_MS = 60_000;

for (const pacing of ['thread', 'timers'] as Pacing[]) {
  test(`${pacing}: thousands of waits in a row, short and shorter, all end`, {
    timeout: HANG_MS,
  }, async () => {
    const problems: unknown[] = [];
    using alarm = await openAlarm(pacing, (error) => problems.push(error));
    assert.deepEqual(problems, []);
    assert.equal(alarm.pacing, pacing);
    // Instants in the past and just ahead race with the thread's own look at the request.
    for (let i = 0; i < 3_000; i += 1) await alarm.until(nowUs() + (i % 40) * 10 - 50);
  });

  test(`${pacing}: looking again until the instant has come, nobody is early`, {
    timeout: HANG_MS,
  }, async () => {
    using alarm = await openAlarm(pacing, () => undefined);
    for (const waitUs of [300, 1_000, 2_500, 20_000]) {
      const atUs = nowUs() + waitUs;
      while (nowUs() < atUs) await alarm.until(atUs);
      assert.ok(nowUs() - atUs < 2e6);
    }
  });

  test(`${pacing}: an interruption ends a long wait at once`, { timeout: HANG_MS }, async () => {
    using alarm = await openAlarm(pacing, () => undefined);
    const startUs = nowUs();
    const waiting = alarm.until(startUs + 3_600e6);
    setTimeout(() => alarm.interrupt(), 5);
    await waiting;
    // The next wait is none the worse for it.
    const atUs = nowUs() + 2_000;
    while (nowUs() < atUs) await alarm.until(atUs);
    assert.ok(nowUs() - startUs < 30e6);
  });
}

test('a timer waits in whole milliseconds, half of one too long at most, and looks again for the rest', () => {
  assert.equal(timerWaitMs(9_999), 9);
  assert.equal(timerWaitMs(1_999), 1);
  assert.equal(timerWaitMs(500), 1);
  assert.equal(timerWaitMs(499), 0);
  assert.equal(timerWaitMs(-5), 0);
  for (let waitUs = 1; waitUs < 60_000; waitUs += 7)
    assert.ok(timerWaitMs(waitUs) * 1000 - waitUs <= 500, `${waitUs} µs`);
});

test('two threads of one process agree on what time it is', { timeout: HANG_MS }, async () => {
  const program = `
    import { parentPort } from 'node:worker_threads';
    import { nowUs } from ${JSON.stringify(new URL('./clock.ts', import.meta.url).href)};
    parentPort.on('message', () => parentPort.postMessage(nowUs()));
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), { execArgv: [] });
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < 50; i += 1) {
    const beforeUs = nowUs();
    const { promise, resolve } = Promise.withResolvers<number>();
    worker.once('message', resolve);
    worker.postMessage('now?');
    const theirsUs = await promise;
    const afterUs = nowUs();
    // Their clock is ahead of ours by something within [theirs − after, theirs − before].
    low = Math.max(low, theirsUs - afterUs);
    high = Math.min(high, theirsUs - beforeUs);
  }
  await worker.terminate();
  assert.ok(low <= 50 && high >= -50, `their clock is ahead by ${low} to ${high} µs`);
});
