// Does a COPY go through each driver whole, alone on its connection, and come to an end whatever happens?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import postgres from 'postgres';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import type { Database, Driver } from './driver.ts';
import { pgTransaction } from './pg.ts';
import { postgresTransaction } from './postgres.ts';

const COPY = 'COPY numbers (n, fill) FROM STDIN';
const FILL = 'x'.repeat(1000);

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
  await using driver = driverKinds[0]?.open(database.settings);
  await driver?.query({ text: 'CREATE TABLE numbers (n integer CHECK (n >= 0), fill text)' });
});
after(() => database[Symbol.asyncDispose]());

function* lines(count: number, last = count): Generator<string> {
  for (let n = 1; n < count; n += 1) yield `${n}\t${FILL}\n`;
  yield `${last}\t${FILL}\n`;
}

function copy(tx: Database, rows: Iterable<string>): Promise<void> {
  assert(tx.copyIn, 'transactions of this driver can copy');
  return tx.copyIn(COPY, rows);
}

async function count(db: Database): Promise<number> {
  const { rows } = await db.query<{ readonly n: number }>({
    text: 'SELECT count(*)::integer AS n FROM numbers',
  });
  return rows[0]?.n ?? -1;
}

for (const kind of driverKinds) {
  describe(kind.label, () => {
    let driver: Driver;
    before(() => {
      // One connection: each test finds what the one before has left of it.
      driver = kind.open({ ...database.settings, max: 1 });
    });
    after(() => driver[Symbol.asyncDispose]());
    const empty = () => driver.query({ text: 'TRUNCATE numbers' });

    test('statements before, beside and behind it keep their order and their answers', async () => {
      await empty();
      const answers = await driver.transaction((tx) =>
        Promise.all([
          count(tx),
          copy(tx, lines(3_000)),
          count(tx),
          copy(tx, lines(10)),
          count(tx),
          copy(tx, []),
          tx.query({ text: 'SELECT $1::integer AS one', values: [1] }).then(({ rows }) => rows),
        ]),
      );
      assert.deepEqual(answers, [0, undefined, 3_000, undefined, 3_010, undefined, [{ one: 1 }]]);
      assert.equal(await count(driver), 3_010);
    });

    for (const [when, rows, code] of [
      ['in its first line', () => ['x\ty\n'], '22P02'],
      ['in its last line', () => lines(20_000, -1), '23514'],
      ['when all is sent', () => ['-1\tx\n'], '23514'],
    ] as const)
      test(`an error ${when} is told, and ends the transaction`, async () => {
        await empty();
        const failing = driver.transaction(async (tx) => {
          await copy(tx, lines(5));
          await copy(tx, rows());
        });
        await assert.rejects(failing, { code });
        assert.equal(await count(driver), 0);
        const [one, two] = await driver.transaction((tx) => Promise.all([count(tx), count(tx)]));
        assert.deepEqual([one, two], [0, 0], 'the connection is as good as before');
      });

    test('a statement that waits beside a COPY that fails is refused as well', async () => {
      await empty();
      const answers: unknown[] = [];
      const failing = driver.transaction(async (tx) => {
        const copied = copy(tx, ['-1\tx\n']);
        const beside = count(tx).catch((error: unknown) => answers.push(error));
        await Promise.allSettled([copied, beside]);
        await copied;
      });
      await assert.rejects(failing, { code: '23514' });
      assert.equal(answers.length, 1);
      assert.equal(await count(driver), 0);
    });

    test('rows that throw end it with their error', async () => {
      await empty();
      const broken = function* () {
        yield* lines(2_000);
        throw new Error('no more rows');
      };
      await assert.rejects(
        driver.transaction((tx) => copy(tx, broken())),
        /no more rows/,
      );
      assert.equal(await count(driver), 0);
    });

    test('a server that ends the session amid the data ends it too', async () => {
      await empty();
      await using other = kind.open(database.settings);
      const failing = driver.transaction(async (tx) => {
        const { rows } = await tx.query<{ readonly pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' });
        const killed = async () => {
          await other.query({ text: 'SELECT pg_terminate_backend($1)', values: [rows[0]?.pid] });
        };
        const endless = function* () {
          for (;;) yield* lines(1_000);
        };
        await Promise.all([copy(tx, endless()), killed()]);
      });
      await assert.rejects(failing);
      assert.equal(await count(driver), 0, 'on another connection');
    });

    test('a text that is no COPY, or of no table, is refused', async () => {
      for (const text of ['COPY nothing FROM STDIN', 'COPY numbers FROM'])
        await assert.rejects(driver.transaction((tx) => tx.copyIn?.(text, lines(10)) ?? Promise.resolve()));
      assert.equal(await count(driver), 0);
    });
  });
}

test('within a transaction of the caller’s own client of pg, unless that pipelines', async () => {
  const client = new pg.Client(database.settings);
  await client.connect();
  await client.query('TRUNCATE numbers');
  await client.query('BEGIN');
  const tx = pgTransaction(client);
  await copy(tx, lines(100));
  assert.equal(await count(tx), 100);
  await client.query('ROLLBACK');
  await client.query('BEGIN');
  await assert.rejects(copy(pgTransaction(client), ['-1\tx\n']), { code: '23514' });
  await client.query('ROLLBACK; BEGIN');
  assert.equal(await count(pgTransaction(client)), 0);
  await client.end();
  const pipelining = new pg.Client({ ...database.settings, pipeline: true });
  assert.equal(pgTransaction(pipelining).copyIn, undefined);
});

test('within a transaction of the caller’s own client of postgres.js', async () => {
  const sql = postgres({ ...database.settings, max: 1, onnotice: () => undefined });
  await sql`TRUNCATE numbers`;
  const copied = await sql.begin(async (own) => {
    const tx = postgresTransaction(own);
    await copy(tx, lines(3_000));
    return count(tx);
  });
  assert.equal(copied, 3_000);
  for (const rows of [['-1\tx\n'], lines(20_000, -1)])
    await assert.rejects(
      sql.begin((own) => copy(postgresTransaction(own), rows)),
      { code: '23514' },
    );
  assert.equal(await sql.begin((own) => count(postgresTransaction(own))), 3_000);
  await sql.end();
});
