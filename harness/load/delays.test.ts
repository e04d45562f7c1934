// Is a delayed job due neither earlier than asked for, nor a moment later than the queue is told?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Delays, earlyToleranceUs, hasDelays, readQueueClock } from './delays.ts';

test('delays come in turn; 0 is due at once', () => {
  const delays = new Delays([0, 250], 1e15);
  assert.equal(delays.of(0, 5e9), undefined);
  assert.equal(delays.of(2, 5e9), undefined);
  assert.equal(delays.of(3, 5e9)?.runAtMs, (1e15 + 5e9) / 1000 + 250);
  assert.ok(hasDelays([0, 1]));
  assert.ok(!hasDelays([0]));
});

test('the queue is asked for a whole ms that is not too early, and the clock starts at that very ms', () => {
  for (let i = 0; i < 1_000; i += 1) {
    const offsetUs = 1.7e15 + i * 377.3;
    const fromUs = 5e9 + i * 12_345.678;
    const delayMs = 0.1 + i * 1.37;
    const found = new Delays([delayMs], offsetUs).of(i, fromUs);
    assert.ok(found !== undefined && Number.isInteger(found.runAtMs));
    const wantedUs = fromUs + offsetUs + delayMs * 1000;
    const lateUs = found.runAtMs * 1000 - wantedUs;
    assert.ok(lateUs >= 0 && lateUs < 1_000, `${lateUs} µs`);
    assert.ok(Math.abs(found.delayUs - delayMs * 1000 - lateUs) < 1);
  }
});

test('the queue’s clock is taken from its quickest answer, with half of the time that it took as uncertainty', async () => {
  let atUs = 0;
  let asked = 0;
  const found = await readQueueClock(
    async () => {
      asked += 1;
      // One answer is quick; the others come back slowly, and look late.
      const outUs = 100;
      const backUs = asked === 7 ? 100 : 5_000;
      atUs += outUs;
      const queueUs = atUs + 1e15;
      atUs += backUs;
      return queueUs;
    },
    () => atUs,
  );
  assert.deepEqual(found, { offsetUs: 1e15, uncertaintyUs: 100 });
});

test('what is tolerated as early: both uncertainties, what the clocks drifted, and a millisecond', () => {
  const before = { offsetUs: 1_000, uncertaintyUs: 100 };
  assert.equal(earlyToleranceUs(before, { offsetUs: 700, uncertaintyUs: 50 }), 100 + 50 + 300 + 1_000);
});
