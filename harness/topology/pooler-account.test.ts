// Is a pooler charged with what the load took of it alone, and named where it may be the bound?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PoolerReading, poolerNotes } from './pooler-account.ts';

const before: PoolerReading = { atUs: 900_000, cpuUs: 500_000, waitedUs: 4_000_000 };
const after = (more: Partial<PoolerReading>): PoolerReading => ({
  ...{ atUs: 11_000_000, cpuUs: 2_500_000, waitedUs: 4_250_000 },
  ...more,
});

test('CPU and waiting are those between the readings, over the time of the load', () => {
  assert.deepEqual(poolerNotes(before, after({}), 1_000_000), [
    'PgBouncer shared the machine of the agents, and took 20 % of one core under the load, of which it can use one',
    'its clients waited 0.25 s in all for a server connection under the load',
  ]);
});

test('one whose core is busy may be the bound', () => {
  const says = (cpuUs: number) =>
    poolerNotes(before, after({ cpuUs }), 1_000_000).filter((note) => note.includes('may be the bound'));
  assert.deepEqual(says(9_000_000), []);
  assert.deepEqual(says(9_100_000), [
    'PgBouncer was busy for over 85 % of the load: it may be the bound, and not the queue behind it',
  ]);
});

test('what could not be read is not made up', () => {
  assert.deepEqual(
    poolerNotes(before, { atUs: 1, cpuUs: undefined, waitedUs: undefined, problem: 'gone' }, 0),
    ['PgBouncer did not tell how long its clients waited: gone'],
  );
});
