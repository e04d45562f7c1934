// How are single jobs looked up, taken out and brought back, where one column is schedule and lease?

import { DEAD_FENCE } from './dead-letters.ts';
import { msOf } from './job-record.ts';
import type { RemovalLock } from './single-jobs.ts';
import type { JobsTable } from './table.ts';
import { LAST, STANDING } from './visibility-sql.ts';

/** As `inspectionWith` takes it. What a lost lease has left in a ready job's row is nobody's. */
export function findSql(table: JobsTable): string {
  return `
SELECT id::text AS id, state, payload, queue, 0 AS priority, attempt, max_attempts, ${msOf('created_at')} AS enqueued_ms,
  ${msOf('visible_at')} AS run_ms, CASE WHEN state = 'leased' THEN ${msOf('visible_at')} END AS lease_ms,
  CASE WHEN state = 'leased' THEN worker END AS worker, NULL::float8 AS died_ms, last_error AS errors
FROM (SELECT job.*, ${STANDING} AS state FROM ${table.jobs} AS job WHERE id = ANY ($1::bigint[])) AS job`;
}

/** As `cancellationWith` takes it; see the shared table's. */
export function removalSql(table: JobsTable, lock: RemovalLock): string {
  const waiting = `id = ANY ($1::bigint[]) AND NOT (${LAST}) AND (visible_at <= now() OR worker IS NULL)`;
  return `
WITH asked AS MATERIALIZED (
  SELECT id FROM ${table.jobs} WHERE ${waiting}
), locked AS MATERIALIZED (
  SELECT ctid FROM ${table.jobs} WHERE ${waiting} ${lock}
), removed AS (
  DELETE FROM ${table.jobs} WHERE ctid = ANY (ARRAY (SELECT ctid FROM locked)) RETURNING id
)
SELECT asked.id::text AS id, removed.id IS NOT NULL AS removed
FROM asked
LEFT JOIN removed ON removed.id = asked.id`;
}

/** As `deadLetterStore` takes it. Whoever has the fence holds the job, so it is moved on, as by a settle that gives a job back. */
export function reviveSql(table: JobsTable): string {
  return `
revived AS (
  INSERT INTO ${table.jobs} (id, created_at, visible_at, fence, max_attempts, queue, last_error, payload)
  OVERRIDING SYSTEM VALUE
  SELECT id, created_at, now(), ${DEAD_FENCE} + 1, max_attempts, queue, error, payload
  FROM risen
)`;
}
