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
  const texts = { budgetMs: '60' } as never;
  await assert.rejects(runUntilIdle(queue, options, texts), /^InvalidArgumentError: budgetMs is "60": give/);
  await assert.rejects(
    runUntilIdle(queue, { ...options, concurrency: '8' as never }),
    /^InvalidArgumentError: concurrency is "8": give a whole number/,
  );
  const misspelt: object = { budget: 1 };
  await assert.rejects(runUntilIdle(queue, options, misspelt), /a run until idle has no option budget/);
});

test('a run in which no claim was ever answered rejects with what kept it from them', async (t) => {
  const options = { queue: 'q', handler: () => undefined, events: { error: () => undefined } };
  await using absent = createQueue({ driver, schema: 'never installed' });
  await assert.rejects(runUntilIdle(absent, options, { budgetMs: 300 }), {
    code: '42P01',
    message: /never installed/,
  });
  const { host, port, database: name } = database.settings;
  await using stranger = pgDriver({ host, port, database: name, user: 'nobody', password: 's3cret' });
  await using locked = createQueue({ driver: stranger, schema: 'never installed' });
  const warnings: string[] = [];
  const hear = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', hear);
  t.after(() => process.off('warning', hear));
  await assert.rejects(
    runUntilIdle(locked, { queue: 'q', handler: () => undefined }, { budgetMs: 1000 }),
    /nobody/,
  );
  const told = warnings.filter((warning) => warning.startsWith('worker of queue "q" (no events.error'));
  assert(told.some((warning) => /"nobody"/.test(warning)));
  // Connect, controls, maintenance and wakeup fail, each of them many times.
  assert(told.length <= 4, warnings.join('\n'));
  assert(warnings.every((warning) => !/s3cret|\n/.test(warning)));
  // It could do something, and found nothing that it could do: that is no failure.
  await using queue = await openQueue('skip-locked', 'failing');
  await queue.enqueue({ queue: 'q', payload: 0 });
  const report = await runUntilIdle(
    queue,
    { queue: 'q', retry: fixedRetry(0), handler: () => Promise.reject(new Error('no')), timeoutMs: 10 },
    { budgetMs: 200 },
  );
  assert.equal(report.acked, 0);
});

test('a run prunes what no job needs any more, but where it has no time for it', async () => {
  await using queue = await openQueue('skip-locked', 'pruned');
  const { requests, uniqueKeys } = queue.context.tables;
  const unique = { key: 'k', policy: 'ignore' } as const;
  await queue.enqueue({ queue: 'q', payload: 0, unique }, { idempotencyKey: 'once' });
  const count = async (): Promise<unknown> => {
    const { rows } = await driver.query<{ readonly rows: number }>({
      text: `SELECT ((SELECT count(*) FROM ${requests}) + (SELECT count(*) FROM ${uniqueKeys}))::integer AS rows`,
    });
    return rows[0]?.rows;
  };
  const options = { queue: 'q', handler: () => undefined };
  assert.equal((await runUntilIdle(queue, options)).acked, 1);
  assert.equal(await count(), 2, 'they are young');
  await driver.query({ text: `UPDATE ${requests} SET expires_at = expires_at - interval '100 days'` });
  await driver.query({ text: `UPDATE ${uniqueKeys} SET since = since - interval '1 day'` });
  await runUntilIdle(queue, options, { deadlineMs: 0 });
  assert.equal(await count(), 2, 'no time');
  await runUntilIdle(queue, options);
  assert.equal(await count(), 0);
});
