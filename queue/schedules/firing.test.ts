// Does a schedule fire for the instants that its policy says, whatever passed while nobody was there?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BEHIND_AFTER_MS, type CatchUp, firingOf, INSTANTS_AT_ONCE } from './firing.ts';

const hourly = { cron: '0 * * * *', timeZone: 'UTC' };
const atMs = (time: string): number => Date.parse(`2030-01-01T${time}Z`);

function fired(catchUp: CatchUp, next: string, now: string, recurrence = hourly) {
  const { instants, nextAtMs } = firingOf(recurrence, catchUp, atMs(next), atMs(now));
  const time = (ms: number | undefined) => new Date(ms ?? Number.NaN).toISOString().slice(11, 19);
  return [instants.map(time), time(nextAtMs)];
}

test('what is two minutes late, or less, fires under each policy', () => {
  for (const catchUp of ['one', 'all', 'none'] as const)
    for (const now of ['10:00:00', '10:00:01', '10:02:00'])
      assert.deepEqual(fired(catchUp, '10:00:00', now), [['10:00:00'], '11:00:00']);
  const often = { cron: '*/20 * * * * *', timeZone: 'UTC' };
  for (const catchUp of ['one', 'all', 'none'] as const)
    assert.deepEqual(fired(catchUp, '10:00:00', '10:00:50', often), [
      ['10:00:00', '10:00:20', '10:00:40'],
      '10:01:00',
    ]);
});

test('a schedule that is behind fires for the latest, for each, or for none', () => {
  assert.deepEqual(fired('one', '07:00:00', '10:30:00'), [['10:00:00'], '11:00:00']);
  assert.deepEqual(fired('all', '07:00:00', '10:30:00'), [
    ['07:00:00', '08:00:00', '09:00:00', '10:00:00'],
    '11:00:00',
  ]);
  assert.deepEqual(fired('none', '07:00:00', '10:30:00'), [[], '11:00:00']);
  // An instant that is now is due now.
  assert.deepEqual(fired('one', '07:00:00', '10:00:00'), [['10:00:00'], '11:00:00']);
  // Behind is behind, though the latest has only just come.
  assert.deepEqual(fired('none', '07:00:00', '10:00:00'), [[], '11:00:00']);
  assert.equal(BEHIND_AFTER_MS, 120_000);
  assert.deepEqual(fired('one', '10:00:00', '10:02:01'), [['10:00:00'], '11:00:00']);
  assert.deepEqual(fired('none', '10:00:00', '10:02:01'), [[], '11:00:00']);
});

test('much to catch up with comes in parts, without a gap', () => {
  const recurrence = { cron: '* * * * *', timeZone: 'UTC' };
  const startMs = atMs('00:00:00');
  const nowMs = startMs + 2.5 * INSTANTS_AT_ONCE * 60_000;
  const all: number[] = [];
  let nextMs = startMs;
  const parts: number[] = [];
  while (nextMs <= nowMs) {
    const { instants, nextAtMs } = firingOf(recurrence, 'all', nextMs, nowMs);
    all.push(...instants);
    parts.push(instants.length);
    assert(nextAtMs !== undefined && nextAtMs > nextMs);
    nextMs = nextAtMs;
  }
  assert.deepEqual(parts, [INSTANTS_AT_ONCE, INSTANTS_AT_ONCE, INSTANTS_AT_ONCE / 2 + 1]);
  assert.deepEqual(
    all,
    Array.from({ length: 2.5 * INSTANTS_AT_ONCE + 1 }, (_, minute) => startMs + minute * 60_000),
  );
});

test('what is not due is a bug of who asks', () => {
  assert.throws(() => firingOf(hourly, 'one', atMs('11:00:00'), atMs('10:59:59')), /before it is due/);
});
