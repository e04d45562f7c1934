// Does a run end when nothing is left that can run, and when its time is up?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { createQueue, type Driver, fixedRetry, pgDriver, runUntilIdle, strategies } from '../index.ts';

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

async function openQueue(strategy: string, schema: string) {
  const queue = createQueue({ driver, schema, strategy });
  await queue.install();
  return queue;
}

for (const { strategyName: strategy } of strategies) {
  test(`${strategy}: all that can run is done, due jobs and retries too, and the rest is left`, async () => {
    await using queue = await openQueue(strategy, `idle ${strategy}`);
    const jobs = Array.from({ length: 50 }, (_, payload) => ({ queue: 'q', payload }));
    const soon = new Date(Date.now() + 300);
    await queue.enqueueMany([
      ...jobs,
      { queue: 'q', payload: 'due', runAt: soon },
      { queue: 'q', payload: 'later', runAt: new Date(Date.now() + 3_600_000) },
    ]);
    // Due by now, and not yet among the ready ones, wherever the strategy keeps them.
    await sleep(400);
    const done: unknown[] = [];
    const report = await runUntilIdle(queue, {
      queue: 'q',
      connections: 2,
      retry: fixedRetry(0),
      handler(job) {
        if (job.payload === 7 && job.attempt === 1) throw new Error('once');
        done.push(job.payload);
      },
    });
    assert.deepEqual(report, {
      ended: 'idle',
      acked: 51,
      retried: 1,
      deadLettered: 0,
      released: 0,
      abandoned: 0,
    });
    assert.equal(new Set(done).size, 51);
    assert((await queue.stats('q')).delayed === 1);
    const again = await runUntilIdle(queue, { queue: 'q', handler: () => assert.fail('nothing can run') });
    assert.deepEqual([again.ended, again.acked], ['idle', 0]);
  });
}

test('a run ends when its budget is used up, and gives back what it has not started', async () => {
  await using queue = await openQueue('batch', 'budget');
  await queue.enqueueMany(Array.from({ length: 300 }, (_, payload) => ({ queue: 'q', payload })));
  const startedMs = performance.now();
  const report = await runUntilIdle(
    queue,
    { queue: 'q', handler: () => sleep(20) },
    { budgetMs: 500, deadlineMs: 1000 },
  );
  const tookMs = performance.now() - startedMs;
  assert.equal(report.ended, 'budget');
  assert(report.acked > 0 && report.acked < 60, `${report.acked} acked`);
  assert(report.released > 0 && report.abandoned === 0);
  assert(tookMs < 5000, `took ${tookMs} ms`);
  const { ready, leased } = await queue.stats('q');
  assert.deepEqual([ready + report.acked, leased], [300, 0]);
});

test('a run ends when it is told to', async () => {
  await using queue = await openQueue('skip-locked', 'aborted');
  await queue.enqueueMany(Array.from({ length: 300 }, (_, payload) => ({ queue: 'q', payload })));
  const controller = new AbortController();
  const report = await runUntilIdle(
    queue,
    {
      queue: 'q',
      async handler() {
        controller.abort();
        await sleep(10);
      },
    },
    { signal: controller.signal },
  );
  assert.equal(report.ended, 'aborted');
  const aborted = await runUntilIdle(
    queue,
    { queue: 'q', handler: () => undefined },
    { signal: AbortSignal.abort() },
  );
  assert.equal(aborted.ended, 'aborted');
});

test('a budget out of range, and an option that is none, are refused', async () => {
  await using queue = await openQueue('skip-locked', 'refused');
  const options = { queue: 'q', handler: () => undefined };
  await assert.rejects(
    runUntilIdle(queue, options, { budgetMs: 0 }),
    /budgetMs is 0: give a whole number in 1…/,
  );
  const misspelt: object = { budget: 1 };
  await assert.rejects(runUntilIdle(queue, options, misspelt), /a run until idle has no option budget/);
});
