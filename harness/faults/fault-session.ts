// On which connection does the harness carry out a fault of the database?

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { errorCode, UsageError } from '../errors.ts';
import { type ConnectOptions, connect, withConnection } from '../server/connect.ts';
import type { ConnectionSettings } from '../server/server.ts';

/** What pg_stat_activity shows of it, and so the timeline of a cell. */
export const FAULT_NAME = 'claimbench fault';
/** Begins its statements, so that those of the load are told from them. */
export const FAULT_MARK = '/* claimbench fault */';

const OPTIONS: ConnectOptions = { applicationName: FAULT_NAME };
const ENDED_WITHIN_MS = 5_000;
const INSIST_FOR_MS = 10_000;
const TRY_AGAIN_MS = 100;

/**
 * A session that the server does not end because it is idle, in a transaction or not: that would end the fault.
 * @throws UsageError or RuntimeFailure, when the server cannot be reached.
 */
export async function openFaultSession(connection: ConnectionSettings): Promise<pg.Client> {
  const client = await connect(connection, OPTIONS);
  try {
    // Which of them there are depends on the version.
    await client.query(
      `SELECT ${FAULT_MARK} set_config(name, '0', false) FROM pg_settings
        WHERE name IN ('idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`,
    );
    return client;
  } catch (error) {
    await endSessions([client]);
    throw error;
  }
}

/** Closes them, and gives up on those that do not answer in time. Never rejects. */
export async function endSessions(clients: readonly pg.Client[]): Promise<void> {
  const ended = Promise.allSettled(clients.map((client) => client.end()));
  await Promise.race([ended, sleep(ENDED_WITHIN_MS, undefined, { ref: false })]);
}

/** A lock that was not to be had in time; sessions that were ended with their server. */
const PASSING = new Set(['55P03', '57P01', '57P02', '57P03']);

/**
 * Does `work` on a connection of its own, again for ten seconds while there is none to be had, or a lock is missing: a server
 * that another fault has taken away comes back.
 */
export async function insist(
  connection: ConnectionSettings,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + INSIST_FOR_MS;
  for (;;) {
    try {
      await withConnection(connection, OPTIONS, work);
      return;
    } catch (error) {
      if (!isPassing(error) || performance.now() > deadline) throw error;
      await sleep(TRY_AGAIN_MS);
    }
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return PASSING.has(errorCode(error) ?? '');
  // Whatever else broke a connection, or kept it from being made.
  return !(error instanceof UsageError);
}
