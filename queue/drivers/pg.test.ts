// Does the pg driver send together what belongs together, and reject as pg itself would?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { testServer } from '../../testing/command.ts';
import { pgDriver, pgTransaction } from './pg.ts';

/** A client whose writes to the socket are counted. */
async function counted(t: TestContext) {
  const client = new pg.Client({ connectionString: testServer(), pipeline: true });
  await client.connect();
  t.after(() => client.end());
  const { stream } = client.connection;
  const writes = { count: 0 };
  const [writev, write] = [stream._writev?.bind(stream), stream._write.bind(stream)];
  assert.ok(writev);
  stream._writev = (chunks, done) => {
    writes.count += 1;
    writev(chunks, done);
  };
  stream._write = (chunk, encoding, done) => {
    writes.count += 1;
    write(chunk, encoding, done);
  };
  return { client, writes };
}

const one = { name: 'one', text: 'SELECT $1::integer AS n', values: [1] };
const two = { name: 'two', text: 'SELECT $1::integer AS n', values: [2] };

test('statements issued without awaiting leave in one write; awaited ones in one each', async (t) => {
  const { client, writes } = await counted(t);
  const db = pgTransaction(client);
  const answers = await Promise.all([db.query<{ n: number }>(one), db.query<{ n: number }>(two)]);
  assert.deepEqual(
    answers.map(({ rows }) => rows[0]?.n),
    [1, 2],
  );
  assert.equal(writes.count, 1);
  await db.query(one);
  await db.query(two);
  assert.equal(writes.count, 3);
  assert.equal(client.connection.stream.writableCorked, 0);
});

test('a statement that joins another is counted as joined, and the first is not', async () => {
  const seen: boolean[] = [];
  await using driver = pgDriver({
    connectionString: testServer(),
    onStatement: (_statement, joined) => void seen.push(joined),
  });
  await using connection = await driver.connect('test');
  await Promise.all([connection.query(one), connection.query(two)]);
  await connection.query(one);
  assert.deepEqual(seen, [false, true, false]);
});

test('statements are told by what their connection was opened for', async () => {
  const seen: (string | undefined)[] = [];
  await using driver = pgDriver({
    connectionString: testServer(),
    onStatement: (_statement, _joined, purpose) => void seen.push(purpose),
  });
  await using connection = await driver.connect('test');
  await connection.query(one);
  await driver.query(two);
  assert.deepEqual(seen, ['test', undefined]);
});

test('a refused statement rejects with the SQLSTATE and a stack that leads here; its companion is answered', async (t) => {
  const { client } = await counted(t);
  const db = pgTransaction(client);
  const ask = async (): Promise<unknown> => db.query({ text: 'SELECT 1/$1::integer', values: [0] });
  const [refused, answered] = await Promise.allSettled([ask(), db.query<{ n: number }>(two)]);
  assert.equal(refused.status, 'rejected');
  const error: unknown = refused.reason;
  assert.ok(error instanceof Error && 'code' in error);
  assert.equal(error.code, '22012');
  assert.match(error.stack ?? '', /pg\.test\.ts/);
  assert.equal(answered.status, 'fulfilled');
  assert.deepEqual(answered.value.rows, [{ n: 2 }]);
});

test('what is asked of a connection that has ended rejects', async () => {
  const client = new pg.Client({ connectionString: testServer(), pipeline: true });
  await client.connect();
  await client.end();
  await assert.rejects(pgTransaction(client).query(one), Error);
});
