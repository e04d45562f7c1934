// Does a worker do every job, whatever happens to its handlers and its connections?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import { eventually } from './eventually.ts';
import {
  type ClaimStrategy,
  createQueue,
  createWorker,
  DeadLetterError,
  type Driver,
  fixedRetry,
  pgDriver,
  type Queue,
  type QueueOptions,
  type StrategyAxis,
  type StrategyFactory,
  strategies,
  UnsupportedError,
  type WorkerEvents,
  type WorkerSession,
} from './index.ts';

let database: TestDatabase;
let driver: Driver;
let schemas = 0;

before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 4 });
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function openQueue(options: Partial<QueueOptions> = {}): Promise<Queue> {
  schemas += 1;
  const queue = createQueue({ driver, schema: `worker${schemas}`, ...options });
  await queue.install();
  return queue;
}

/** What of `axes` the strategy of `queue` leaves open. */
function openAxes(queue: Queue, axes: Partial<Record<StrategyAxis, number>>) {
  return Object.fromEntries(Object.entries(axes).filter(([axis]) => !(axis in (queue.strategy.fixed ?? {}))));
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ queue: 'q', payload: n }));
const isEmpty = async (queue: Queue) => (await queue.strategy.contents(driver, undefined, 1)).length === 0;

for (const { strategyName: strategy } of strategies) {
  test(`${strategy}: several sessions do every job once, with handlers sync and async`, async () => {
    await using queue = await openQueue({ strategy });
    await queue.enqueueMany(numbers(600));
    const done: unknown[] = [];
    await using worker = createWorker(queue, {
      queue: 'q',
      connections: 3,
      ...openAxes(queue, { concurrency: 5 }),
      async handler({ payload }) {
        if (Number(payload) % 2 === 0) await sleep(1);
        done.push(payload);
      },
    });
    await eventually(() => isEmpty(queue), 'an empty queue');
    assert.equal(done.length, 600);
    assert.equal(new Set(done).size, 600);
    assert.equal(worker.state, 'running');
  });

  test(`${strategy}: a stop finishes what runs and gives back what does not`, async () => {
    await using queue = await openQueue({ strategy });
    await queue.enqueueMany(numbers(10));
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    let runs = 0;
    const worker = createWorker(queue, {
      queue: 'q',
      ...openAxes(queue, { batch: 10, prefetch: 10 }),
      handler() {
        runs += 1;
        started.resolve();
        return finish.promise;
      },
    });
    await started.promise;
    const stopping = worker.stop();
    assert.equal(worker.stop(), stopping);
    await sleep(20);
    finish.resolve();
    const waiting = 'batch' in (queue.strategy.fixed ?? {}) ? 0 : 9;
    assert.deepEqual(await stopping, { released: waiting, abandoned: 0 });
    assert.equal(runs, 1);
    assert.equal(worker.state, 'stopped');
    const { ready, leased } = await queue.stats('q');
    assert.deepEqual([ready, leased], [9, 0]);
    await using session = await queue.strategy.openWorker(await driver.connect('test'), 't');
    assert(
      (await session.claim('q', 10, 1000)).every((job) => job.attempt === 1),
      'a release costs no attempt',
    );
  });

  test(`${strategy}: terminated backends lose nothing`, async () => {
    await using queue = await openQueue({ strategy });
    await queue.enqueueMany(numbers(300));
    const done = new Set<unknown>();
    const lost: unknown[] = [];
    await using worker = createWorker(queue, {
      queue: 'q',
      connections: 2,
      ...openAxes(queue, { concurrency: 4, batch: 8, prefetch: 8, leaseMs: 1000 }),
      retry: fixedRetry(0),
      events: { error: (_error, source) => source === 'connection' && lost.push(source) },
      async handler({ payload }) {
        await sleep(2);
        done.add(payload);
      },
    });
    for (let round = 1; round <= 3; round += 1) {
      await eventually(() => done.size >= round * 50, 'progress');
      await driver.query({
        text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name LIKE '% worker q'`,
      });
    }
    await eventually(() => isEmpty(queue), 'an empty queue');
    assert.equal(done.size, 300);
    assert(lost.length >= 2, 'connections were lost');
    assert.equal(worker.state, 'running');
  });
}

test('failures are retried by the policy, and buried when attempts or the handler give up', async () => {
  await using queue = await openQueue();
  await queue.enqueueMany([
    { queue: 'q', payload: 'twice' },
    { queue: 'q', payload: 'always', maxAttempts: 3 },
    { queue: 'q', payload: 'poison' },
  ]);
  const attempts: string[] = [];
  const seen: string[] = [];
  const events: WorkerEvents = { stateChanged: (state) => seen.push(state) };
  const worker = createWorker(queue, {
    queue: 'q',
    retry: ({ attempt }) => (attempt === 1 ? 0 : 20),
    events,
    handler(job) {
      attempts.push(`${job.payload} ${job.attempt}`);
      if (job.payload === 'poison') throw new DeadLetterError('unreadable');
      if (job.payload === 'always') return Promise.reject(new Error('down'));
      if (job.attempt < 3) throw new Error('flaky');
      return undefined;
    },
  });
  await eventually(async () => (await queue.stats('q')).dead === 2, 'two dead letters');
  await eventually(async () => (await queue.strategy.contents(driver, undefined, 9)).length === 2, 'one ack');
  await worker.stop();
  assert.deepEqual(attempts.sort(), [
    'always 1',
    'always 2',
    'always 3',
    'poison 1',
    'twice 1',
    'twice 2',
    'twice 3',
  ]);
  const [down, poison] = await queue.deadLetters.list();
  assert.deepEqual(
    down?.errors.map(({ attempt, error }) => [attempt, error.split('\n')[0]]),
    [1, 2, 3].map((attempt) => [attempt, 'Error: down']),
  );
  assert.match(poison?.errors[0]?.error ?? '', /DeadLetterError: unreadable/);
  assert.deepEqual(seen, ['running', 'stopping', 'stopped']);
});

test('a policy that throws is reported, and the job retried all the same', async () => {
  await using queue = await openQueue();
  await queue.enqueue({ queue: 'q', payload: 1 });
  const sources: string[] = [];
  await using _worker = createWorker(queue, {
    queue: 'q',
    retry: () => Number.NaN,
    events: { error: (_error, source) => sources.push(source) },
    handler({ attempt }) {
      if (attempt === 1) throw new Error('once');
    },
  });
  await eventually(() => isEmpty(queue), 'an ack');
  assert.deepEqual(sources, ['retry-policy']);
});

test('a deadline aborts the handlers that still run, and counts those that do not care', async () => {
  await using queue = await openQueue();
  await queue.enqueueMany(numbers(2));
  let running = 0;
  const aborted: unknown[] = [];
  const worker = createWorker(queue, {
    queue: 'q',
    concurrency: 2,
    batch: 2,
    async handler({ payload }, { signal }) {
      running += 1;
      if (payload === 0) await new Promise(() => undefined);
      await sleep(60_000, undefined, { signal }).catch((error) => {
        aborted.push(payload);
        throw error;
      });
    },
  });
  await eventually(() => running === 2, 'two handlers');
  await assert.rejects(
    worker.stop({ deadlineMs: Number.NaN }),
    /deadlineMs is NaN: give a whole number in 0…86400000/,
  );
  await assert.rejects(
    // @ts-expect-error -- misspelt
    worker.stop({ deadline: 20 }),
    /stop has no option deadline: there is only deadlineMs/,
  );
  assert.equal(worker.state, 'running');
  assert.deepEqual(await worker.stop({ deadlineMs: 20 }), { released: 0, abandoned: 1 });
  assert.deepEqual(aborted, [1]);
});

test('a handler that outlives its lease keeps it by heartbeat, and quick ones cost none', async () => {
  const statements: string[] = [];
  await using counted = pgDriver({
    ...database.settings,
    onStatement: ({ text }) => statements.push(text),
  });
  await using queue = await openQueue({ driver: counted });
  const heartbeats = () => statements.filter((text) => text.includes('extended')).length;
  let runs = 0;
  await using _worker = createWorker(queue, {
    queue: 'q',
    leaseMs: 1500,
    handler: async ({ payload }) => {
      runs += 1;
      if (payload === 'slow') await sleep(2500);
    },
  });
  await queue.enqueueMany(numbers(50));
  await eventually(() => isEmpty(queue), 'quick jobs');
  assert.equal(heartbeats(), 0);
  await queue.enqueue({ queue: 'q', payload: 'slow' });
  await eventually(() => isEmpty(queue), 'the slow job');
  assert.equal(runs, 51, 'the slow job ran once');
  assert(heartbeats() >= 1);
});

test('a lease that somebody else took is reported, and its handler told', async () => {
  await using queue = await openQueue();
  await queue.enqueue({ queue: 'q', payload: 1 });
  const lost: string[] = [];
  const told = Promise.withResolvers<void>();
  let attempts = 0;
  await using _worker = createWorker(queue, {
    queue: 'q',
    leaseMs: 60_000,
    heartbeatMs: 20,
    events: { leaseLost: (jobs) => lost.push(...jobs.map((job) => job.id)) },
    async handler(_job, { signal }) {
      attempts += 1;
      if (attempts > 1) return;
      signal.addEventListener('abort', () => told.resolve(), { once: true });
      await told.promise;
    },
  });
  await eventually(() => attempts === 1, 'the first attempt');
  await driver.query({ text: `UPDATE ${queue.schema}.jobs SET state = 'r'` });
  await told.promise;
  assert.deepEqual(lost, ['1']);
  await eventually(() => isEmpty(queue), 'the second attempt');
  assert.equal(attempts, 2);
});

test('options out of range are refused', async () => {
  await using queue = await openQueue();
  const handler = () => undefined;
  for (const fault of [{ connections: 0 }, { batch: 10_001 }, { leaseMs: 1 }, { queue: '' }, { pollMs: 0.5 }])
    assert.throws(() => createWorker(queue, { queue: 'q', handler, ...fault }), {
      name: 'InvalidArgumentError',
    });
});

test('what is of another kind, or no option at all, is refused by its name', async () => {
  await using queue = await openQueue();
  const handler = () => undefined;
  const refused = (options: unknown, message: RegExp) =>
    // What a caller without types may hand in.
    assert.throws(() => createWorker(queue, options as never), { name: 'InvalidArgumentError', message });
  refused(undefined, /options of a worker is undefined/);
  refused({ handler }, /^queue is undefined: give the name of a queue/);
  refused({ queue: 7, handler }, /^queue is 7/);
  refused({ queue: 'q', handler, concurrency: '8' }, /^concurrency is "8": give a whole number in 1…10000/);
  refused({ queue: 'q', handler, adaptive: { max: 2, utilisation: '1' } }, /^adaptive.utilisation is "1"/);
  refused({ queue: 'q' }, /^handler is undefined: give a function/);
  for (const [fault, message] of [
    [{ handler: 'work' }, /^handler is "work": give a function/],
    [{ retry: { delayMs: 5 } }, /^retry is of the type object: give a function/],
    [{ random: 4 }, /^random is 4/],
    [{ settle: 'bached' }, /^settle is "bached": give each or batched/],
    [{ workerId: 1 }, /^workerId is 1: give a string/],
    [{ events: null }, /^events is null/],
    [{ events: { claimed: true } }, /^events\.claimed is true: give a function/],
    [{ events: { leaselost: handler } }, /^events has no option leaselost: there are .*leaseLost/],
    [{ concurency: 5 }, /^a worker has no option concurency: there are .*concurrency/],
  ] as const)
    refused({ queue: 'q', handler, ...fault }, message);
});

test('a heartbeat is refused where leases have no length', async () => {
  await using queue = await openQueue({ strategy: 'advisory' });
  assert.throws(
    () => createWorker(queue, { queue: 'q', heartbeatMs: 50, handler: () => undefined }),
    /advisory has no choice of heartbeatMs: a lease lasts as long as its session; leave heartbeatMs out/,
  );
});

test('an axis that the strategy does not leave open is refused, by its name and the reason', async () => {
  await using queue = await openQueue({ strategy: 'advisory' });
  assert.throws(
    () => createWorker(queue, { queue: 'q', leaseMs: 5000, handler: () => undefined }),
    (error: unknown) =>
      error instanceof UnsupportedError &&
      /advisory has no choice of leaseMs: a lease lasts as long as its session; leave leaseMs out/.test(
        error.message,
      ),
  );
});

/** The same strategy, whose workers' sessions are what `made` makes of its own. */
function withSessions(
  factory: StrategyFactory,
  made: (session: WorkerSession, workerId: string) => WorkerSession,
): StrategyFactory {
  return {
    ...factory,
    create(options) {
      const strategy = factory.create(options);
      const openWorker: ClaimStrategy['openWorker'] = async (connection, workerId) =>
        made(await strategy.openWorker(connection, workerId), workerId);
      return { ...strategy, openWorker };
    },
  };
}

test('a reap that fails keeps neither delayed jobs nor upkeep from their turn', async () => {
  const factory = strategies.find(({ strategyName }) => strategyName === 'ring');
  assert(factory);
  let upkeeps = 0;
  const failing: StrategyFactory = {
    ...factory,
    create(options) {
      const strategy = factory.create(options);
      return {
        ...strategy,
        reap: () => Promise.reject(new Error('planted')),
        upkeep: {
          everyMs: 10,
          async run(db) {
            upkeeps += 1;
            return { ready: (await strategy.upkeep?.run(db))?.ready === true };
          },
        },
      };
    },
  };
  await using queue = await openQueue({ strategy: failing });
  await queue.enqueue({ queue: 'q', payload: 1, runAt: new Date(Date.now() + 300) });
  const errors = new Set<string>();
  await using _worker = createWorker(queue, {
    queue: 'q',
    leaseMs: 400,
    pollMs: 50,
    handler: () => undefined,
    events: {
      error: (error, source) => errors.add(`${source}: ${error instanceof Error && error.message}`),
    },
  });
  await eventually(() => isEmpty(queue), 'an empty queue');
  await eventually(async () => upkeeps > 3, 'upkeep');
  assert.deepEqual([...errors], ['maintenance: planted']);
});

test('a settle and the next claim travel as one turn where the session can, and a failed turn settles once more', async () => {
  const log: string[] = [];
  let failures = 1;
  const factory = strategies.find(({ strategyName }) => strategyName === 'skip-locked');
  assert(factory);
  const turning = withSessions(factory, (session) => ({
    ...session,
    settle(outcomes) {
      log.push('settle');
      return session.settle(outcomes);
    },
    turn: {
      async settleAndClaim(outcomes, queue, limit, leaseMs) {
        log.push('turn');
        failures -= 1;
        if (failures >= 0) throw new Error('planted');
        const settled = await session.settle(outcomes);
        return { settled, jobs: await session.claim(queue, limit, leaseMs) };
      },
    },
  }));
  await using queue = await openQueue({ strategy: turning });
  await queue.enqueueMany(numbers(20));
  const errors: string[] = [];
  await using worker = createWorker(queue, {
    queue: 'q',
    handler: () => undefined,
    events: {
      error: (error, source) => errors.push(`${source}: ${error instanceof Error && error.message}`),
    },
  });
  await eventually(() => isEmpty(queue), 'an empty queue');
  assert.equal(worker.state, 'running');
  assert.deepEqual(errors, ['settle: planted']);
  assert.equal(log.filter((entry) => entry === 'turn').length, 21, log.join(' '));
  assert.ok(log.filter((entry) => entry === 'settle').length <= 1, log.join(' '));
});

for (const strategyName of ['batch', 'range-lease'])
  test(`${strategyName}: claims pass a few at a time, by as few sessions as do, and by all where handlers take long`, async () => {
    const factory = strategies.find((one) => one.strategyName === strategyName);
    assert(factory);
    let [underWay, most] = [0, 0];
    const busy = new Set<string>();
    const counting = async <T>(workerId: string, claim: Promise<T>): Promise<T> => {
      busy.add(workerId);
      underWay += 1;
      most = Math.max(most, underWay);
      try {
        return await claim;
      } finally {
        underWay -= 1;
      }
    };
    const counted = withSessions(factory, (session, workerId) => {
      const { heartbeat, turn } = session;
      return {
        claim: (...asked) => counting(workerId, session.claim(...asked)),
        settle: (outcomes) => session.settle(outcomes),
        ...(heartbeat === undefined ? {} : { heartbeat }),
        ...(turn === undefined
          ? {}
          : { turn: { settleAndClaim: (...asked) => counting(workerId, turn.settleAndClaim(...asked)) } }),
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
      };
    });
    for (const [handlerMs, jobs] of [
      [0, 20_000],
      [50, 240],
    ] as const) {
      [underWay, most] = [0, 0];
      busy.clear();
      await using queue = await openQueue({ strategy: counted });
      for (let n = 0; n < jobs; n += 1_000) await queue.enqueueMany(numbers(Math.min(1_000, jobs)));
      let done = 0;
      await using worker = createWorker(queue, {
        ...{ queue: 'q', connections: 12, claimsAtOnce: 3, batch: 10, prefetch: 0, concurrency: 10 },
        async handler() {
          if (handlerMs > 0) await sleep(handlerMs);
          done += 1;
        },
      });
      await eventually(() => isEmpty(queue), 'an empty queue');
      await worker.stop();
      assert.equal(done, jobs);
      assert.equal(most, 3);
      if (handlerMs > 0) assert.equal(busy.size, 12, `${busy.size} sessions claimed`);
    }
  });
