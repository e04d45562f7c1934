// What of advisory locks does the conformance suite not ask?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import { pgDriver } from '../drivers/pg.ts';
import { advisory } from './advisory.ts';

/** As many locks as a session may hold. */
const MOST = 1_000;

test('a claim at the limit of held locks waits for the settle that opens some', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  const strategy = advisory.create({ schema: 'advisory_limit' });
  await strategy.install(driver);
  await strategy.enqueue(
    driver,
    Array.from({ length: MOST + 10 }, (_, n) => ({ queue: 'q', payload: { n } })),
  );
  const connection = await driver.connect('worker');
  await using session = await strategy.openWorker(connection, 'w');
  const jobs = await session.claim('q', MOST, 30_000);
  assert.equal(jobs.length, MOST);
  assert.deepEqual(
    await session.claim('q', 1, 30_000),
    [],
    'nothing is being settled, so nothing is to be waited for',
  );
  const settling = session.settle(jobs.slice(0, 10).map((job) => ({ kind: 'ack', job })));
  assert.equal((await session.claim('q', 10, 30_000)).length, 10);
  assert.equal((await settling).acked, 10);
});
