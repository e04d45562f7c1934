// Does an embedded server's standby follow it, hold what its queries need, and go, however its owner ends?

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { eventually } from '../../queue/eventually.ts';
import { isForUser } from '../errors.ts';
import type { Held } from '../faults/held.ts';
import { takeHold } from '../faults/holding.ts';
import { connect, withConnection } from './connect.ts';
import { startEmbedded } from './embedded.ts';
import type { CellDatabase, PostgresServer, Standby } from './server.ts';

const TEST = { applicationName: 'test' };
const OWNER = path.resolve(import.meta.dirname, '../../testing/embedded-owner.ts');

let base: string;
let systemTmp: string | undefined;

before(async () => {
  systemTmp = process.env['TMPDIR'];
  base = await mkdtemp(path.join(tmpdir(), "claimbench test's standby "));
  await chmod(base, 0o777);
  process.env['TMPDIR'] = base;
});

after(async () => {
  if (systemTmp === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = systemTmp;
  await rm(base, { recursive: true, force: true });
});

async function leftovers(): Promise<readonly string[]> {
  return (await readdir(base)).filter((name) => name.startsWith('claimbench-pg-'));
}

async function one(client: pg.Client, sql: string): Promise<unknown> {
  const { rows } = await client.query<{ value: unknown }>(sql);
  return rows[0]?.value;
}

/** Rows of `t` that are dead and that VACUUM may not remove, since somebody may still look at them. */
async function deadAfterVacuum(client: pg.Client): Promise<number> {
  let kept: number | undefined;
  const listen = ({ message = '' }: { readonly message?: string | undefined }): void => {
    const found = /(\d+) (?:are dead but not yet removable|dead row versions cannot be removed yet)/.exec(
      message,
    );
    if (found?.[1] !== undefined) kept = Number(found[1]);
  };
  client.on('notice', listen);
  try {
    await client.query('VACUUM (VERBOSE) t');
  } finally {
    client.off('notice', listen);
  }
  assert.ok(kept !== undefined, 'VACUUM tells what it kept');
  return kept;
}

describe('a standby', () => {
  let server: PostgresServer;
  let database: CellDatabase;
  let standby: Standby;
  let client: pg.Client;
  before(async () => {
    server = await startEmbedded();
    database = await server.openDatabase('followed');
    client = await connect(database.connection, TEST);
    await client.query('CREATE TABLE t WITH (autovacuum_enabled = off) AS SELECT 1 AS a');
    assert.ok(server.openStandby);
    standby = await server.openStandby({ feedback: true });
  });
  after(async () => {
    await client.end();
    await server[Symbol.asyncDispose]();
    assert.deepEqual(await leftovers(), [], 'the server takes its standby along');
  });
  const held = (): Held => ({ connection: database.connection, standby });

  test('follows its primary, and takes no writes', async () => {
    await client.query('UPDATE t SET a = 2');
    const there = { ...standby.connection, database: database.connection.database };
    await withConnection(there, TEST, async (reader) => {
      await eventually(async () => (await one(reader, 'SELECT a AS value FROM t')) === 2, 'the row is there');
      await assert.rejects(reader.query('UPDATE t SET a = 3'), /read-only|recovery/);
      assert.equal(await one(reader, `SELECT current_setting('hot_standby_feedback') AS value`), 'on');
    });
  });

  test('a query on it keeps dead rows on the primary, and lets them go when it ends', async () => {
    await client.query('VACUUM t');
    const query = await takeHold({ fault: 'standby-query' }, held());
    await client.query('UPDATE t SET a = a + 1');
    // More than one report of what it needs.
    await sleep(1_500);
    assert.ok((await deadAfterVacuum(client)) >= 1, 'kept');
    await query[Symbol.asyncDispose]();
    await eventually(async () => (await deadAfterVacuum(client)) === 0, 'removed');
  });

  test('lost, its slot keeps them until it is dropped', async () => {
    await eventually(
      async () => (await one(client, 'SELECT count(xmin)::int AS value FROM pg_replication_slots')) === 1,
      'it has told what it needs',
    );
    const lost = await takeHold({ fault: 'lose-standby' }, held());
    await client.query('UPDATE t SET a = a + 1');
    assert.ok((await deadAfterVacuum(client)) >= 1, 'kept');
    const slot = 'SELECT slot_name AS value FROM pg_replication_slots WHERE NOT active';
    assert.equal(await one(client, slot), standby.slot);
    await lost[Symbol.asyncDispose]();
    assert.equal(await deadAfterVacuum(client), 0);
    assert.equal(await one(client, slot), undefined);
    await standby[Symbol.asyncDispose]();
  });

  test('a slot of a run that is gone is gone as well', async () => {
    const holder = await takeHold({ fault: 'abandon-slot' }, held());
    const count = 'SELECT count(*)::int AS value FROM pg_replication_slots';
    assert.equal(await one(client, count), 1);
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'claimbench fault'`,
    );
    await eventually(async () => (await one(client, count)) === 0, 'no slot');
    await assert.rejects(async () => holder[Symbol.asyncDispose]());
  });
});

test('a server whose process died is disposed with its standby, and nothing is left', async () => {
  const server = await startEmbedded();
  const standby = await server.openStandby?.({ feedback: false });
  assert.ok(standby && server.pid !== undefined);
  process.kill(server.pid, 'SIGKILL');
  await eventually(async () => (await server.whyGone?.()) !== undefined, 'it answers no more');
  await server[Symbol.asyncDispose]();
  assert.deepEqual([await leftovers(), await postmasters()], [[], []]);
});

test('on the oldest major', async (context) => {
  const server = await startEmbedded({ version: '14' }).catch((error: unknown) => {
    if (isForUser(error) && /could not fetch|not published/.test(error.message)) return error.message;
    throw error;
  });
  if (typeof server === 'string') return context.skip(server);
  await using running = server;
  await using standby = await running.openStandby?.({ feedback: false });
  assert.ok(standby);
  await withConnection(standby.connection, TEST, async (client) => {
    assert.equal(await one(client, 'SELECT pg_is_in_recovery() AS value'), true);
  });
});

test('an owner that is killed leaves neither server nor standby', {
  skip: process.platform !== 'linux' && 'finds processes in /proc',
}, async () => {
  const owner: ChildProcess = spawn(process.execPath, [OWNER, 'standby'], {
    env: { PATH: process.env['PATH'], TMPDIR: base, HOME: base },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const timer = setTimeout(() => owner.kill('SIGKILL'), 60_000);
  const ready = await new Promise<boolean>((resolve) => {
    owner.stdout?.once('data', () => resolve(true));
    owner.once('exit', () => resolve(false));
  });
  clearTimeout(timer);
  try {
    assert.ok(ready, 'the owner has its servers');
    assert.equal((await postmasters()).length, 2);
  } finally {
    owner.kill('SIGKILL');
  }
  await eventually(async () => {
    return (await postmasters()).length === 0 && (await leftovers()).length === 0;
  }, 'processes and files are gone');
});

/** Process ids of postmasters whose data lies below `base`. */
async function postmasters(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (/^\d+$/.test(pid) && line.includes(`\0-D\0${base}`)) found.push(pid);
  }
  return found;
}
