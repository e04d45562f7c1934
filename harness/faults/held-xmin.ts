// How is the horizon held back, below which VACUUM may remove what is dead?

import { connect } from '../server/connect.ts';
import type { ConnectionSettings } from '../server/server.ts';

/** What pg_stat_activity shows of the holder, and so the timeline of a cell. */
export const FAULT_NAME = 'claimbench fault';

/** `reader`: REPEATABLE READ with its snapshot taken. `writer`: READ COMMITTED with a transaction id. */
export type XminHolder = 'reader' | 'writer' | 'staggered';

/**
 * Opens a transaction that stays idle until it is disposed. Neither touches a table of the queue: what follows is the
 * horizon's doing, no lock's. A writer holds it too: nobody's snapshot begins above the oldest transaction id in use.
 * Disposing it rejects when the transaction had ended before.
 * @throws UsageError or RuntimeFailure, when the server cannot be reached.
 */
export async function holdXmin(connection: ConnectionSettings, by: XminHolder): Promise<AsyncDisposable> {
  const client = await connect(connection, { applicationName: FAULT_NAME });
  const leave = async (): Promise<void> => client.end().catch(() => undefined);
  try {
    // A server that ends idle transactions would end the fault.
    await client.query('SET idle_in_transaction_session_timeout = 0');
    if (by === 'reader') {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      // BEGIN takes no snapshot, the first statement does.
      await client.query('SELECT count(*) FROM pg_catalog.pg_class');
    } else {
      await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
      await client.query('SELECT txid_current()');
    }
  } catch (error) {
    await leave();
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      try {
        await client.query('COMMIT');
      } finally {
        await leave();
      }
    },
  };
}
