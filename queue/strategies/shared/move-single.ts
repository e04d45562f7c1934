// How are single jobs looked up, taken out and brought back, where a small row says where each stands?

import { DEAD_FENCE } from './dead-letters.ts';
import { msOf } from './job-record.ts';
import type { MoveTables } from './move-tables.ts';
import type { RemovalLock } from './single-jobs.ts';

/** As `inspectionWith` takes it. */
export function findSql(tables: MoveTables): string {
  return `
SELECT job.id::text AS id, place.state, job.payload, job.queue, job.priority, place.attempt, job.max_attempts,
  ${msOf('job.created_at')} AS enqueued_ms, ${msOf('place.run_at')} AS run_ms, ${msOf('place.expires_at')} AS lease_ms,
  place.worker, NULL::float8 AS died_ms, job.last_error AS errors
FROM ${tables.jobs} AS job
CROSS JOIN LATERAL (
  SELECT 'ready' AS state, attempt, NULL::timestamptz AS run_at, NULL::timestamptz AS expires_at, NULL::text AS worker
  FROM ${tables.ready}
  WHERE queue = job.queue AND priority = job.priority AND job_id = job.id
  UNION ALL
  SELECT 'leased', attempt, NULL, expires_at, worker FROM ${tables.claimed} WHERE job_id = job.id
  UNION ALL
  SELECT 'delayed', attempt, run_at, NULL, NULL FROM ${tables.scheduled} WHERE job_id = job.id
) AS place
WHERE job.id = ANY ($1::bigint[])`;
}

/** As `cancellationWith` takes it. What waits has a row in one of two tables, and whoever deletes that row has the job. */
export function removalSql(tables: MoveTables, lock: RemovalLock): string {
  return `
WITH asked AS MATERIALIZED (
  SELECT job.id, job.queue, job.priority
  FROM ${tables.jobs} AS job
  WHERE job.id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT FROM ${tables.claimed} WHERE job_id = job.id)
), ready_locked AS MATERIALIZED (
  SELECT place.ctid
  FROM asked
  JOIN ${tables.ready} AS place
    ON place.queue = asked.queue AND place.priority = asked.priority AND place.job_id = asked.id
  FOR UPDATE OF place ${lock.replace('FOR UPDATE', '').trim()}
), scheduled_locked AS MATERIALIZED (
  SELECT ctid FROM ${tables.scheduled} WHERE job_id = ANY (ARRAY (SELECT id FROM asked)) ${lock}
), freed AS (
  DELETE FROM ${tables.ready} WHERE ctid = ANY (ARRAY (SELECT ctid FROM ready_locked)) RETURNING job_id
), unscheduled AS (
  DELETE FROM ${tables.scheduled} WHERE ctid = ANY (ARRAY (SELECT ctid FROM scheduled_locked)) RETURNING job_id
), removed AS (
  DELETE FROM ${tables.jobs}
  WHERE id = ANY (ARRAY (SELECT job_id FROM freed UNION ALL SELECT job_id FROM unscheduled))
  RETURNING id
)
SELECT asked.id::text AS id, removed.id IS NOT NULL AS removed
FROM asked
LEFT JOIN removed ON removed.id = asked.id`;
}

/** As `deadLetterStore` takes it. The lease's row is the fence, so a token of before is stale by itself, and stays so as the fence goes on. */
export function reviveSql(tables: MoveTables): string {
  return `
revived AS (
  INSERT INTO ${tables.jobs} (id, created_at, run_at, max_attempts, priority, queue, last_error, payload)
  OVERRIDING SYSTEM VALUE
  SELECT id, created_at, now(), max_attempts, priority, queue, error, payload
  FROM risen
), readied AS (
  INSERT INTO ${tables.ready} (job_id, fence, attempt, priority, queue)
  SELECT id, ${DEAD_FENCE}, 0, priority, queue
  FROM risen
)`;
}
