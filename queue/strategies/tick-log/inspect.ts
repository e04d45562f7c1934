// What does the event log hold, and where does each job stand?

import type { Database } from '../../drivers/driver.ts';
import type { JobId, QueueStats, StoredJob } from '../../strategy.ts';
import { contentsWith, statsWith } from '../shared/inspect.ts';
import { eventsOf, placeOf, untaken } from './fragments.ts';
import type { LogTables } from './tables.ts';

function statsSql(tables: LogTables): string {
  return `
WITH ready AS (
  SELECT count(*)::float8 AS count, min(event.created_at) AS since
  FROM (${placeOf(tables, '$1')}
  ) AS place
  CROSS JOIN LATERAL (${untaken(tables.event, '$1', 'place')}
  ) AS event
)
SELECT
  ready.count AS ready,
  (SELECT count(*) FROM ${tables.delayed} WHERE queue = $1)::float8 AS delayed,
  (SELECT count(*) FROM ${tables.delayed} WHERE run_at <= now() AND queue = $1)::float8 AS due,
  (
    SELECT coalesce(sum(size - coalesce(bit_count(done), 0)), 0) FROM ${tables.chunk} WHERE queue = $1
  )::float8 AS leased,
  (SELECT count(*) FROM ${tables.dead} WHERE queue = $1)::float8 AS dead,
  CASE WHEN ready.count > 0
    THEN extract(epoch FROM greatest('0', clock_timestamp() - ready.since))::float8 * 1000
  END AS oldest_ms
FROM ready`;
}

/** The standing of one queue: reads what is not taken, by index. Ready counts what the next ticks will show, too. */
export function readStats(db: Database, tables: LogTables, queue: string): Promise<QueueStats> {
  return statsWith(db, statsSql(tables), queue);
}

function contentsSql(tables: LogTables): string {
  return `
WITH name AS MATERIALIZED (
  SELECT DISTINCT queue FROM ${tables.event}
)
SELECT stored.id::text AS id, stored.state, stored.payload::json AS payload
FROM (
  SELECT event.id, 'ready' AS state, event.payload
  FROM name
  CROSS JOIN LATERAL (${placeOf(tables, 'name.queue')}
  ) AS place
  CROSS JOIN LATERAL (${untaken(tables.event, 'name.queue', 'place')}
  ) AS event
  UNION ALL
  SELECT event.id, 'leased', event.payload
  FROM ${tables.chunk} AS chunk
  CROSS JOIN LATERAL (${eventsOf(tables, 'chunk')}
  ) AS event
  WHERE chunk.done IS NULL OR get_bit(chunk.done, event.place) = 0
  UNION ALL
  SELECT id, 'delayed', payload FROM ${tables.delayed}
  UNION ALL
  SELECT id, 'dead', payload FROM ${tables.dead}
) AS stored
WHERE stored.id > $1::bigint
ORDER BY stored.id
LIMIT $2::bigint`;
}

/**
 * One page of what the log holds, in the order of ids. The log has no index by id: each page reads all that is not taken,
 * for people and tests, not for a hot path.
 */
export function readContents(
  db: Database,
  tables: LogTables,
  afterId: JobId | undefined,
  limit: number,
): Promise<readonly StoredJob[]> {
  return contentsWith(db, contentsSql(tables), afterId, limit);
}
