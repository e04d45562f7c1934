// Does each fault of the database really hurt the server while it holds, and is nothing left of it afterwards?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { testServer } from '../../testing/command.ts';
import { connect, withConnection } from '../server/connect.ts';
import { startEmbedded } from '../server/embedded.ts';
import { openServer } from '../server/index.ts';
import type { CellDatabase, ConnectionSettings, PostgresServer } from '../server/server.ts';
import { FAULT_NAME } from './fault-session.ts';
import type { Held } from './held.ts';
import { takeHold } from './holding.ts';

const TEST = { applicationName: 'test' } as const;
const WITHIN_MS = 20_000;

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + WITHIN_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < endMs, `not within ${WITHIN_MS} ms: ${what}`);
    await sleep(50);
  }
}

async function rows<T extends pg.QueryResultRow>(client: pg.Client, sql: string): Promise<T[]> {
  return (await client.query<T>(sql)).rows;
}

async function number(client: pg.Client, sql: string): Promise<number> {
  const [row] = await rows<{ n: number }>(client, `SELECT (${sql})::float8 AS n`);
  assert.ok(row);
  return row.n;
}

const FAULT_SESSIONS = `SELECT count(*) FROM pg_stat_activity
  WHERE application_name = '${FAULT_NAME}' AND datname = current_database()`;
const PREPARED = 'SELECT count(*) FROM pg_prepared_xacts';

