// What does a claim answer that has lost its candidates to others?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../testing/database.ts';
import type { Driver } from '../drivers/driver.ts';
import { pgDriver } from '../drivers/pg.ts';
import { blocking } from './blocking.ts';
import { nowait } from './nowait.ts';
import { optimistic } from './optimistic.ts';

const job = { queue: 'q', payload: {} };

/** Does `text` in a transaction that is open until `commit`. */
async function beginWith(driver: Driver, text: string) {
  const { promise: committing, resolve: commit } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const ended = driver.transaction(async (tx) => {
    await tx.query({ text });
    begin();
    await committing;
  });
  await begun;
  return async () => {
    commit();
    await ended;
  };
}

for (const factory of [blocking, nowait, optimistic]) {
  const { strategyName: name } = factory;

  test(`${name}: a claim whose only candidate was taken finds the job that has come meanwhile`, async (t) => {
    const database = await testDatabase(t);
    await using driver = pgDriver(database.settings);
    const strategy = factory.create({ schema: 's' });
    await strategy.install(driver);
    await strategy.enqueue(driver, [job]);
    await using session = await strategy.openWorker(await driver.connect('worker'), 'w');
    const commit = await beginWith(driver, 'DELETE FROM s.jobs');
    const claiming = session.claim('q', 1, 60_000);
    await sleep(100);
    const [second] = await strategy.enqueue(driver, [job]);
    await commit();
    assert.deepEqual(
      (await claiming).map(({ id }) => id),
      [second],
    );
    assert.deepEqual(await session.claim('q', 1, 60_000), [], 'nothing is ready');
  });
}

// Not `optimistic`: an UPDATE has made its new row, lease and all, before it waits for one that is merely locked.
for (const factory of [blocking, nowait]) {
  test(`${factory.strategyName}: a lease begins when the job is claimed, not when the wait for it began`, async (t) => {
    const database = await testDatabase(t);
    await using driver = pgDriver(database.settings);
    const strategy = factory.create({ schema: 's' });
    await strategy.install(driver);
    await strategy.enqueue(driver, [job]);
    await using session = await strategy.openWorker(await driver.connect('worker'), 'w');
    const commit = await beginWith(driver, 'SELECT FROM s.jobs FOR UPDATE');
    const claiming = session.claim('q', 1, 400);
    await sleep(500);
    const freedMs = Date.now();
    await commit();
    const [claimed] = await claiming;
    // The server of the tests shares this machine's clock.
    assert.ok(claimed && claimed.lease.expiresAtMs >= freedMs + 300, 'the wait was taken off the lease');
  });
}

test('nowait: a claim that others keep from its rows for five seconds says so, and not that nothing is ready', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  const strategy = nowait.create({ schema: 's' });
  await strategy.install(driver);
  await strategy.enqueue(driver, [job]);
  await using session = await strategy.openWorker(await driver.connect('worker'), 'w');
  const commit = await beginWith(driver, 'SELECT FROM s.jobs FOR UPDATE');
  const startedMs = performance.now();
  await assert.rejects(session.claim('q', 1, 60_000), (error: unknown) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /lost \d+ races in 5 s while jobs were ready/);
    assert.ok(error.cause instanceof Error && 'code' in error.cause && error.cause.code === '55P03');
    return true;
  });
  assert.ok(performance.now() - startedMs >= 5_000);
  await commit();
  assert.equal((await session.claim('q', 1, 60_000)).length, 1);
});
