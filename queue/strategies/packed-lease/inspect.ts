// What do the tables of packed leases hold, and where does each job stand?

import type { Database } from '../../drivers/driver.ts';
import type { JobId, QueueStats, StoredJob } from '../../strategy.ts';
import type { PackedTables } from './tables.ts';

interface StatsRow {
  readonly ready: number;
  readonly delayed: number;
  readonly leased: number;
  readonly dead: number;
  readonly oldest_ms: number | null;
}

function statsSql(tables: PackedTables): string {
  return `
SELECT
  count(*)::float8 AS ready,
  (SELECT count(*) FROM ${tables.delayed} WHERE queue = $1)::float8 AS delayed,
  (SELECT coalesce(sum(size - coalesce(bit_count(settled), 0)), 0) FROM ${tables.lease} WHERE queue = $1)::float8 AS leased,
  (SELECT count(*) FROM ${tables.dead} WHERE queue = $1)::float8 AS dead,
  extract(epoch FROM clock_timestamp() - min(ready_since))::float8 * 1000 AS oldest_ms
FROM ${tables.ready}
WHERE queue = $1`;
}

/** The standing of one queue. Reads every ready row of the queue: for people and tests, not for a hot path. */
export async function readPackedStats(
  db: Database,
  tables: PackedTables,
  queue: string,
): Promise<QueueStats> {
  const { rows } = await db.query<StatsRow>({ text: statsSql(tables), values: [queue] });
  const row = rows[0];
  if (row === undefined) return { ready: 0, delayed: 0, leased: 0, dead: 0 };
  const counts = { ready: row.ready, delayed: row.delayed, leased: row.leased, dead: row.dead };
  return row.oldest_ms === null ? counts : { ...counts, oldestReadyAgeMs: row.oldest_ms };
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
export async function readPackedContents(
  db: Database,
  tables: PackedTables,
  afterId: JobId | undefined,
  limit: number,
): Promise<readonly StoredJob[]> {
  const { rows } = await db.query<StoredJob>({ text: contentsSql(tables), values: [afterId ?? '0', limit] });
  return rows;
}
