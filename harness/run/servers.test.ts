// Is a server that recovers kept, and one that has ended lost, alone?

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import { RuntimeFailure } from '../errors.ts';
import { withConnection } from '../server/connect.ts';
import type { CellDatabase, PostgresServer } from '../server/server.ts';
import { connectUrl } from '../server/url.ts';
import { RunServers } from './servers.ts';

/** A server that refuses so many places before it makes one. */
function serverThatRefuses(times: number, pid?: number): PostgresServer & { readonly asked: () => number } {
  let asked = 0;
  const place: CellDatabase = {
    connection: { host: '127.0.0.1', port: 1, user: 'u', password: 'p', database: 'd' },
    schema: 's',
    exclusive: true,
    async [Symbol.asyncDispose]() {},
  };
  return {
    kind: 'embedded',
    version: '18.4',
    description: 'a server',
    ...(pid === undefined ? {} : { pid }),
    asked: () => asked,
    async openDatabase() {
      asked += 1;
      if (asked <= times) throw new RuntimeFailure('cannot connect: not yet', { code: '57P03' });
      return place;
    },
    async [Symbol.asyncDispose]() {},
  };
}

test('a server that answers again, as after a crash, is not lost', async () => {
  const server = serverThatRefuses(2);
  const servers = new RunServers([{ server }]);
  assert.equal(await servers.examine(servers.of(undefined), 3, new AbortController().signal), undefined);
  assert.equal(server.asked(), 3);
  assert.deepEqual(servers.lost, []);
  assert.equal(servers.allLost, false);
});

test('one whose process has ended is lost at once, and the others are not', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  const ended = serverThatRefuses(0, child.pid);
  const servers = new RunServers([
    { label: '14', server: ended },
    { label: '18', server: serverThatRefuses(0) },
  ]);
  const { signal } = new AbortController();
  const lost = await servers.examine(servers.of('14'), 3, signal);
  const reason = 'its process has ended';
  assert.deepEqual(lost, { label: '14', description: 'a server', finishedCells: 3, reason });
  assert.equal(ended.asked(), 0);
  assert.equal(servers.lossOf(servers.of('14')), lost);
  assert.equal(await servers.examine(servers.of('18'), 4, signal), undefined);
  assert.deepEqual(servers.lost, [lost]);
  assert.equal(servers.allLost, false);
});

test('one at an address is lost at once with the connection that said that the run is alive', async (t) => {
  const database = await testDatabase(t);
  await using server = await connectUrl(database.url);
  const servers = new RunServers([{ server }]);
  const { signal } = new AbortController();
  assert.equal(await servers.examine(servers.of(undefined), 1, signal), undefined);
  // As a crash does to all sessions, after which the server is there again.
  await withConnection(database.settings, { applicationName: 'test' }, (client) =>
    client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'claimbench keeper' AND datname = $1`,
      [database.settings.database],
    ),
  );
  const startMs = performance.now();
  const lost = await servers.examine(servers.of(undefined), 2, signal);
  assert.match(lost?.reason ?? '', /^the connection that marks this run as alive on .* was lost: /);
  assert.ok(performance.now() - startMs < 5_000);
});

test('an abort ends the wait, and loses nothing', async () => {
  const server = serverThatRefuses(1_000);
  const servers = new RunServers([{ server }]);
  const startMs = performance.now();
  assert.equal(await servers.examine(servers.of(undefined), 1, AbortSignal.timeout(300)), undefined);
  assert.ok(performance.now() - startMs < 5_000);
  assert.equal(servers.allLost, false);
});

test('a label that the run does not have is a bug', () => {
  const servers = new RunServers([{ label: '14', server: serverThatRefuses(0) }]);
  assert.throws(() => servers.of('18'), /the run has no server 18/);
});
