// Can jobs be looked up, cancelled, and brought back from the dead through the queue?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import { driverKinds } from './conformance/drivers.ts';
import type { Driver } from './drivers/driver.ts';
import { eventually } from './eventually.ts';
import { createQueue, createWorker, type Queue, type QueueEvent, strategies } from './index.ts';
import { qualify } from './sql.ts';
import { skipLocked } from './strategies/skip-locked.ts';
import type { ClaimedJob, Outcome, StrategyFactory, WorkerSession } from './strategy.ts';
import type { WakeupName } from './wakeup/wakeup.ts';

const LEASE_MS = 60_000;
/** What a caller without types may hand in. */
const untyped = (value: unknown) => value as never;

/** A queue on tables of its own, whose events are kept, and a session to work on it. */
interface Yard {
  readonly queue: Queue;
  readonly events: QueueEvent[];
  readonly session: WorkerSession;
}

let schemas = 0;

async function openYard(
  driver: Driver,
  closing: AsyncDisposableStack,
  strategy: string | StrategyFactory = 'skip-locked',
  wakeup: WakeupName = 'coalesced',
): Promise<Yard> {
  const events: QueueEvent[] = [];
  schemas += 1;
  const observe = (event: QueueEvent) => events.push(event);
  const queue = closing.use(
    createQueue({ driver, strategy, wakeup, schema: `Jobs "${schemas}" ü'`, observe }),
  );
  await queue.install();
  const session = closing.use(await queue.strategy.openWorker(await driver.connect('test'), 'tester'));
  return { queue, events, session };
}

async function claimOne({ session }: Yard, queue = 'q'): Promise<ClaimedJob> {
  const [job] = await session.claim(queue, 1, LEASE_MS);
  assert(job, 'a ready job');
  return job;
}

/** Enqueues jobs and makes dead letters of them; returns their ids. */
async function bury({ queue, session }: Yard, count: number, name = 'q'): Promise<readonly string[]> {
  const ids = await queue.enqueueMany(Array.from({ length: count }, (_, n) => ({ queue: name, payload: n })));
  const jobs = await session.claim(name, count, LEASE_MS);
  await session.settle(jobs.map((job): Outcome => ({ kind: 'dead-letter', job, error: `failed ${job.id}` })));
  return ids;
}

const kept = (events: readonly QueueEvent[], ...kinds: readonly QueueEvent['kind'][]) =>
  events.filter(({ kind }) => kinds.includes(kind));

async function cancellations({ queue }: Yard): Promise<unknown> {
  const { rows } = await queue.driver.query({
    text: `SELECT job_id, queue FROM ${queue.context.tables.cancellations} ORDER BY job_id`,
  });
  return rows;
}

async function isListening(driver: Driver): Promise<boolean> {
  const { rows } = await driver.query({
    text: `SELECT FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE '% listen'
             AND query LIKE 'LISTEN%' AND state = 'idle'`,
  });
  return rows.length > 0;
}

