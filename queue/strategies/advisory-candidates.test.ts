// Does a list of candidates lock only what it hands out, and not hide the jobs behind it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import type { Driver } from '../drivers/driver.ts';
import { pgDriver } from '../drivers/pg.ts';
import { advisoryCandidates } from './advisory-candidates.ts';

/** Jobs on one list. */
const LIST = 1_000;

async function locksOf(driver: Driver): Promise<number> {
  const { rows } = await driver.query<{ readonly locks: number }>({
    text: `SELECT count(*)::integer AS locks FROM pg_locks
      WHERE locktype = 'advisory' AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  });
  return rows[0]?.locks ?? -1;
}

async function open(driver: Driver, jobs: number) {
  const strategy = advisoryCandidates.create({ schema: 's' });
  await strategy.install(driver);
  await strategy.enqueue(
    driver,
    Array.from({ length: jobs }, (_, n) => ({ queue: 'q', payload: { n } })),
  );
  return { strategy, session: async () => strategy.openWorker(await driver.connect('worker'), 'w') };
}

test('a claim locks what it returns and nothing else, each once', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  const queue = await open(driver, 3 * LIST);
  await using first = await queue.session();
  await using second = await queue.session();
  const taken = [...(await first.claim('q', 7, 1)), ...(await second.claim('q', 5, 1))];
  assert.equal(new Set(taken.map(({ id }) => id)).size, 12);
  assert.equal(await locksOf(driver), 12);
  // A lock that was taken twice would be left after its one unlock.
  await first.settle(taken.slice(0, 7).map((job) => ({ kind: 'ack', job })));
  await second.settle(taken.slice(7).map((job) => ({ kind: 'release', job })));
  assert.equal(await locksOf(driver), 0);
});

test('behind a list that others have taken whole, the next list is found, in order', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  const queue = await open(driver, 2 * LIST + 3);
  await using first = await queue.session();
  await using second = await queue.session();
  await using third = await queue.session();
  assert.equal((await first.claim('q', LIST, 1)).length, LIST);
  assert.equal((await second.claim('q', LIST, 1)).length, LIST);
  const rest = await third.claim('q', 10, 1);
  assert.deepEqual(
    rest.map(({ id }) => Number(id)),
    [2 * LIST + 1, 2 * LIST + 2, 2 * LIST + 3],
  );
  await using fourth = await queue.session();
  assert.deepEqual(await fourth.claim('q', 10, 1), []);
});
