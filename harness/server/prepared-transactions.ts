// How is a transaction that was prepared for two-phase commit, and left, rolled back? It outlives its session, and the server.

import pg from 'pg';
import { errorCode } from '../errors.ts';
import { withConnection } from './connect.ts';
import type { ConnectionSettings } from './server.ts';

/** What the names of the harness's begin with. */
export const PREPARED_PREFIX = 'claimbench_';

const ADMIN = { applicationName: 'claimbench admin' } as const;
/** undefined_object: somebody was faster. object_not_in_prerequisite_state: its session is at it. */
const OTHERS_DO_IT = new Set(['42704', '55000']);

/**
 * Rolls back what this role has prepared in the client's database under names with that prefix; '' for all. The caller knows
 * that nobody is at work there whose transactions these could be.
 */
export async function rollBackPrepared(client: pg.Client, prefix: string): Promise<void> {
  const { rows } = await client.query<{ gid: string }>(
    `SELECT gid FROM pg_prepared_xacts
      WHERE database = current_database() AND owner = current_user AND starts_with(gid, $1)`,
    [prefix],
  );
  for (const { gid } of rows) {
    try {
      await client.query(`ROLLBACK PREPARED ${pg.escapeLiteral(gid)}`);
    } catch (error) {
      if (!OTHERS_DO_IT.has(errorCode(error) ?? '')) throw error;
    }
  }
}

/**
 * Clears a database of the harness's own of prepared transactions, with which DROP DATABASE would refuse it. `admin` is
 * connected elsewhere on that server: only a session of the same database may finish them.
 */
export async function clearPrepared(
  admin: pg.Client,
  settings: ConnectionSettings,
  database: string,
): Promise<void> {
  const { rowCount } = await admin.query('SELECT FROM pg_prepared_xacts WHERE database = $1', [database]);
  if (rowCount === 0) return;
  await withConnection({ ...settings, database }, ADMIN, (client) => rollBackPrepared(client, ''));
}
