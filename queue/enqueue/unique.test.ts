// Is there never more than one unfinished job of a unique key, whoever enqueues, works and dies?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import type { Driver } from '../drivers/driver.ts';
import { eventually } from '../eventually.ts';
import {
  type ClaimedJob,
  type ClaimStrategy,
  createQueue,
  DuplicateJobError,
  type JobId,
  type NewJob,
  pgDriver,
  type Queue,
  type QueueEvent,
  type StrategyFactory,
  type UniquePolicy,
  type WorkerSession,
} from '../index.ts';
import { skipLocked } from '../strategies/skip-locked.ts';
import { installed, onEachGround, openSession, unfinished } from './bench.ts';
import { pruneUniqueKeys, type UniqueKeyPlace } from './unique.ts';

const LEASE_MS = 60_000;

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

function job(queue: string, policy?: UniquePolicy, key = 'k', more: Partial<NewJob> = {}): NewJob {
  return {
    queue,
    payload: { policy },
    unique: { key, ...(policy === undefined ? {} : { policy }) },
    ...more,
  };
}

/** The ids of the unfinished jobs of one queue. */
async function standing(queue: Queue, name: string): Promise<readonly JobId[]> {
  const found = await queue.strategy.inspection?.find(queue.driver, await unfinished(queue));
  return (found ?? []).filter((record) => record.queue === name).map(({ id }) => id);
}

async function claimOne(session: WorkerSession, name: string): Promise<ClaimedJob> {
  const claimed: ClaimedJob[] = [];
  await eventually(async () => {
    claimed.push(...(await session.claim(name, 1, LEASE_MS)));
    return claimed.length > 0;
  }, 'a job to claim');
  const [only] = claimed;
  assert(only);
  return only;
}

