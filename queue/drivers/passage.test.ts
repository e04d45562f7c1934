// Is a pooler found out, and does every statement find its way through it?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pg from 'pg';
import postgres from 'postgres';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { poolerBinary, startPooler, withoutPooler } from '../../testing/pooler.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { InvalidArgumentError } from '../errors.ts';
import { createQueue } from '../index.ts';
import { prepared } from '../sql.ts';
import type { Database, Driver } from './driver.ts';
import { pgDriver, pgTransaction } from './pg.ts';
import { postgresDriver, postgresTransaction } from './postgres.ts';

const keepsPrepared = poolerBinary()?.keepsPrepared === true;
const plus = prepared('SELECT $1::integer + 1 AS n');

/** What clients have left on the pooler's connections to the server, each looked at while the others are held. */
async function leftBehind(settings: TestDatabase['settings'], size: number) {
  const clients = Array.from({ length: size }, () => new pg.Client(settings));
  const left: unknown[] = [];
  for (const client of clients) {
    await client.connect();
    await client.query('BEGIN');
    const { rows } = await client.query<{ readonly seqscan: string; readonly named: number }>(
      `SELECT current_setting('enable_seqscan') AS seqscan,
         (SELECT count(*)::integer FROM pg_prepared_statements WHERE name NOT LIKE 'PGBOUNCER%') AS named,
         (SELECT count(*)::integer FROM pg_listening_channels()) AS channels`,
    );
    left.push(...rows);
  }
  for (const client of clients) await client.end();
  return left;
}

for (const { label, open } of driverKinds)
  describe(`through PgBouncer over ${label}`, { skip: withoutPooler }, () => {
    for (const size of [1, 2, 4])
      test(`${size} connections in transaction mode: found out, and prepared statements work`, async (t) => {
        const database = await testDatabase(t);
        await using pooler = await startPooler({ size });
        {
          await using driver = open({ ...pooler.through(database), max: 3 });
          const users: readonly Database[] = [driver, await driver.connect('a'), await driver.connect('b')];
          for (const user of users.slice(1)) assert.equal('pooler' in user && user.pooler, 'transaction');
          for (let round = 0; round < 10; round += 1) {
            const answers = await Promise.all([...users, ...users].map((user) => user.query(plus([round]))));
            for (const { rows } of answers) assert.deepEqual(rows, [{ n: round + 1 }]);
          }
          await driver.transaction(async (tx) => {
            assert.deepEqual((await tx.query(plus([1]))).rows, [{ n: 2 }]);
          });
        }
        const clean = { seqscan: 'on', named: 0, channels: 0 };
        assert.deepEqual(await leftBehind(pooler.through(database), size), Array(size).fill(clean));
      });

    test('transaction mode: statements are prepared exactly where the pooler keeps them', async (t) => {
      const database = await testDatabase(t);
      await using pooler = await startPooler({ size: 1 });
      await using driver = open({ ...pooler.through(database), max: 1 });
      await driver.query(plus([1]));
      const { rows } = await driver.query({
        text: `SELECT name FROM pg_prepared_statements WHERE statement = '${plus([]).text}'`,
      });
      assert.equal(rows.length, keepsPrepared ? 1 : 0);
    });

    test('session mode is found out, and the session is its own', async (t) => {
      const database = await testDatabase(t);
      await using pooler = await startPooler({ size: 4, mode: 'session' });
      await using driver = open({ ...pooler.through(database), max: 1 });
      await using connection = await driver.connect('one');
      assert.equal(connection.pooler, 'session');
      const { rows } = await connection.query({ text: 'SELECT pg_backend_pid() AS pid' });
      assert.deepEqual(rows, [{ pid: connection.backendPid }]);
    });

    test('a mode that cannot be found out is told with the mend; one that is said is not asked for', async (t) => {
      const database = await testDatabase(t);
      await using pooler = await startPooler({ size: 1, mode: 'session' });
      {
        await using driver = open({ ...pooler.through(database), max: 1 });
        await assert.rejects(driver.connect('one'), /give the driver the option pooler/);
      }
      await using driver = open({ ...pooler.through(database), max: 1, pooler: 'session' });
      await using connection = await driver.connect('one');
      assert.equal(connection.pooler, 'session');
    });

    test('no pooler is found where there is none', async (t) => {
      const database = await testDatabase(t);
      await using driver = open({ ...database.settings, max: 1 });
      await using connection = await driver.connect('one');
      assert.equal(connection.pooler, undefined);
    });

    test('what needs its session goes to the direct address', async (t) => {
      const database = await testDatabase(t);
      await using pooler = await startPooler();
      const { url } = database;
      await using driver = open({ ...pooler.through(database), direct: { connectionString: url } });
      await using own = await driver.connect('own', 'session');
      assert.equal(own.pooler, undefined);
      await using pooled = await driver.connect('pooled');
      assert.equal(pooled.pooler, 'transaction');
    });

    test('many jobs travel at once', async (t) => {
      const database = await testDatabase(t);
      await using pooler = await startPooler();
      await using driver = open(pooler.through(database));
      await using queue = createQueue({ driver });
      await queue.install();
      const jobs = Array.from({ length: 12_000 }, (_, payload) => ({ queue: 'q', payload }));
      assert.equal((await queue.enqueueMany(jobs)).length, jobs.length);
      assert.equal((await queue.stats('q')).ready, jobs.length);
    });

    test('options of another kind are refused', () => {
      const address = { connectionString: 'postgres://nobody@localhost/none' };
      const wrongs: readonly object[] = [
        { pooler: 'odyssey' },
        { prepare: 1 },
        { direct: {} },
        { direct: 'here' },
      ];
      for (const wrong of wrongs)
        assert.throws(() => open(Object.assign({ ...address }, wrong)), InvalidArgumentError);
    });
  });

