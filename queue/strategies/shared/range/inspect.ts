// Where does each job of a queue of ranges stand?

import type { Database } from '../../../drivers/driver.ts';
import type { JobId, QueueStats, StoredJob } from '../../../strategy.ts';
import { contentsWith, statsWith } from '../inspect.ts';
import { floorOf, idSql, type RangeTables, SEQ_BITS } from './relations.ts';

/**
 * Joins the `span` that covers each `job`. A row that no span covers is ready: it lies above the cursor, in a gap, or in a
 * range that a claim was cut off over. Where ranges are left to rotation the settled ones are still there. The look ends at
 * the lane's floor: below it lie dead rows only, which each job would walk over.
 */
function covering({ spans }: RangeTables): string {
  return `LEFT JOIN LATERAL (
    SELECT span.expires_at, span.hi
    FROM ${spans} AS span
    WHERE span.lane = job.lane AND span.lo <= job.seq AND span.lo > floor.position
    ORDER BY span.lo DESC
    LIMIT 1
  ) AS span ON span.hi >= job.seq`;
}

const NOT_SETTLED = '(span.hi IS NULL OR span.expires_at IS NOT NULL)';

function statsSql(tables: RangeTables): string {
  const { jobs, lanes, inbox, delayed, dead } = tables;
  return `
WITH living AS MATERIALIZED (
  SELECT job.since, span.hi IS NOT NULL AS leased
  FROM ${lanes} AS lane
  ${floorOf('lane')}
  JOIN ${jobs} AS job ON job.lane = lane.id AND job.seq > floor.position
  ${covering(tables)}
  WHERE lane.queue = $1 AND ${NOT_SETTLED}
  UNION ALL
  SELECT since, false FROM ${inbox} WHERE queue = $1
)
SELECT
  (SELECT count(*) FROM living WHERE NOT leased)::float8 AS ready,
  (SELECT count(*) FROM ${delayed} WHERE queue = $1)::float8 AS delayed,
  (SELECT count(*) FROM ${delayed} WHERE run_at <= now() AND queue = $1)::float8 AS due,
  (SELECT count(*) FROM living WHERE leased)::float8 AS leased,
  (SELECT count(*) FROM ${dead} WHERE queue = $1)::float8 AS dead,
  (SELECT extract(epoch FROM clock_timestamp() - min(since))::float8 * 1000 FROM living WHERE NOT leased) AS oldest_ms`;
}

/** The standing of one queue. Reads every row of the queue: for people and tests, not for a hot path. */
export function readRangeStats(db: Database, tables: RangeTables, queue: string): Promise<QueueStats> {
  return statsWith(db, statsSql(tables), queue);
}

/**
 * A job's own number gives its id, unless it was appended anew: those are found by the index of their ids. Each lane gives
 * at most a page, from where the last one ended.
 */
function contentsSql(tables: RangeTables): string {
  const { jobs, lanes, inbox, delayed, dead } = tables;
  const state = `CASE WHEN span.hi IS NULL THEN 'ready' ELSE 'leased' END`;
  const afterLane = `($1::bigint >> ${SEQ_BITS})::integer`;
  const afterSeq = `($1::bigint & ((1::bigint << ${SEQ_BITS}) - 1))`;
  return `
SELECT id::text AS id, state, payload
FROM (
  SELECT own.id, own.state, own.payload
  FROM ${lanes} AS lane
  ${floorOf('lane')}
  CROSS JOIN LATERAL (
    SELECT CASE WHEN lane.id = ${afterLane} THEN greatest(${afterSeq}, floor.position) ELSE floor.position END AS place OFFSET 0
  ) AS after
  CROSS JOIN LATERAL (
    SELECT ${idSql('job')} AS id, ${state} AS state, job.payload
    FROM ${jobs} AS job
    ${covering(tables)}
    WHERE job.lane = lane.id AND job.seq > after.place AND job.origin IS NULL AND ${NOT_SETTLED}
    ORDER BY job.seq
    LIMIT $2::bigint
  ) AS own
  WHERE lane.id >= ${afterLane}
  UNION ALL
  (
    SELECT job.origin, ${state}, job.payload
    FROM ${jobs} AS job
    JOIN ${lanes} AS lane ON lane.id = job.lane
    ${floorOf('lane')}
    ${covering(tables)}
    WHERE job.origin > $1::bigint AND job.seq > floor.position AND ${NOT_SETTLED}
    ORDER BY job.origin
    LIMIT $2::bigint
  )
  UNION ALL
  (SELECT id, 'ready', payload FROM ${inbox} WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint)
  UNION ALL
  (SELECT id, 'delayed', payload FROM ${delayed} WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint)
  UNION ALL
  (SELECT id, 'dead', payload FROM ${dead} WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint)
) AS stored
ORDER BY stored.id
LIMIT $2::bigint`;
}

/** One page of what the tables hold, in the order of ids. */
export function readRangeContents(
  db: Database,
  tables: RangeTables,
  afterId: JobId | undefined,
  limit: number,
): Promise<readonly StoredJob[]> {
  return contentsWith(db, contentsSql(tables), afterId, limit);
}
