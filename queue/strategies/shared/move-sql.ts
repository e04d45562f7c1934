// Which statements move jobs between the ready, claimed and scheduled tables?

import { leaseExpired, withError } from './error-log.ts';
import type { MoveTables } from './move-tables.ts';
import { idsOf } from './upkeep.ts';

/**
 * The candidates stand in a MATERIALIZED CTE and are deleted by ctid, the LIMIT is a literal: see the shared table's
 * claim. The wide rows are read by primary key and not written; each on its own, as a join may be planned, while the
 * table is next to empty, as a walk through the whole key for each row. Whoever sees a row of a small table sees its job, since
 * one statement wrote both.
 */
export function claimSql(tables: MoveTables, limit: number): string {
  return `
WITH candidate AS MATERIALIZED (
  SELECT ctid
  FROM ${tables.ready}
  WHERE queue = $1
  ORDER BY priority, job_id
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), taken AS (
  DELETE FROM ${tables.ready}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM candidate))
  RETURNING job_id, fence, attempt
), moved AS (
  INSERT INTO ${tables.claimed} (job_id, expires_at, fence, attempt, worker)
  SELECT job_id, now() + $2::float8 * interval '1 ms', fence + 1, attempt + 1, $3
  FROM taken
  RETURNING job_id, expires_at, fence, attempt
)
SELECT job.id::text AS id, job.priority, moved.attempt, job.max_attempts, moved.fence::text AS fence,
  extract(epoch FROM moved.expires_at)::float8 * 1000 AS expires_ms, job.payload
FROM moved
CROSS JOIN LATERAL (
  SELECT id, priority, max_attempts, payload FROM ${tables.jobs} WHERE id = moved.job_id LIMIT 1
) AS job
ORDER BY job.priority, job.id`;
}

/** Parameters: ids, fences, length of the lease in ms. Returns the ids whose lease was lost. */
export function extendSql(tables: MoveTables): string {
  return `
WITH extended AS (
  UPDATE ${tables.claimed} AS lease
  SET expires_at = now() + $3::float8 * interval '1 ms'
  FROM unnest($1::bigint[], $2::integer[]) AS held (id, fence)
  WHERE lease.job_id = held.id AND lease.fence = held.fence
  RETURNING lease.job_id
)
SELECT id::text AS id FROM unnest($1::bigint[]) AS asked (id)
EXCEPT ALL
SELECT job_id::text FROM extended`;
}

/** The lease is the fence: who deletes its row owns what becomes of the job. */
export function ackOneSql(tables: MoveTables): string {
  return `
WITH ended AS (
  DELETE FROM ${tables.claimed} AS lease
  USING (VALUES ($1::bigint, $2::integer)) AS outcome (id, fence)
  WHERE lease.job_id = outcome.id AND lease.fence = outcome.fence
  RETURNING lease.job_id
)
DELETE FROM ${tables.jobs} AS job
USING ended
WHERE job.id = ended.job_id`;
}

/** Acks only; parameters and row as on the shared table. */
export function ackManySql(tables: MoveTables): string {
  return `
WITH ended AS (
  DELETE FROM ${tables.claimed} AS lease
  USING unnest($1::bigint[], $2::integer[]) AS outcome (id, fence)
  WHERE lease.job_id = outcome.id AND lease.fence = outcome.fence
  RETURNING lease.job_id
), acked AS (
  DELETE FROM ${tables.jobs} AS job
  USING ended
  WHERE job.id = ended.job_id
  RETURNING job.id
)
SELECT
  count(*)::integer AS acked,
  0 AS retried,
  0 AS dead_lettered,
  0 AS released,
  CASE WHEN count(*) < cardinality($1::bigint[]) THEN
    ARRAY(SELECT id::text FROM unnest($1::bigint[]) AS asked (id) EXCEPT ALL SELECT id::text FROM acked)
  END AS stale
FROM acked`;
}

