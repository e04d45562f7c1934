// What do the tables hold of single jobs?

import type { Inspection } from '../../../strategy.ts';
import { msOf, type RecordRow, toRecord } from '../job-record.ts';
import { PLACES } from '../place-token.ts';
import { readByIndex } from '../planner.ts';
import { floorOf, type RangeTables, SEQ_BITS } from './relations.ts';

/**
 * The rows of `jobs` whose id is in the array `ids`, each with its `id`; done ones too, where ranges are left to rotation. An id
 * says where its job lies, unless that was appended anew: then it lies where `origin` says. Each is looked for by itself, so
 * that no plan walks anything else.
 */
export function jobsById({ jobs }: RangeTables, ids: string): string {
  return `SELECT asked.id, job.*
  FROM (SELECT DISTINCT id FROM unnest(${ids}) AS given (id)) AS asked
  CROSS JOIN LATERAL (
    SELECT own.* FROM ${jobs} AS own
    WHERE own.lane = (asked.id >> ${SEQ_BITS})::integer AND own.seq = asked.id & ((1::bigint << ${SEQ_BITS}) - 1)
      AND own.origin IS NULL
    UNION ALL
    SELECT anew.* FROM ${jobs} AS anew WHERE anew.origin = asked.id
  ) AS job`;
}

/**
 * One statement, so that a job on its way from one table to another is seen once. A lease that this snapshot shows counts
 * wherever the floor has come since. A job without one that lies below the floor is done: or it was claimed, settled and passed
 * by the floor while the statement ran. The look for a span ends where none that is leased can begin: below it, and below
 * the floor, lie dead rows only.
 *
 * `since` is the enqueue of a job that is where it was appended first; for the others it may be what they waited for.
 */
function findSql(tables: RangeTables): string {
  const { lanes, spans, gaps, inbox, delayed, dead } = tables;
  const away = (state: string, table: string, runAt: string, diedAt: string): string => `
  SELECT id, '${state}', payload, queue, priority, attempt, max_attempts, NULL::timestamptz, ${runAt}, NULL::timestamptz,
    NULL::text, ${diedAt}, last_error
  FROM ${table}
  WHERE id = ANY ($1::bigint[])`;
  return `
SELECT id::text AS id, state, payload, queue, priority, attempt, max_attempts, ${msOf('enqueued_at')} AS enqueued_ms,
  ${msOf('run_at')} AS run_ms, ${msOf('expires_at')} AS lease_ms, worker, ${msOf('died_at')} AS died_ms, last_error AS errors
FROM (
  SELECT job.id, CASE WHEN span.hi IS NULL THEN 'ready' ELSE 'leased' END AS state, job.payload, lane.queue, lane.priority,
    job.attempt + CASE WHEN span.hi IS NULL THEN coalesce(gap.crashes, 0) ELSE span.crashes + 1 END AS attempt,
    job.max_attempts, CASE WHEN job.origin IS NULL THEN job.since END AS enqueued_at, NULL::timestamptz AS run_at,
    span.expires_at, span.worker, NULL::timestamptz AS died_at, job.last_error
  FROM (${jobsById(tables, '$1::bigint[]')}) AS job
  JOIN ${lanes} AS lane ON lane.id = job.lane
  ${floorOf('lane')}
  LEFT JOIN LATERAL (
    SELECT span.hi, span.expires_at, span.crashes, span.worker
    FROM ${spans} AS span
    WHERE span.lane = job.lane AND span.lo <= job.seq AND span.lo > least(floor.position, job.seq - ${PLACES})
    ORDER BY span.lo DESC
    LIMIT 1
  ) AS span ON span.hi >= job.seq
  LEFT JOIN LATERAL (
    SELECT gap.hi, gap.crashes
    FROM ${gaps} AS gap
    WHERE gap.lane = job.lane AND gap.lo <= job.seq AND gap.lo > floor.position
    ORDER BY gap.lo DESC
    LIMIT 1
  ) AS gap ON gap.hi >= job.seq
  WHERE CASE WHEN span.hi IS NULL THEN job.seq > floor.position ELSE span.expires_at IS NOT NULL END
  UNION ALL${away('ready', inbox, 'NULL::timestamptz', 'NULL::timestamptz')}
  UNION ALL${away('delayed', delayed, 'run_at', 'NULL::timestamptz')}
  UNION ALL${away('dead', dead, 'NULL::timestamptz', 'died_at')}
) AS stored`;
}

/** Looks at single jobs of `tables`. */
export function findRanges(tables: RangeTables): Inspection {
  const text = findSql(tables);
  return {
    async find(db, ids) {
      if (ids.length === 0) return [];
      const { rows } = await readByIndex(db, (tx) => tx.query<RecordRow>({ text, values: [ids] }));
      return rows.map(toRecord);
    },
  };
}
