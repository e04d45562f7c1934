// Is a finished job written down if and only if it is settled?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import {
  createQueue,
  createWorker,
  type Driver,
  fixedRetry,
  pgDriver,
  postgresDriver,
  type QueueEvent,
  runUntilIdle,
  type StrategyFactory,
  UnsupportedError,
} from '../index.ts';
import { batch } from '../strategies/batch.ts';

const STRATEGIES = ['skip-locked', 'batch', 'packed-lease', 'range-lease', 'ring'];

let database: TestDatabase;
const drivers: Driver[] = [];

before(async () => {
  database = await testDatabase();
  drivers.push(pgDriver({ ...database.settings, max: 6 }), postgresDriver({ ...database.settings, max: 6 }));
});
after(async () => {
  for (const driver of drivers) await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

for (const [at, name] of ['pg', 'postgres'].entries())
  describe(name, () => {
    for (const strategy of STRATEGIES) {
      const open = async (schema: string) => {
        const driver = drivers[at];
        assert(driver);
        const queue = createQueue({
          driver,
          strategy,
          schema: `${schema} ${name} ${strategy}`,
          retention: { days: 2, payload: true },
        });
        await queue.install();
        return queue;
      };

      test(`${strategy}: what is done, buried or cancelled is kept, and what is retried is not`, async () => {
        await using queue = await open('kept');
        const jobs = Array.from({ length: 40 }, (_, payload) => ({ queue: 'q', payload, maxAttempts: 2 }));
        await queue.enqueueMany(jobs);
        const report = await runUntilIdle(queue, {
          queue: 'q',
          connections: 2,
          concurrency: 2,
          retry: fixedRetry(0),
          async handler(job) {
            await Promise.resolve();
            if (job.payload === 3 || (job.payload === 5 && job.attempt === 1))
              throw new Error(`of ${job.payload}`);
          },
        });
        assert.deepEqual(
          [report.ended, report.acked, report.retried, report.deadLettered],
          ['idle', 39, 2, 1],
        );
        const kept = await queue.finished.list({ queue: 'q', limit: 100 });
        assert.deepEqual(
          kept.map(({ payload }) => payload).sort((one, other) => Number(one) - Number(other)),
          jobs.map(({ payload }) => payload),
        );
        const buried = kept.find(({ payload }) => payload === 3);
        assert.equal(buried?.outcome, 'dead-lettered');
        assert.match(buried?.error ?? '', /of 3/);
        assert.equal(kept.find(({ payload }) => payload === 5)?.attempt, 2);
        assert(kept.every(({ worker }) => worker !== undefined));
      });

      test(`${strategy}: a job whose worker dies with its last attempt is told of, and kept`, async () => {
        await using queue = await open('died');
        const { driver, strategy: claims } = queue;
        const events: QueueEvent[] = [];
        await using watched = createQueue({
          driver,
          strategy,
          schema: queue.schema,
          retention: { days: 2, payload: true },
          observe: (event) => events.push(event),
        });
        const [last, more] = await queue.enqueueMany([
          { queue: 'q', payload: 'last', maxAttempts: 1 },
          { queue: 'q', payload: 'more', maxAttempts: 2 },
        ]);
        {
          await using session = await claims.openWorker(await driver.connect('dies'), 'the dead');
          assert.equal((await session.claim('q', 2, 1)).length, 2);
        }
        await using _worker = createWorker(watched, { queue: 'q', leaseMs: 1000, handler: () => undefined });
        await eventually(async () => (await queue.finished.list()).length === 2, 'both are kept');
        const [buried] = await queue.finished.list({ jobId: last ?? '' });
        assert.deepEqual(
          [buried?.outcome, buried?.payload, buried?.startedAtMs],
          ['dead-lettered', 'last', undefined],
        );
        assert.match(buried?.error ?? '', /lease expired.*the dead/);
        const [done] = await queue.finished.list({ jobId: more ?? '' });
        assert.deepEqual([done?.outcome, done?.attempt], ['completed', 2]);
        const told = events.find((event) => event.kind === 'dead-lettered');
        assert.deepEqual([told?.job.id, told?.job.attempt, told?.serviceMs], [last, 1, undefined]);
        assert.match(told?.error ?? '', /lease expired/);
        const reaped = events.reduce((sum, event) => sum + (event.kind === 'reaped' ? event.count : 0), 0);
        assert.equal(reaped, 2);
      });

      test(`${strategy}: what is cancelled or replaced while it waits is kept, if that commits`, async () => {
        await using queue = await open('cancelled');
        const cancelled = await queue.enqueue({ queue: 'q', payload: 'cancelled', priority: 3 });
        assert.equal(await queue.cancel(cancelled), 'cancelled');
        const unique = (payload: string) =>
          ({ queue: 'q', payload, unique: { key: 'k', policy: 'replace' } }) as const;
        const replaced = await queue.enqueue(unique('replaced'));
        const lost = queue.driver.transaction(async (tx) => {
          await queue.enqueue(unique('rolled back'), { tx });
          throw new Error('no');
        });
        await assert.rejects(lost, /^Error: no$/);
        assert.equal((await queue.finished.list()).length, 1, 'nothing of what is rolled back');
        await queue.enqueue(unique('by this'));
        assert.deepEqual(
          (await queue.finished.list()).map(({ jobId, outcome, payload, priority, attempt, worker }) => [
            ...[jobId, outcome, payload],
            ...[priority, attempt, worker],
          ]),
          [
            [replaced, 'cancelled', 'replaced', 0, 0, undefined],
            [cancelled, 'cancelled', 'cancelled', 3, 0, undefined],
          ],
        );
      });

      test(`${strategy}: a worker whose claims pass a narrow gate does every job`, async () => {
        await using queue = await open('gate');
        await queue.enqueueMany(Array.from({ length: 600 }, (_, payload) => ({ queue: 'q', payload })));
        const report = await runUntilIdle(queue, {
          queue: 'q',
          connections: 3,
          batch: 20,
          claimsAtOnce: 1,
          handler: () => undefined,
        });
        assert.deepEqual([report.ended, report.acked], ['idle', 600]);
        assert.equal((await queue.finished.list({ limit: 1000 })).length, 600);
      });

      test(`${strategy}: what cannot be written down at once is settled all the same, and kept once`, async () => {
        await using queue = await open('again');
        const { driver } = queue;
        const failsOnce = `public."fails once ${name} ${strategy}"`;
        await driver.query({ text: `CREATE SEQUENCE ${failsOnce}` });
        await driver.query({
          text: `
CREATE FUNCTION ${failsOnce}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('${failsOnce}') = 1 THEN RAISE EXCEPTION 'planted'; END IF;
  RETURN NULL;
END $$`,
        });
        await driver.query({
          text: `CREATE TRIGGER planted BEFORE INSERT ON ${queue.context.tables.finished} EXECUTE FUNCTION ${failsOnce}()`,
        });
        await queue.enqueueMany(
          Array.from({ length: 100 }, (_, payload) => ({ queue: 'q', payload, maxAttempts: 1 })),
        );
        const errors: string[] = [];
        const stale: string[] = [];
        let runs = 0;
        const report = await runUntilIdle(
          queue,
          {
            queue: 'q',
            concurrency: 4,
            leaseMs: 60_000,
            // So that what fails is a part of what was claimed together.
            async handler(job) {
              runs += 1;
              await sleep(job.payload === 3 ? 100 : 0);
            },
            events: {
              settled: (_, result) => stale.push(...result.stale),
              error: (error, source) => errors.push(`${source}: ${String(error)}`),
            },
          },
          { budgetMs: 20_000 },
        );
        assert.deepEqual(
          [report.ended, report.acked, report.deadLettered, runs, stale],
          ['idle', 100, 0, 100, []],
          errors.join('\n'),
        );
        assert.equal(errors.filter((error) => /settle: .*planted/.test(error)).length, 1, errors.join('\n'));
        const kept = await queue.finished.list({ limit: 1000 });
        assert.equal(new Set(kept.map(({ payload }) => payload)).size, 100, 'each is kept');
        assert.equal(kept.length, 100, 'and none twice');
      });

      test(`${strategy}: a backend that dies between settle and record leaves neither, and the job is kept once`, async () => {
        await using queue = await open('torn');
        const { driver } = queue;
        await queue.enqueueMany(Array.from({ length: 200 }, (_, payload) => ({ queue: 'q', payload })));
        const done = new Map<unknown, number>();
        const errors: string[] = [];
        await using worker = createWorker(queue, {
          queue: 'q',
          connections: 2,
          concurrency: 4,
          leaseMs: 1000,
          async handler(job) {
            await Promise.resolve();
            done.set(job.payload, (done.get(job.payload) ?? 0) + 1);
          },
          events: { error: (_, source) => errors.push(source) },
        });
        for (let times = 0; times < 5; times += 1) {
          await driver.query({
            text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%worker q%' AND datname = current_database()`,
          });
          await new Promise((resolve) => setTimeout(resolve, 60));
        }
        await eventually(async () => {
          const { ready, delayed, leased } = await queue.stats('q');
          return ready + delayed + leased === 0;
        }, 'all done');
        await worker.stop();
        const kept = await queue.finished.list({ limit: 1000 });
        const payloads = kept.map(({ payload }) => payload);
        assert.equal(new Set(payloads).size, 200, 'each is kept');
        assert.equal(payloads.length, 200, 'and none twice');
      });
    }
  });

/** Its claims are many statements. */
const longWinded: StrategyFactory = {
  ...batch,
  strategyName: 'long-winded',
  create(options) {
    const made = batch.create(options);
    return {
      ...made,
      async openWorker(connection, workerId) {
        const session = await made.openWorker(connection, workerId);
        return {
          async claim(queue, limit, leaseMs) {
            const jobs = await session.claim(queue, limit, leaseMs);
            for (let times = 0; times < 20; times += 1) await connection.query({ text: 'SELECT 1' });
            return jobs;
          },
          settle: (outcomes) => session.settle(outcomes),
          [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
        };
      },
    };
  },
};

test('no claim shares the transaction in which jobs are settled and written down', async () => {
  const sent: string[] = [];
  await using driver = pgDriver({
    ...database.settings,
    max: 4,
    onStatement: ({ text }, _, purpose) => {
      if (purpose !== undefined) sent.push(text);
    },
  });
  await using queue = createQueue({
    driver,
    strategy: longWinded,
    schema: 'alone',
    retention: { days: 1 },
  });
  await queue.install();
  await queue.enqueueMany(Array.from({ length: 50 }, (_, payload) => ({ queue: 'q', payload })));
  const report = await runUntilIdle(queue, {
    queue: 'q',
    concurrency: 4,
    batch: 1,
    handler: () => sleep(3),
  });
  assert.deepEqual([report.ended, report.acked], ['idle', 50]);
  for (const [at, text] of sent.entries()) {
    if (text !== 'BEGIN') continue;
    const together = sent.slice(at, sent.indexOf('COMMIT', at));
    assert(!together.includes('SELECT 1'), `in one transaction: ${together.join(';\n')}`);
  }
  assert(sent.includes('BEGIN') && sent.includes('SELECT 1'));
});

test('a strategy whose settle ends its own transaction or lock refuses', () => {
  const [driver] = drivers;
  assert(driver);
  for (const strategy of ['held-transaction', 'advisory'])
    assert.throws(() => createQueue({ driver, strategy, retention: { days: 1 } }), UnsupportedError);
  assert.throws(() => createQueue({ driver, retention: { days: 0 } }), /days is 0/);
});
