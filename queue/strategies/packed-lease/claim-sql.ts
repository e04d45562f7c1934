// How does one statement take the next jobs out of the ready table and write the lease that holds them?

import type { PackedTables } from './tables.ts';

/** Parameters of a claim: queue, priority and id of the hint, length of the lease in ms, worker. */
export const CLAIM_PARAMETERS = 5;

/**
 * A job as an element of `lease.jobs`. concat() writes all into one buffer, where a chain of || would copy it at each step.
 * The id is a string, since a JSON number is exact only up to 2^53.
 */
const PACKED_JOB = `concat(
    '["', id, '",', priority, ',', attempt + 1, ',', max_attempts, ',', payload,
    CASE WHEN last_error IS NOT NULL THEN concat(',', to_json(last_error)) END, ']'
  )`;

/** Of one job no aggregate is needed. What a statement costs is, at this size, the number of its plan's nodes. */
function leaseOf(limit: number): string {
  return limit === 1
    ? `SELECT now() + $4::float8 * interval '1 ms', 1, $1, $5, concat('[', ${PACKED_JOB}, ']')
  FROM claimed`
    : `SELECT now() + $4::float8 * interval '1 ms', count(*)::integer, $1, $5,
    concat('[', string_agg(${PACKED_JOB}, ','), ']')
  FROM claimed
  HAVING count(*) > 0`;
}

/**
 * The hint ($2, $3) says: at this priority the session last took the job with this id. Rows up to there are dead ones,
 * which stay in the index until a VACUUM that may be a minute away, and cannot go while some snapshot is held; so the walk
 * begins behind them. Unless something more urgent is there: then it begins with that. Between the most urgent job's
 * priority and the hint nothing is left out but jobs of the hint's own priority that were not there when it passed them.
 *
 * - The subselect of the candidates stands in an ARRAY: evaluated once, so that no more are locked than the limit. In
 *   `WHERE ctid IN (…)` it might be run again and over-claim (queue_classic #320).
 * - LIMIT is a literal, hence one prepared statement per batch size: a parameter would hide it from the planner.
 * - Rows are deleted by ctid: a TID scan of exactly those. No row of `ready` is ever updated, so none can have moved.
 * - RETURNING has no order, thus nor have the jobs of a lease; the claimer sorts them.
 */
export function claimCtes(tables: PackedTables, limit: number): string {
  return `
claimed AS (
  DELETE FROM ${tables.ready}
  WHERE ctid = ANY (ARRAY (
    SELECT ctid
    FROM ${tables.ready}
    WHERE queue = $1 AND (priority, id) > (
      SELECT coalesce(min(priority), $2::smallint), CASE WHEN min(priority) IS NULL THEN $3::bigint ELSE -1 END
      FROM ${tables.ready}
      WHERE queue = $1 AND priority < $2::smallint
    )
    ORDER BY priority, id
    LIMIT ${limit}
    FOR UPDATE SKIP LOCKED
  ))
  RETURNING id, priority, attempt, max_attempts, last_error, payload
), leased AS (
  INSERT INTO ${tables.lease} (expires_at, size, queue, worker, jobs)
  ${leaseOf(limit)}
  RETURNING lease_id, expires_at, jobs
)`;
}

/** What a claim returns of its lease: all jobs as one text. */
export const LEASED_COLUMNS = `lease_id::text AS lease_id, date_part('epoch', expires_at) * 1000 AS expires_ms, jobs`;

/** A claim alone: no row when there was nothing. */
export function claimSql(tables: PackedTables, limit: number): string {
  return `
WITH ${claimCtes(tables, limit)}
SELECT ${LEASED_COLUMNS}, NULL AS settled
FROM leased`;
}
