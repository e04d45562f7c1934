// How is a latch opened that a claim has left behind?
//
// The routine opens it however it fails, unless it is cancelled a second time while it does so. Then the lane would wait for
// the end of the session that holds it.

import type { Connection } from '../../../drivers/driver.ts';

/** A session of the server that is idle and holds a latch: those are held within a statement only. */
interface Stray {
  readonly pid: number;
  readonly since: string;
}

/** After a claim that failed: whatever it left is open when this resolves, or the connection is closed. */
export async function dropLatches(connection: Connection, latch: number): Promise<void> {
  if (connection.closed) return;
  try {
    if (connection.pooler === 'transaction') await dropOnPooler(connection, latch);
    else await connection.query({ text: 'SELECT pg_advisory_unlock_all()' });
  } catch {
    await connection[Symbol.asyncDispose]();
  }
}

/** Rows of `pg_locks AS held` that are latches. */
const isLatch = (latch: number): string => `
  held.locktype = 'advisory' AND held.classid::bigint = ${latch} AND held.objsubid = 2 AND held.granted
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

const idleHolders = (latch: number): string => `
SELECT activity.pid, activity.state_change::text AS since
FROM pg_locks AS held JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE ${isLatch(latch)} AND activity.state = 'idle'`;

/**
 * Behind a pooler in transaction mode the session that holds it is one of the pooler's. The one that answers now opens its own;
 * another can only be ended, and the pooler opens a new one. Locks and activity are not read at one instant, so a session to be
 * ended must be found twice, idle since the same instant.
 */
async function dropOnPooler(connection: Connection, latch: number): Promise<void> {
  await connection.query({
    text: `
SELECT CASE held.mode
  WHEN 'ShareLock' THEN pg_advisory_unlock_shared(${latch}, held.objid::bigint::integer)
  ELSE pg_advisory_unlock(${latch}, held.objid::bigint::integer)
END
FROM pg_locks AS held
WHERE ${isLatch(latch)} AND held.pid = pg_backend_pid()`,
  });
  const { rows } = await connection.query<Stray>({ text: idleHolders(latch) });
  if (rows.length === 0) return;
  await connection.query({
    text: `
SELECT pg_terminate_backend(again.pid)
FROM (${idleHolders(latch)}) AS again
JOIN unnest($1::integer[], $2::text[]) AS seen (pid, since) ON seen.pid = again.pid AND seen.since = again.since`,
    values: [rows.map(({ pid }) => pid), rows.map(({ since }) => since)],
  });
}
