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
  const shipped = lines.splice(1, 2).sort();
  assert.deepEqual(shipped, ['order 1: lamp shipped in attempt 1', 'order 2: chair shipped in attempt 2']);
  assert.deepEqual(lines, [
    '3 orders placed, each with its job in one transaction',
    'worked off: 2 done, 1 tried again, 1 given up',
    'dead letter 3 {"orderId":3}, attempt 1: DeadLetterError: order 3 has no address',
    '1 brought back',
    'order 3: table shipped in attempt 1',
    'worked off: 1 done, 0 tried again, 0 given up',
    '3 of 3 orders shipped, 0 jobs left',
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
