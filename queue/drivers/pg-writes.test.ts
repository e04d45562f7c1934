// Does the pg driver write together what belongs together, on a client of the caller's as well?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { testServer } from '../../testing/command.ts';
import { pgTransaction } from './pg.ts';

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
  // The first use of a client asks what it goes through.
  await db.query({ name: 'first', text: 'SELECT 1' });
  writes.count = 0;
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

test('what is asked of a connection that has ended rejects', async () => {
  const client = new pg.Client({ connectionString: testServer(), pipeline: true });
  await client.connect();
  await client.end();
  await assert.rejects(pgTransaction(client).query(one), Error);
});
