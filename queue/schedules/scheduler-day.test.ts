// Is each instant of a whole day fired exactly once, while three schedulers race for it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import { pgDriver } from '../index.ts';
import { everyFrom } from './fired.ts';
import { live } from './life.ts';

test('three schedulers race through a day: each instant is fired once', async (t) => {
  const { fired, shares, errors } = await live((await testDatabase(t)).settings, {
    strategy: 'skip-locked',
    open: pgDriver,
    schedulers: 3,
    from: '2030-01-14T23:59:59.500Z',
    until: '2030-01-15T23:59:59Z',
    schedules: {
      minute: { cron: '* * * * *' },
      quarter: { cron: '*/15 * * * *', timeZone: 'America/New_York' },
      night: { cron: '30 2 * * *', timeZone: 'Europe/Berlin' },
    },
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(fired.get('minute'), everyFrom('2030-01-15T00:00Z', 1, 1440));
  assert.deepEqual(fired.get('quarter'), everyFrom('2030-01-15T00:00Z', 15, 96));
  assert.deepEqual(fired.get('night'), ['2030-01-15T01:30:00.000Z']);
  assert.equal(shares.filter((share) => share > 0).length, 3, 'each of them has had its share');
  assert.equal(
    shares.reduce((sum, share) => sum + share, 0),
    1440 + 96 + 1,
    'and told of each job that is there',
  );
});
