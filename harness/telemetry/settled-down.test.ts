// Does a load begin with counters at zero, fresh planner statistics and a checkpoint behind it?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pg from 'pg';
import { serverOfVersion } from '../../testing/server-of-version.ts';
import { withConnection } from '../server/connect.ts';
import { startEmbedded } from '../server/embedded.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer } from '../server/server.ts';
import { ServerWatch } from './server-watch.ts';

interface State {
  /** As the planner thinks; −1 before the first ANALYZE. */
  readonly rows: number;
  readonly known: number;
  readonly inserted: number;
  readonly redo: string;
}

const NAME = { applicationName: 'claimbench test' };

/** A cell whose preparation has written 5,000 rows, settled down: its state before and after, and the notes. */
async function settled(server: PostgresServer) {
  await using database = await server.openDatabase('settled');
  const { connection, schema } = database;
  const jobs = `${pg.escapeIdentifier(schema)}.jobs`;
  const state = (prepare?: string): Promise<State> =>
    withConnection(connection, NAME, async (client) => {
      if (prepare !== undefined) await client.query(prepare);
      const { rows } = await client.query<State>(
        `SELECT (SELECT reltuples::float8 FROM pg_class WHERE oid = '${jobs}'::regclass) AS rows,
          (SELECT count(*)::int FROM pg_stats WHERE schemaname = '${schema}' AND tablename = 'jobs') AS known,
          pg_stat_get_tuples_inserted('${jobs}'::regclass)::int AS inserted,
          (SELECT redo_lsn::text FROM pg_control_checkpoint()) AS redo`,
      );
      const [row] = rows;
      if (row === undefined) throw new Error('no row');
      return row;
    });
  await state(
    `CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(schema)}; CREATE TABLE ${jobs} (id int) WITH (autovacuum_enabled = off); INSERT INTO ${jobs} SELECT generate_series(1, 5000)`,
  );
  // In a session of its own: the first one reports what it did when it ends.
  let before = await state();
  for (let i = 0; i < 100 && before.inserted === 0; i += 1) before = await state();
  assert.deepEqual([before.rows, before.known, before.inserted], [-1, 0, 5_000]);
  await using watch = new ServerWatch(database, server);
  await watch.settleDown();
  const after = await state();
  assert.deepEqual([after.rows, after.known, after.inserted], [5_000, 1, 0]);
  await watch.begin();
  const { notes } = await watch.end(0, 1);
  return { checkpointed: after.redo !== before.redo, notes };
}

const NONE = 'no checkpoint before the cells: others use this server';

test('what the preparation did is analyzed, forgotten by the counters, and on disk, but for others on their server', async () => {
  await using embedded = await startEmbedded();
  await using somewhere = await embedded.openDatabase('theirs');
  const { host, port, user, password, database } = somewhere.connection;
  await using theirs = await openServer(
    `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`,
  );
  const alone = await settled(theirs);
  assert.deepEqual([alone.checkpointed, alone.notes.includes(NONE)], [true, false], alone.notes.join());
  await withConnection(somewhere.connection, { applicationName: 'their service' }, async () => {
    const shared = await settled(theirs);
    assert.deepEqual([shared.checkpointed, shared.notes.includes(NONE)], [false, true], shared.notes.join());
    const own = await settled(embedded);
    assert.deepEqual([own.checkpointed, own.notes.includes(NONE)], [true, false], own.notes.join());
  });
});

for (const version of ['14', '18'] as const)
  describe(`PostgreSQL ${version}`, () => {
    const found = serverOfVersion(version, { min_wal_size: '160MB' });
    test('so many segments of WAL lie ahead of a load as its jobs may fill, and no more than the server keeps', async (t) => {
      const { server, why } = found;
      if (server === undefined) return t.skip(why);
      await using database = await server.openDatabase('ahead');
      const ahead = (): Promise<number> =>
        withConnection(database.connection, NAME, async (client) => {
          const { rows } = await client.query<{ ahead: number }>(
            'SELECT count(*)::int AS ahead FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_insert_lsn())',
          );
          return rows[0]?.ahead ?? Number.NaN;
        });
      await using watch = new ServerWatch(database, server);
      const written = async (): Promise<number> => (await watch.walBytes()) ?? Number.NaN;
      await watch.settleDown();
      // A checkpoint that finds the present one nearly full begins one by itself.
      assert.ok((await ahead()) <= 1);
      // 25,000 × 4.3 kB.
      await watch.settleDown({ jobs: 25_000, payloadBytes: 100 });
      assert.equal(await ahead(), 7);
      const place = await written();
      await watch.settleDown({ jobs: 25_000, payloadBytes: 100 });
      assert.equal(await ahead(), 7);
      assert.ok((await written()) - place < 2 ** 20, 'what lies ahead is not begun again');
      await watch.settleDown({ jobs: 80_000_000, payloadBytes: 100 });
      assert.equal(await ahead(), 9);
      await watch.begin();
      await withConnection(database.connection, NAME, (client) =>
        client.query(
          `SELECT pg_logical_emit_message(false, 'test', repeat('x', 1048576)) FROM generate_series(1, 150)`,
        ),
      );
      const { notes } = await watch.end(0, 1);
      assert.match(notes.join(), /^150 MB of WAL were written and 144 MB lay ready: /);
    });
  });