/** Every kind; parameters and row as on the shared table. A release at once writes nothing to the wide row. */
export function settleSql(tables: MoveTables): string {
  return `
WITH outcome AS MATERIALIZED (
  SELECT id, fence, kind, delay_ms, error
  FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::float8[], $5::text[])
    AS outcome (id, fence, kind, delay_ms, error)
), ended AS (
  DELETE FROM ${tables.claimed} AS lease
  USING outcome
  WHERE lease.job_id = outcome.id AND lease.fence = outcome.fence
  RETURNING lease.job_id, lease.fence, lease.attempt, outcome.kind, outcome.delay_ms, outcome.error
), removed AS (
  DELETE FROM ${tables.jobs} AS job
  USING ended
  WHERE ended.kind IN ('ack', 'dead-letter') AND job.id = ended.job_id
  RETURNING job.id, job.created_at, ended.fence, ended.attempt, job.max_attempts, job.priority, job.queue,
    job.last_error, ended.kind, ended.error, job.payload
), buried AS (
  INSERT INTO ${tables.dead} (id, created_at, fence, attempt, max_attempts, priority, queue, error, payload)
  SELECT id, created_at, fence, attempt, max_attempts, priority, queue, ${withError('last_error', 'attempt', 'error')},
    payload
  FROM removed
  WHERE kind = 'dead-letter'
), put_off AS (
  UPDATE ${tables.jobs} AS job
  SET
    last_error = CASE
      WHEN ended.kind = 'retry' THEN ${withError('job.last_error', 'ended.attempt', 'ended.error')}
      ELSE job.last_error
    END,
    run_at = now() + ended.delay_ms * interval '1 ms'
  FROM ended
  WHERE (ended.kind = 'retry' OR ended.kind = 'release' AND ended.delay_ms > 0) AND job.id = ended.job_id
), returned AS MATERIALIZED (
  SELECT ended.job_id, ended.fence, ended.kind, ended.delay_ms, job.priority, job.queue,
    CASE WHEN ended.kind = 'release' THEN ended.attempt - 1 ELSE ended.attempt END AS attempt
  FROM ended
  JOIN ${tables.jobs} AS job ON job.id = ended.job_id
  WHERE ended.kind IN ('retry', 'release')
), waiting AS (
  INSERT INTO ${tables.scheduled} (job_id, run_at, fence, attempt)
  SELECT job_id, now() + delay_ms * interval '1 ms', fence, attempt
  FROM returned
  WHERE delay_ms > 0
), readied AS (
  INSERT INTO ${tables.ready} (job_id, fence, attempt, priority, queue)
  SELECT job_id, fence, attempt, priority, queue
  FROM returned
  WHERE delay_ms <= 0
)
SELECT
  (count(*) FILTER (WHERE kind = 'ack'))::integer AS acked,
  (count(*) FILTER (WHERE kind = 'retry'))::integer AS retried,
  (count(*) FILTER (WHERE kind = 'dead-letter'))::integer AS dead_lettered,
  (count(*) FILTER (WHERE kind = 'release'))::integer AS released,
  CASE WHEN count(*) < cardinality($1::bigint[]) THEN
    ARRAY(SELECT id::text FROM outcome EXCEPT ALL SELECT job_id::text FROM ended)
  END AS stale
FROM ended`;
}

/**
 * Sent unprepared, as on the shared table. The jobs are looked up by an array of ids: joined to a thousand rows, the
 * planner may find that a scan of all jobs is cheaper.
 */
export function promoteSql(tables: MoveTables, limit: number): string {
  return `
WITH due AS MATERIALIZED (
  SELECT ctid
  FROM ${tables.scheduled}
  WHERE run_at <= now()
  ORDER BY run_at
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), moved AS (
  DELETE FROM ${tables.scheduled}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM due))
  RETURNING job_id, fence, attempt
), job AS MATERIALIZED (
  SELECT id, priority, queue FROM ${tables.jobs} WHERE id = ANY (ARRAY (SELECT job_id FROM moved))
), readied AS (
  INSERT INTO ${tables.ready} (job_id, fence, attempt, priority, queue)
  SELECT moved.job_id, moved.fence, moved.attempt, job.priority, job.queue
  FROM moved
  JOIN job ON job.id = moved.job_id
  RETURNING job_id
)
SELECT
  (SELECT count(*)::integer FROM readied) AS promoted,
  (
    SELECT ceil(extract(epoch FROM run_at - now()) * 1000)::float8
    FROM ${tables.scheduled}
    WHERE run_at > now()
    ORDER BY run_at
    LIMIT 1
  ) AS next_ms`;
}

/** A revived job keeps its attempt, which the crash used up, and its fence, which the next claim moves on. */
export function reapSql(tables: MoveTables, limit: number): string {
  return `
WITH expired AS MATERIALIZED (
  SELECT ctid
  FROM ${tables.claimed}
  WHERE expires_at <= now()
  ORDER BY expires_at
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), ended AS (
  DELETE FROM ${tables.claimed}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM expired))
  RETURNING job_id, fence, attempt, worker
), fate AS MATERIALIZED (
  SELECT job.id, ended.fence, ended.attempt, ended.worker, ended.attempt >= job.max_attempts AS exhausted
  FROM (
    SELECT id, max_attempts FROM ${tables.jobs} WHERE id = ANY (ARRAY (SELECT job_id FROM ended))
  ) AS job
  JOIN ended ON ended.job_id = job.id
), revived AS (
  UPDATE ${tables.jobs} AS job
  SET run_at = now(), last_error = ${withError('job.last_error', 'fate.attempt', leaseExpired('fate.worker'))}
  FROM fate
  WHERE job.id = ANY (ARRAY (SELECT id FROM fate WHERE NOT exhausted)) AND fate.id = job.id
  RETURNING job.id, job.priority, job.queue
), readied AS (
  INSERT INTO ${tables.ready} (job_id, fence, attempt, priority, queue)
  SELECT fate.id, fate.fence, fate.attempt, revived.priority, revived.queue
  FROM fate
  JOIN revived ON revived.id = fate.id
), removed AS (
  DELETE FROM ${tables.jobs}
  WHERE id = ANY (ARRAY (SELECT id FROM fate WHERE exhausted))
  RETURNING *
), buried AS (
  INSERT INTO ${tables.dead} (id, created_at, fence, attempt, max_attempts, priority, queue, error, payload)
  SELECT removed.id, removed.created_at, fate.fence, fate.attempt, removed.max_attempts, removed.priority, removed.queue,
    ${withError('removed.last_error', 'fate.attempt', leaseExpired('fate.worker'))}, removed.payload
  FROM removed
  JOIN fate ON fate.id = removed.id
)
SELECT (SELECT count(*)::integer FROM ended) AS ended, ${idsOf('removed')} AS dead`;
}