/** Runs `work` in a transaction of the caller's. */
type Caller = (work: (tx: Database) => Promise<unknown>) => Promise<unknown>;

/** Transactions of several callers at once, so that each gets now one connection to the server, now another. */
async function enqueueFrom(callers: readonly Caller[], driver: Driver): Promise<void> {
  await using queue = createQueue({ driver });
  await queue.install();
  for (let round = 0; round < 10; round += 1)
    await Promise.all(
      callers.map((caller) => caller((tx) => queue.enqueue({ queue: 'q', payload: round }, { tx }))),
    );
  assert.equal((await queue.stats('q')).ready, 10 * callers.length);
}

describe('the transaction of a caller behind PgBouncer', { skip: withoutPooler }, () => {
  test('of pg', async (t) => {
    const database = await testDatabase(t);
    await using pooler = await startPooler({ size: 3 });
    await using driver = pgDriver(pooler.through(database));
    const clients = Array.from({ length: 3 }, () => new pg.Client(pooler.through(database)));
    for (const client of clients) await client.connect();
    const callers = clients.map(
      (client): Caller =>
        async (work) => {
          await client.query('BEGIN');
          await work(pgTransaction(client));
          await client.query('COMMIT');
        },
    );
    await enqueueFrom(callers, driver);
    for (const client of clients) await client.end();
  });

  test('of postgres.js, which its user has told not to prepare where the pooler keeps nothing', async (t) => {
    const database = await testDatabase(t);
    await using pooler = await startPooler({ size: 3 });
    await using driver = postgresDriver(pooler.through(database));
    const sql = postgres({ ...pooler.through(database), max: 3, prepare: keepsPrepared });
    const caller: Caller = (work) => sql.begin((tx) => work(postgresTransaction(tx)));
    await enqueueFrom([caller, caller, caller], driver);
    await sql.end();
  });
});

for (const [pooler, asked] of [
  ['none', false],
  [undefined, true],
] as const)
  test(`pg: a session is ${asked ? '' : 'not '}asked for its process where the pooler is ${pooler ?? 'not told'}`, async (t) => {
    const database = await testDatabase(t);
    await using watcher = pgDriver(database.settings);
    await using driver = pgDriver({ ...database.settings, ...(pooler === undefined ? {} : { pooler }) });
    await using session = await driver.connect('fresh');
    const { rows } = await watcher.query({
      text: "SELECT pid, query <> '' AS asked FROM pg_stat_activity WHERE application_name LIKE '% fresh'",
    });
    assert.deepEqual(rows, [{ pid: session.backendPid, asked }]);
    await driver.query({ text: 'SELECT 1' });
  });
