// Does a worker behind PgBouncer in transaction mode do its work, or say why it cannot?

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import { type Pooler, startPooler, withoutPooler } from '../testing/pooler.ts';
import { driverKinds } from './conformance/drivers.ts';
import { eventually } from './eventually.ts';
import {
  createQueue,
  createWorker,
  type Driver,
  type DriverOptions,
  fixedRetry,
  pgDriver,
  type Queue,
  type QueueOptions,
  runUntilIdle,
  sessionSettings,
  strategies,
  UnsupportedError,
  type WorkerOptions,
} from './index.ts';
import { keepIndexPlans } from './strategies/shared/planner.ts';
import { rangeTables } from './strategies/shared/range/relations.ts';

const kinds = driverKinds.filter(({ pipeline }) => pipeline);
const unable = strategies.filter(({ create }) => !create({ schema: 'any' }).guarantees.transactionPooler);
const FEATURED = ['skip-locked', 'batch', 'packed-lease', 'range-lease', 'ring'];

/** A queue behind a pooler that is ended with the test. */
async function behind(
  t: TestContext,
  settings: Parameters<typeof startPooler>[0] = {},
): Promise<{ readonly database: TestDatabase; readonly pooler: Pooler }> {
  const database = await testDatabase(t);
  const pooler = await startPooler(settings);
  t.after(() => pooler[Symbol.asyncDispose]());
  return { database, pooler };
}

