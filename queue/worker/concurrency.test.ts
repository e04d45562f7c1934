// Does a worker's concurrency follow the load, within its bounds?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import { createQueue, createWorker, type Driver, pgDriver, type Queue } from '../index.ts';

let database: TestDatabase;
let driver: Driver;

before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 4 });
});
after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function openQueue(schema: string, jobs: number): Promise<Queue> {
  const queue = createQueue({ driver, schema, strategy: 'batch' });
  await queue.install();
  await queue.enqueueMany(Array.from({ length: jobs }, (_, payload) => ({ queue: 'q', payload })));
  return queue;
}

test('while all handlers wait and nothing is busy, more are let in up to the bound', async () => {
  await using queue = await openQueue('adapts up', 20_000);
  let atOnce = 0;
  let most = 0;
  await using worker = createWorker(queue, {
    queue: 'q',
    adaptive: { min: 2, max: 16, claimMs: 60_000, utilisation: 1 },
    async handler() {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await sleep(20);
      atOnce -= 1;
    },
  });
  assert.equal(worker.concurrency, 2);
  await eventually(async () => worker.concurrency === 16, 'the bound is reached');
  await eventually(async () => most === 16, '16 at once');
  await worker.stop();
  assert.equal(most, 16);
});

test('an event loop that is busy lets fewer in, down to the bound', async () => {
  await using queue = await openQueue('adapts down', 20_000);
  await using worker = createWorker(queue, {
    queue: 'q',
    concurrency: 32,
    adaptive: { min: 3, max: 64, claimMs: 60_000, utilisation: 0.3 },
    async handler() {
      const untilMs = performance.now() + 10;
      while (performance.now() < untilMs);
      await sleep(1);
    },
  });
  assert.equal(worker.concurrency, 32);
  await eventually(async () => worker.concurrency === 3, 'the lower bound');
});

test('claims that are slow let fewer in', async () => {
  await using queue = await openQueue('slow claims', 5_000);
  await using worker = createWorker(queue, {
    queue: 'q',
    concurrency: 8,
    batch: 4,
    prefetch: 0,
    adaptive: { max: 8, claimMs: 1, utilisation: 1 },
    handler: () => sleep(30),
    // No claim with its commit on disk is answered within a millisecond under this.
    claimsAtOnce: 1,
  });
  await driver.query({ text: 'ALTER SYSTEM SET commit_delay = 20000' });
  try {
    await driver.query({ text: 'ALTER SYSTEM SET commit_siblings = 0' });
    await driver.query({ text: 'SELECT pg_reload_conf()' });
    await eventually(async () => worker.concurrency === 1, 'the lower bound');
  } finally {
    await driver.query({ text: 'ALTER SYSTEM RESET commit_delay' });
    await driver.query({ text: 'ALTER SYSTEM RESET commit_siblings' });
    await driver.query({ text: 'SELECT pg_reload_conf()' });
  }
});

test('bounds that contradict each other are refused', async () => {
  await using queue = await openQueue('bounds', 1);
  const start = (adaptive: { min?: number; max: number; utilisation?: number }) =>
    createWorker(queue, { queue: 'q', handler: () => undefined, adaptive });
  assert.throws(() => start({ min: 5, max: 4 }), /adaptive.min is 5: give a whole number in 1…4/);
  assert.throws(() => start({ max: 0 }), /adaptive.max is 0/);
  assert.throws(() => start({ max: 4, utilisation: 1.5 }), /adaptive.utilisation is 1.5/);
});
