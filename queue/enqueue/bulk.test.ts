// Do thousands of jobs enter by COPY as they would one by one, and by other ways where no COPY may go?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import postgres from 'postgres';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import type { Database, Driver } from '../drivers/driver.ts';
import { eventually } from '../eventually.ts';
import {
  createQueue,
  type JobId,
  type NewJob,
  pgDriver,
  pgTransaction,
  postgresTransaction,
  type Queue,
} from '../index.ts';
import { COPY_FROM_JOBS } from '../strategies/shared/bulk.ts';
import { type Ground, installed, onEachGround, openSession } from './bench.ts';

/** Just enough that a COPY pays. */
const MANY = COPY_FROM_JOBS;
const LEASE_MS = 60_000;

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

const isCopy = (text: string): boolean => text.startsWith('COPY ');

function jobs(queue: string, count: number, more: Partial<NewJob> = {}): readonly NewJob[] {
  return Array.from({ length: count }, (_, n) => ({ queue, payload: { n, text: `\\.\n\t"${n}` }, ...more }));
}

async function stored({ strategy, driver }: Queue): Promise<ReadonlyMap<JobId, unknown>> {
  const found = new Map<JobId, unknown>();
  for (let after: JobId | undefined; ; ) {
    const page = await strategy.contents(driver, after, 5000);
    for (const { id, payload } of page) found.set(id, payload);
    after = page.at(-1)?.id;
    if (after === undefined) return found;
  }
}

/** Works a queue off; the ids in the order in which they were claimed. */
async function workOff(queue: Queue, name: string, count: number): Promise<readonly JobId[]> {
  await using session = await openSession(queue);
  const done: JobId[] = [];
  await eventually(async () => {
    const claimed = await session.claim(name, 500, LEASE_MS);
    if (claimed.length === 0) return done.length >= count;
    for (const { payload } of claimed) assert(typeof payload === 'object');
    await session.settle(claimed.map((job) => ({ kind: 'ack', job })));
    done.push(...claimed.map(({ id }) => id));
    return false;
  }, `${count} jobs of ${name}`);
  return done;
}

