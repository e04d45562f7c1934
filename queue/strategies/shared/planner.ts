// How does a worker's connection keep the plans that suit a queue, whatever its size was when they were made?

import type { Connection } from '../../drivers/driver.ts';

/**
 * A queue is empty at noon and holds 200,000 jobs a minute later. A prepared statement keeps the plan of noon: over an
 * empty table the cheapest is a sequential scan, and nothing replaces it before the next ANALYZE. Every statement of a
 * worker reaches its few rows by index or by ctid, so the other ways are switched off for its connection.
 *
 * Behind a pooler in transaction mode a SET would stick to a server connection that others use next. There the
 * process id from the start-up packet is the pooler's invention and differs from the backend's, so nothing is set;
 * give the role the same settings (ALTER ROLE … SET enable_seqscan = off) in such a set-up.
 */
export async function keepIndexPlans(connection: Connection): Promise<void> {
  await connection.query({
    text: `
SELECT set_config(setting, 'off', false)
FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_sort'])
  AS setting
WHERE pg_backend_pid() = $1`,
    values: [connection.backendPid],
  });
}
