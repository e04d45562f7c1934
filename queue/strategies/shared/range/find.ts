// What do the tables hold of single jobs?

import type { Database } from '../../../drivers/driver.ts';
import type { Inspection, JobId, JobRecord } from '../../../strategy.ts';
import { msOf, type RecordRow, toRecord } from '../job-record.ts';
import { PLACES } from '../place-token.ts';
import { readByIndex } from '../planner.ts';
import { floorOf, type RangeTables, SEQ_BITS } from './relations.ts';

/**
 * The rows of `jobs` whose id is among those of `asked`, a query, each with its columns; done ones too, where ranges are left to
 * rotation. An id says where its job lies, unless that was appended anew: then it lies where `origin` says. Each is looked for
 * by itself, so that no plan walks anything else.
 */
export function jobsById({ jobs }: RangeTables, asked: string): string {
  return `SELECT asked.*, job.*
  FROM (${asked}) AS asked
  CROSS JOIN LATERAL (
    SELECT own.* FROM ${jobs} AS own
    WHERE own.lane = (asked.id >> ${SEQ_BITS})::integer AND own.seq = asked.id & ((1::bigint << ${SEQ_BITS}) - 1)
      AND own.origin IS NULL
    UNION ALL
    SELECT anew.* FROM ${jobs} AS anew WHERE anew.origin = asked.id
  ) AS job`;
}

/** A row of the look. No state: it is not known whether the job is done; then `floor` is where its lane's floor was seen. */
type Found = Omit<RecordRow, 'state'> & {
  readonly state: RecordRow['state'] | null;
  readonly floor: string | null;
};

/**
 * One statement, so that a job on its way from one table to another is seen once. Parameters: ids, and for each how far its
 * lane's floor had come before this statement began, as far as that is known.
 *
 * - A lease that the statement's snapshot shows counts, wherever the floor has come since. The look for a span ends where none
 *   that is leased can begin: below it, and below the floor, lie dead rows only.
 * - A job without one that lies below the floor is done, if the floor was there before. If it has come there since, the job may as
 *   well have been claimed, settled and appended anew behind the snapshot.
 * - `since` is the enqueue of a job that is where it was appended first; for the others it may be what they waited for.
 */
function findSql(tables: RangeTables): string {
  const { lanes, spans, gaps, inbox, delayed, dead } = tables;
  const away = (state: string, table: string, runAt: string, diedAt: string): string => `
  SELECT id, NULL::bigint, '${state}', payload, queue, priority, attempt, max_attempts, NULL::timestamptz, ${runAt},
    NULL::timestamptz, NULL::text, ${diedAt}, last_error
  FROM ${table}
  WHERE id = ANY ($1::bigint[])`;
  return `
SELECT id::text AS id, floor::text AS floor, state, payload, queue, priority, attempt, max_attempts,
  ${msOf('enqueued_at')} AS enqueued_ms, ${msOf('run_at')} AS run_ms, ${msOf('expires_at')} AS lease_ms, worker,
  ${msOf('died_at')} AS died_ms, last_error AS errors
FROM (
  SELECT job.id, floor.position AS floor,
    CASE WHEN span.hi IS NOT NULL THEN 'leased' WHEN job.seq > floor.position THEN 'ready' END AS state,
    job.payload, lane.queue, lane.priority,
    job.attempt + CASE WHEN span.hi IS NULL THEN coalesce(gap.crashes, 0) ELSE span.crashes + 1 END AS attempt,
    job.max_attempts, CASE WHEN job.origin IS NULL THEN job.since END AS enqueued_at, NULL::timestamptz AS run_at,
    span.expires_at, span.worker, NULL::timestamptz AS died_at, job.last_error
  FROM (${jobsById(tables, 'SELECT DISTINCT ON (id) id, known FROM unnest($1::bigint[], $2::bigint[]) AS given (id, known)')}) AS job
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
  WHERE CASE WHEN span.hi IS NULL THEN job.seq > job.known ELSE span.expires_at IS NOT NULL END
  UNION ALL${away('ready', inbox, 'NULL::timestamptz', 'NULL::timestamptz')}
  UNION ALL${away('delayed', delayed, 'run_at', 'NULL::timestamptz')}
  UNION ALL${away('dead', dead, 'NULL::timestamptz', 'died_at')}
) AS stored`;
}

/** Looks at single jobs of `tables`. */
export function findRanges(tables: RangeTables): Inspection {
  const text = findSql(tables);
  /** What is not known is asked for anew, by a later snapshot: each time the floor must have passed it meanwhile. */
  const look = async (
    db: Database,
    ids: readonly JobId[],
    floors: readonly string[],
  ): Promise<readonly JobRecord[]> => {
    const { rows } = await readByIndex(db, (tx) => tx.query<Found>({ text, values: [ids, floors] }));
    const known = rows.flatMap(({ floor: _, state, ...row }) =>
      state === null ? [] : [toRecord({ ...row, state })],
    );
    const unclear = rows.filter(({ state }) => state === null);
    if (unclear.length === 0) return known;
    const again = await look(
      db,
      unclear.map(({ id }) => id),
      unclear.map(({ floor }) => floor ?? '0'),
    );
    return [...known, ...again];
  };
  return {
    async find(db, ids) {
      if (ids.length === 0) return [];
      return look(
        db,
        ids,
        ids.map(() => '0'),
      );
    },
  };
}
