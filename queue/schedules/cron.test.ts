// Is a schedule due when its wall clock says so, also on the days on which the clocks change?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantsBetween, latestInstant, nextInstant, type Recurrence, requireRecurrence } from './cron.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function isoBetween(recurrence: Recurrence, from: string, until: string): readonly string[] {
  const first = nextInstant(recurrence, Date.parse(from) - 1);
  assert(first !== undefined);
  return instantsBetween(recurrence, first, Date.parse(until), 10_000).map((instantMs) =>
    new Date(instantMs).toISOString().replace(':00.000Z', 'Z'),
  );
}

interface ClockChange {
  readonly timeZone: string;
  readonly day: string;
  /** When 02:30 fires, the day before, that day, and the day after. */
  readonly halfPastTwo: readonly string[];
  /** Its midnight by UTC, and how many hours it has. */
  readonly midnight: string;
  readonly hours: number;
}

const changes: readonly ClockChange[] = [
  {
    timeZone: 'Europe/Berlin',
    day: '2030-03-31', // 02:00 becomes 03:00 at 01:00Z
    halfPastTwo: ['2030-03-30T01:30Z', '2030-03-31T01:00Z', '2030-04-01T00:30Z'],
    midnight: '2030-03-30T23:00Z',
    hours: 23,
  },
  {
    timeZone: 'Europe/Berlin',
    day: '2030-10-27', // 03:00 becomes 02:00 at 01:00Z
    halfPastTwo: ['2030-10-26T00:30Z', '2030-10-27T00:30Z', '2030-10-28T01:30Z'],
    midnight: '2030-10-26T22:00Z',
    hours: 25,
  },
  {
    timeZone: 'America/New_York',
    day: '2030-03-10', // 02:00 becomes 03:00 at 07:00Z
    halfPastTwo: ['2030-03-09T07:30Z', '2030-03-10T07:00Z', '2030-03-11T06:30Z'],
    midnight: '2030-03-10T05:00Z',
    hours: 23,
  },
  {
    timeZone: 'America/New_York',
    day: '2030-11-03', // 02:00 becomes 01:00 at 06:00Z: 02:30 comes once, an hour later by UTC
    halfPastTwo: ['2030-11-02T06:30Z', '2030-11-03T07:30Z', '2030-11-04T07:30Z'],
    midnight: '2030-11-03T04:00Z',
    hours: 25,
  },
];

for (const { timeZone, day, halfPastTwo, midnight, hours } of changes)
  test(`${timeZone}, ${day}: 02:30 fires once a day, every 30 minutes goes on evenly`, () => {
    const dayMs = Date.parse(`${day}T00:00Z`);
    const iso = (ms: number) => new Date(ms).toISOString();
    const days = [iso(dayMs - DAY_MS), iso(dayMs + 2 * DAY_MS - MINUTE_MS)] as const;
    assert.deepEqual(isoBetween({ cron: '30 2 * * *', timeZone }, ...days), halfPastTwo);
    // A list of times keeps to the same rule: none of them is lost, none comes twice.
    const twice = isoBetween({ cron: '30 2,14 * * *', timeZone }, ...days);
    assert.equal(twice.length, 6);
    assert.deepEqual(
      twice.filter((_, index) => index % 2 === 0),
      halfPastTwo,
    );
    // Real time has no gap and no double hour: 46 half hours in spring, 50 in autumn, from midnight to the next.
    const even = Array.from({ length: hours * 2 + 1 }, (_, n) =>
      iso(Date.parse(midnight) + n * 30 * MINUTE_MS).replace(':00.000Z', 'Z'),
    );
    const [from, until] = [midnight, even.at(-1) ?? ''];
    assert.deepEqual(isoBetween({ cron: '*/30 * * * *', timeZone }, from, until), even);
    assert.deepEqual(isoBetween({ cron: '@daily', timeZone }, from, until), [from, until]);
  });

test('01:30 in New York comes twice in autumn and fires at its first coming', () => {
  const recurrence = { cron: '30 1 * * *', timeZone: 'America/New_York' };
  assert.deepEqual(isoBetween(recurrence, '2030-11-03T00:00Z', '2030-11-04T23:00Z'), [
    '2030-11-03T05:30Z',
    '2030-11-04T06:30Z',
  ]);
});

