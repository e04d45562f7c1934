// Is each instant fired exactly once with every strategy and driver, on days on which clocks change as on others?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { pgDriver } from '../index.ts';
import { everyFrom } from './fired.ts';
import { live } from './life.ts';

// To an enqueue, a driver without pipeline is like one with.
const kinds = driverKinds.filter(({ pipeline }) => pipeline);

for (const strategy of ['skip-locked', 'packed-lease', 'range-lease', 'ring'])
  for (const kind of kinds)
    test(`${strategy} over ${kind.label}: an hour with three schedulers`, async (t) => {
      const { fired, errors } = await live((await testDatabase(t)).settings, {
        strategy,
        open: kind.open,
        schedulers: 3,
        from: '2030-01-15T11:59:30Z',
        until: '2030-01-15T13:00:00Z',
        schedules: {
          minute: { cron: '* * * * *' },
          other: { cron: '*/2 * * * *' },
          seconds: { cron: '0,59 29 * * * *' },
        },
      });
      assert.deepEqual(errors, []);
      assert.deepEqual(fired.get('minute'), everyFrom('2030-01-15T12:00Z', 1, 61));
      assert.deepEqual(fired.get('other'), everyFrom('2030-01-15T12:00Z', 2, 31));
      assert.deepEqual(fired.get('seconds'), ['2030-01-15T12:29:00.000Z', '2030-01-15T12:29:59.000Z']);
    });

test('an hour where the database defaults to a stricter isolation', async (t) => {
  const { fired, errors } = await live((await testDatabase(t)).settings, {
    strategy: 'skip-locked',
    open: pgDriver,
    schedulers: 3,
    sessionOptions: '-c default_transaction_isolation=serializable',
    from: '2030-01-15T11:59:30Z',
    until: '2030-01-15T13:00:00Z',
    schedules: { minute: { cron: '* * * * *' } },
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(fired.get('minute'), everyFrom('2030-01-15T12:00Z', 1, 61));
});

/** By UTC: midnight before the clocks change, and 02:30 on that day. */
const changes = [
  ['in spring', 'Europe/Berlin', '2030-03-30T23:00:00Z', '2030-03-31T01:00:00.000Z'],
  ['in autumn', 'Europe/Berlin', '2030-10-26T22:00:00Z', '2030-10-27T00:30:00.000Z'],
  ['in spring', 'America/New_York', '2030-03-10T05:00:00Z', '2030-03-10T07:00:00.000Z'],
  ['in autumn', 'America/New_York', '2030-11-03T04:00:00Z', '2030-11-03T07:30:00.000Z'],
] as const;

for (const [season, timeZone, midnight, halfPastTwo] of changes)
  test(`clocks change ${season}, ${timeZone}: 02:30 fires once, half hours go on evenly`, async (t) => {
    const after = (minutes: number): string =>
      new Date(Date.parse(midnight) + minutes * 60_000).toISOString();
    const { fired, errors } = await live((await testDatabase(t)).settings, {
      strategy: 'skip-locked',
      open: pgDriver,
      schedulers: 2,
      from: midnight,
      until: after(360),
      schedules: {
        night: { cron: '30 2 * * *', timeZone },
        half: { cron: '*/30 * * * *', timeZone },
      },
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(fired.get('night'), [halfPastTwo]);
    assert.deepEqual(fired.get('half'), everyFrom(after(30), 30, 12));
  });
