// Is an enqueue with an idempotency key carried out once, however often and from wherever it is sent?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { openProxy } from '../../testing/proxy.ts';
import type { Database, Driver } from '../drivers/driver.ts';
import { eventually } from '../eventually.ts';
import type { NewJob, QueueEvent } from '../index.ts';
import { installed, onEachGround, unfinished } from './bench.ts';
import { pruneRequests } from './requests.ts';

const JOB: NewJob = { queue: 'q', payload: { n: 1 } };

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

async function countKeys(db: Database, schema: string): Promise<number> {
  const { rows } = await db.query<{ readonly n: number }>({
    text: `SELECT count(*)::integer AS n FROM "${schema.replaceAll('"', '""')}".queue_requests`,
  });
  return rows[0]?.n ?? -1;
}

onEachGround((ground) => {
  let driver: Driver;
  before(() => {
    driver = ground.open({ ...database.settings, max: 10 });
  });
  after(() => driver[Symbol.asyncDispose]());

  test('the same call is answered with the same ids, and enqueues nothing', async () => {
    const events: QueueEvent[] = [];
    await using queue = await installed(ground, driver, {
      observe: (event) => events.push('enqueueMs' in event ? { ...event, enqueueMs: 0 } : event),
    });
    const id = await queue.enqueue(JOB, { idempotencyKey: 'one' });
    assert.equal(await queue.enqueue({ payload: { n: 1 }, queue: 'q' }, { idempotencyKey: 'one' }), id);
    const jobs = [
      { ...JOB, priority: 3, maxAttempts: 2 },
      { ...JOB, runAt: new Date('2100-01-01') },
    ];
    const many = await queue.enqueueMany(jobs, { idempotencyKey: 'many' });
    assert.deepEqual(await queue.enqueueMany(jobs, { idempotencyKey: 'many' }), many);
    assert.equal((await unfinished(queue)).length, 3);
    assert.deepEqual(new Set(await unfinished(queue)), new Set([id, ...many]));
    assert.deepEqual(events, [
      { kind: 'enqueued', queue: 'q', ids: [id], inTransaction: false, enqueueMs: 0 },
      { kind: 'enqueued', queue: 'q', ids: many, inTransaction: false, enqueueMs: 0 },
    ]);
    const other = await queue.enqueue(JOB, { idempotencyKey: 'another' });
    assert.notEqual(other, id);
  });

  test('the same key with other jobs is refused', async () => {
    await using queue = await installed(ground, driver);
    await queue.enqueue(JOB, { idempotencyKey: 'digest' });
    const left = await unfinished(queue);
    const others: readonly NewJob[] = [
      { ...JOB, payload: { n: 2 } },
      { ...JOB, queue: 'r' },
      { ...JOB, priority: 1 },
      { ...JOB, maxAttempts: 3 },
      { ...JOB, runAt: new Date('2100-01-01') },
      { ...JOB, unique: { key: 'k' } },
    ];
    const refused = { name: 'IdempotencyError', key: 'digest', message: /used for other jobs: give/ };
    for (const other of others)
      await assert.rejects(queue.enqueue(other, { idempotencyKey: 'digest' }), refused);
    await assert.rejects(queue.enqueueMany([JOB, JOB], { idempotencyKey: 'digest' }), refused);
    await driver.transaction(async (tx) => {
      await assert.rejects(queue.enqueueMany([JOB, JOB], { idempotencyKey: 'digest', tx }), refused);
    });
    assert.deepEqual(await unfinished(queue), left);
  });

  test('of eight at once one enqueues, and all are answered alike', async () => {
    await using queue = await installed(ground, driver);
    await using sibling = await installed(ground, driver);
    const left = (await unfinished(queue)).length;
    for (let round = 0; round < 5; round += 1) {
      const idempotencyKey = `race ${round}`;
      const ids = await Promise.all(
        Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? queue : sibling).enqueue(JOB, { idempotencyKey })),
      );
      assert.equal(new Set(ids).size, 1);
    }
    assert.equal((await unfinished(queue)).length, left + 5);
  });

  test('within the caller’s transaction it shares its fate, and who comes second waits for that', async () => {
    await using queue = await installed(ground, driver);
    const left = (await unfinished(queue)).length;
    const first = Promise.withResolvers<void>();
    const ending = Promise.withResolvers<void>();
    const rolledBack = driver.transaction(async (tx) => {
      const id = await queue.enqueue(JOB, { idempotencyKey: 'fate', tx });
      assert.equal(await queue.enqueue(JOB, { idempotencyKey: 'fate', tx }), id, 'seen by itself');
      first.resolve();
      await ending.promise;
      throw new Error('never mind');
    });
    await first.promise;
    const second = queue.enqueue(JOB, { idempotencyKey: 'fate' });
    await eventually(async () => {
      const { rows } = await driver.query({
        text: "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
      });
      return rows.length === 1;
    }, 'a second caller that waits');
    ending.resolve();
    await assert.rejects(rolledBack, /never mind/);
    const id = await second;
    assert.equal(await queue.enqueue(JOB, { idempotencyKey: 'fate' }), id);
    assert.equal((await unfinished(queue)).length, left + 1);
  });

  test('twice at once in one transaction is refused, and the transaction goes on', async () => {
    await using queue = await installed(ground, driver);
    const left = (await unfinished(queue)).length;
    await driver.transaction(async (tx) => {
      const both = await Promise.allSettled(
        [1, 2].map(() => queue.enqueue(JOB, { idempotencyKey: 'together', tx })),
      );
      assert.deepEqual(
        both.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      );
      const [, second] = both;
      assert.match(
        String(second?.status === 'rejected' && second.reason),
        /under way in the same transaction/,
      );
    });
    assert.equal((await unfinished(queue)).length, left + 1);
  });

  for (const when of ['before the commit', 'when it has committed'] as const)
    test(`a connection that is lost ${when}, and then a retry: one job`, async () => {
      await using queue = await installed(ground, driver);
      const left = (await unfinished(queue)).length;
      const idempotencyKey = `lost ${when}`;
      const proxy = await openProxy(database.settings.host, database.settings.port);
      const lost = Promise.withResolvers<void>();
      let answering = false;
      await using far = ground.open({
        ...database.settings,
        port: proxy.port,
        onStatement({ text }) {
          answering ||= text.includes('SET ids =');
          if (!answering || (when === 'when it has committed' && text !== 'COMMIT')) return;
          // Whatever the server answers from here on is not heard.
          proxy.hold(true);
          lost.resolve();
        },
      });
      await using producer = await installed(ground, far);
      const asked = assert.rejects(producer.enqueue(JOB, { idempotencyKey }));
      try {
        await lost.promise;
        if (when === 'when it has committed')
          await eventually(async () => (await unfinished(queue)).length === left + 1, 'the commit');
      } finally {
        await proxy[Symbol.asyncDispose]();
      }
      await asked;
      const id = await queue.enqueue(JOB, { idempotencyKey });
      const stored = await unfinished(queue);
      assert.equal(stored.length, left + 1);
      assert(stored.includes(id));
    });

  test('a key is forgotten when its time is over, whether it was pruned or not', async () => {
    await using queue = await installed(ground, driver, { idempotencyMs: 60_000 });
    const { context } = queue;
    const age = () =>
      driver.query({
        text: `UPDATE ${context.tables.requests} SET expires_at = expires_at - interval '2 days'`,
      });
    const id = await queue.enqueue(JOB, { idempotencyKey: 'old' });
    await age();
    const again = await queue.enqueue({ ...JOB, payload: 2 }, { idempotencyKey: 'old' });
    assert.notEqual(again, id);
    assert.equal(
      await queue.enqueue({ ...JOB, payload: 2 }, { idempotencyKey: 'old' }),
      again,
      'young again',
    );
    await age();
    await queue.enqueue(JOB, { idempotencyKey: 'young' });
    const old = (await countKeys(driver, ground.schema)) - 1;
    assert(old > 2);
    assert.equal(await pruneRequests(context, 2), 2, 'no more than was asked for');
    const pruned = await Promise.all([1, 2, 3].map(() => pruneRequests(context, 100)));
    assert.equal(
      pruned.reduce((sum, count) => sum + count),
      old - 2,
    );
    assert.equal(await pruneRequests(context, 100), 0);
    assert.equal(await countKeys(driver, ground.schema), 1);
  });

  test('a key is kept for as long as who gave it said, whoever looks or prunes', async () => {
    await using brief = await installed(ground, driver, { idempotencyMs: 1000 });
    await using long = await installed(ground, driver, { idempotencyMs: 600_000 });
    const later = () =>
      driver.query({
        text: `UPDATE ${long.context.tables.requests} SET expires_at = expires_at - interval '1 minute'`,
      });
    const kept = await long.enqueue(JOB, { idempotencyKey: 'kept' });
    await brief.enqueue(JOB, { idempotencyKey: 'gone' });
    await later();
    assert.equal(await brief.enqueue(JOB, { idempotencyKey: 'kept' }), kept);
    await long.enqueue({ ...JOB, payload: 'other' }, { idempotencyKey: 'gone' });
    await later();
    await pruneRequests(brief.context, 100);
    assert.equal(await long.enqueue(JOB, { idempotencyKey: 'kept' }), kept);
    await assert.rejects(brief.enqueue(JOB, { idempotencyKey: 'gone' }), { name: 'IdempotencyError' });
  });

  test('without unique jobs a key asks nothing of theirs', async () => {
    const texts: string[] = [];
    await using watched = ground.open({ ...database.settings, onStatement: ({ text }) => texts.push(text) });
    await using queue = await installed(ground, watched);
    await queue.enqueueMany([JOB, JOB], { idempotencyKey: 'plain' });
    const unique = () => texts.filter((text) => text.includes('queue_unique_keys')).length;
    assert.equal(unique(), 0);
    const given = [JOB, { ...JOB, unique: { key: 'one among others' } }];
    const ids = await queue.enqueueMany(given, { idempotencyKey: 'mixed' });
    assert.equal(new Set(ids).size, 2);
    assert.equal(unique(), 3);
  });

  test('what is no key is refused before anything is sent', async () => {
    await using queue = await installed(ground, driver);
    for (const idempotencyKey of ['', 'x'.repeat(201), 'é'.repeat(101), '\0', '\ud800'])
      for (const jobs of [[JOB], []])
        await assert.rejects(queue.enqueueMany(jobs, { idempotencyKey }), {
          name: 'InvalidArgumentError',
          message: /^idempotencyKey /,
        });
    await queue.enqueue(JOB, { idempotencyKey: `"'\\${'é'.repeat(98)}` });
  });
});
