// How does a run work on a server of the user's own, and leave it as it was?

import assert from 'node:assert';
import type pg from 'pg';

import { oneLine, UsageError } from '../errors.ts';
import { sweepBystanderTables } from '../neighbours/bystander-tables.ts';
import { createCellDatabase, DATABASE_PREFIX, installStatementStatistics } from './cell-database.ts';
import { clearSchema, createCellSchema } from './cell-schema.ts';
import { connect, describe, IS_A_POOLER, TlsNotOffered } from './connect.ts';
import { ownsItsSession } from './own-session.ts';
import { PREPARED_PREFIX, rollBackPrepared } from './prepared-transactions.ts';
import {
  announceRun,
  assertStillAnnounced,
  claimDatabase,
  databaseMark,
  drawRunNumber,
  dropLeftoverDatabases,
} from './run-lock.ts';
import type { CellDatabase, ConnectionSettings, PostgresServer } from './server.ts';
import { parseServerAddress, type ServerAddress } from './server-address.ts';

const OLDEST = 140_000;

/**
 * Uses any PostgreSQL server from 14 on. A role that may create databases gets one per cell, marked by a comment and
 * dropped afterwards; any other role gets one marked schema `claimbench` in the given database, one cell and one run
 * at a time. One connection stays open: its advisory lock says that the run is alive.
 * @throws UsageError or RuntimeFailure in one line, never with a password.
 */
export async function connectUrl(url: string, signal?: AbortSignal): Promise<PostgresServer> {
  const address = parseServerAddress(url);
  signal?.throwIfAborted();
  const { keeper, settings } = await connectKeeper(address);
  try {
    const facts = await inspect(keeper, settings);
    signal?.throwIfAborted();
    const open = facts.mayCreateDatabases
      ? await databasePerCell(keeper, settings)
      : await schemaPerCell(keeper, settings);
    return serverOf(keeper, settings, facts, open);
  } catch (error) {
    await keeper.end().catch(() => {});
    throw error;
  }
}

type OpenCell = (label: string) => Promise<CellDatabase>;

async function connectKeeper(
  address: ServerAddress,
): Promise<{ readonly keeper: pg.Client; readonly settings: ConnectionSettings }> {
  let first: unknown;
  for (const ssl of address.tls) {
    const settings = ssl === undefined ? address.settings : { ...address.settings, ssl };
    try {
      return { keeper: await connect(settings, { applicationName: 'claimbench keeper' }), settings };
    } catch (error) {
      // Of two failures the first tells more, unless it only says that the first way of the two is not on offer.
      if (first === undefined || first instanceof TlsNotOffered) first = error;
    }
  }
  throw first;
}

interface Facts {
  readonly version: string;
  readonly startedAt: string;
  readonly mayCreateDatabases: boolean;
}

async function inspect(keeper: pg.Client, settings: ConnectionSettings): Promise<Facts> {
  const { rows } = await keeper.query<{
    version: string;
    number: number;
    started: string;
    standby: boolean;
    readonly: boolean;
    createdb: boolean;
    create: boolean;
  }>(
    `SELECT current_setting('server_version') AS version,
            current_setting('server_version_num')::int AS number,
            pg_postmaster_start_time()::text AS started,
            pg_is_in_recovery() AS standby,
            current_setting('default_transaction_read_only')::bool AS readonly,
            rolcreatedb OR rolsuper AS createdb,
            has_database_privilege(current_database(), 'CREATE') AS create
       FROM pg_roles WHERE rolname = current_user`,
  );
  const facts = rows[0];
  assert(facts, 'the current role is in pg_roles');
  const where = describe(settings);
  // Its lock says that the run is alive: in a pooler's session it would outlive the run, or be another's.
  if (!(await ownsItsSession(keeper))) {
    throw new UsageError(`cannot use ${where}: ${IS_A_POOLER}`);
  }
  if (facts.number < OLDEST) {
    throw new UsageError(`${where} is PostgreSQL ${facts.version}: claimbench measures 14 and later`);
  }
  if (facts.standby || facts.readonly) {
    throw new UsageError(
      `${where} is ${facts.standby ? 'a standby' : 'read-only'}: give the address of the primary`,
    );
  }
  if (!facts.createdb && !facts.create) {
    throw new UsageError(
      `role "${settings.user}" may create neither databases nor a schema in ${where}: GRANT CREATE ON DATABASE to it`,
    );
  }
  return {
    version: facts.version.split(' ')[0] ?? facts.version,
    startedAt: facts.started,
    mayCreateDatabases: facts.createdb,
  };
}

async function databasePerCell(keeper: pg.Client, settings: ConnectionSettings): Promise<OpenCell> {
  const run = drawRunNumber();
  await announceRun(keeper, run);
  await dropLeftoverDatabases(keeper, settings, DATABASE_PREFIX);
  return async (label) => {
    const cell = await createCellDatabase(settings, label, { comment: databaseMark(run) });
    try {
      await installStatementStatistics(cell.connection);
      return cell;
    } catch (error) {
      await cell[Symbol.asyncDispose]();
      throw error;
    }
  };
}

async function schemaPerCell(keeper: pg.Client, settings: ConnectionSettings): Promise<OpenCell> {
  const where = describe(settings);
  if (!(await claimDatabase(keeper))) {
    throw new UsageError(
      `another claimbench run is using ${where}, and its role may not create databases of its own: wait for it, or name another database`,
    );
  }
  // Nobody else is at work here: what has our name was left by a run that died.
  await rollBackPrepared(keeper, PREPARED_PREFIX);
  await clearSchema(keeper, where);
  await sweepBystanderTables(keeper);
  return () => createCellSchema(settings);
}

function serverOf(
  keeper: pg.Client,
  settings: ConnectionSettings,
  { version, startedAt }: Pick<Facts, 'version' | 'startedAt'>,
  open: OpenCell,
): PostgresServer {
  const cells = new Set<CellDatabase>();
  const where = describe(settings);
  let disposed = false;
  return {
    kind: 'url',
    version,
    description: `PostgreSQL ${version} at ${where}`,
    startedAt,
    async openDatabase(label) {
      assert(!disposed, 'the server was disposed');
      await assertStillAnnounced(keeper, where);
      for (const cell of cells) assert(cell.exclusive, 'in one schema, one cell at a time');
      const cell = await open(label);
      const tracked: CellDatabase = {
        ...cell,
        async [Symbol.asyncDispose]() {
          cells.delete(tracked);
          await cell[Symbol.asyncDispose]();
        },
      };
      cells.add(tracked);
      return tracked;
    },
    // A server that recovers from a crash is lost as well: what said that this run is alive ended with the connection.
    whyGone: () =>
      assertStillAnnounced(keeper, where).then(
        () => undefined,
        (error: unknown) => oneLine(error),
      ),
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      try {
        for (const cell of [...cells]) await cell[Symbol.asyncDispose]();
      } finally {
        await keeper.end().catch(() => {});
      }
    },
  };
}
