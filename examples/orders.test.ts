// Does the example do what it shows, as a program of its own?

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { testDatabase } from '../testing/database.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('orders.ts', import.meta.url));
const arguments_ = ['--import', 'tsx', program];

test('orders are shipped, one after a retry; one becomes a dead letter, and is redriven', {
  timeout: 60_000,
}, async (t) => {
  const database = await testDatabase(t);
  const env = { ...process.env, DATABASE_URL: database.url };
  const { stdout, stderr } = await run(process.execPath, arguments_, { env, timeout: 50_000 });
  assert.equal(stderr, '');
  const lines = stdout.trim().split('\n');
  assert.equal(lines[0], '3 orders placed');
  assert.deepEqual(lines.slice(-4, -2), [
    'dead letter 3, attempt 1: DeadLetterError: order 3 has no address',
    '1 dead letter redriven',
  ]);
  assert.deepEqual(lines.slice(-2).sort(), [
    'job 3: ack after attempt 1',
    'order 3: table shipped in attempt 1',
  ]);
  assert.deepEqual(lines.slice(1, -4).sort(), [
    'job 1: ack after attempt 1',
    'job 2: ack after attempt 2',
    'job 2: retry after attempt 1',
    'job 3: dead-letter after attempt 1',
    'order 1: lamp shipped in attempt 1',
    'order 2: chair shipped in attempt 2',
  ]);
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    const { rows } = await client.query('SELECT id FROM orders WHERE shipped_at IS NOT NULL ORDER BY id');
    assert.deepEqual(rows, [{ id: 1 }, { id: 2 }, { id: 3 }]);
  } finally {
    await client.end();
  }
});

test('without an address it says what to give, in one line', async () => {
  const { DATABASE_URL: _none, ...env } = process.env;
  await assert.rejects(run(process.execPath, arguments_, { env }), {
    code: 1,
    stderr: 'DATABASE_URL is not set: give a postgres://… address of an empty database\n',
  });
});