/** Pids of the server's sessions that listen to a channel. */
async function listening({ settings }: TestDatabase): Promise<number> {
  await using driver = pgDriver(settings);
  const { rows } = await driver.query<{ readonly count: number }>({
    text: `SELECT count(*)::integer FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
  });
  return rows[0]?.count ?? 0;
}

for (const { label, open } of kinds)
  describe(`behind PgBouncer over ${label}`, { skip: withoutPooler }, () => {
    for (const factory of unable) {
      const { strategyName } = factory;

      test(`${strategyName} is refused at start, once, with the reason`, async (t) => {
        const { database, pooler } = await behind(t);
        await using driver = open(pooler.through(database));
        await using queue = createQueue({ driver, strategy: factory, wakeup: 'poll' });
        await queue.install();
        const errors: (readonly [unknown, string])[] = [];
        const worker = createWorker(queue, {
          queue: 'q',
          connections: 3,
          handler: () => assert.fail('nothing runs'),
          events: { error: (error, source) => errors.push([error, source]) },
        });
        await assert.rejects(worker.ended, UnsupportedError);
        assert.equal(worker.state, 'stopped');
        assert.deepEqual(await worker.stop(), { released: 0, abandoned: 0 });
        const [told] = errors;
        assert.deepEqual([errors.length, told?.[1]], [1, 'connect']);
        assert.match(
          String(told?.[0]),
          new RegExp(
            `${strategyName} has no place behind a pooler in transaction mode: its lease ends .*direct.*skip-locked`,
          ),
        );
        await assert.rejects(runUntilIdle(queue, { queue: 'q', handler: () => undefined }), UnsupportedError);
      });

      test(`${strategyName} works on the direct address`, async (t) => {
        const { database, pooler } = await behind(t);
        await using driver = open({ ...pooler.through(database), direct: database.settings });
        await using queue = createQueue({ driver, strategy: factory, wakeup: 'poll' });
        await queue.install();
        await queue.enqueue({ queue: 'q', payload: 1 });
        const report = await runUntilIdle(queue, { queue: 'q', handler: () => undefined });
        assert.deepEqual([report.ended, report.acked], ['idle', 1]);
      });
    }

    test('finished jobs are kept only where their record is one transaction with the settle', async (t) => {
      const { database, pooler } = await behind(t);
      const options = { wakeup: 'poll', retention: { days: 1 } } as const;
      await using pooled = open(pooler.through(database));
      await using queue = createQueue({ driver: pooled, ...options });
      await queue.install();
      await queue.enqueue({ queue: 'q', payload: 1 });
      await assert.rejects(
        runUntilIdle(queue, { queue: 'q', handler: () => undefined }),
        /no retention of finished jobs behind a pooler/,
      );
      await using direct = open({ ...pooler.through(database), direct: database.settings });
      await using kept = createQueue({ driver: direct, ...options });
      await runUntilIdle(kept, { queue: 'q', handler: () => undefined });
      assert.equal((await kept.finished.list()).length, 1);
    });

    for (const wakeup of ['notify', 'coalesced'] as const) {
      test(`${wakeup}: nobody listens through the pooler, which is said once, and jobs are polled for`, async (t) => {
        const { database, pooler } = await behind(t);
        await using driver = open(pooler.through(database));
        await using queue = createQueue({ driver, wakeup });
        await queue.install();
        const errors: string[] = [];
        let idle = 0;
        let done = 0;
        await using worker = createWorker(queue, {
          queue: 'q',
          handler: () => {
            done += 1;
          },
          events: {
            emptyClaim: () => {
              idle += 1;
            },
            error: (error, source) => errors.push(`${source}: ${error}`),
          },
        });
        await eventually(() => errors.length > 0 && worker.options.pollMs === 100, 'a worker that polls');
        assert.match(
          errors.join(),
          /^wakeup: .*behind a pooler in transaction mode no signal is heard.*direct/,
        );
        const before = idle;
        await eventually(() => idle > before + 2, 'a worker that asks by itself');
        await queue.enqueue({ queue: 'q', payload: 1 });
        await eventually(() => done === 1, 'a job that is found');
        assert.deepEqual([errors.length, await listening(database)], [1, 0]);
      });

      test(`${wakeup}: with a direct address signals are heard`, async (t) => {
        const { database, pooler } = await behind(t);
        await using driver = open({ ...pooler.through(database), direct: database.settings });
        await using queue = createQueue({ driver, wakeup });
        await queue.install();
        let done = 0;
        await using _worker = createWorker(queue, {
          queue: 'q',
          // A minute: whoever is found within the test's deadline was signalled.
          pollMs: 60_000,
          handler: () => {
            done += 1;
          },
        });
        await eventually(async () => (await listening(database)) === 1, 'a worker that listens');
        await queue.enqueue({ queue: 'q', payload: 1 });
        await eventually(() => done === 1, 'a job that is signalled');
      });
    }

    test('a session has its settings without leaving them on the pooler, or has them of the pooler', async (t) => {
      const asked = { text: "SELECT current_setting('enable_seqscan') AS setting" };
      {
        const { database, pooler } = await behind(t, { size: 1 });
        await using driver = open(pooler.through(database));
        await using connection = await driver.connect('one');
        const kept = await keepIndexPlans(connection);
        assert.deepEqual((await kept.query(asked)).rows, [{ setting: 'off' }]);
        assert.deepEqual((await connection.query(asked)).rows, [{ setting: 'on' }]);
        await assert.rejects(kept.query({ text: 'SELECT 1/0' }), { code: '22012' });
        assert.deepEqual((await kept.query(asked)).rows, [{ setting: 'off' }]);
      }
      const connectQuery = Object.entries(sessionSettings).map(([name, value]) => `SET ${name} = '${value}'`);
      const { database, pooler } = await behind(t, { connectQuery: connectQuery.join('; ') });
      await using driver = open(pooler.through(database));
      await using connection = await driver.connect('one');
      assert.equal(await keepIndexPlans(connection), connection);
    });

    for (const strategyName of FEATURED)
      test(`${strategyName}: two workers do a thousand jobs, over retries, delays and a restart of the pooler`, async (t) => {
        await workOff(t, open, { strategy: strategyName });
      });

    for (const strategy of ['skip-locked', 'packed-lease'])
      test(`${strategy}: the same, and each job that is done is written down once`, async (t) => {
        const queue = await workOff(t, open, { strategy, retention: { days: 1, payload: true } });
        const kept = await queue.finished.list({ limit: 2_000 });
        assert.deepEqual([kept.length, new Set(kept.map(({ payload }) => payload)).size], [1_000, 1_000]);
      });
  });

/** Two workers, a pooler that ends amid their work and comes back, and no job that is left. */
async function workOff(
  t: TestContext,
  open: (options: DriverOptions) => Driver,
  given: Omit<QueueOptions, 'driver'>,
): Promise<Queue> {
  const { database, pooler } = await behind(t, { size: 3 });
  const driver = open({ ...pooler.through(database), max: 2 });
  t.after(() => driver[Symbol.asyncDispose]());
  const queue = createQueue({ driver, ...given });
  t.after(() => queue[Symbol.asyncDispose]());
  await queue.install();
  const done = new Map<unknown, number>();
  const options: WorkerOptions = {
    queue: 'q',
    connections: 2,
    concurrency: 8,
    batch: 20,
    // Short, since what the restart interrupts comes back when its lease has ended.
    leaseMs: 2_000,
    retry: fixedRetry(20),
    async handler({ payload, attempt }) {
      await sleep(2);
      if (typeof payload === 'number' && payload % 5 === 0 && attempt === 1) throw new Error('again');
      done.set(payload, (done.get(payload) ?? 0) + 1);
    },
  };
  await using _one = createWorker(queue, options);
  await using _two = createWorker(queue, options);
  const runAt = new Date(Date.now() + 500);
  for (let start = 0; start < 1_000; start += 100)
    await queue.enqueueMany(
      Array.from({ length: 100 }, (_, at) => ({
        queue: 'q',
        payload: start + at,
        ...(at % 10 === 0 ? { runAt } : {}),
      })),
    );
  await eventually(() => done.size > 200, 'the first jobs');
  await pooler.stop();
  await pooler.restart();
  await eventually(() => done.size === 1_000, 'every job');
  await eventually(async () => {
    const { ready, delayed, leased, dead } = await queue.stats('q');
    return ready + delayed + leased + dead === 0;
  }, 'an empty queue');
  return queue;
}

describe('latches behind PgBouncer', { skip: withoutPooler }, () => {
  for (const size of [1, 2])
    test(`one that a claim has left on one of ${size} connections is opened when a claim fails`, async (t) => {
      const { database, pooler } = await behind(t, { size });
      await using direct = pgDriver(database.settings);
      await using driver = pgDriver(pooler.through(database));
      const factory = strategies.find(({ strategyName }) => strategyName === 'range-lease');
      assert(factory);
      const strategy = factory.create({ schema: 'range' });
      await strategy.install(driver);
      await strategy.enqueue(driver, [{ queue: 'q', payload: 1 }]);
      // For the pooler's connections from now on: waiting for a latch, or trying to read what is locked, fails.
      await direct.query({ text: `ALTER DATABASE ${database.settings.database} SET lock_timeout = '200ms'` });
      await pooler.stop();
      await pooler.restart();
      await using session = await strategy.openWorker(await driver.connect('claimer'), 'w');
      await using holder = await driver.connect('holder');
      await using other = await driver.connect('other');
      const { latch } = rangeTables({ schema: 'range' }, false).locks;
      await holder.query({ text: 'BEGIN' });
      await holder.query({ text: `SELECT pg_advisory_lock(${latch}, id) FROM range.lanes` });
      if (size === 2) await other.query({ text: 'BEGIN' });
      await holder.query({ text: 'COMMIT' });
      // The pooler lends what came back last: with two, that is the one without the latch.
      if (size === 2) await other.query({ text: 'COMMIT' });
      else await direct.query({ text: 'ALTER TABLE range.gaps RENAME TO away' });
      await assert.rejects(session.claim('q', 1, 60_000), { code: size === 2 ? '55P03' : '42P01' });
      if (size === 1) await direct.query({ text: 'ALTER TABLE range.away RENAME TO gaps' });
      await eventually(async () => {
        const { rows } = await direct.query({
          text: `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = ${latch} AND granted`,
        });
        return rows.length === 0;
      }, 'an open latch');
      assert.equal((await session.claim('q', 1, 60_000)).length, 1);
    });
});
