// Is a server that was stopped and started again the same one: its address, its data, its owner, and what it has used?

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type pg from 'pg';
import { eventually } from '../../queue/eventually.ts';
import { nowUs } from '../load/clock.ts';
import { RunServers } from '../run/servers.ts';
import { connect, withConnection } from './connect.ts';
import { startEmbedded } from './embedded.ts';
import { isAlive } from './processes.ts';
import type { ConnectionSettings, PostgresServer } from './server.ts';

const TEST = { applicationName: 'test' };
const BURN = 'SELECT count(*) FROM generate_series(1, 3000000)';

async function ask<T extends pg.QueryResultRow>(connection: ConnectionSettings, sql: string): Promise<T> {
  return withConnection(connection, TEST, async (client) => {
    const [row] = (await client.query<T>(sql)).rows;
    assert(row);
    return row;
  });
}

function tell(connection: ConnectionSettings, sql: string): Promise<unknown> {
  return withConnection(connection, TEST, (client) => client.query(sql));
}

function restartOf(server: PostgresServer): NonNullable<PostgresServer['restart']> {
  assert(server.restart);
  return server.restart;
}

for (const mode of ['immediate', 'fast'] as const)
  test(`${mode}: sessions are cut off, what was committed is there, and the server is owned as before`, async () => {
    const server = await startEmbedded();
    const folder = path.dirname(server.dataDirectory ?? '');
    const { connection } = await server.openDatabase('restarted');
    await tell(connection, 'CREATE TABLE kept AS SELECT 1 AS n');
    const session = await connect(connection, TEST);
    const { pid: firstPid } = server;
    assert(firstPid !== undefined);
    await ask(connection, BURN);
    const usedUs = server.cpuUs?.() ?? 0;

    const beforeUs = nowUs();
    const restarting = restartOf(server)(mode, { downMs: 300 });
    await assert.rejects(restartOf(server)(mode), /one restart at a time/);
    await eventually(() => !isAlive(firstPid), 'the first postmaster has ended');
    assert.equal(await server.whyGone?.(), undefined, 'a server that is restarted is not gone');
    const { wentUs, readyUs } = await restarting;

    assert.ok(wentUs >= beforeUs && readyUs <= nowUs() && readyUs - wentUs >= 300_000);
    await assert.rejects(session.query('SELECT 1'));
    assert.equal((await ask<{ n: number }>(connection, 'SELECT n FROM kept')).n, 1);
    assert.notEqual(server.pid, firstPid);
    assert.ok(isAlive(server.pid ?? 0));
    assert.equal(await server.whyGone?.(), undefined);
    if (process.platform === 'linux') {
      assert.ok(server.processes?.().some(({ pid, kind }) => pid === server.pid && kind === 'postmaster'));
      // Of a process that ends, a tick of 10 ms and what it did after the last look may be missing.
      const nowUsed = server.cpuUs?.() ?? 0;
      assert.ok(usedUs > 100_000 && nowUsed >= usedUs - 20_000, `${usedUs} µs, then ${nowUsed}`);
      await ask(connection, BURN);
      assert.ok((server.cpuUs?.() ?? 0) > nowUsed + 50_000, 'the new one is counted, too');
    }
    const last = server.pid ?? 0;
    await server[Symbol.asyncDispose]();
    assert.ok(!isAlive(last) && !existsSync(folder), 'nothing is left of it');
    await assert.rejects(restartOf(server)(mode), /is being stopped already/);
  });

test('a run that asks whether its server is still there waits for its restart', async () => {
  await using server = await startEmbedded();
  const restarting = restartOf(server)('fast', { downMs: 500 });
  const servers = new RunServers([{ server }]);
  const lost = await servers.examine(servers.of(undefined), 0, AbortSignal.timeout(30_000));
  assert.equal(lost, undefined);
  await restarting;
});

test('an immediate stop loses none of the WAL that was flushed, and adds next to none', async () => {
  await using server = await startEmbedded();
  await using database = await server.openDatabase('wal');
  const { connection } = database;
  await tell(connection, 'CREATE TABLE written (n int); CHECKPOINT');
  const at = async (): Promise<number> =>
    Number((await ask<{ lsn: number }>(connection, `SELECT pg_current_wal_insert_lsn() - '0/0' AS lsn`)).lsn);
  const first = await at();
  await tell(connection, 'INSERT INTO written SELECT generate_series(1, 50000)');
  const written = await at();
  await restartOf(server)('immediate');
  const after = await at();
  assert.ok(written - first > 50_000 * 30, 'each row was written');
  // The checkpoint at the end of the recovery, and what runs by itself.
  assert.ok(after >= written && after - written < 100_000, `${written} and then ${after}`);
});

test('a session of the server is disposed of with it in the middle of its restart', async () => {
  const abort = new AbortController();
  const server = await startEmbedded({ signal: abort.signal });
  const folder = path.dirname(server.dataDirectory ?? '');
  const restarting = restartOf(server)('immediate', { downMs: 60_000 });
  restarting.catch(() => undefined);
  abort.abort();
  await server[Symbol.asyncDispose]();
  await assert.rejects(restarting, { name: 'AbortError' });
  assert.ok(!existsSync(folder));
});