/** Runs `work` in a transaction of a client of the caller's own: of the library that the driver stands on. */
async function inOwnTransaction(driver: Driver, work: (tx: Database) => Promise<void>): Promise<void> {
  if (driver.name === 'postgres') {
    const sql = postgres({ ...database.settings, max: 1, onnotice: () => undefined });
    await sql.begin((own) => work(postgresTransaction(own))).finally(() => sql.end());
    return;
  }
  const client = new pg.Client(database.settings);
  await client.connect();
  try {
    await client.query('BEGIN');
    await work(pgTransaction(client));
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

onEachGround((ground: Ground) => {
  let driver: Driver;
  let queue: Queue;
  let texts: string[] = [];
  before(async () => {
    driver = ground.open({
      ...database.settings,
      max: 8,
      onStatement: ({ text }) => texts.push(text.trim()),
    });
    queue = await installed(ground, driver);
  });
  after(async () => {
    await queue[Symbol.asyncDispose]();
    await driver[Symbol.asyncDispose]();
  });

  test('they are what was given, under ids in the caller’s order, and are claimed in theirs', async () => {
    const many = [
      ...jobs('a "b" \\', MANY, { priority: 7, maxAttempts: 3 }),
      ...jobs('other', 3),
      ...jobs('a "b" \\', MANY, { priority: -7 }),
    ];
    texts = [];
    const ids = await queue.enqueueMany(many);
    assert(texts.filter(isCopy).length >= 1);
    assert.equal(
      texts.filter((text) => text === 'COMMIT').length,
      texts.filter((text) => text === 'BEGIN').length,
    );
    const found = await stored(queue);
    assert.deepEqual(
      ids.map((id) => found.get(id)),
      many.map(({ payload }) => payload),
    );
    assert.equal(found.size, many.length);
    const records = await queue.strategy.inspection?.find(driver, [ids[0] ?? '', ids[MANY] ?? '']);
    assert.deepEqual(
      new Set(
        records?.map(({ queue: name, priority, maxAttempts, attempt, state }) =>
          JSON.stringify([name, priority, maxAttempts, attempt, state]),
        ),
      ),
      new Set([JSON.stringify(['a "b" \\', 7, 3, 0, 'ready']), JSON.stringify(['other', 0, 20, 0, 'ready'])]),
    );
    const claimed = await workOff(queue, 'a "b" \\', 2 * MANY);
    assert.deepEqual(claimed, [...ids.slice(MANY + 3), ...ids.slice(0, MANY)]);
    assert.equal((await workOff(queue, 'other', 3)).length, 3);
  });

  test('in the caller’s own transaction too, whose fate they share', async () => {
    for (const commits of [false, true]) {
      const asked = inOwnTransaction(driver, async (tx) => {
        const ids = await queue.enqueueMany(jobs('own', MANY + 1), { tx });
        assert.equal(new Set(ids).size, MANY + 1);
        await queue.enqueue({ queue: 'own', payload: {} }, { tx });
        if (!commits) throw new Error('never mind');
      });
      if (commits) await asked;
      else await assert.rejects(asked, /never mind/);
      assert.equal((await queue.stats('own')).ready, commits ? MANY + 2 : 0);
    }
    assert.equal((await workOff(queue, 'own', MANY + 2)).length, MANY + 2);
  });

  test('few, delayed ones, and those of a database that cannot copy, take the other way', async () => {
    texts = [];
    await queue.enqueueMany(jobs('way', MANY - 1));
    const delayed = jobs('way', MANY).with(5, { queue: 'way', payload: {}, runAt: new Date('2100-01-01') });
    await queue.enqueueMany(delayed);
    await driver.transaction(async (tx) => {
      const plain: Database = { query: (statement) => tx.query(statement) };
      await queue.enqueueMany(jobs('way', MANY), { tx: plain });
    });
    assert.equal(texts.filter(isCopy).length, 0);
    const { ready, delayed: waiting } = await queue.stats('way');
    assert.deepEqual([ready, waiting], [3 * MANY - 2, 1]);
    await workOff(queue, 'way', 3 * MANY - 2);
  });

  test('with an idempotency key once, and with a unique one among them', async () => {
    const many = [...jobs('once', MANY), { queue: 'once', payload: {}, unique: { key: 'k' } }];
    texts = [];
    const ids = await queue.enqueueMany(many, { idempotencyKey: 'bulk' });
    assert.equal(texts.filter(isCopy).length, 1);
    assert.deepEqual(await queue.enqueueMany(many, { idempotencyKey: 'bulk' }), ids);
    await assert.rejects(queue.enqueueMany(many), { name: 'DuplicateJobError', existingId: ids.at(-1) });
    assert.equal((await queue.stats('once')).ready, MANY + 1);
    await workOff(queue, 'once', MANY + 1);
  });

  test('between its ids and its data a call may sleep: its jobs are not given up', async () => {
    // Where a queue has nothing yet, there may be nothing to copy into.
    await queue.enqueue({ queue: 'asleep', payload: {} });
    await workOff(queue, 'asleep', 1);
    const data = Promise.withResolvers<void>();
    const drawn = Promise.withResolvers<void>();
    const asleep = driver.transaction((tx) => {
      const sleeping: Database = {
        query: (statement) => tx.query(statement),
        async copyIn(text, rows) {
          drawn.resolve();
          await data.promise;
          await tx.copyIn?.(text, rows);
        },
      };
      return queue.enqueueMany(jobs('asleep', MANY), { tx: sleeping });
    });
    await Promise.race([drawn.promise, asleep]);
    const ids = new Set(await queue.enqueueMany(jobs('asleep', MANY)));
    assert.deepEqual(new Set(await workOff(queue, 'asleep', MANY)), ids);
    // Enough of it to give up every number that nobody may still fill.
    for (let round = 0; round < 5; round += 1) {
      await queue.enqueue({ queue: 'asleep', payload: {} });
      await workOff(queue, 'asleep', 1);
    }
    data.resolve();
    assert.deepEqual(new Set(await workOff(queue, 'asleep', MANY)), new Set(await asleep));
  });

  test('beside workers each is handed out once, those of a late commit too', async () => {
    const late = Promise.withResolvers<void>();
    const copied = Promise.withResolvers<void>();
    const slow = driver.transaction(async (tx) => {
      const ids = await queue.enqueueMany(jobs('beside', MANY), { tx });
      copied.resolve();
      await late.promise;
      return ids;
    });
    await copied.promise;
    const producers = Promise.all([1, 2].map(() => queue.enqueueMany(jobs('beside', MANY))));
    const early = await workOff(queue, 'beside', 2 * MANY);
    late.resolve();
    const ids = [...(await slow), ...(await producers).flat()];
    const done = [...early, ...(await workOff(queue, 'beside', MANY))];
    assert.equal(done.length, 3 * MANY);
    assert.deepEqual(new Set(done), new Set(ids));
  });
});

test('a role that may insert and not copy enqueues all the same', async () => {
  await using owner = pgDriver(database.settings);
  const ground: Ground = { strategy: 'skip-locked', schema: 'roles', open: pgDriver };
  await using queue = await installed(ground, owner);
  const role = `tenant_${database.settings.database}`;
  await owner.query({ text: `CREATE ROLE ${role}; GRANT USAGE ON SCHEMA roles TO ${role}` });
  await owner.query({ text: `GRANT SELECT, INSERT ON roles.jobs TO ${role}` });
  try {
    let copies = 0;
    await using driver = pgDriver({
      ...database.settings,
      sessionOptions: `-c role=${role}`,
      onStatement: ({ text }) => {
        if (isCopy(text)) copies += 1;
      },
    });
    const enqueue = async (): Promise<void> => {
      await using own = createQueue({ driver, schema: 'roles', wakeup: 'poll' });
      assert.equal((await own.enqueueMany(jobs('tenant', 6_000))).length, 6_000);
    };
    await enqueue();
    assert.equal(copies, 0, 'not without a right to the sequence');
    await owner.query({ text: `GRANT USAGE ON SEQUENCE roles.jobs_id_seq TO ${role}` });
    await enqueue();
    assert.equal(copies, 1);
    await owner.query({
      text: 'ALTER TABLE roles.jobs ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON roles.jobs USING (true)',
    });
    await enqueue();
    assert.equal(copies, 1, 'not under row-level security');
    assert.equal((await queue.stats('tenant')).ready, 18_000);
  } finally {
    await owner.query({ text: `DROP OWNED BY ${role}; DROP ROLE ${role}` });
  }
});
