// Does the sampler name who really holds the horizon, and leave the connections that are not its role's to take?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withConnection } from '../server/connect.ts';
import { startEmbedded } from '../server/embedded.ts';
import type { CellDatabase, PostgresServer } from '../server/server.ts';
import {
  FREE_STATEMENT,
  type FreeRow,
  OWN_MARK,
  type ReadingRow,
  readingStatement,
} from './sampler-statements.ts';
import { countersBetween, readCounters } from './server-counters.ts';

const LOAD = { applicationName: 'load' };
const RESERVED = 3;
const WITHIN_MS = 30_000;

let server: PostgresServer;
before(async () => {
  server = await startEmbedded({
    settings: {
      wal_level: 'logical',
      max_wal_senders: '2',
      max_replication_slots: '2',
      autovacuum_naptime: '1s',
      reserved_connections: String(RESERVED),
    },
  });
});
after(async () => server?.[Symbol.asyncDispose]());

async function say(cell: CellDatabase, sql: string): Promise<void> {
  await withConnection(cell.connection, LOAD, (client) => client.query(sql));
}

async function reading(cell: CellDatabase): Promise<ReadingRow | undefined> {
  return withConnection(cell.connection, LOAD, async (client) => {
    const { rows } = await client.query<ReadingRow>(readingStatement(180_000), ['claimbench']);
    return rows[0];
  });
}

test('the catalogs that a logical slot holds back are not the horizon of tables', async () => {
  await using cell = await server.openDatabase('slot');
  await say(cell, `SELECT pg_create_logical_replication_slot('decoding', 'pgoutput')`);
  try {
    await withConnection(cell.connection, LOAD, async (client) => {
      for (let i = 0; i < 30; i += 1) await client.query('SELECT pg_current_xact_id()');
    });
    const row = await reading(cell);
    assert.ok(row !== undefined && !(row.xmin_holder ?? '').startsWith('slot'), row?.xmin_holder ?? '');
  } finally {
    await say(cell, `SELECT pg_drop_replication_slot('decoding')`);
  }
});

test('an autoanalyze holds the horizon, and is named', async () => {
  await using cell = await server.openDatabase('analyze');
  await say(
    cell,
    `CREATE TABLE t (i int, note text) WITH (autovacuum_vacuum_threshold = 1000000000,
       autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
     INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i`,
  );
  const deadline = performance.now() + WITHIN_MS;
  for (;;) {
    await say(cell, 'SELECT pg_current_xact_id()');
    const row = await reading(cell);
    if (row?.xmin_holder === 'autoanalyze') break;
    assert.ok(performance.now() < deadline, `${row?.xmin_holder}, ${row?.autovacuums} workers`);
    await sleep(100);
  }
});

test('reserved connections are free for those alone who may use them', async () => {
  await using cell = await server.openDatabase('reserved');
  await say(cell, `CREATE ROLE reserving LOGIN PASSWORD 'r'`);
  const plain = { ...cell.connection, user: 'reserving', password: 'r' };
  const free = () =>
    withConnection(plain, LOAD, async (client) => {
      const { rows } = await client.query<FreeRow>(FREE_STATEMENT);
      return rows[0]?.free ?? Number.NaN;
    });
  const before = await free();
  await say(cell, 'GRANT pg_use_reserved_connections TO reserving');
  assert.equal((await free()) - before, RESERVED);
  await say(cell, 'DROP ROLE reserving');
});

test('a statement far down the list shows what it did in the load, not in its life', async () => {
  await using cell = await server.openDatabase('statements');
  const { connection } = cell;
  const statement = 'SELECT count(*) AS of_the_load FROM pg_class';
  await withConnection(connection, LOAD, async (client) => {
    for (let i = 0; i < 5; i += 1) await client.query(statement);
    // Each number of columns is a statement of its own, and all of them take longer.
    for (let i = 1; i <= 310; i += 1)
      await client.query(`SELECT pg_sleep(0.01), ${Array.from({ length: i }, () => '1').join(', ')}`);
  });
  const before = await readCounters(cell, 'before');
  await withConnection(connection, LOAD, async (client) => {
    await client.query('SET jit = off');
    for (let i = 0; i < 100; i += 1) await client.query(statement);
  });
  const { statements } = countersBetween(before, await readCounters(cell, 'after'));
  const found = statements?.find((one) => one.statement.includes('of_the_load'));
  assert.equal(found?.calls, 100, JSON.stringify(statements));
  assert.ok(!statements?.some((one) => one.statement.includes(OWN_MARK)));
});
