// What does the bystander work on, and does its money add up in the end?

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { errorCode, oneLine, RuntimeFailure } from '../errors.ts';
import { connect, describe, withConnection } from '../server/connect.ts';
import type { CellDatabase, ConnectionSettings } from '../server/server.ts';
import { BYSTANDER_MARK, BYSTANDER_NAME } from './bystander-protocol.ts';

/** In the cell's database; in one that is somebody else's a run makes it and drops it again. */
export const BYSTANDER_SCHEMA = 'bystander_claimbench';
/** Enough that transactions hardly ever meet in one. */
export const TELLERS = 1_000;

const SCHEMA = pg.escapeIdentifier(BYSTANDER_SCHEMA);
const MARK = 'claimbench: made by a benchmark run, which drops it; keep nothing of yours here';
const ADMIN = { applicationName: 'claimbench admin', queryTimeoutMs: 600_000 } as const;
const SESSIONS_END_MS = 5_000;
const LOOK_AGAIN_MS = 20;

/** In the shape of TPC-B: money moves between an account and a teller, and a history tells of it. */
const TABLES = ['accounts', 'tellers', 'history'] as const;

/**
 * Creates and fills the tables and analyses them; first drops those that a run which was killed has left in a shared database.
 * @throws Error, in one line with the mend, where the role may not, or somebody else's schema has the name.
 */
export async function createBystanderTables(
  { connection }: Pick<CellDatabase, 'connection'>,
  rows: number,
): Promise<void> {
  await withConnection(connection, ADMIN, async (client) => {
    await clear(client, connection);
    try {
      // In one transaction: an unmarked schema of ours would be refused by every later run.
      await client.query(
        `BEGIN; CREATE SCHEMA ${SCHEMA}; COMMENT ON SCHEMA ${SCHEMA} IS ${pg.escapeLiteral(MARK)}; COMMIT`,
      );
    } catch (error) {
      if (errorCode(error) !== '42501') throw error;
      throw new Error(
        `role "${connection.user}" may not create the bystander's schema in database "${connection.database}": GRANT CREATE ON DATABASE to it, or leave neighbours.bystander out`,
      );
    }
    await client.query(`CREATE TABLE ${SCHEMA}.accounts (id int NOT NULL, balance bigint NOT NULL, filler char(84) NOT NULL);
      CREATE TABLE ${SCHEMA}.tellers (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
      CREATE TABLE ${SCHEMA}.history (transaction bigint NOT NULL, account int NOT NULL, teller int NOT NULL,
        delta bigint NOT NULL, at timestamptz NOT NULL DEFAULT now())`);
    await client.query(`INSERT INTO ${SCHEMA}.accounts SELECT id, 0, '' FROM generate_series(1, $1) AS id`, [
      rows,
    ]);
    await client.query(`ALTER TABLE ${SCHEMA}.accounts ADD PRIMARY KEY (id)`);
    await client.query(`INSERT INTO ${SCHEMA}.tellers SELECT id, 0 FROM generate_series(1, $1) AS id`, [
      TELLERS,
    ]);
    for (const table of TABLES) await client.query(`VACUUM (ANALYZE) ${SCHEMA}.${table}`);
  });
}

/**
 * Drops what `createBystanderTables` made.
 * @throws RuntimeFailure when it cannot be dropped, as while somebody else uses it.
 */
export async function dropBystanderTables(connection: ConnectionSettings): Promise<void> {
  await withConnection(connection, ADMIN, async (client) => {
    try {
      if ((await ownerOf(client)) === 'ours') await drop(client);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      throw new RuntimeFailure(
        `schema "${BYSTANDER_SCHEMA}" of ${describe(connection)} could not be dropped (${oneLine(error)}): end what still uses it; the next run drops it`,
      );
    }
  });
}

/** The same of what a run that was killed has left; where that cannot be dropped it is the next bystander's trouble. */
export async function sweepBystanderTables(client: pg.Client): Promise<void> {
  try {
    if ((await ownerOf(client)) === 'ours') await drop(client);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    await client.query('ROLLBACK');
  }
}

async function clear(client: pg.Client, { database }: ConnectionSettings): Promise<void> {
  const owner = await ownerOf(client);
  if (owner === 'ours') await drop(client);
  if (owner === 'another')
    throw new Error(
      `database "${database}" already has a schema "${BYSTANDER_SCHEMA}" that claimbench did not make: rename it, or name another database`,
    );
}

async function ownerOf(client: pg.Client): Promise<'nobody' | 'ours' | 'another'> {
  const { rows } = await client.query<{ ours: boolean }>(
    `SELECT coalesce(obj_description(oid, 'pg_namespace') = $2, false) AND pg_get_userbyid(nspowner) = current_user AS ours
       FROM pg_namespace WHERE nspname = $1`,
    [BYSTANDER_SCHEMA, MARK],
  );
  const [found] = rows;
  if (found === undefined) return 'nobody';
  return found.ours ? 'ours' : 'another';
}

async function drop(client: pg.Client): Promise<void> {
  // In one transaction. RESTRICT, which is the default: what is not ours is not taken along.
  const tables = TABLES.map((table) => `${SCHEMA}.${table}`).join(', ');
  await client.query(
    `BEGIN; SET LOCAL lock_timeout = '10s'; DROP TABLE IF EXISTS ${tables}; DROP SCHEMA ${SCHEMA}; COMMIT`,
  );
}

/** What is in the tables. */
export interface Books {
  readonly transactions: number;
  /** Sums of money. */
  readonly history: number;
  readonly accounts: number;
  readonly tellers: number;
  /** Those of the transactions asked for that are there, by number. */
  readonly found: readonly number[];
}

/** Reads the tables once every session of the bystander has ended; one that does not is ended. */
export async function readBooks(connection: ConnectionSettings, unknown: readonly number[]): Promise<Books> {
  const client = await connect(connection, ADMIN);
  try {
    await sessionsEnd(client);
    const { rows } = await client.query<
      { [name in keyof Omit<Books, 'found'>]: number } & { found: string[] }
    >(
      `SELECT ${BYSTANDER_MARK} (SELECT count(*)::float8 FROM ${SCHEMA}.history) AS transactions,
              (SELECT coalesce(sum(delta), 0)::float8 FROM ${SCHEMA}.history) AS history,
              (SELECT coalesce(sum(balance), 0)::float8 FROM ${SCHEMA}.accounts) AS accounts,
              (SELECT coalesce(sum(balance), 0)::float8 FROM ${SCHEMA}.tellers) AS tellers,
              ARRAY (SELECT transaction FROM ${SCHEMA}.history WHERE transaction = ANY ($1::bigint[])) AS found`,
      [unknown],
    );
    const [books] = rows;
    if (books === undefined) throw new Error('the books of the bystander could not be read');
    return { ...books, found: books.found.map(Number) };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A backend may outlive its client, and go on with what it was told last. */
async function sessionsEnd(client: pg.Client): Promise<void> {
  const theirs = `FROM pg_stat_activity WHERE application_name = '${BYSTANDER_NAME}' AND datname = current_database() AND usename = current_user`;
  const deadline = performance.now() + SESSIONS_END_MS;
  for (let looks = 0; ; looks += 1) {
    const { rowCount } = await client.query(`SELECT ${BYSTANDER_MARK} ${theirs}`);
    if (rowCount === 0) return;
    if (performance.now() > deadline) throw new Error('sessions of the bystander did not end');
    if (looks === 10) await client.query(`SELECT ${BYSTANDER_MARK} pg_terminate_backend(pid) ${theirs}`);
    await sleep(LOOK_AGAIN_MS);
  }
}