for (const kind of driverKinds.filter(({ library, pipeline }) => library === 'pg' || pipeline))
  describe(`over ${kind.label}`, () => {
    let database: TestDatabase;
    let driver: Driver;
    before(async () => {
      database = await testDatabase();
      driver = kind.open({ ...database.settings, max: 4 });
    });
    after(async () => {
      await driver[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    });

    test('a job is inspected with what it has said of its progress', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      const { queue } = yard;
      const id = await queue.enqueue({ queue: 'q', payload: { n: 1 } });
      const ready = await queue.inspect(id);
      assert.deepEqual(
        [ready?.state, ready?.payload, ready && 'progress' in ready],
        ['ready', { n: 1 }, false],
      );
      const job = await claimOne(yard);
      await driver.query({
        text: `INSERT INTO ${queue.context.tables.progress} (job_id, value) VALUES ($1, '{"done": [1, 2]}')`,
        values: [id],
      });
      const leased = await queue.inspect(id);
      assert.deepEqual(
        [leased?.state, leased?.worker, leased?.progress?.value],
        ['leased', 'tester', { done: [1, 2] }],
      );
      assert(Math.abs((leased?.progress?.atMs ?? 0) - Date.now()) < 60_000);
      await yard.session.settle([{ kind: 'ack', job }]);
      assert.equal(await queue.inspect(id), undefined);
    });

    test('a job that waits is cancelled at once, with what was noted of it', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      const { queue, events } = yard;
      const id = await queue.enqueue({ queue: 'q', payload: 1 });
      const later = await queue.enqueue({ queue: 'q', payload: 2, runAt: new Date(Date.now() + 3_600_000) });
      const { tables } = queue.context;
      for (const text of [
        `INSERT INTO ${tables.progress} (job_id, value) VALUES (${id}, '1')`,
        `INSERT INTO ${tables.jobKeys} (job_id, queue, key) VALUES (${id}, 'q', 'k')`,
        `INSERT INTO ${tables.cancellations} (job_id, queue) VALUES (${id}, 'q')`,
      ])
        await driver.query({ text });
      assert.equal(await queue.cancel(id), 'cancelled');
      assert.equal(await queue.cancel(later), 'cancelled');
      assert.deepEqual(
        kept(events, 'cancelled'),
        [id, later].map((one) => ({ kind: 'cancelled', id: one, queue: 'q', running: false })),
      );
      for (const table of [tables.progress, tables.jobKeys, tables.cancellations])
        assert.deepEqual((await driver.query({ text: `SELECT FROM ${table}` })).rows, [], table);
      assert.deepEqual(await yard.session.claim('q', 10, LEASE_MS), []);
      assert.deepEqual([await queue.cancel(id), await queue.inspect(id)], ['absent', undefined]);
    });

    test('the worker of a job that runs is asked, once', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      const { queue } = yard;
      const id = await queue.enqueue({ queue: 'q', payload: 1 });
      const job = await claimOne(yard);
      assert.deepEqual([await queue.cancel(id), await queue.cancel(id)], ['requested', 'requested']);
      assert.deepEqual(await cancellations(yard), [{ job_id: id, queue: 'q' }]);
      assert.deepEqual(kept(yard.events, 'cancelled'), []);
      assert.equal((await yard.session.settle([{ kind: 'ack', job }])).acked, 1);
    });

    test('what is done or dead is absent, and no word of it stays', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      const { queue, session } = yard;
      const [dead = ''] = await bury(yard, 1);
      const done = await queue.enqueue({ queue: 'q', payload: 1 });
      await session.settle([{ kind: 'ack', job: await claimOne(yard) }]);
      for (const id of [dead, done, '123456789']) assert.equal(await queue.cancel(id), 'absent', `job ${id}`);
      assert.deepEqual(await cancellations(yard), []);
      assert.equal((await queue.inspect(dead))?.state, 'dead');
    });

    test('a job that ends, or comes back, while its worker is asked', async () => {
      await using closing = new AsyncDisposableStack();
      for (const [outcome, result] of [
        ['ack', 'absent'],
        ['release', 'cancelled'],
      ] as const) {
        let settle = async (): Promise<void> => undefined;
        // The job's worker is quicker than the look after the word is left.
        const racing: StrategyFactory = {
          ...skipLocked,
          create(options) {
            const made = skipLocked.create(options);
            const { inspection } = made;
            assert(inspection);
            const find: typeof inspection.find = async (db, ids) => {
              const found = await inspection.find(db, ids);
              await settle();
              return found;
            };
            return { ...made, inspection: { find } };
          },
        };
        const yard = await openYard(driver, closing, racing);
        const id = await yard.queue.enqueue({ queue: 'q', payload: 1 });
        const job = await claimOne(yard);
        settle = async () => {
          settle = async () => undefined;
          await yard.session.settle([{ kind: outcome, job }]);
        };
        assert.equal(await yard.queue.cancel(id), result);
        assert.deepEqual(await cancellations(yard), []);
        assert.equal(await yard.queue.inspect(id), undefined);
      }
    });

    test('dead letters are listed, brought back and deleted as they are named', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      const { queue, events } = yard;
      const { deadLetters } = queue;
      const mine = await bury(yard, 5);
      const [other = ''] = await bury(yard, 1, 'other');
      assert.deepEqual(
        (await deadLetters.list()).map(({ id, payload, errors }) => [id, payload, errors[0]?.error]),
        [...mine, other].map((id, n) => [id, n % 5, `failed ${id}`]),
      );
      assert.deepEqual(
        (await deadLetters.list({ afterId: mine[1] ?? '', limit: 2, queue: 'q' })).map(({ id }) => id),
        mine.slice(2, 4),
      );
      const [first = '', second = '', ...rest] = mine;
      assert.equal(await deadLetters.redrive({ ids: [first, second, first], queue: 'other' }), 0);
      assert.equal(await deadLetters.redrive({ ids: [second, first, second] }), 2);
      assert.equal(await deadLetters.redrive({ ids: [] }), 0);
      assert.equal(await deadLetters.purge({ diedBefore: new Date(0) }), 0);
      assert.equal(await deadLetters.purge({ queue: 'other' }), 1);
      assert.equal(await deadLetters.redrive({ all: true }), 3);
      assert.deepEqual(await deadLetters.list(), []);
      assert.deepEqual(kept(events, 'redriven', 'purged'), [
        { kind: 'redriven', ids: [first, second] },
        { kind: 'purged', count: 1 },
        { kind: 'redriven', ids: rest },
      ]);
      assert.deepEqual(
        (await yard.session.claim('q', 10, LEASE_MS)).map(({ id }) => id).sort(),
        [...mine].sort(),
      );
    });

    test('more dead letters than a page has are all brought back, or deleted', async () => {
      await using closing = new AsyncDisposableStack();
      for (const act of ['redrive', 'purge'] as const)
        for (const by of ['queue', 'ids', 'all'] as const) {
          const yard = await openYard(driver, closing);
          const { deadLetters } = yard.queue;
          const count = act === 'redrive' ? 1_100 : 5_100;
          const ids = await bury(yard, count);
          const which = { queue: { queue: 'q' }, ids: { ids }, all: { all: true } }[by];
          assert.equal(await deadLetters[act](which), count, `${act} by ${by}`);
          assert.deepEqual(await deadLetters.list(), []);
          const ready = act === 'redrive' ? count : 0;
          assert.equal((await yard.queue.stats('q')).ready, ready, `${act} by ${by}`);
        }
    });

    test('a purge takes the concurrency keys of what it deletes along, and no others', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      const { queue } = yard;
      const [purged = '', redriven = ''] = [
        await queue.enqueue({ queue: 'q', payload: 1, concurrencyKey: 'a' }),
        await queue.enqueue({ queue: 'q', payload: 2, concurrencyKey: 'b' }),
      ];
      const jobs = await yard.session.claim('q', 2, LEASE_MS);
      await yard.session.settle(jobs.map((job): Outcome => ({ kind: 'dead-letter', job, error: 'x' })));
      await bury(yard, 1_200);
      assert.equal(await queue.deadLetters.redrive({ ids: [redriven] }), 1);
      assert.equal(await queue.deadLetters.purge({ queue: 'q' }), 1_201);
      assert.equal(await queue.inspect(purged), undefined);
      const { rows } = await driver.query({ text: `SELECT key FROM ${queue.context.tables.jobKeys}` });
      assert.deepEqual(rows, [{ key: 'b' }]);
    });

    test('a page of dead letters sends back no payload, however they are chosen', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      const { queue, session } = yard;
      const payload = 'x'.repeat(100_000);
      await queue.enqueueMany(
        Array.from({ length: 6 }, () => ({ queue: 'q', payload, concurrencyKey: 'k' })),
      );
      const jobs = await session.claim('q', 6, LEASE_MS);
      await session.settle(jobs.map((job): Outcome => ({ kind: 'dead-letter', job, error: 'y' })));
      const [first = '', second = ''] = jobs.map(({ id }) => id);
      // Every answer that the queue gets is weighed.
      let characters = 0;
      const weighing = <D extends object>(db: D): D =>
        new Proxy(db, {
          get(target, key) {
            const value: unknown = Reflect.get(target, key, target);
            if (typeof value !== 'function') return value;
            if (key === 'transaction')
              return (work: (tx: object) => Promise<unknown>) =>
                value.call(target, (tx: object) => work(weighing(tx)));
            if (key !== 'query') return value.bind(target);
            return async (...given: unknown[]) => {
              const result = await value.apply(target, given);
              characters += JSON.stringify(result.rows).length;
              return result;
            };
          },
        });
      const { deadLetters } = closing.use(
        createQueue({
          driver: weighing(driver),
          strategy: 'skip-locked',
          schema: queue.schema,
          wakeup: 'poll',
        }),
      );
      assert.equal(await deadLetters.redrive({ ids: [first] }), 1);
      assert.equal(await deadLetters.redrive({ ids: [second], queue: 'q' }), 1);
      assert.equal(await deadLetters.redrive({ diedBefore: new Date(0) }), 0);
      assert.equal(await deadLetters.purge({ ids: jobs.slice(2, 4).map(({ id }) => id) }), 2);
      assert.equal(await deadLetters.redrive({ all: true }), 2);
      assert(characters < 10_000, `${characters} characters were sent`);
      assert.equal((await queue.stats('q')).ready, 4);
    });

    test('a purge passes over what others have in hand, and deletes the rest with its keys', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      const { queue, session } = yard;
      const count = 1_500;
      const ids = await queue.enqueueMany(
        Array.from({ length: count }, () => ({ queue: 'q', payload: 0, concurrencyKey: 'k' })),
      );
      const jobs = await session.claim('q', count, LEASE_MS);
      await session.settle(jobs.map((job): Outcome => ({ kind: 'dead-letter', job, error: 'x' })));
      const held = ids.slice(0, 1_200);
      const store = queue.strategy.deadLetters ?? assert.fail();
      await driver.transaction(async (tx) => {
        assert.equal((await store.redrive(tx, { ids: held }, count)).length, held.length);
        assert.equal(await queue.deadLetters.purge({ queue: 'q' }), count - held.length);
      });
      const { rows } = await driver.query<{ readonly id: string }>({
        text: `SELECT job_id AS id FROM ${queue.context.tables.jobKeys} ORDER BY job_id`,
      });
      assert.deepEqual(
        rows.map(({ id }) => id),
        held,
      );
    });

    test('a job that was cancelled before it died runs once it is redriven', async () => {
      await using closing = new AsyncDisposableStack();
      for (const which of ['queue', 'all'] as const) {
        const yard = await openYard(driver, closing);
        const { queue, session } = yard;
        const id = await queue.enqueue({ queue: 'q', payload: 1, maxAttempts: 1 });
        const other = await queue.enqueue({ queue: 'other', payload: 1 });
        const [job] = await session.claim('q', 1, 1);
        await session.claim('other', 1, LEASE_MS);
        assert.equal(job?.id, id);
        for (const one of [id, other]) assert.equal(await queue.cancel(one), 'requested');
        // Its worker is gone before it hears of that.
        await eventually(async () => {
          await queue.strategy.reap?.(driver, 10);
          return (await queue.inspect(id))?.state === 'dead';
        }, 'a dead letter');
        assert.equal(await queue.deadLetters.redrive(which === 'all' ? { all: true } : { queue: 'q' }), 1);
        assert.deepEqual(await cancellations(yard), [{ job_id: other, queue: 'other' }]);
        const ran: string[] = [];
        const worker = createWorker(queue, {
          queue: 'q',
          pollMs: 1,
          handler: (one) => ran.push(one.id),
        });
        await eventually(() => ran.includes(id), 'the redriven job');
        await worker.stop();
      }
    });

    test('a cancel that meets a claim is answered at any isolation', async () => {
      await using closing = new AsyncDisposableStack();
      const strict = closing.use(
        kind.open({
          ...database.settings,
          max: 4,
          sessionOptions: '-c default_transaction_isolation=repeatable\\ read',
        }),
      );
      const yard = await openYard(strict, closing);
      const { queue, session } = yard;
      const id = await queue.enqueue({ queue: 'q', payload: 1 });
      // A claim that is not committed yet holds the row.
      const claiming = closing.use(await driver.connect('claiming'));
      await claiming.query({ text: 'BEGIN' });
      await claiming.query({
        text: `UPDATE ${qualify(queue.schema, 'jobs')} SET state = 'l', fence = fence + 1, attempt = 1, worker = 'w',
          lease_expires_at = now() + interval '1 minute' WHERE id = $1`,
        values: [id],
      });
      const cancelled = queue.cancel(id);
      await eventually(async () => {
        const { rows } = await driver.query({
          text: `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        });
        return rows.length > 0;
      }, 'the cancel waits for the claim');
      await claiming.query({ text: 'COMMIT' });
      assert.equal(await cancelled, 'requested');
      assert.deepEqual(await session.claim('q', 1, LEASE_MS), []);
      assert.deepEqual(await cancellations(yard), [{ job_id: id, queue: 'q' }]);
    });

    test('a redrive ends, though what it brings back dies again at once', async () => {
      await using closing = new AsyncDisposableStack();
      const yard = await openYard(driver, closing);
      await bury(yard, 20);
      const worker = createWorker(yard.queue, {
        queue: 'q',
        pollMs: 1,
        retry: () => undefined,
        handler: () => Promise.reject(new Error('again')),
      });
      assert.equal(await yard.queue.deadLetters.redrive({ queue: 'q' }), 20);
      await eventually(async () => (await yard.queue.deadLetters.list()).length === 20, 'dead letters again');
      await worker.stop();
      for (const { errors } of await yard.queue.deadLetters.list()) assert.equal(errors.length, 2);
    });

    for (const wakeup of ['notify', 'coalesced'] as const)
      test(`a redrive wakes the workers of its queues, by ${wakeup}`, async () => {
        await using closing = new AsyncDisposableStack();
        for (const which of [{ queue: 'q' }, { all: true }]) {
          const yard = await openYard(driver, closing, 'skip-locked', wakeup);
          const [id = ''] = await bury(yard, 1);
          const done: string[] = [];
          // No poll would come in time.
          const worker = createWorker(yard.queue, {
            queue: 'q',
            pollMs: 600_000,
            handler: (job) => done.push(job.id),
          });
          await eventually(() => isListening(driver), 'a listener');
          const first = await yard.queue.enqueue({ queue: 'q', payload: 'heard' });
          await eventually(() => done.includes(first), 'a job that was signalled');
          await worker.idle();
          assert.equal(await yard.queue.deadLetters.redrive(which), 1);
          await eventually(() => done.includes(id), 'the redriven job');
          await worker.stop();
        }
      });

    test('what names no dead letters, or no job, is refused before anything is sent', async () => {
      await using closing = new AsyncDisposableStack();
      const { queue } = await openYard(driver, closing);
      const { deadLetters } = queue;
      const refused = (asked: Promise<unknown>, message: RegExp) =>
        assert.rejects(asked, { name: 'InvalidArgumentError', message });
      for (const act of ['redrive', 'purge'] as const) {
        const nothing = /names no dead letters: give queue, ids or diedBefore, or all: true/;
        await refused(deadLetters[act]({}), nothing);
        await refused(deadLetters[act]({ all: false }), nothing);
        await refused(deadLetters[act](untyped({ queue: undefined, ids: undefined })), nothing);
        await refused(deadLetters[act](untyped({ all: 'yes' })), nothing);
        await refused(deadLetters[act](untyped(undefined)), /^what to (redrive|purge) is undefined/);
        await refused(deadLetters[act](untyped({ queues: 'q' })), /no option queues/);
        await refused(deadLetters[act](untyped({ ids: '1' })), /^ids is "1": give an array/);
        await refused(deadLetters[act]({ ids: ['1', 'x'] }), /^one of ids is "x"/);
        await refused(deadLetters[act](untyped({ diedBefore: 5 })), /^diedBefore is 5: give a valid Date/);
        await refused(deadLetters[act]({ diedBefore: new Date(Number.NaN) }), /give a valid Date/);
      }
      await refused(deadLetters.list({ afterId: '-1' }), /^afterId is "-1"/);
      for (const id of ['', '0', '01', '1.5', ' 1', '9223372036854775808', untyped(1), untyped(undefined)]) {
        await refused(queue.inspect(id), /^id is .*: give the id of a job/);
        await refused(queue.cancel(id), /^id is .*: give the id of a job/);
      }
    });
  });

test('what a strategy lacks is refused by its name', async (t) => {
  const database = await testDatabase(t);
  await using driver = driverKinds[0]?.open(database.settings) ?? assert.fail();
  for (const factory of strategies) {
    await using queue = createQueue({ driver, strategy: factory, schema: `lacking ${factory.strategyName}` });
    const { inspection, cancellation, deadLetters } = queue.strategy;
    const refused = (asked: () => Promise<unknown>, capability: string) =>
      assert.rejects(asked, { name: 'UnsupportedError', strategy: queue.strategy.name, capability });
    if (inspection === undefined) await refused(() => queue.inspect('1'), 'inspection');
    if (cancellation === undefined) await refused(() => queue.cancel('1'), 'cancellation');
    if (deadLetters === undefined) {
      await refused(() => queue.deadLetters.list(), 'dead letters to work on');
      await refused(() => queue.deadLetters.redrive({ queue: 'q' }), 'dead letters to work on');
      await refused(() => queue.deadLetters.purge({ queue: 'q' }), 'dead letters to work on');
    }
  }
});