onEachGround((ground) => {
  let driver: Driver;
  let queue: Queue;
  const events: QueueEvent[] = [];
  before(async () => {
    driver = ground.open({ ...database.settings, max: 12 });
    queue = await installed(ground, driver, {
      observe: (event) => events.push('enqueueMs' in event ? { ...event, enqueueMs: 0 } : event),
    });
  });
  after(async () => {
    await queue[Symbol.asyncDispose]();
    await driver[Symbol.asyncDispose]();
  });

  const duplicate = (existingId: JobId | undefined) => (error: unknown) => {
    assert(error instanceof DuplicateJobError, String(error));
    assert.deepEqual([error.key, error.existingId], ['k', existingId]);
    return true;
  };

  test('reject: nothing of the call is enqueued while the job is ready, delayed or leased', async () => {
    await using session = await openSession(queue);
    const id = await queue.enqueue(job('reject', undefined, 'k', { runAt: new Date('2100-01-01') }));
    const calls = [job('reject'), { queue: 'reject', payload: 1 }];
    await assert.rejects(queue.enqueueMany(calls), duplicate(id));
    await driver.transaction(async (tx) => {
      await assert.rejects(queue.enqueueMany(calls, { tx }), duplicate(id));
      // Twice: a key under which nothing was enqueued is not used up.
      for (const idempotencyKey of ['reject', 'reject'])
        await assert.rejects(queue.enqueueMany(calls, { tx, idempotencyKey }), duplicate(id));
      await queue.enqueue(job('reject', undefined, 'another'), { tx });
    });
    assert.equal((await standing(queue, 'reject')).length, 2, 'the transaction went on');
    const taken = await claimOne(session, 'reject');
    await assert.rejects(
      queue.enqueue(job('reject', undefined, 'another')),
      (error: unknown) => error instanceof DuplicateJobError && error.existingId === taken.id,
    );
    await session.settle([{ kind: 'retry', job: taken, delayMs: 0, error: 'again' }]);
    await assert.rejects(queue.enqueue(job('reject', undefined, 'another')), { existingId: taken.id });
  });

  test('a key is free when its job is done or dead, or was never committed', async () => {
    await using session = await openSession(queue);
    const first = await queue.enqueue(job('free'));
    await session.settle([{ kind: 'ack', job: await claimOne(session, 'free') }]);
    const second = await queue.enqueue(job('free'));
    assert.notEqual(second, first);
    await session.settle([{ kind: 'dead-letter', job: await claimOne(session, 'free'), error: 'no' }]);
    const lost = driver.transaction(async (tx) => {
      await queue.enqueue(job('free'), { tx });
      throw new Error('never mind');
    });
    await assert.rejects(lost, /never mind/);
    const third = await queue.enqueue(job('free', 'ignore'));
    assert.deepEqual(await standing(queue, 'free'), [third]);
  });

  test('ignore: the id is that of the job that is there', async () => {
    const id = await queue.enqueue(job('ignore', 'ignore'));
    const plain = { queue: 'ignore', payload: 'plain' };
    events.length = 0;
    const ids = await queue.enqueueMany([job('ignore', 'ignore'), plain, job('ignore', 'ignore', 'x')]);
    assert.equal(ids[0], id);
    assert.deepEqual(new Set(await standing(queue, 'ignore')), new Set(ids));
    const entered = ids.slice(1);
    assert.deepEqual(events, [
      { kind: 'enqueued', queue: 'ignore', ids: entered, inTransaction: false, enqueueMs: 0 },
    ]);
    assert.deepEqual(await queue.enqueueMany([job('ignore', 'ignore')]), [id], 'nothing to enqueue at all');
  });

  test('replace: what waits goes, what runs stays and gives up the key', async () => {
    await using session = await openSession(queue);
    const ready = await queue.enqueue(job('replace'));
    events.length = 0;
    const delayed = await queue.enqueue(job('replace', 'replace', 'k', { runAt: new Date('2100-01-01') }));
    assert.deepEqual(events, [
      { kind: 'cancelled', id: ready, queue: 'replace', running: false },
      { kind: 'enqueued', queue: 'replace', ids: [delayed], inTransaction: false, enqueueMs: 0 },
    ]);
    assert.deepEqual(await standing(queue, 'replace'), [delayed]);
    const next = await queue.enqueue(job('replace', 'replace'));
    assert.deepEqual(await standing(queue, 'replace'), [next]);
    const running = await claimOne(session, 'replace');
    assert.equal(running.id, next);
    const beside = await queue.enqueue(job('replace', 'replace'));
    assert.deepEqual(new Set(await standing(queue, 'replace')), new Set([next, beside]));
    await session.settle([{ kind: 'ack', job: running }]);
    await assert.rejects(queue.enqueue(job('replace')), duplicate(beside));
    const last = await queue.enqueue(job('replace', 'replace'));
    assert.deepEqual(await standing(queue, 'replace'), [last]);
  });

  test('jobs of one call follow their policies among themselves', async () => {
    const [one, two] = await queue.enqueueMany([job('call'), job('call', 'ignore')]);
    assert.equal(one, two);
    const ids = await queue.enqueueMany([
      job('call', 'replace'),
      { queue: 'call', payload: 'plain' },
      job('call', 'replace'),
      job('call', 'ignore'),
    ]);
    assert.deepEqual([ids[0], ids[3]], [ids[2], ids[2]]);
    assert.deepEqual(new Set(await standing(queue, 'call')), new Set(ids));
    await assert.rejects(queue.enqueueMany([job('call', undefined, 'new'), job('call', undefined, 'new')]), {
      name: 'DuplicateJobError',
      key: 'new',
      existingId: undefined,
    });
    assert.equal((await standing(queue, 'call')).length, 2);
  });

  test('in one transaction each call sees those before it', async () => {
    const [id, last] = await driver.transaction(async (tx) => {
      const first = await queue.enqueue(job('own'), { tx });
      await assert.rejects(queue.enqueue(job('own'), { tx }), duplicate(first));
      assert.equal(await queue.enqueue(job('own', 'ignore'), { tx }), first);
      return [first, await queue.enqueue(job('own', 'replace'), { tx })];
    });
    assert.notEqual(id, last);
    assert.deepEqual(await standing(queue, 'own'), [last]);
  });

  for (const policy of ['reject', 'ignore', 'replace'] as const)
    test(`${policy}: of eight at once, one job is there when all are answered`, async () => {
      await using sibling = await installed(ground, driver);
      for (let round = 0; round < 6; round += 1) {
        const name = `race ${policy} ${round}`;
        const answers = await Promise.allSettled(
          Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? queue : sibling).enqueue(job(name, policy))),
        );
        const ids = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
        const [there, ...others] = await standing(queue, name);
        assert(there !== undefined && others.length === 0, `${others.length + 1} jobs`);
        assert(ids.includes(there));
        assert.equal(ids.length, policy === 'reject' ? 1 : 8);
        assert.equal(new Set(ids).size, policy === 'replace' ? 8 : 1);
        for (const answer of answers) if (answer.status === 'rejected') duplicate(there)(answer.reason);
      }
    });

  test('beside a worker there are never two at once, and none is refused for a job that is done', async () => {
    const name = 'beside';
    let producing = true;
    let refused = 0;
    const enqueued = new Set<JobId>();
    const producers = Array.from({ length: 4 }, async (_, n) => {
      for (let call = 0; call < 25; call += 1) {
        const one = job(name, n % 2 === 0 ? 'reject' : 'ignore');
        await queue.enqueue(one).then(
          (id) => enqueued.add(id),
          (error: unknown) => {
            assert(error instanceof DuplicateJobError, String(error));
            refused += 1;
          },
        );
      }
    });
    const done = new Set<JobId>();
    const worker = async () => {
      await using session = await openSession(queue);
      for (;;) {
        const last = !producing;
        const jobs = await session.claim(name, 10, LEASE_MS);
        assert(jobs.length <= 1, `${jobs.length} jobs of one key were handed out at once`);
        const [taken] = jobs;
        if (taken === undefined && last && (await standing(queue, name)).length === 0) return;
        if (taken === undefined) continue;
        assert.deepEqual(await session.claim(name, 10, LEASE_MS), [], 'a second one beside the first');
        await session.settle([{ kind: 'ack', job: taken }]);
        done.add(taken.id);
      }
    };
    const working = worker();
    await Promise.all(producers);
    producing = false;
    await working;
    assert.deepEqual(done, enqueued);
    assert(done.size > 1 && refused > 0, `${done.size} jobs, ${refused} refusals: nothing was contended for`);
  });

  test('keys whose jobs are gone are pruned page by page, and no others', async () => {
    await using session = await openSession(queue);
    const { uniqueKeys } = queue.context.tables;
    await driver.query({ text: `TRUNCATE ${uniqueKeys}` });
    const name = 'prune';
    const keys = Array.from({ length: 9 }, (_, n) => `key ${n}`);
    await queue.enqueueMany(keys.map((key) => job(name, 'reject', key)));
    const kept = new Set(keys);
    // Two are done, one is dead, and one was never enqueued.
    for (const kind of ['ack', 'ack', 'dead-letter'] as const)
      await session.settle([{ kind, job: await claimOne(session, name), error: 'no' }]);
    for (const done of ['key 0', 'key 1']) kept.delete(done);
    await driver.transaction(async (tx) => {
      const call = [job(name, 'reject', 'never'), job(name, 'reject', 'key 5')];
      await assert.rejects(queue.enqueueMany(call, { tx }), { key: 'key 5' });
    });
    const pruneAll = async (limit: number) => {
      let [removed, pages] = [0, 0];
      for (let after: UniqueKeyPlace | undefined; ; ) {
        const page = await pruneUniqueKeys(queue.context, limit, after);
        removed += page.removed;
        pages += 1;
        after = page.next;
        if (after === undefined) return { removed, pages };
      }
    };
    assert.deepEqual(await pruneAll(3), { removed: 0, pages: 4 }, 'all are young');
    await driver.query({ text: `UPDATE ${uniqueKeys} SET since = since - interval '2 minutes'` });
    // An enqueue that is under way holds its key against the pruning.
    const looked = Promise.withResolvers<void>();
    const ending = Promise.withResolvers<void>();
    const taking = driver.transaction(async (tx) => {
      await queue.enqueue(job(name, 'reject', 'key 0'), { tx });
      looked.resolve();
      await ending.promise;
    });
    await looked.promise;
    const [one, two] = await Promise.all([pruneAll(3), pruneAll(100)]);
    assert.equal(one.removed + two.removed, 2, 'key 1 and never');
    ending.resolve();
    await taking;
    kept.add('key 0');
    const { rows } = await driver.query<{ readonly key: string }>({ text: `SELECT key FROM ${uniqueKeys}` });
    assert.deepEqual(new Set(rows.map(({ key }) => key)), kept);
    await assert.rejects(queue.enqueue(job(name, 'reject', 'key 0')), { name: 'DuplicateJobError' });
  });

  test('it holds where the database defaults to a stricter isolation', async () => {
    const { database: name } = database.settings;
    await driver.query({
      text: `ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`,
    });
    try {
      await using strict = ground.open({ ...database.settings, max: 8 });
      await using own = await installed(ground, strict);
      for (const policy of ['ignore', 'replace'] as const) {
        const called = `strict ${policy}`;
        await Promise.all(Array.from({ length: 8 }, () => own.enqueue(job(called, policy))));
        assert.equal((await standing(own, called)).length, 1);
        await Promise.all(
          Array.from({ length: 8 }, () => own.enqueue(job(called, policy), { idempotencyKey: called })),
        );
      }
      await pruneUniqueKeys(own.context, 10);
    } finally {
      await driver.query({ text: `ALTER DATABASE ${name} RESET default_transaction_isolation` });
    }
  });
});

