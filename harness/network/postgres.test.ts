// Does each trouble of the network bite a session of PostgreSQL?

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { errorCode } from '../errors.ts';
import { type NetworkProxy, startProxy } from './proxy-process.ts';

const OWNER = resolve(import.meta.dirname, '../../testing/proxy-owner.ts');

let database: TestDatabase;
let proxy: NetworkProxy;
before(async () => {
  database = await testDatabase();
  const { host, port } = database.settings;
  proxy = await startProxy({ host, port }, 1);
});
after(async () => {
  await proxy[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const through = () => ({ ...database.settings, host: '127.0.0.1', port: proxy.port });

async function connected(settings: pg.ClientConfig): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(settings);
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => undefined) });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

async function backendPid(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

/** Resolves when the server has no such backend any more. */
async function goes(pid: number): Promise<void> {
  await using client = await connected(database.settings);
  for (let i = 0; i < 500; i += 1) {
    const { rowCount } = await client.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
    if (rowCount === 0) return;
    await sleep(10);
  }
  assert.fail(`backend ${pid} is still there`);
}

test('a query takes the delay longer, each way; healed, it does not', async () => {
  await using client = await connected(through());
  const slow = await proxy.trouble({ trouble: 'slow', delayMs: 80, jitterMs: 0 });
  const took = await timed(() => client.query('SELECT 1'));
  assert.ok(took >= 159, `${took} ms`);
  // A round trip for the connection, one for the start, two for the password.
  const connecting = await timed(async () => {
    await using _ = await connected(through());
  });
  assert.ok(connecting >= 479, `${connecting} ms`);
  await slow[Symbol.asyncDispose]();
  const healed = Math.min(
    ...[await timed(() => client.query('SELECT 1')), await timed(() => client.query('SELECT 1'))],
  );
  assert.ok(healed < 80, `${healed} ms`);
});

test('a bandwidth bounds a big result', async () => {
  await using client = await connected(through());
  const slow = await proxy.trouble({ trouble: 'slow', delayMs: 0, jitterMs: 0, bytesPerSec: 1_000_000 });
  const took = await timed(() => client.query("SELECT repeat('x', 500000) AS text"));
  assert.ok(took >= 499, `${took} ms`);
  await slow[Symbol.asyncDispose]();
});

test('a reset is an ECONNRESET for the client, and the end of the backend', async () => {
  await using client = await connected(through());
  const pid = await backendPid(client);
  const query = client.query('SELECT pg_sleep(0.2)');
  const refused = assert.rejects(query, (error) => errorCode(error) === 'ECONNRESET');
  assert.ok((await proxy.reset()) >= 1);
  await refused;
  await goes(pid);
});

test('a black hole hangs a query; healed, it is answered by the same session', async () => {
  await using client = await connected(through());
  const pid = await backendPid(client);
  await client.query('CREATE TEMP TABLE seen (n integer)');
  const hole = await proxy.trouble({ trouble: 'black-hole' });
  let answered = 0;
  const asked = Array.from({ length: 20 }, async (_, n) => {
    await client.query('INSERT INTO seen VALUES ($1)', [n]);
    answered += 1;
  });
  const knocking = connected(through());
  await sleep(300);
  assert.equal(answered, 0);
  await hole[Symbol.asyncDispose]();
  await Promise.all(asked);
  const { rows } = await client.query<{ n: string }>('SELECT count(DISTINCT n) AS n FROM seen');
  assert.equal(rows[0]?.n, '20');
  assert.equal(await backendPid(client), pid);
  await using late = await knocking;
  assert.ok((await backendPid(late)) > 0, 'who knocked meanwhile is let in');
});

test('the server does not see who leaves in a black hole, until it is healed', async () => {
  const client = await connected(through());
  const pid = await backendPid(client);
  const hole = await proxy.trouble({ trouble: 'black-hole' });
  void client.end().catch(() => undefined);
  await sleep(200);
  await using other = await connected(database.settings);
  const { rowCount } = await other.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
  assert.equal(rowCount, 1);
  await hole[Symbol.asyncDispose]();
  await goes(pid);
});

test('a cut ends what is open and refuses what comes; healed, there are sessions again', async () => {
  await using client = await connected(through());
  const pid = await backendPid(client);
  const cut = await proxy.trouble({ trouble: 'cut' });
  await goes(pid);
  await assert.rejects(connected(through()), (error) => errorCode(error) === 'ECONNRESET');
  assert.ok((await proxy.read()).counters.refused >= 1);
  await cut[Symbol.asyncDispose]();
  await using next = await connected(through());
  assert.notEqual(await backendPid(next), pid);
});

test('the proxy leaves Ctrl-C to its coordinator, and ends with it', async () => {
  const words = [OWNER];
  const owner = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = await once(owner.stdout, 'data', { signal: AbortSignal.timeout(30_000) });
    const pid = Number(/"pid":(\d+)/.exec(String(line))?.[1]);
    assert.ok(pid > 0, String(line));
    process.kill(pid, 'SIGINT');
    await sleep(200);
    assert.equal(process.kill(pid, 0), true, 'it is still there');
    owner.kill('SIGKILL');
    for (let i = 0; i < 500 && isThere(pid); i += 1) await sleep(10);
    assert.equal(isThere(pid), false);
  } finally {
    owner.kill('SIGKILL');
  }
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
