// Does the server tell of sessions, tables and functions what is so, and does the telling disturb nothing unnoticed?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../testing/database.ts';
import { connect, withConnection } from '../server/connect.ts';
import type { PostgresServer } from '../server/server.ts';
import { durabilityAsFound, readStored, SessionCount } from './reading.ts';

const SETUP = { applicationName: 'set-up' };

test('unlogged tables and functions that switch durability are found, in whatever schema', async (t) => {
  const { settings: connection } = await testDatabase(t);
  await withConnection(connection, SETUP, (client) =>
    client.query(`
      CREATE SCHEMA claimbench; CREATE SCHEMA aside;
      CREATE TABLE claimbench.jobs (id int); CREATE UNLOGGED TABLE claimbench.dead (id int);
      CREATE UNLOGGED TABLE aside.hidden (id int);
      CREATE FUNCTION claimbench.take() RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN /* its 'own' */ SET LOCAL /* sic */ synchronous_commit = off; END $$;
      CREATE FUNCTION claimbench.give() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        -- don't think of synchronous_commit = off, /* never
        RETURN 'a -- b'; END /* nor of synchronous_commit off */ $$`),
  );
  const watched = { connection, schema: 'claimbench', exclusive: true };
  assert.deepEqual(await readStored(watched), {
    unlogged: ['dead', 'hidden'],
    suspiciousFunctions: ['take: synchronous_commit = off; END'],
  });
  assert.deepEqual((await readStored({ ...watched, exclusive: false })).unlogged, ['dead']);
});

test('durability is as the run found it, also after a contender has changed the role', async (t) => {
  const { settings: connection } = await testDatabase(t);
  const server = {} as PostgresServer;
  const on = { synchronous_commit: 'on', fsync: 'on', full_page_writes: 'on', synchronous_standby_names: '' };
  assert.deepEqual(await durabilityAsFound(server, connection), on);
  const alter = `ALTER DATABASE "${connection.database}" SET synchronous_commit = off`;
  await withConnection(connection, SETUP, (client) => client.query(alter));
  assert.deepEqual(await durabilityAsFound(server, connection), on);
  assert.equal((await durabilityAsFound({} as PostgresServer, connection))['synchronous_commit'], 'off');
});

test('sessions are counted by name, again while some are missing, and the commits of it are told', async (t) => {
  const { settings: connection } = await testDatabase(t);
  const watched = { connection, schema: 'claimbench', exclusive: true };
  const first = await connect(connection, { applicationName: 'workers' });
  const count = new SessionCount(watched, (byName) => (byName.get('workers') ?? 0) >= 2);
  count.start(0);
  await sleep(150);
  const second = await connect(connection, { applicationName: 'workers' });
  await sleep(700);
  const seen = await count.stop();
  assert.deepEqual([...(seen.byName ?? [])], [['workers', 2]]);
  assert.ok(seen.ownCommits >= 3, String(seen.ownCommits));
  await Promise.all([first.end(), second.end()]);
});

test('a load that ended too early was not counted, and says so', async (t) => {
  const { settings: connection } = await testDatabase(t);
  await using count = new SessionCount({ connection, schema: 'claimbench', exclusive: true }, () => true);
  count.start(60_000);
  const seen = await count.stop();
  assert.equal(seen.byName, undefined);
  assert.match(seen.why, /ended before its middle/);
  assert.equal(seen.ownCommits, 0);
});
