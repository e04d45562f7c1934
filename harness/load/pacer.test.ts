// Is every job sent at its intended instant, however the clock and the system under test behave?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAlarm } from './alarm.ts';
import { nowUs } from './clock.ts';
import { COALESCE_US, pace, step, TOGETHER } from './pacer.ts';

interface Sent {
  readonly index: number;
  readonly intendedUs: number;
  readonly atUs: number;
}

const START_US = 5e9;

/** How late the fake alarm wakes. */
const WAKE_US = 50;

/** Paces on a clock that only waiting moves: by what is asked for, and by 50 µs until the alarm was heard. */
async function paced(
  scheduleUs: readonly number[],
  options: { readonly lateUs?: number; readonly onSend?: (sent: Sent, world: World) => void } = {},
) {
  const world = new World(START_US + (options.lateUs ?? 0));
  const sent: Sent[] = [];
  const log: ('send' | 'wait' | 'turn')[] = [];
  const together: number[] = [];
  const count = await pace({
    startUs: START_US,
    schedule: scheduleUs.map((atUs) => ({ atUs })).values(),
    clock: () => world.atUs,
    signal: world.abort.signal,
    send: (first, due) => {
      for (const [i, { intendedUs }] of due.entries()) {
        const one = { index: first + i, intendedUs, atUs: world.atUs };
        sent.push(one);
        log.push('send');
        options.onSend?.(one, world);
      }
      together.push(due.length);
    },
    alarm: {
      async until(atUs) {
        log.push('wait');
        world.waits.push(atUs - world.atUs);
        world.atUs = atUs + WAKE_US;
      },
    },
    turn: async () => {
      log.push('turn');
    },
  });
  return { sent, log, count, waits: world.waits, together };
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

/** A job that is due right after another waits for the wake-up that it shares, and for that to be heard. */
const LATE_US = COALESCE_US + WAKE_US;

test('a job is sent at its instant: never before, and one shared wake-up later at most', async () => {
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

test('jobs that are due within one wake-up share it, and at 10,000 jobs/s there are 5,000 wake-ups a second at most', async () => {
  const { sent, waits } = await paced(every(100, 10_000));
  assert.equal(sent.length, 10_000);
  assert.ok(waits.length <= 5_000, `${waits.length} wake-ups in a second`);
  assert.ok(sent.every((s) => s.atUs >= s.intendedUs && s.atUs - s.intendedUs <= LATE_US));
  // Jobs that lie further apart are each waited for, once.
  const apart = await paced(every(1_000, 100));
  assert.equal(apart.waits.length, 99);
  assert.ok(apart.sent.slice(1).every((s) => s.atUs - s.intendedUs === WAKE_US));
});

test('what is due together is handed over together, 16 at most, and the event loop gets its turn after every 64', async () => {
  const { log, count, together } = await paced(new Array<number>(1_000).fill(0));
  assert.equal(count, 1_000);
  assert.equal(Math.max(...together), TOGETHER);
  const runs = log
    .join('')
    .split('turn')
    .map((run) => run.length / 'send'.length);
  assert.equal(Math.max(...runs), 64);
  assert.equal(log.filter((entry) => entry === 'turn').length, Math.floor(1_000 / 64));
  assert.ok(!log.includes('wait'));
});

test('an abort ends it: among due jobs, and within a wait', async () => {
  const amid = await paced(new Array<number>(100).fill(0), {
    onSend: ({ index }, world) => {
      if (index === 9) world.abort.abort();
    },
  });
  assert.equal(amid.count, TOGETHER, 'those that were handed over together are sent');
  const waiting = await paced([0, 3_600e6], { onSend: (_, world) => world.abort.abort() });
  assert.equal(waiting.count, 1);
  assert.deepEqual(waiting.waits, []);
});

test('the law: no wait is longer than an abort may go unnoticed, none shorter than a wake-up is worth', () => {
  assert.deepEqual(step(1e9, 0), { kind: 'wait', untilUs: 50_000 });
  assert.deepEqual(step(1e9, 0, 7_000), { kind: 'wait', untilUs: 7_000 });
  assert.deepEqual(step(9_999, 0), { kind: 'wait', untilUs: 9_999 });
  assert.deepEqual(step(1_200, 1_000), { kind: 'wait', untilUs: 1_200 });
  assert.deepEqual(step(1_199, 1_000), { kind: 'wait', untilUs: 1_200 });
  assert.deepEqual(step(1_001, 1_000), { kind: 'wait', untilUs: 1_200 });
  assert.deepEqual(step(100, 100), { kind: 'send' });
  assert.deepEqual(step(100, 1e12), { kind: 'send' });
  assert.deepEqual(step(undefined, 0), { kind: 'end' });
});

for (const pacing of ['thread', 'timers'] as const) {
  test(`on the machine’s own clock nothing is sent early, by ${pacing}`, async () => {
    using alarm = await openAlarm(pacing, () => undefined);
    const startUs = nowUs();
    const early: number[] = [];
    const count = await pace({
      startUs,
      schedule: every(1_500, 5)
        .map((atUs) => ({ atUs }))
        .values(),
      clock: nowUs,
      signal: AbortSignal.timeout(20_000),
      alarm,
      send: (_, due) => early.push(...due.map(({ intendedUs }) => intendedUs - nowUs())),
    });
    assert.equal(count, 5);
    assert.ok(early.every((us) => us <= 0));
  });
}
