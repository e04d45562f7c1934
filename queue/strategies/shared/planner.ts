// How does a worker's connection get the plans and the snapshots that a queue needs, whatever the database's defaults?

import type { Connection } from '../../drivers/driver.ts';

/**
 * A queue is empty at noon and holds 200,000 jobs a minute later. A prepared statement keeps the plan of noon: over an
 * empty table the cheapest is a sequential scan, and nothing replaces it before the next ANALYZE. Every statement of a
 * worker reaches its few rows by index or by ctid, so the other ways are switched off for its connection.
 *
 * Up to version 17 a way that is off still counts, at a price beyond any threshold: the server would then compile each
 * statement before it runs it (JIT), at 100 ms a claim. So that is off too.
 *
 * Claims look at rows that others have just let go of: only READ COMMITTED shows them as they are now, where a role or
 * database that defaults to a stricter level would abort them, or show a job that is done.
 *
 * Behind a pooler in transaction mode a SET would stick to a server connection that others use next. There the
 * process id from the start-up packet is the pooler's invention and differs from the backend's, so nothing is set;
 * give the role the same settings (ALTER ROLE … SET enable_seqscan = off) in such a set-up.
 */
export async function keepIndexPlans(connection: Connection): Promise<void> {
  await setForSession(connection, {
    enable_seqscan: 'off',
    enable_bitmapscan: 'off',
    enable_hashjoin: 'off',
    enable_mergejoin: 'off',
    enable_sort: 'off',
    jit: 'off',
    default_transaction_isolation: 'read committed',
  });
}

/**
 * For statements whose one plan is right for all values: they are planned once per connection. Left to itself the server
 * compares costs, and a parameter that is an array counts for ten elements where it is not known: a statement that is
 * given one or two would be planned anew each time it runs.
 */
export async function planOnce(connection: Connection): Promise<void> {
  await setForSession(connection, { plan_cache_mode: 'force_generic_plan' });
}

async function setForSession(
  connection: Connection,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  await connection.query({
    text: `
SELECT set_config(setting, value, false)
FROM unnest($1::text[], $2::text[]) AS wanted (setting, value)
WHERE pg_backend_pid() = $3`,
    values: [Object.keys(settings), Object.values(settings), connection.backendPid],
  });
}
