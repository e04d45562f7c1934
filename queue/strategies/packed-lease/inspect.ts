// What do the tables of packed leases hold, and where does each job stand?

import type { Database } from '../../drivers/driver.ts';
import type { JobId, QueueStats, StoredJob } from '../../strategy.ts';
import { contentsWith, statsWith } from '../shared/inspect.ts';
import type { PackedTables } from './tables.ts';

function statsSql(tables: PackedTables): string {
  return `
SELECT
  count(*)::float8 AS ready,
  (SELECT count(*) FROM ${tables.delayed} WHERE queue = $1)::float8 AS delayed,
  (SELECT count(*) FROM ${tables.delayed} WHERE run_at <= now() AND queue = $1)::float8 AS due,
  (SELECT coalesce(sum(size - coalesce(bit_count(settled), 0)), 0) FROM ${tables.lease} WHERE queue = $1)::float8 AS leased,
  (SELECT count(*) FROM ${tables.dead} WHERE queue = $1)::float8 AS dead,
  extract(epoch FROM clock_timestamp() - min(ready_since))::float8 * 1000 AS oldest_ms
FROM ${tables.ready}
WHERE queue = $1`;
}

/** The standing of one queue. Reads every ready row of the queue: for people and tests, not for a hot path. */
export function readPackedStats(db: Database, tables: PackedTables, queue: string): Promise<QueueStats> {
  return statsWith(db, statsSql(tables), queue);
}

/** No index of a hot table is by id alone, so a page costs a look at every row: a price of inspection, not of claims. */
function contentsSql(tables: PackedTables): string {
  return `
SELECT stored.id::text AS id, stored.state, stored.payload
FROM (
  SELECT id, 'ready' AS state, payload FROM ${tables.ready} WHERE id > $1::bigint
  UNION ALL
  SELECT id, 'delayed', payload FROM ${tables.delayed} WHERE id > $1::bigint
  UNION ALL
  SELECT (packed.job ->> 0)::bigint, 'leased', packed.job -> 4
  FROM ${tables.lease} AS lease
  CROSS JOIN LATERAL json_array_elements(lease.jobs::json) WITH ORDINALITY AS packed (job, nth)
  WHERE (lease.settled IS NULL OR get_bit(lease.settled, (packed.nth - 1)::integer) = 0)
    AND (packed.job ->> 0)::bigint > $1::bigint
  UNION ALL
  SELECT id, 'dead', payload FROM ${tables.dead} WHERE id > $1::bigint
) AS stored
ORDER BY stored.id
LIMIT $2::bigint`;
}

/** One page of what the tables hold, in the order of ids. */
export function readPackedContents(
  db: Database,
  tables: PackedTables,
  afterId: JobId | undefined,
  limit: number,
): Promise<readonly StoredJob[]> {
  return contentsWith(db, contentsSql(tables), afterId, limit);
}