describe('on a server with room for them', () => {
  let server: PostgresServer;
  let database: CellDatabase;
  let client: pg.Client;
  let held: Held;

  before(async () => {
    server = await startEmbedded({
      settings: { max_connections: '60', max_prepared_transactions: '4', autovacuum_naptime: '1s' },
    });
    database = await server.openDatabase('faults');
    client = await connect(database.connection, TEST);
    held = { connection: database.connection, standby: undefined, schema: 'claimbench' };
  });
  after(async () => {
    await client?.end();
    await server?.[Symbol.asyncDispose]();
  });

  const nothingLeft = () =>
    until(async () => (await number(client, FAULT_SESSIONS)) === 0, 'its sessions have ended');

  test('staggered readers hold the horizon all the time, and let it move', async () => {
    const holder = await takeHold({ fault: 'held-xmin', kind: 'staggered', eachSeconds: 1.2 }, held);
    const oldest: number[] = [];
    for (let i = 0; i < 30; i += 1) {
      for (let n = 0; n < 5; n += 1) await client.query('SELECT txid_current()');
      const [row] = await rows<{ xmin: string | null }>(
        client,
        `SELECT min(backend_xmin::text::bigint)::text AS xmin FROM pg_stat_activity WHERE application_name = '${FAULT_NAME}'`,
      );
      assert.ok(row?.xmin, `nobody held it at reading ${i}`);
      oldest.push(Number(row.xmin));
      await sleep(100);
    }
    await holder[Symbol.asyncDispose]();
    const horizons = new Set(oldest);
    assert.ok(horizons.size >= 3, `the horizon did not move: ${[...horizons].join(', ')}`);
    // Held for more than one reading, so that xids pass it by.
    assert.ok(horizons.size <= 20, `the horizon was not held: ${[...horizons].join(', ')}`);
    await nothingLeft();
  });

  test("the horizon of a user's own database is not held, that of a database beside his is", async () => {
    for (const fault of [
      { fault: 'held-xmin', kind: 'reader', eachSeconds: 1 },
      { fault: 'prepared-transaction' },
    ] as const) {
      await assert.rejects(
        takeHold(fault, { ...held, shared: 'database' }),
        /keep VACUUM from all tables of your/,
      );
      await nothingLeft();
      await (await takeHold(fault, { ...held, shared: 'server' }))[Symbol.asyncDispose]();
    }
    assert.equal(await number(client, PREPARED), 0);
  });

  test('a prepared transaction holds the horizon without a session, and is rolled back', async () => {
    const holder = await takeHold({ fault: 'prepared-transaction' }, held);
    assert.equal(await number(client, PREPARED), 1);
    await nothingLeft();
    for (let n = 0; n < 20; n += 1) await client.query('SELECT txid_current()');
    assert.ok((await number(client, 'SELECT max(age(transaction)) FROM pg_prepared_xacts')) >= 20);
    await holder[Symbol.asyncDispose]();
    assert.equal(await number(client, PREPARED), 0);
  });

  test('one that somebody else finished is no fault that held', async () => {
    const holder = await takeHold({ fault: 'prepared-transaction' }, held);
    const [row] = await rows<{ gid: string }>(client, 'SELECT gid FROM pg_prepared_xacts');
    await client.query(`COMMIT PREPARED '${row?.gid}'`);
    await assert.rejects(async () => holder[Symbol.asyncDispose]());
  });

  test('a cell that is given up takes its prepared transaction along', async () => {
    const cell = await server.openDatabase('given_up');
    await takeHold({ fault: 'prepared-transaction' }, { ...held, connection: cell.connection });
    assert.equal(await number(client, PREPARED), 1);
    await cell[Symbol.asyncDispose]();
    assert.equal(await number(client, PREPARED), 0);
    const { database: name } = cell.connection;
    assert.equal(await number(client, `SELECT count(*) FROM pg_database WHERE datname = '${name}'`), 0);
  });

  test('what a killed run left prepared, the next run on that server sweeps with its database', async () => {
    await client.query('CREATE DATABASE claimbench_left_00000000');
    await client.query(
      `COMMENT ON DATABASE claimbench_left_00000000 IS 'claimbench run 17: a benchmark cell, dropped when its run ends'`,
    );
    const connection: ConnectionSettings = { ...database.connection, database: 'claimbench_left_00000000' };
    await takeHold({ fault: 'prepared-transaction' }, { ...held, connection });
    const { host, port, user, password } = connection;
    await using next = await openServer(
      `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/postgres`,
    );
    assert.equal(next.kind, 'url');
    assert.equal(await number(client, PREPARED), 0);
    assert.equal(
      await number(client, `SELECT count(*) FROM pg_database WHERE datname = 'claimbench_left_00000000'`),
      0,
    );
  });

  test('a starved autovacuum leaves dead rows, in later tables too, and comes back to what was set', async () => {
    const eager = 'autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0';
    await client.query(`
      CREATE SCHEMA claimbench;
      CREATE TABLE claimbench.plain (n int) WITH (${eager});
      CREATE TABLE claimbench."Told" (n int, t text) WITH (${eager}, autovacuum_enabled = on, toast.autovacuum_enabled = off);
      INSERT INTO claimbench.plain SELECT generate_series(1, 1000)`);
    const settings = () =>
      rows<{ name: string; own: string[] | null; toast: string[] | null }>(
        client,
        `SELECT c.relname AS name, c.reloptions AS own, t.reloptions AS toast
           FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
          WHERE c.relnamespace = 'claimbench'::regnamespace AND c.relkind = 'r' ORDER BY 1`,
      );
    const vacuums = () =>
      number(
        client,
        `SELECT autovacuum_count FROM pg_stat_all_tables WHERE relid = 'claimbench.plain'::regclass`,
      );
    const offs = async () =>
      (await settings()).filter(({ own }) => own?.some((one) => /^autovacuum_enabled=(off|false)$/.test(one)))
        .length;
    const before = await settings();
    const holder = await takeHold({ fault: 'starved-autovacuum' }, held);
    const ended = await vacuums();
    assert.equal(await offs(), 2);
    await client.query('CREATE TABLE claimbench.zz_later (n int)');
    await client.query('UPDATE claimbench.plain SET n = n + 1');
    await until(async () => (await offs()) === 3, 'the later table is passed over as well');
    await sleep(3_000);
    assert.equal(await vacuums(), ended);
    assert.ok(
      (await number(client, `SELECT pg_stat_get_dead_tuples('claimbench.plain'::regclass)`)) >= 1_000,
      'dead rows stay',
    );
    await holder[Symbol.asyncDispose]();
    assert.deepEqual(await settings(), [...before, { name: 'zz_later', own: null, toast: null }]);
    await until(async () => (await vacuums()) > ended, 'autovacuum has come');
    await nothingLeft();
  });

  test('a storm of notifications arrives at the rate that was asked for', async () => {
    const holder = await takeHold({ fault: 'notify-storm', perSec: 400 }, held);
    let channel: string | undefined;
    await until(async () => {
      const [row] = await rows<{ query: string }>(
        client,
        `SELECT query FROM pg_stat_activity WHERE application_name = '${FAULT_NAME}' AND query LIKE 'DO%'`,
      );
      channel = /pg_notify\('(\w+)'/.exec(row?.query ?? '')?.[1];
      return channel !== undefined;
    }, 'it has begun');
    let heard = 0;
    client.on('notification', () => {
      heard += 1;
    });
    await client.query(`LISTEN ${channel}`);
    const startMs = performance.now();
    await until(async () => heard >= 400, '400 notifications');
    const perSec = (heard * 1000) / (performance.now() - startMs);
    await client.query('UNLISTEN *');
    client.removeAllListeners('notification');
    await holder[Symbol.asyncDispose]();
    // What a busy machine fell behind is made up for in part: the rate is an upper bound in the long run only.
    assert.ok(perSec < 1_000, `${perSec} a second`);
    const [, sent, meant] = /sent (\d+) of (\d+)/.exec(holder.told?.() ?? '') ?? [];
    assert.ok(Number(sent) >= heard && Number(sent) <= Number(meant) + 1, holder.told?.());
    await nothingLeft();
  });

  test('idle listeners are there, each on a channel of its own, and go', async () => {
    const holder = await takeHold({ fault: 'idle-listeners', listeners: 25 }, held);
    const channels = await number(
      client,
      `SELECT count(DISTINCT query) FROM pg_stat_activity
        WHERE application_name = '${FAULT_NAME}' AND state = 'idle' AND query LIKE 'LISTEN claimbench_idle_%'`,
    );
    assert.equal(channels, 25);
    await holder[Symbol.asyncDispose]();
    assert.match(holder.told?.() ?? '', /25 sessions listened/);
    await nothingLeft();
  });

  test('listeners that the server has no room for are refused with the mend, and none stays', async () => {
    await assert.rejects(
      takeHold({ fault: 'idle-listeners', listeners: 500 }, held),
      /let in \d+ of 500 listeners: raise max_connections/,
    );
    await nothingLeft();
  });

  test('a storm of checkpoints makes checkpoints', async () => {
    const counted = `SELECT num_requested FROM pg_stat_checkpointer`;
    const before = await number(client, counted);
    const holder = await takeHold({ fault: 'checkpoint-storm', everySeconds: 0.2 }, held);
    await until(async () => (await number(client, counted)) >= before + 3, 'three checkpoints');
    await holder[Symbol.asyncDispose]();
    assert.match(holder.told?.() ?? '', /made [1-9]\d* checkpoints/);
    await nothingLeft();
    const calm = await number(client, counted);
    await sleep(600);
    assert.equal(await number(client, counted), calm);
  });

  test('who may not make checkpoints, or does not own the tables, is told the mend', async () => {
    await client.query(`CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT USAGE ON SCHEMA claimbench TO plain`);
    const connection = { ...database.connection, user: 'plain', password: 'plain' };
    const plain = { ...held, connection };
    await assert.rejects(
      takeHold({ fault: 'checkpoint-storm', everySeconds: 1 }, plain),
      /GRANT pg_checkpoint/,
    );
    await assert.rejects(
      takeHold({ fault: 'starved-autovacuum' }, plain),
      /does not own the contender's tables/,
    );
    await nothingLeft();
  });

  test('sessions of the contender alone are ended, and a fault that found none did not bite', async () => {
    await using stranger = await closing(connect(database.connection, { applicationName: 'stranger' }));
    await using worker = await closing(connect(database.connection, { applicationName: 'mine' }));
    const roleOf = (name: string) => (name === 'mine' ? ('worker' as const) : undefined);
    const holder = await takeHold({ fault: 'terminate-backends', perSec: 20 }, { ...held, roleOf });
    await assert.rejects(async () => {
      for (let i = 0; i < 100; i += 1) {
        await worker.client.query('SELECT 1');
        await sleep(50);
      }
    });
    await holder[Symbol.asyncDispose]();
    assert.match(holder.told?.() ?? '', /ended 1 sessions/);
    await stranger.client.query('SELECT 1');
    const idle = await takeHold(
      { fault: 'terminate-backends', perSec: 20 },
      { ...held, roleOf: () => undefined },
    );
    await assert.rejects(async () => idle[Symbol.asyncDispose](), /no session of the contender was found/);
    await assert.rejects(takeHold({ fault: 'terminate-backends', perSec: 1 }, held), /sessionRole/);
    await nothingLeft();
  });
});

test('without prepared transactions the mend is named', async () => {
  await using server = await openServer(testServer());
  await using database = await server.openDatabase('unprepared');
  const { connection } = database;
  await assert.rejects(
    takeHold({ fault: 'prepared-transaction' }, { connection, standby: undefined }),
    /give the scenario serverNeeds: \{ max_prepared_transactions: 1 \}/,
  );
  await withConnection(connection, TEST, async (client) => {
    assert.equal(await number(client, PREPARED), 0);
  });
});

async function closing(opening: Promise<pg.Client>): Promise<AsyncDisposable & { client: pg.Client }> {
  const client = await opening;
  return { client, [Symbol.asyncDispose]: () => client.end().catch(() => undefined) };
}