test('what is no unique job, or not to be had, is refused before anything is sent', async () => {
  let sent = 0;
  await using driver = pgDriver({
    ...database.settings,
    onStatement: () => {
      sent += 1;
    },
  });
  await using queue = createQueue({ driver });
  const untyped = (value: unknown) => value as never;
  for (const [unique, message] of [
    [{ key: '' }, /^unique.key has 0 bytes/],
    [{ key: 'é'.repeat(101) }, /^unique.key has 202 bytes: give 1…200/],
    [{ key: '\0' }, /^unique.key holds NUL/],
    [{}, /^unique.key is undefined/],
    [{ key: 'k', policy: 'keep' }, /^unique.policy is "keep": give one of reject, ignore, replace/],
    [{ key: 'k', polcy: 'ignore' }, /no option polcy/],
    ['k', /^unique is "k": give an object/],
  ] as const)
    await assert.rejects(queue.enqueue({ queue: 'q', payload: 1, unique: untyped(unique) }), {
      name: 'InvalidArgumentError',
      message,
    });
  const without = (lacking: keyof ClaimStrategy): StrategyFactory => ({
    strategyName: 'plain',
    summary: 'skip-locked with less',
    create: (options) => {
      const { [lacking]: _, ...rest } = skipLocked.create(options);
      return { ...rest, name: 'plain' } as ClaimStrategy;
    },
  });
  const blind = createQueue({ driver, strategy: without('inspection') });
  const unsupported = { name: 'UnsupportedError', strategy: 'plain' };
  await assert.rejects(blind.enqueue(job('q', 'ignore')), { ...unsupported, capability: 'unique jobs' });
  assert.deepEqual(await pruneUniqueKeys(blind.context, 10), { removed: 0 });
  const holding = createQueue({ driver, strategy: without('cancellation') });
  await assert.rejects(holding.enqueue(job('q', 'replace')), {
    ...unsupported,
    capability: 'replacement of unique jobs',
  });
  assert.equal(sent, 0);
});