/** What a wall clock in `timeZone` shows: hour and minute. */
function wallClock(timeZone: string): (ms: number) => readonly [number, number] {
  const format = new Intl.DateTimeFormat('en', {
    timeZone,
    hourCycle: 'h23',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (ms) => {
    const parts = format.formatToParts(ms);
    const value = (type: string) => Number(parts.find((part) => part.type === type)?.value);
    return [value('hour'), value('minute')];
  };
}

test('a wildcard or a step is due whenever a wall clock agrees, from wherever the search starts', () => {
  const expressions: readonly (readonly [string, (hour: number, minute: number) => boolean])[] = [
    ['*/30 * * * *', (_, minute) => minute % 30 === 0],
    ['5 * * * *', (_, minute) => minute === 5],
    ['*/15 1-3 * * *', (hour, minute) => minute % 15 === 0 && hour >= 1 && hour <= 3],
    ['0 */2 * * *', (hour, minute) => minute === 0 && hour % 2 === 0],
  ];
  const days = [
    ...changes,
    { timeZone: 'Australia/Lord_Howe', day: '2030-04-07' }, // by half an hour
    { timeZone: 'Australia/Lord_Howe', day: '2030-10-06' },
    { timeZone: 'America/Santiago', day: '2030-09-08' }, // at midnight
    { timeZone: 'Asia/Kathmandu', day: '2030-01-01' }, // 5 h 45 min from UTC
  ];
  for (const { timeZone, day } of days) {
    const fromMs = Date.parse(`${day}T00:00Z`) - DAY_MS;
    const show = wallClock(timeZone);
    const minutes = Array.from({ length: 3 * 1440 }, (_, minute) => {
      const ms = fromMs + minute * MINUTE_MS;
      return { ms, shown: show(ms) };
    });
    for (const [cron, agrees] of expressions) {
      const recurrence = { cron, timeZone };
      const expected = minutes.filter(({ shown }) => agrees(...shown)).map(({ ms }) => ms);
      const first = nextInstant(recurrence, fromMs - 1) ?? 0;
      const untilMs = fromMs + 3 * DAY_MS - MINUTE_MS;
      assert.deepEqual(
        instantsBetween(recurrence, first, untilMs, 10_000),
        expected,
        `${cron} ${timeZone} ${day}`,
      );
      for (let fromStart = 0; fromStart < 3 * DAY_MS; fromStart += 37.7 * MINUTE_MS) {
        const startMs = fromMs + fromStart;
        const next = expected.find((ms) => ms > startMs);
        if (next !== undefined) assert.equal(nextInstant(recurrence, startMs), next);
        const latest = expected.findLast((ms) => ms <= startMs);
        if (latest !== undefined) assert.equal(latestInstant(recurrence, startMs), latest);
      }
    }
  }
});

test('the latest instant is one that is now, and none that comes a moment later', () => {
  const recurrence = { cron: '*/10 * * * * *', timeZone: 'UTC' };
  const atMs = Date.parse('2030-01-01T00:00:10Z');
  assert.equal(latestInstant(recurrence, atMs), atMs);
  assert.equal(latestInstant(recurrence, atMs + 0.5), atMs);
  assert.equal(latestInstant(recurrence, atMs - 0.5), atMs - 10_000);
  assert.equal(nextInstant(recurrence, atMs), atMs + 10_000);
});

/** What a caller without types may hand in. */
const untyped = (value: unknown) => value as never;

test('what is no expression and no zone is refused with what, where and the mend', () => {
  const refused = (cron: unknown, timeZone: unknown, message: RegExp) =>
    assert.throws(() => requireRecurrence(untyped({ cron, timeZone })), {
      name: 'InvalidArgumentError',
      message,
    });
  refused('61 * * * *', 'UTC', /^cron is "61 \* \* \* \*" \(.*minute: 61\): give minute hour/);
  refused('* * * *', 'UTC', /^cron is "\* \* \* \*" \(.*parts/);
  refused('0 0 1 1 * 1 2030', 'UTC', /^cron is .*7 parts/);
  refused('@reboot', 'UTC', /^cron is "@reboot"/);
  refused('', 'UTC', /^cron is ""/);
  refused(5, 'UTC', /^cron is 5: give minute hour/);
  refused('2030-01-01T00:00:00', 'UTC', /^cron is "2030-01-01T00:00:00", a date: .*runAt/);
  refused('0 0 30 2 *', 'UTC', /^cron is "0 0 30 2 \*", which never falls due/);
  refused(`${'1,'.repeat(200)}1 * * * *`, 'UTC', /^cron has \d+ characters: give at most 256/);
  for (const timeZone of ['Mars/Olympus', '', '+02:00', '−3', 'Europe/Berlin; DROP', 3, undefined, null])
    refused(
      '* * * * *',
      timeZone,
      /^timeZone is .*: give a name of the IANA database, e\.g\. Europe\/Berlin/,
    );
  for (const timeZone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'])
    requireRecurrence({ cron: '@daily', timeZone });
});
