// Do keys come and go with their jobs, and does pruning take away only what nobody needs?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { createQueue, type NewJob, pgDriver, type Queue, strategies } from '../index.ts';
import { storeJobKeys } from './job-keys.ts';
import { pruneLimits } from './prune.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

async function keysOf({ driver, context }: Queue): Promise<Readonly<Record<string, string>>> {
  const { rows } = await driver.query<{ readonly job_id: string; readonly key: string }>({
    text: `SELECT job_id, key FROM ${context.tables.jobKeys} ORDER BY job_id`,
  });
  return Object.fromEntries(rows.map(({ job_id, key }) => [job_id, key]));
}

test('of jobs without a key nothing is made', async () => {
  const jobs = Object.assign([{ queue: 'q', payload: 1 }], { flatMap: () => assert.fail('a list per job') });
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'keyless' });
  await storeJobKeys({ query: () => assert.fail('sent') }, queue.context, jobs, ['1']);
});

for (const { label, open } of driverKinds)
  test(`${label}: a key is stored with its job or not at all`, async () => {
    await using driver = open({ ...database.settings, max: 3 });
    await using queue = createQueue({ driver, schema: `keyed ${label}` });
    await queue.install();
    const job = (concurrencyKey?: string): NewJob => ({
      queue: 'q',
      payload: 1,
      ...(concurrencyKey === undefined ? {} : { concurrencyKey }),
    });
    const [one, , three] = await queue.enqueueMany([job('a'), job(), job('b\'"\\')]);
    const alone = await queue.enqueue(job('ü'.repeat(100)));
    assert(one && three);
    const stored = { [one]: 'a', [three]: 'b\'"\\', [alone]: 'ü'.repeat(100) };
    assert.deepEqual(await keysOf(queue), stored);
    await assert.rejects(
      driver.transaction(async (tx) => {
        await queue.enqueue(job('c'), { tx });
        throw new Error('planted');
      }),
      /planted/,
    );
    assert.deepEqual(await keysOf(queue), stored);
    const many = await queue.enqueueMany(
      Array.from({ length: 6_000 }, (_, n) => job(n < 5_500 ? 'm' : undefined)),
    );
    const keys = await keysOf(queue);
    assert.equal(Object.values(keys).filter((key) => key === 'm').length, 5_500);
    assert.deepEqual([keys[many[5_499] ?? ''], keys[many[5_500] ?? '']], ['m', undefined]);
    for (const bad of ['', 'x'.repeat(201), 'nul \0', 'half \ud800', 5 as never, null as never])
      await assert.rejects(queue.enqueue(job(bad)), { name: 'InvalidArgumentError' });
  });

test('jobs without a key cost no statement and no transaction', async () => {
  const texts: string[] = [];
  await using driver = pgDriver({ ...database.settings, onStatement: ({ text }) => texts.push(text) });
  await using queue = createQueue({ driver, schema: 'keyless', wakeup: 'poll' });
  await queue.install();
  texts.length = 0;
  await queue.enqueueMany([
    { queue: 'q', payload: 1 },
    { queue: 'q', payload: 2 },
  ]);
  assert.equal(texts.length, 1);
});

for (const strategy of strategies)
  test(`${strategy.strategyName}: keys of jobs that are gone are pruned, page by page, and no others`, async () => {
    await using driver = pgDriver({ ...database.settings, max: 3 });
    await using queue = createQueue({
      driver,
      strategy,
      schema: `prune ${strategy.strategyName}`,
      wakeup: 'poll',
    });
    await queue.install();
    const ids = await queue.enqueueMany(
      Array.from({ length: 20 }, (_, n) => ({ queue: 'q', payload: n, concurrencyKey: `k${n % 3}` })),
    );
    await queue.strategy.upkeep?.run(driver);
    const session = await queue.strategy.openWorker(await driver.connect('claimer'), 'w');
    const claimed = await session.claim('q', 5, 60_000);
    assert(claimed.length > 0);
    await session.settle(claimed.map((job) => ({ kind: 'ack', job })));
    await session[Symbol.asyncDispose]();
    const gone = new Set(claimed.map(({ id }) => id));
    let removed = 0;
    let afterId: string | undefined;
    for (let round = 0; round < 30; round += 1) {
      const pruned = await pruneLimits(queue.context, 3, afterId);
      removed += pruned.removed;
      afterId = pruned.afterId;
      if (afterId === undefined) break;
    }
    assert.equal(afterId, undefined, 'the rounds come to an end');
    assert.equal(removed, gone.size);
    const left = ids.filter((id) => !gone.has(id)).sort((one, other) => Number(one) - Number(other));
    assert.deepEqual(
      Object.keys(await keysOf(queue)).sort((one, other) => Number(one) - Number(other)),
      left,
    );
  });

test('expired permits and tokens that have come back are pruned, a few at a time; what counts stays', async () => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'leftovers', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { rate: { jobs: 5, periodMs: 60_000 } });
  const { permits, starts } = queue.context.tables;
  await driver.query({
    text: `
INSERT INTO ${permits} (job_id, queue, worker, token, expires_at)
SELECT n, 'q', 'w', '1', now() + CASE WHEN n <= 5 THEN -1 ELSE 60 END * interval '1 second' FROM generate_series(1, 8) AS n;
INSERT INTO ${starts} (queue, slot, jobs)
SELECT 'q', (extract(epoch FROM now()) - n * 20 - 5)::bigint * 1000000, 1 FROM generate_series(0, 8) AS n;
INSERT INTO ${starts} (queue, slot, jobs) VALUES ('unlimited by now', 1, 1)`,
  });
  // Of nine tokens those of 5, 25 and 45 s ago count.
  assert.equal((await pruneLimits(queue.context, 4)).removed, 8);
  assert.equal((await pruneLimits(queue.context, 4)).removed, 4);
  assert.deepEqual(await pruneLimits(queue.context, 4), { removed: 0 });
  const { rows } = await driver.query({
    text: `
SELECT (SELECT array_agg(job_id ORDER BY job_id)::text FROM ${permits}) AS permits, (SELECT count(*)::integer FROM ${starts}) AS starts`,
  });
  assert.deepEqual(rows, [{ permits: '{6,7,8}', starts: 3 }]);
});
