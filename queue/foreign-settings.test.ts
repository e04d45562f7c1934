// Does the queue keep its promises on a database whose defaults are not ours, and beside its users' transactions?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../testing/database.ts';
import { eventually } from './eventually.ts';
import { createQueue, type Driver, pgDriver, type Queue, type StrategyFactory, strategies } from './index.ts';

const JOBS = 400;
const CLAIMERS = 4;

/** Works every job off with several sessions at once; how often each was handed out. */
async function handOuts(strategy: StrategyFactory, settings: Parameters<typeof pgDriver>[0]) {
  await using driver = pgDriver({ ...settings, max: CLAIMERS + 2 });
  await using queue = createQueue({ driver, strategy, wakeup: 'poll' });
  await queue.install();
  await queue.enqueueMany(Array.from({ length: JOBS }, (_, n) => ({ queue: 'q', payload: { n } })));
  await queue.strategy.upkeep?.run(driver);
  const seen = new Map<string, number>();
  const claimers = Array.from({ length: CLAIMERS }, async (_, n) => {
    await using session = await queue.strategy.openWorker(await driver.connect('claimer'), `w${n}`);
    for (;;) {
      const jobs = await session.claim('q', 3, 60_000);
      if (jobs.length === 0) return;
      for (const job of jobs) seen.set(job.id, (seen.get(job.id) ?? 0) + 1);
      const settled = await session.settle(jobs.map((job) => ({ kind: 'ack', job })));
      assert.deepEqual(settled.stale, []);
    }
  });
  await Promise.all(claimers);
  await maintained(queue, driver);
  return seen;
}

/** Maintenance runs on the pool, whose sessions are as the database has them. */
async function maintained({ strategy }: Queue, driver: Driver): Promise<void> {
  const { upkeep, delay, guarantees } = strategy;
  if (delay !== undefined) await delay.promote(driver, 10);
  await upkeep?.run(driver);
  if (guarantees.lease !== 'timed') return;
  await strategy.enqueue(driver, [{ queue: 'lost', payload: {} }]);
  await using session = await strategy.openWorker(await driver.connect('claimer'), 'w');
  const claim = async (leaseMs: number) => {
    await upkeep?.run(driver);
    return (await session.claim('lost', 1, leaseMs)).length === 1;
  };
  await eventually(() => claim(1), 'a job to lose');
  await eventually(async () => {
    await strategy.reap(driver, 10);
    return claim(60_000);
  }, 'the lost job once more');
}

for (const strategy of strategies) {
  for (const setting of [
    "default_transaction_isolation = 'repeatable read'",
    "default_transaction_isolation = 'serializable'",
    'jit = on',
  ]) {
    test(`${strategy.strategyName}: each job once where the database says ${setting}`, async (t) => {
      const database = await testDatabase(t);
      const { settings } = database;
      {
        await using admin = pgDriver(settings);
        await admin.query({ text: `ALTER DATABASE ${settings.database} SET ${setting}` });
      }
      const startedMs = performance.now();
      const seen = await handOuts(strategy, settings);
      assert.equal(seen.size, JOBS);
      assert.ok(
        [...seen.values()].every((times) => times === 1),
        'a job was handed out twice',
      );
      // Compiled anew before each claim, as JIT would have it, these claims take over a minute.
      assert.ok(performance.now() - startedMs < 30_000);
    });
  }

  test(`${strategy.strategyName}: installing what is installed waits for nobody`, async (t) => {
    const { settings } = await testDatabase(t);
    await using driver = pgDriver(settings);
    await using queue = createQueue({ driver, strategy, wakeup: 'poll' });
    await queue.install();
    const { promise: committed, resolve: commit } = Promise.withResolvers<void>();
    const open = driver.transaction(async (tx) => {
      await queue.enqueue({ queue: 'q', payload: {} }, { tx });
      await committed;
    });
    try {
      const installed = queue.install().then(() => 'installed');
      assert.equal(await Promise.race([installed, sleep(5_000, 'it waits', { ref: false })]), 'installed');
    } finally {
      commit();
      await open;
    }
  });
}

test('a transaction in which a statement failed is not reported as committed, even when the error was caught', async (t) => {
  const { settings } = await testDatabase(t);
  await using driver = pgDriver(settings);
  await using queue = createQueue({ driver, strategy: 'skip-locked', wakeup: 'poll' });
  await queue.install();
  const transaction = driver.transaction(async (tx) => {
    const id = await queue.enqueue({ queue: 'q', payload: {} }, { tx });
    await tx.query({ text: 'SELECT 1 / 0' }).catch(() => undefined);
    return id;
  });
  await assert.rejects(transaction, /rolled back/);
  assert.equal((await queue.stats('q')).ready, 0);
});
