// Does the database keep tenants apart, whatever their jobs ask for?

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { testDatabase } from '../testing/database.ts';

const program = fileURLToPath(new URL('tenants.ts', import.meta.url));

test('a job reaches the rows of its own tenant, and no others', { timeout: 60_000 }, async (t) => {
  const database = await testDatabase(t);
  const env = { ...process.env, DATABASE_URL: database.url };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program], {
    env,
    timeout: 50_000,
  });
  assert.equal(stderr, '');
  assert.deepEqual(stdout.trim().split('\n'), [
    'invoice 1 over 100 sent for ada',
    'invoice 2 over 250 sent for bob',
    'bob has no invoice 1',
    '3 jobs done',
  ]);
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    const { rows } = await client.query('SELECT id FROM invoices WHERE sent_at IS NOT NULL ORDER BY id');
    assert.deepEqual(rows, [{ id: 1 }, { id: 2 }]);
    await client.query('DROP OWNED BY invoice_sender');
  } finally {
    await client.end();
  }
});
