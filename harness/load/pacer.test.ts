// Is every job sent at its intended instant, however the clock and the system under test behave?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nowUs } from './clock.ts';
import { pace, step } from './pacer.ts';

interface Sent {
  readonly index: number;
  readonly intendedUs: number;
  readonly atUs: number;
}

const START_US = 5e9;

/** Paces on a clock that only waiting moves: by exactly what is asked for, and by 50 µs for a mere yield. */
async function paced(
  scheduleUs: readonly number[],
  options: { readonly lateUs?: number; readonly onSend?: (sent: Sent, world: World) => void } = {},
) {
  const world = new World(START_US + (options.lateUs ?? 0));
  const sent: Sent[] = [];
  const log: ('send' | 'wait')[] = [];
  const count = await pace({
    startUs: START_US,
    schedule: scheduleUs.values(),
    clock: () => world.atUs,
    signal: world.abort.signal,
    send: (index, intendedUs) => {
      const one = { index, intendedUs, atUs: world.atUs };
      sent.push(one);
      log.push('send');
      options.onSend?.(one, world);
    },
    wait: async (ms) => {
      log.push('wait');
      world.waits.push(ms);
      world.atUs += ms === 0 ? 50 : ms * 1000;
    },
  });
  return { sent, log, count, waits: world.waits };
}

class World {
  atUs: number;
  readonly waits: number[] = [];
  readonly abort = new AbortController();

  constructor(atUs: number) {
    this.atUs = atUs;
  }
}

const every = (gapUs: number, n: number): number[] => Array.from({ length: n }, (_, i) => i * gapUs);

/** The last half of a millisecond is waited for by a timer of a whole one, and a look takes as long as it takes. */
const LATE_US = 500 + 50;

test('a job is sent at its instant: never before, and half a millisecond and one look later at most', async () => {
  const schedule = [0, 10, 999, 1_000, 1_001, 2_500, 77_777.5, 200_000, 1_000_000];
  const { sent, count } = await paced(schedule);
  assert.equal(count, schedule.length);
  assert.deepEqual(
    sent.map((s) => s.intendedUs - START_US),
    schedule,
  );
  assert.deepEqual(
    sent.map((s) => s.index),
    schedule.map((_, i) => i),
  );
  for (const { atUs, intendedUs } of sent) {
    assert.ok(atUs >= intendedUs, `sent ${intendedUs - atUs} µs early`);
    assert.ok(atUs - intendedUs <= LATE_US, `sent ${atUs - intendedUs} µs late`);
  }
});

test('a stall of 1 s at 100 jobs/s: the 100 due jobs go out at once with their own instants, none is dropped', async () => {
  const schedule = every(10_000, 500);
  const { sent, count } = await paced(schedule, {
    onSend: ({ index }, world) => {
      if (index === 200) world.atUs += 1e6;
    },
  });
  assert.equal(count, 500);
  assert.deepEqual(
    sent.map((s) => s.intendedUs - START_US),
    schedule,
  );
  const late = sent.filter((s) => s.atUs - s.intendedUs > 1_000);
  assert.equal(late.length, 99, 'jobs 201 … 299 fell due within the stall');
  // Each is as late as it really was, not as late as the first of them.
  for (const { index, intendedUs, atUs } of late)
    assert.ok(Math.abs(atUs - intendedUs - (1e6 - (index - 200) * 10_000)) < 500, `job ${index}`);
});

test('a pacer that starts late sends what is due and keeps the schedule', async () => {
  const { sent, count } = await paced(every(1_000, 100), { lateUs: 50_500 });
  assert.equal(count, 100);
  assert.equal(sent.filter((s) => s.atUs === START_US + 50_500).length, 51);
  assert.ok(sent.slice(51).every((s) => s.atUs - s.intendedUs <= LATE_US));
});

test('between two jobs it looks again for the last half of a millisecond at most, and sleeps the rest', async () => {
  const n = 50;
  const { waits } = await paced(Array.from({ length: n }, (_, i) => i * 10_400));
  const looks = waits.filter((ms) => ms === 0).length;
  assert.ok(looks <= (n * 500) / 50, `${looks} looks for ${n} jobs`);
  assert.equal(Math.max(...waits), 10);
});

test('within a long run of due jobs the event loop gets its turn after every 64', async () => {
  const { log, count } = await paced(new Array<number>(1_000).fill(0));
  assert.equal(count, 1_000);
  const runs = log
    .join('')
    .split('wait')
    .map((run) => run.length / 'send'.length);
  assert.equal(Math.max(...runs), 64);
  assert.equal(log.filter((entry) => entry === 'wait').length, Math.floor(1_000 / 64));
});

test('an abort ends it: in the middle of due jobs, and within a wait', async () => {
  const amid = await paced(new Array<number>(100).fill(0), {
    onSend: ({ index }, world) => {
      if (index === 9) world.abort.abort();
    },
  });
  assert.equal(amid.count, 10);
  const waiting = await paced([0, 3_600e6], { onSend: (_, world) => world.abort.abort() });
  assert.equal(waiting.count, 1);
  assert.deepEqual(waiting.waits, []);
});

test('no wait is longer than an abort may go unnoticed, and none beyond the instant by more than half a millisecond', () => {
  assert.deepEqual(step(1e9, 0), { kind: 'wait', waitMs: 50 });
  assert.deepEqual(step(1e9, 0, 7), { kind: 'wait', waitMs: 7 });
  assert.deepEqual(step(9_999, 0), { kind: 'wait', waitMs: 9 });
  assert.deepEqual(step(1_999, 0), { kind: 'wait', waitMs: 1 });
  assert.deepEqual(step(500, 0), { kind: 'wait', waitMs: 1 });
  assert.deepEqual(step(499, 0), { kind: 'wait', waitMs: 0 });
  assert.deepEqual(step(1, 0), { kind: 'wait', waitMs: 0 });
  for (let waitUs = 1; waitUs < 60_000; waitUs += 7) {
    const next = step(waitUs, 0);
    assert.ok(next.kind === 'wait' && next.waitMs * 1000 - waitUs <= 500, `${waitUs} µs`);
  }
  assert.deepEqual(step(100, 100), { kind: 'send' });
  assert.deepEqual(step(100, 1e12), { kind: 'send' });
  assert.deepEqual(step(undefined, 0), { kind: 'end' });
});

test('on the machine’s own clock nothing is sent early', async () => {
  const startUs = nowUs();
  const early: number[] = [];
  const count = await pace({
    startUs,
    schedule: every(1_500, 5).values(),
    clock: nowUs,
    signal: AbortSignal.timeout(5_000),
    send: (_, intendedUs) => early.push(intendedUs - nowUs()),
  });
  assert.equal(count, 5);
  assert.ok(early.every((us) => us <= 0));
});
