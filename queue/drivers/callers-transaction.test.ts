// Does a job that is enqueued in the caller's own transaction, on the caller's own client, share its fate and keep its values?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import postgres from 'postgres';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { createQueue, type NewJob, type Queue } from '../index.ts';
import type { Database, Driver } from './driver.ts';
import { pgDriver, pgTransaction } from './pg.ts';
import { postgresDriver, postgresTransaction } from './postgres.ts';

/** Runs `work` in a transaction of the caller's, and commits unless it rejects. */
type Caller = (work: (tx: Database) => Promise<unknown>) => Promise<void>;

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

const at = new Date('2100-01-02T03:04:05.678Z');
const jobs: readonly NewJob[] = [
  { queue: 'q', payload: { text: 'ü "x" \\', list: [1, null, 'a'] } },
  { queue: 'q', payload: 'only a text' },
  { queue: 'q', payload: null, priority: -3 },
  { queue: 'q', payload: [], runAt: at },
];

async function through(caller: Caller, driver: Driver, schema: string): Promise<void> {
  await using queue: Queue = createQueue({ driver, strategy: 'skip-locked', schema });
  await queue.install();
  const ids: string[] = [];
  await caller(async (tx) => {
    for (const job of jobs) ids.push(await queue.enqueue(job, { tx }));
    ids.push(...(await queue.enqueueMany(jobs, { tx })));
  });
  await assert.rejects(
    caller(async (tx) => {
      await queue.enqueueMany(jobs, { tx });
      throw new Error('never mind');
    }),
    /never mind/,
  );
  for (const id of ids) assert.equal(typeof id, 'string');
  const { rows } = await driver.query({
    text: `SELECT id::text, payload, priority, run_at FROM "${schema}".jobs ORDER BY id`,
  });
  const stored = jobs.map(({ payload, priority = 0, runAt = null }) => ({
    payload,
    priority,
    run_at: runAt,
  }));
  assert.deepEqual(
    rows,
    [...stored, ...stored].map((job, index) => ({ id: ids[index], ...job })),
  );
}

test('a client of pg', async () => {
  const client = new pg.Client(database.settings);
  await client.connect();
  await using driver = pgDriver(database.settings);
  const caller: Caller = async (work) => {
    await client.query('BEGIN');
    try {
      await work(pgTransaction(client));
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    }
  };
  await through(caller, driver, 'on pg');
  await client.end();
});

for (const [what, options] of [
  ['as it is by default', {}],
  ['with bigint and types of the caller’s own', { types: { bigint: postgres.BigInt }, fetch_types: false }],
  ['that prepares nothing', { prepare: false }],
] as const)
  test(`a transaction of postgres.js, ${what}`, async () => {
    const sql = postgres({ ...database.settings, max: 2, onnotice: () => undefined, ...options });
    await using driver = postgresDriver(database.settings);
    const caller: Caller = async (work) => {
      await sql.begin((tx) => work(postgresTransaction(tx)));
    };
    await through(caller, driver, `on postgres ${what}`);
    await caller(async (large) => {
      const { rows, rowCount } = await large.query({
        text: 'SELECT $1::bigint AS n',
        values: ['9007199254740993'],
      });
      assert.deepEqual([rows, rowCount], [[{ n: '9007199254740993' }], 1]);
      const bare = await large.query({ text: 'SELECT true AND $1 AS b', values: [true] });
      assert.deepEqual(bare.rows, [{ b: true }]);
    });
    await sql.end();
  });

const refused = (message: RegExp) => ({ name: 'InvalidArgumentError', message });
/** What a caller without types may hand in. */
const untyped = (value: unknown) => value as never;

test('a client of pg whose transaction is not open is refused, and nothing is enqueued', async () => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'no transaction' });
  await queue.install();
  const client = new pg.Client(database.settings);
  await client.connect();
  const tx = pgTransaction(client);
  const many = Array.from({ length: 3_000 }, () => ({ queue: 'q', payload: 1 }));
  const closed = refused(/^the client has no open transaction: await BEGIN first$/);
  const each = async () => {
    await assert.rejects(queue.enqueue({ queue: 'q', payload: 1 }, { tx }), closed);
    await assert.rejects(queue.enqueueMany(many, { tx }), closed);
    await assert.rejects(tx.copyIn?.('COPY nothing FROM STDIN', ['1\n']) ?? Promise.resolve(), closed);
  };
  await each();
  await client.query('BEGIN');
  await queue.enqueue({ queue: 'q', payload: 1 }, { tx });
  await client.query('SAVEPOINT one');
  await assert.rejects(client.query('SELECT 1 / 0'));
  await client.query('ROLLBACK TO one');
  await queue.enqueue({ queue: 'q', payload: 1 }, { tx });
  await client.query('COMMIT');
  await each();
  await client.end();
  assert.equal((await queue.stats('q')).ready, 2);

  const pipelining = new pg.Client({ ...database.settings, pipeline: true });
  await pipelining.connect();
  await Promise.all([
    pipelining.query('BEGIN'),
    queue.enqueue({ queue: 'q', payload: 1 }, { tx: pgTransaction(pipelining) }),
  ]);
  await pipelining.query('COMMIT');
  await pipelining.end();
  assert.equal((await queue.stats('q')).ready, 3);
});

test('a pool in place of a transaction is refused', async () => {
  const pool = new pg.Pool(database.settings);
  assert.throws(() => pgTransaction(untyped(pool)), refused(/is a pool: give the client of await pool/));
  assert.throws(
    () => pgTransaction(untyped(undefined)),
    refused(/^the client of pgTransaction is undefined/),
  );
  await pool.end();
  const sql = postgres({ ...database.settings, max: 2 });
  const outside = () =>
    // @ts-expect-error -- it would enqueue outside of the transaction
    postgresTransaction(sql);
  assert.throws(outside, refused(/is no transaction: give it the sql of await sql\.begin/));
  assert.throws(() => postgresTransaction(untyped(undefined)), refused(/is no transaction/));
  await sql.begin((tx) => tx.savepoint(async (inner) => void postgresTransaction(inner)));
  await sql.end();
});
