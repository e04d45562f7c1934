// Is another clock's offset found within the uncertainty that is told, however long the way takes?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStream } from '../../stats/random.ts';
import { readClock } from './clock-reading.ts';

test('the true offset lies within the uncertainty, which is that of the quickest answer', async () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const random = randomStream(seed, 'clock');
    const offset = (random() - 0.5) * 1e6;
    const trips: number[] = [];
    let now = 1e9;
    const reading = await readClock(
      async () => {
        const there = random() * 5_000;
        const back = random() * 5_000;
        trips.push(there + back);
        now += there;
        const at = now + offset;
        now += back;
        return at;
      },
      () => now,
    );
    assert.ok(reading !== undefined);
    assert.ok(Math.abs(reading.offsetUs - offset) <= reading.uncertaintyUs + 1e-6, `seed ${seed}`);
    assert.ok(Math.abs(reading.uncertaintyUs - Math.min(...trips) / 2) < 1e-6, `seed ${seed}`);
  }
});

test('one that never answers is given up; one that stops answering keeps what it said', async () => {
  const keepAlive = setTimeout(() => undefined, 10_000);
  const never = (signal: AbortSignal): Promise<number> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  assert.equal(await readClock(never), undefined);
  let asked = 0;
  const once = (signal: AbortSignal): Promise<number> => {
    asked += 1;
    return asked === 1 ? Promise.resolve(0) : never(signal);
  };
  assert.ok((await readClock(once)) !== undefined);
  clearTimeout(keepAlive);
});
