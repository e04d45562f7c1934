// Does the stand-in of the postgres image serve whoever expects the official one?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PostgreSqlContainer } from '@testcontainers/postgresql';
import pg from 'pg';

import { dockerMissing, testImage } from './docker.ts';

process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';

test('Testcontainers starts the image, and finds user, database, settings and pg_stat_statements', {
  skip: dockerMissing() ?? false,
}, async () => {
  const words = ['postgres', '-c', 'shared_preload_libraries=pg_stat_statements', '-c', 'work_mem=7MB'];
  const container = await new PostgreSqlContainer(testImage())
    .withUsername('maya')
    .withDatabase('orders')
    .withPassword('only-for-this-test')
    .withCommand(words)
    .withStartupTimeout(60_000)
    .start();
  try {
    const client = new pg.Client({ connectionString: container.getConnectionUri() });
    await client.connect();
    try {
      await client.query('CREATE EXTENSION pg_stat_statements');
      const { rows } = await client.query(
        `SELECT current_user AS "user", current_database() AS database, current_setting('work_mem') AS work_mem,
                current_setting('server_version_num')::int / 10000 AS major`,
      );
      assert.deepEqual(rows, [{ user: 'maya', database: 'orders', work_mem: '7MB', major: 18 }]);
    } finally {
      await client.end();
    }
  } finally {
    await container.stop();
  }
});
