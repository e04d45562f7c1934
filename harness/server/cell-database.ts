// How does a cell get a database of its own, and how does that go away again?

import assert from 'node:assert';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

import { errorCode } from '../errors.ts';
import { connect, withConnection } from './connect.ts';
import { clearPrepared } from './prepared-transactions.ts';
import type { CellDatabase, ConnectionSettings } from './server.ts';

/** The schema that contenders use, in every database. */
export const CELL_SCHEMA = 'claimbench';
/** What the names of cells' databases begin with. */
export const DATABASE_PREFIX = 'claimbench_';

const ADMIN = { applicationName: 'claimbench admin' } as const;

export interface CreateOptions {
  /** COMMENT ON DATABASE by which a later run recognises what this one left; none: no comment. */
  readonly comment?: string;
}

/**
 * Creates `claimbench_<label>_<random>` from the server that `admin` reaches; disposing it drops it WITH (FORCE),
 * which also ends agents' connections that hang.
 *
 * Strategy: PostgreSQL 15 and later default to WAL_LOG, which copies the small template block by block through the
 * WAL. FILE_COPY (all that 14 has) needs two checkpoints of the whole server instead, so it takes longer the more the
 * cell before has left dirty. The default is left as it is.
 */
export async function createCellDatabase(
  admin: ConnectionSettings,
  label: string,
  options: CreateOptions = {},
): Promise<CellDatabase> {
  assert(/^[a-z0-9_]+$/.test(label), 'a label holds lower-case letters, digits and underscores');
  // Identifiers hold 63 bytes.
  const database = `${DATABASE_PREFIX}${label.slice(0, 40)}_${randomBytes(4).toString('hex')}`;
  const quoted = pg.escapeIdentifier(database);
  await withConnection(admin, ADMIN, async (client) => {
    await client.query(`CREATE DATABASE ${quoted}`);
    if (options.comment !== undefined) {
      await client.query(`COMMENT ON DATABASE ${quoted} IS ${pg.escapeLiteral(options.comment)}`);
    }
  });
  let dropped = false;
  return {
    connection: { ...admin, database },
    schema: CELL_SCHEMA,
    exclusive: true,
    async [Symbol.asyncDispose]() {
      if (dropped) return;
      dropped = true;
      await withRecovered(admin, async (client) => {
        await clearPrepared(client, admin, database);
        await client.query(`DROP DATABASE IF EXISTS ${quoted} WITH (FORCE)`);
      });
    },
  };
}

/** A server that a cell left in crash recovery refuses sessions for a while. */
const RECOVERED_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 100;

async function withRecovered(
  admin: ConnectionSettings,
  use: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + RECOVERED_WITHIN_MS;
  for (;;) {
    const client = await connect(admin, ADMIN).catch((error: unknown) => {
      // 57P03: cannot connect now.
      if (errorCode(error) !== '57P03' || performance.now() > deadline) throw error;
      return undefined;
    });
    if (client === undefined) {
      await sleep(LOOK_AGAIN_MS);
      continue;
    }
    try {
      return await use(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/**
 * Installs pg_stat_statements in one database. False, with no error, where the server does not preload it or the role
 * may not: buffers per job are then counted from coarser statistics.
 */
export async function installStatementStatistics(settings: ConnectionSettings): Promise<boolean> {
  const client = await connect(settings, ADMIN);
  try {
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    // Without shared_preload_libraries the extension can be created and then refuses to be read.
    await client.query('SELECT 1 FROM pg_stat_statements LIMIT 1');
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return false;
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}
