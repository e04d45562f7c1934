// Does a worker keep to what operators say: limits, pauses, cancellations?

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
  JobAbortedError,
  pgDriver,
  postgresDriver,
  type Queue,
  runUntilIdle,
  type WorkerOptions,
} from '../index.ts';

/** Those that carry every feature. */
const STRATEGIES = ['skip-locked', 'batch', 'packed-lease', 'range-lease', 'ring'];

let database: TestDatabase;
const drivers: Driver[] = [];
let schemas = 0;

before(async () => {
  database = await testDatabase();
  drivers.push(pgDriver({ ...database.settings, max: 6 }), postgresDriver({ ...database.settings, max: 6 }));
});
after(async () => {
  for (const driver of drivers) await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** Counts the handlers that are at work, of all jobs and of each key. */
class Crowd {
  most = 0;
  readonly mostOf = new Map<string, number>();
  readonly startsMs: number[] = [];
  #now = 0;
  readonly #nowOf = new Map<string, number>();

  async work(key: string, ms: number): Promise<void> {
    this.startsMs.push(performance.now());
    this.#now += 1;
    const ofKey = (this.#nowOf.get(key) ?? 0) + 1;
    this.#nowOf.set(key, ofKey);
    this.most = Math.max(this.most, this.#now);
    this.mostOf.set(key, Math.max(this.mostOf.get(key) ?? 0, ofKey));
    await sleep(ms);
    this.#now -= 1;
    this.#nowOf.set(key, (this.#nowOf.get(key) ?? 0) - 1);
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ queue: 'q', payload: n }));
const left = async (queue: Queue) => {
  const { ready, delayed, leased, dead } = await queue.stats('q');
  return ready + delayed + leased + dead;
};

function startTwo(queue: Queue, options: Omit<WorkerOptions, 'queue'>): AsyncDisposable {
  const workers = [1, 2].map(() => createWorker(queue, { queue: 'q', connections: 2, ...options }));
  return {
    async [Symbol.asyncDispose]() {
      for (const worker of workers) await worker[Symbol.asyncDispose]();
    },
  };
}

for (const [at, name] of ['pg', 'postgres'].entries())
  describe(name, () => {
    for (const strategy of STRATEGIES) {
      const open = async (): Promise<Queue> => {
        const driver = drivers[at];
        assert(driver);
        schemas += 1;
        const queue = createQueue({ driver, strategy, schema: `worker limits ${schemas}` });
        await queue.install();
        return queue;
      };

      test(`${strategy}: no more run at once than the queue lets, over two workers`, async () => {
        await using queue = await open();
        await queue.limits.set('q', { concurrency: 3 });
        await queue.enqueueMany(numbers(60));
        const crowd = new Crowd();
        await using _workers = startTwo(queue, { concurrency: 8, handler: () => crowd.work('', 10) });
        await eventually(async () => (await left(queue)) === 0, 'all done');
        assert.equal(crowd.startsMs.length, 60);
        assert.equal(crowd.most, 3);
      });

      test(`${strategy}: no more of a key run at once, and those of other keys pass by`, async () => {
        await using queue = await open();
        await queue.limits.set('q', { concurrencyPerKey: 1 });
        await queue.enqueueMany(
          numbers(24).map((job) => ({
            ...job,
            concurrencyKey: job.payload < 6 ? 'busy' : `own ${job.payload}`,
          })),
        );
        const crowd = new Crowd();
        let attempts = 0;
        await using _workers = startTwo(queue, {
          concurrency: 4,
          async handler(job) {
            attempts = Math.max(attempts, job.attempt);
            await crowd.work(Number(job.payload) < 6 ? 'busy' : 'own', 30);
          },
        });
        await eventually(async () => (await left(queue)) === 0, 'all done');
        assert.equal(crowd.startsMs.length, 24);
        assert.equal(crowd.mostOf.get('busy'), 1);
        assert((crowd.mostOf.get('own') ?? 0) > 1, 'the others run beside each other');
        assert.equal(attempts, 1, 'what is put off has used no attempt up');
      });

      test(`${strategy}: in no window start more than the rate lets`, async () => {
        await using queue = await open();
        await queue.limits.set('q', { rate: { jobs: 10, periodMs: 300 } });
        await queue.enqueueMany(numbers(45));
        const crowd = new Crowd();
        await using _workers = startTwo(queue, { concurrency: 8, handler: () => crowd.work('', 1) });
        await eventually(async () => (await left(queue)) === 0, 'all done');
        const starts = crowd.startsMs.sort((one, other) => one - other);
        assert.equal(starts.length, 45);
        for (const [n, ms] of starts.entries()) {
          const eleventh = starts[n + 10];
          assert(
            eleventh === undefined || eleventh - ms >= 300,
            `11 starts within ${(eleventh ?? 0) - ms} ms`,
          );
        }
      });

      test(`${strategy}: a paused queue is left alone until it is resumed`, async () => {
        await using queue = await open();
        await queue.pause('q');
        await queue.enqueueMany(numbers(300));
        const done: unknown[] = [];
        const idle = await runUntilIdle(queue, { queue: 'q', handler: () => assert.fail('it is paused') });
        assert.deepEqual([idle.ended, idle.acked], ['idle', 0]);
        await using _workers = startTwo(queue, {
          async handler(job) {
            await sleep(40);
            done.push(job.payload);
          },
        });
        await sleep(200);
        assert.deepEqual(done, []);
        await queue.resume('q');
        await eventually(async () => done.length > 2, 'some are done');
        await queue.pause('q');
        // A second after the look before it is heard; until then nothing may be at work for a moment all the same.
        await sleep(1500);
        let soFar = -1;
        await eventually(async () => {
          const [before, { leased, ready }] = [soFar, await queue.stats('q')];
          soFar = done.length;
          // What had not started is given back, and no more is done.
          return leased === 0 && soFar === before && soFar + ready === 300;
        }, 'nothing is at work');
        assert(soFar < 300, 'it was paused in time');
        await sleep(300);
        assert.equal(done.length, soFar);
        await queue.resume('q');
        await eventually(async () => done.length === 300, 'all done');
      });

      test(`${strategy}: a running job that is cancelled is told, and done with`, async () => {
        await using queue = await open();
        const [first, second] = await queue.enqueueMany(numbers(2));
        assert(first !== undefined && second !== undefined);
        const reasons: unknown[] = [];
        await using worker = createWorker(queue, {
          queue: 'q',
          retry: fixedRetry(0),
          async handler(job, { signal }) {
            if (job.payload === 0) {
              await sleep(20_000, undefined, { signal }).catch(() => undefined);
              reasons.push(signal.reason);
              throw new Error('given up');
            }
          },
        });
        await eventually(async () => (await queue.stats('q')).leased > 0, 'it runs');
        assert.equal(await queue.cancel(first), 'requested');
        await worker.idle();
        const [reason] = reasons;
        assert(reason instanceof JobAbortedError && reason.abortCause === 'cancelled');
        assert.equal(reasons.length, 1, 'it is not tried again');
        assert.equal(await left(queue), 0);
        await eventually(async () => {
          const { driver, tables } = queue.context;
          const { rows } = await driver.query({ text: `SELECT FROM ${tables.cancellations}` });
          return rows.length === 0;
        }, 'the word is taken away');
      });
    }
  });

async function opened(strategy: string): Promise<Queue> {
  const [driver] = drivers;
  assert(driver);
  schemas += 1;
  const queue = createQueue({ driver, strategy, schema: `worker limits ${schemas}` });
  await queue.install();
  return queue;
}

for (const strategy of ['skip-locked', 'packed-lease'])
  test(`${strategy}: a handler that does not care for its timeout keeps its permit, from its own job too`, async () => {
    await using queue = await opened(strategy);
    await queue.limits.set('q', { concurrency: 1 });
    await queue.enqueueMany([
      { queue: 'q', payload: 'hangs', maxAttempts: 2 },
      { queue: 'q', payload: 'next' },
    ]);
    const crowd = new Crowd();
    await using _workers = startTwo(queue, {
      concurrency: 2,
      timeoutMs: 50,
      leaseMs: 3000,
      retry: fixedRetry(0),
      handler: (job) => crowd.work('', job.payload === 'hangs' && job.attempt === 1 ? 4000 : 20),
    });
    await eventually(async () => (await left(queue)) === 0, 'all done');
    assert.equal(crowd.startsMs.length, 3);
    assert.equal(crowd.most, 1);
  });

test('a crowd of one key keeps others waiting for seconds only, and is itself worked off', async () => {
  await using queue = await opened('batch');
  await queue.limits.set('q', { concurrencyPerKey: 1 });
  await queue.enqueueMany([
    ...Array.from({ length: 5000 }, () => ({ queue: 'q', payload: 'crowd', concurrencyKey: 'crowd' })),
    ...Array.from({ length: 50 }, (_, n) => ({ queue: 'q', payload: 'other', concurrencyKey: `own ${n}` })),
  ]);
  const done: Record<string, number> = {};
  let released = 0;
  const fromMs = performance.now();
  await using _worker = createWorker(queue, {
    queue: 'q',
    connections: 2,
    concurrency: 20,
    async handler({ payload }) {
      await sleep(5);
      done[String(payload)] = (done[String(payload)] ?? 0) + 1;
    },
    events: {
      settled: (_, result) => {
        released += result.released;
      },
    },
  });
  await eventually(() => Promise.resolve(done['other'] === 50), 'the others');
  const othersMs = performance.now() - fromMs;
  const [crowdThen, releasedThen] = [done['crowd'] ?? 0, released];
  await sleep(5000);
  const crowd = (done['crowd'] ?? 0) - crowdThen;
  const again = released - releasedThen;
  assert(othersMs < 15_000, `the others took ${othersMs} ms`);
  assert(crowd >= 50, `${crowd} of the crowd in 5 s`);
  assert(again < 2500, `${again} put off in 5 s`);
});

test('what is put off is at work again after about a second in a quiet queue, and no run ends before', async () => {
  await using queue = await opened('skip-locked');
  await queue.limits.set('q', { concurrencyPerKey: 1 });
  const jobs = numbers(2).map((job) => ({ ...job, concurrencyKey: 'k' }));
  await queue.enqueueMany(jobs);
  const crowd = new Crowd();
  const handler = () => crowd.work('', 50);
  {
    await using _worker = createWorker(queue, { queue: 'q', concurrency: 2, pollMs: 60_000, handler });
    await eventually(async () => (await left(queue)) === 0, 'both');
  }
  const [first = 0, second = 0] = crowd.startsMs;
  assert(second - first < 4000, `${second - first} ms later`);
  await queue.enqueueMany(jobs);
  const run = await runUntilIdle(queue, { queue: 'q', concurrency: 2, handler });
  assert.deepEqual([run.ended, run.acked], ['idle', 2]);
});

test('the keys of jobs that are done are forgotten, limited or not', async () => {
  await using queue = await opened('skip-locked');
  await queue.enqueueMany(numbers(300).map((job) => ({ ...job, concurrencyKey: 'k' })));
  const { acked } = await runUntilIdle(queue, { queue: 'q', handler: () => sleep(1) });
  assert.equal(acked, 300);
  const { driver, tables } = queue.context;
  await eventually(async () => {
    const { rows } = await driver.query({ text: `SELECT FROM ${tables.jobKeys}` });
    return rows.length === 0;
  }, 'no keys');
});
