// Is a handler told when to give up, is what it says kept, and is an observer told of it all?

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import {
  createQueue,
  createWorker,
  type Driver,
  fixedRetry,
  JobAbortedError,
  pgDriver,
  type Queue,
  type QueueEvent,
  type QueueOptions,
} from '../index.ts';

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
  const queue = createQueue({ driver, schema: `handling${schemas}`, ...options });
  await queue.install();
  return queue;
}

const counts = async (queue: Queue) => {
  const { ready, delayed, leased, dead } = await queue.stats('q');
  return { ready, delayed, leased, dead };
};

test('a handler that takes too long is told so, and its job has failed', async () => {
  await using queue = await openQueue();
  const reasons: unknown[] = [];
  await queue.enqueue({ queue: 'q', payload: 1, maxAttempts: 2 });
  await using _worker = createWorker(queue, {
    queue: 'q',
    timeoutMs: 50,
    retry: fixedRetry(0),
    async handler(job, { signal }) {
      await sleep(10_000, undefined, { signal }).catch(() => undefined);
      reasons.push(signal.reason);
      if (job.attempt === 2) throw signal.reason;
      throw new Error('gave up');
    },
  });
  await eventually(async () => (await counts(queue)).dead === 1, 'a dead letter');
  assert.equal(reasons.length, 2);
  for (const reason of reasons) {
    assert(reason instanceof JobAbortedError);
    assert.equal(reason.abortCause, 'timeout');
    assert.match(reason.message, /took longer than 50 ms/);
  }
});

test('a job whose handler does not care for its signal is settled all the same, and its place stays taken', async () => {
  await using queue = await openQueue();
  const hung = Promise.withResolvers<void>();
  const started: unknown[] = [];
  await queue.enqueueMany([
    { queue: 'q', payload: 'hangs', maxAttempts: 1 },
    { queue: 'q', payload: 'next' },
  ]);
  await using worker = createWorker(queue, {
    queue: 'q',
    timeoutMs: 20,
    leaseMs: 500,
    handler(job) {
      started.push(job.payload);
      return job.payload === 'hangs' ? hung.promise : undefined;
    },
  });
  await eventually(async () => (await counts(queue)).dead === 1, 'the hanging job is a dead letter');
  assert.deepEqual(started, ['hangs'], 'one handler at a time');
  hung.resolve();
  await eventually(() => Promise.resolve(started.length === 2), 'the next job');
  assert.deepEqual(await worker.stop(), { released: 0, abandoned: 0 });
  assert.deepEqual(await counts(queue), { ready: 0, delayed: 0, leased: 0, dead: 1 });
});

test('a process does not wait for the timeout of a handler that its worker has left behind', async () => {
  await using queue = await openQueue();
  await queue.enqueue({ queue: 'q', payload: 1 });
  const program = `
import { createQueue, createWorker, pgDriver } from ${JSON.stringify(new URL('../index.ts', import.meta.url).href)};
const driver = pgDriver({ connectionString: ${JSON.stringify(database.url)} });
const queue = createQueue({ driver, schema: ${JSON.stringify(queue.schema)} });
await new Promise((resolve) => {
  const worker = createWorker(queue, {
    queue: 'q',
    timeoutMs: 600_000,
    handler() {
      worker.stop({ deadlineMs: 0 }).then(resolve);
      return new Promise(() => undefined);
    },
  });
});
await queue[Symbol.asyncDispose]();
await driver[Symbol.asyncDispose]();`;
  const run = promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { timeout: 20_000 },
  );
  await assert.doesNotReject(run, 'it ends by itself');
});

test('what a hook takes out of an error is never kept, also when the hook fails', async () => {
  await using queue = await openQueue();
  const errors: unknown[] = [];
  const sources: string[] = [];
  await using _worker = createWorker(queue, {
    queue: 'q',
    handler(job) {
      throw new Error(`login with secret-${job.payload} failed`);
    },
    redactError(text, job) {
      if (job.payload === 2) throw new Error('hook');
      return text.replace(/secret-\w+/, '***');
    },
    events: {
      error: (_, source) => sources.push(source),
      settled: (outcomes) => {
        for (const outcome of outcomes) if ('error' in outcome) errors.push(outcome.error.split('\n')[0]);
      },
    },
  });
  await queue.enqueueMany([1, 2].map((payload) => ({ queue: 'q', payload, maxAttempts: 1 })));
  await eventually(async () => (await counts(queue)).dead === 2, 'two dead letters');
  assert.deepEqual(errors.sort(), [
    'Error: login with *** failed',
    'the error is withheld, as redactError failed',
  ]);
  assert.deepEqual(sources, ['redact-error']);
});

test('progress is kept until the job ends, and told', async () => {
  const told: unknown[] = [];
  await using queue = await openQueue({
    observe: (event) => {
      if (event.kind === 'progressed') told.push(event.value);
    },
  });
  const { progress } = queue.context.tables;
  const stored = async () => (await driver.query({ text: `SELECT value FROM ${progress}` })).rows;
  const half = Promise.withResolvers<void>();
  await queue.enqueue({ queue: 'q', payload: null });
  await using worker = createWorker(queue, {
    queue: 'q',
    async handler(_job, { progress: report }) {
      await report({ done: 1 });
      await report({ done: 5 });
      await assert.rejects(report(undefined), { name: 'InvalidArgumentError' });
      await half.promise;
    },
  });
  await eventually(async () => told.length === 2, 'two reports');
  assert.deepEqual(await stored(), [{ value: { done: 5 } }]);
  half.resolve();
  await worker.idle();
  await eventually(async () => (await stored()).length === 0, 'nothing is kept of a job that is done');
});

test('an observer is told of each transition, once and in order', async () => {
  const events: QueueEvent[] = [];
  await using queue = await openQueue({ observe: (event) => events.push(event) });
  await using worker = createWorker(queue, {
    queue: 'q',
    retry: fixedRetry(0),
    handler(job) {
      if (job.payload === 'fails' && job.attempt === 1) throw new Error('once');
      if (job.payload === 'dies') throw new Error('for good');
      return sleep(20);
    },
  });
  await queue.enqueue({ queue: 'q', payload: 'works' });
  await worker.idle();
  const of = (kind: QueueEvent['kind']) => events.filter((event) => event.kind === kind);
  const kinds = () => events.map((event) => event.kind).filter((kind) => kind !== 'enqueued');
  assert.deepEqual(kinds(), ['claimed', 'started', 'completed']);
  const [completed] = of('completed');
  assert(completed?.kind === 'completed' && completed.serviceMs >= 15 && completed.serviceMs < 10_000);
  events.length = 0;
  await queue.enqueue({ queue: 'q', payload: 'fails' });
  await worker.idle();
  assert.deepEqual(kinds(), ['claimed', 'started', 'retried', 'claimed', 'started', 'completed']);
  events.length = 0;
  await queue.enqueue({ queue: 'q', payload: 'dies', maxAttempts: 1 });
  await worker.idle();
  assert.deepEqual(kinds(), ['claimed', 'started', 'dead-lettered']);
});

test('an observer that throws is reported, and harms nothing', async () => {
  const errors: unknown[] = [];
  await using queue = await openQueue({
    observe() {
      throw new Error('observer');
    },
    onSignalError: (error) => errors.push(error),
  });
  await queue.enqueue({ queue: 'q', payload: 1 });
  await using worker = createWorker(queue, { queue: 'q', handler: () => undefined });
  await worker.idle();
  assert.deepEqual(await counts(queue), { ready: 0, delayed: 0, leased: 0, dead: 0 });
  assert(errors.length >= 3, `${errors.length} reports`);
});
