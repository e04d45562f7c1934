// Which table and statements does a queue with one column for schedule and lease stand on?

import type { Installation } from '../../schema/layout.ts';
import { leaseExpired, withError } from './error-log.ts';
import { QUEUE_STORAGE } from './storage.ts';
import { createDead, DEAD_BY_QUEUE, type JobsTable, redrivable } from './table.ts';
import { idsOf } from './upkeep.ts';

/** What version 1 has of it. */
const FIRST_RELATIONS: readonly string[] = [
  'jobs',
  'jobs_id_seq',
  'jobs_pkey',
  'jobs_visible',
  'jobs_delayed',
  'jobs_last',
  'dead',
  'dead_pkey',
];

/** Unqualified names of what `visibilityInstallation` makes, indexes included. */
export const VISIBILITY_RELATIONS: readonly string[] = [...FIRST_RELATIONS, DEAD_BY_QUEUE];

/**
 * `visible_at` alone says whether a job may be claimed; where a job stands is read off the other columns.
 *
 * - `fence` grows at each claim and whenever a job is given back, and with `id` is the fencing token. It is apart from
 *   `attempt`, since a release takes its attempt back, and no token may ever return.
 * - `worker` is NULL until a claim, and again after a retry: it tells a lease from a delay.
 */
function createJobs(table: JobsTable): string {
  return `
CREATE TABLE IF NOT EXISTS ${table.jobs} (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at   timestamptz NOT NULL DEFAULT now(),
  visible_at   timestamptz NOT NULL,
  fence        integer     NOT NULL DEFAULT 0,
  attempt      smallint    NOT NULL DEFAULT 0,
  max_attempts smallint    NOT NULL,
  queue        text        NOT NULL,
  worker       text,
  last_error   text,
  payload      jsonb       NOT NULL
) WITH (fillfactor = ${table.fillfactor}, ${QUEUE_STORAGE})`;
}

/** A job that waits for its instant, or has waited and is not yet claimed: never one that was ready from the start. */
const DELAYED = 'worker IS NULL AND visible_at > created_at';
/** A job that nobody may claim again: its last attempt is running, or was left without an outcome. */
export const LAST = 'attempt >= max_attempts AND worker IS NOT NULL';

/**
 * - `jobs_visible` leads the claim. By (queue, id), with the instant as a filter, each claim would walk past every job
 *   that is leased or delayed ahead of the first visible one; by the instant, all of those lie behind what it reads.
 *   Jobs then come in the order in which they became visible.
 * - The other two hold next to nothing in a healthy queue: no claim of a job that never waited touches them.
 */
export function visibilityInstallation(table: JobsTable): Installation {
  return {
    schema: table.schema,
    layout: { name: 'visibility-timeout', relations: FIRST_RELATIONS },
    relations: FIRST_RELATIONS,
    statements: [
      createJobs(table),
      `CREATE INDEX IF NOT EXISTS jobs_visible ON ${table.jobs} (queue, visible_at)`,
      `CREATE INDEX IF NOT EXISTS jobs_delayed ON ${table.jobs} (visible_at) WHERE ${DELAYED}`,
      `CREATE INDEX IF NOT EXISTS jobs_last ON ${table.jobs} (visible_at) WHERE ${LAST}`,
      createDead(table),
    ],
    changes: [redrivable(table)],
  };
}

/** `greatest` passes over NULL. What is visible at once is so from the instant of its creation, to the microsecond. */
const VISIBLE_AT = 'greatest(job.run_at, now())';

/** Parameters as for the shared table; the priority is validated away before, and not stored. */
export function enqueueTexts(table: JobsTable) {
  return {
    one: `
INSERT INTO ${table.jobs} (queue, max_attempts, payload, visible_at)
SELECT job.queue, job.max_attempts, job.payload, ${VISIBLE_AT}
FROM (VALUES ($1::text, $2::smallint, $3::smallint, $4::jsonb, $5::timestamptz))
  AS job (queue, priority, max_attempts, payload, run_at)
RETURNING id::text AS id`,
    many: `
INSERT INTO ${table.jobs} (queue, max_attempts, payload, visible_at)
SELECT job.queue, job.max_attempts, job.payload::jsonb, ${VISIBLE_AT}
FROM unnest($1::text[], $2::smallint[], $3::smallint[], $4::text[], $5::timestamptz[])
  AS job (queue, priority, max_attempts, payload, run_at)
RETURNING id::text AS id`,
  };
}

/** The log of errors of a job whose lease has ended: nobody has written that down before whoever finds the job. */
const LOST = withError('last_error', 'attempt', leaseExpired('worker'));

/**
 * The shape of the shared table's claim, and for its reasons: candidates in a MATERIALIZED CTE, joined back as ctids,
 * the LIMIT a literal. A candidate that another claim has hidden meanwhile is looked at again under its lock, found
 * invisible, and passed over.
 */
export function claimSql(table: JobsTable, limit: number): string {
  return `
WITH candidate AS MATERIALIZED (
  SELECT ctid
  FROM ${table.jobs}
  WHERE queue = $1 AND visible_at <= now() AND NOT (${LAST})
  ORDER BY visible_at
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE ${table.jobs}
  SET
    visible_at = now() + $2::float8 * interval '1 ms',
    attempt = attempt + 1,
    fence = fence + 1,
    last_error = CASE WHEN worker IS NULL THEN last_error ELSE ${LOST} END,
    worker = $3
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM candidate))
  RETURNING id, attempt, max_attempts, fence, visible_at, payload
)
SELECT id::text AS id, 0 AS priority, attempt, max_attempts, fence::text AS fence,
  extract(epoch FROM visible_at)::float8 * 1000 AS expires_ms, payload
FROM claimed
ORDER BY claimed.id`;
}

/** A lease that has ended cannot be prolonged, as the job is visible to all; see `extendSql` of the shared table. */
export function extendSql(table: JobsTable): string {
  return `
WITH extended AS (
  UPDATE ${table.jobs} AS job
  SET visible_at = now() + $3::float8 * interval '1 ms'
  FROM unnest($1::bigint[], $2::integer[]) AS held (id, fence)
  WHERE job.id = held.id AND job.fence = held.fence AND job.visible_at > now()
  RETURNING job.id
)
SELECT id::text AS id FROM unnest($1::bigint[]) AS asked (id)
EXCEPT ALL
SELECT id::text FROM extended`;
}

/**
 * Every kind of outcome; parameters and rows as on the shared table. Who gives a job back gives its fence up: a second
 * settle under it is stale, though nobody has claimed the job since.
 */
export function settleSql(table: JobsTable, owned: string): string {
  return `
WITH outcome AS MATERIALIZED (
  SELECT id, fence, kind, delay_ms, error
  FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::float8[], $5::text[])
    AS outcome (id, fence, kind, delay_ms, error)
), removed AS (
  DELETE FROM ${table.jobs} AS job
  USING outcome
  WHERE outcome.kind IN ('ack', 'dead-letter') AND job.id = outcome.id AND ${owned}
  RETURNING job.id, job.created_at, job.fence, job.attempt, job.max_attempts, job.queue, job.last_error, outcome.kind,
    outcome.error, job.payload
), buried AS (
  INSERT INTO ${table.dead} (id, created_at, fence, attempt, max_attempts, priority, queue, error, payload)
  SELECT id, created_at, fence, attempt, max_attempts, 0, queue, ${withError('last_error', 'attempt', 'error')}, payload
  FROM removed
  WHERE kind = 'dead-letter'
), returned AS (
  UPDATE ${table.jobs} AS job
  SET
    visible_at = now() + outcome.delay_ms * interval '1 ms',
    fence = job.fence + 1,
    attempt = CASE WHEN outcome.kind = 'release' THEN job.attempt - 1 ELSE job.attempt END,
    last_error = CASE
      WHEN outcome.kind = 'retry' THEN ${withError('job.last_error', 'job.attempt', 'outcome.error')}
      ELSE job.last_error
    END,
    worker = NULL
  FROM outcome
  WHERE outcome.kind IN ('retry', 'release') AND job.id = outcome.id AND ${owned}
  RETURNING job.id, outcome.kind
), settled AS (
  SELECT id, kind FROM removed UNION ALL SELECT id, kind FROM returned
)
SELECT
  (count(*) FILTER (WHERE kind = 'ack'))::integer AS acked,
  (count(*) FILTER (WHERE kind = 'retry'))::integer AS retried,
  (count(*) FILTER (WHERE kind = 'dead-letter'))::integer AS dead_lettered,
  (count(*) FILTER (WHERE kind = 'release'))::integer AS released,
  CASE WHEN count(*) < cardinality($1::bigint[]) THEN
    ARRAY(SELECT id::text FROM outcome EXCEPT ALL SELECT id::text FROM settled)
  END AS stale
FROM settled`;
}

/**
 * Nothing is moved: what is due is visible by itself. But a worker that sleeps does not look, so one due job that
 * nobody has claimed yet is reported as promoted, and the worker wakes its sessions. Never more than one: a full page
 * would ask for the next page at once, and there is none.
 */
export function dueSql(table: JobsTable): string {
  return `
SELECT
  (
    SELECT count(*)::integer
    FROM (SELECT FROM ${table.jobs} WHERE ${DELAYED} AND visible_at <= now() ORDER BY visible_at LIMIT 1) AS due
  ) AS promoted,
  (
    SELECT ceil(extract(epoch FROM visible_at - now()) * 1000)::float8
    FROM ${table.jobs}
    WHERE ${DELAYED} AND visible_at > now()
    ORDER BY visible_at
    LIMIT 1
  ) AS next_ms`;
}

/**
 * Buries what was left in its last attempt. An expired lease needs nothing else, but a sleeping worker needs to hear of
 * it: one is reported when the first visible job of some queue is of that kind. Behind another visible job the workers
 * have other things to do than to sleep. Queues are found by stepping from name to name through the index.
 */
export function reapSql(table: JobsTable, limit: number): string {
  return `
WITH RECURSIVE queues AS (
  (SELECT queue FROM ${table.jobs} ORDER BY queue LIMIT 1)
  UNION ALL
  SELECT (SELECT job.queue FROM ${table.jobs} AS job WHERE job.queue > queues.queue ORDER BY job.queue LIMIT 1)
  FROM queues
  WHERE queues.queue IS NOT NULL
), expired AS MATERIALIZED (
  SELECT ctid
  FROM ${table.jobs}
  WHERE ${LAST} AND visible_at <= now()
  ORDER BY visible_at
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), removed AS (
  DELETE FROM ${table.jobs}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM expired))
  RETURNING *
), buried AS (
  INSERT INTO ${table.dead} (id, created_at, fence, attempt, max_attempts, priority, queue, error, payload)
  SELECT id, created_at, fence, attempt, max_attempts, 0, queue, ${LOST}, payload
  FROM removed
)
SELECT
  (SELECT count(*)::integer FROM removed)
  + (EXISTS (
    SELECT
    FROM queues
    CROSS JOIN LATERAL (
      SELECT job.worker, job.attempt, job.max_attempts
      FROM ${table.jobs} AS job
      WHERE job.queue = queues.queue AND job.visible_at <= now()
      ORDER BY job.visible_at
      LIMIT 1
    ) AS head
    WHERE head.worker IS NOT NULL AND head.attempt < head.max_attempts
  ))::integer AS ended, ${idsOf('removed')} AS dead`;
}

/** Where a job stands. A lease that ended in the last attempt counts as leased until it is reaped. */
export const STANDING = `
  CASE
    WHEN ${LAST} THEN 'leased'
    WHEN visible_at <= now() THEN 'ready'
    WHEN worker IS NULL THEN 'delayed'
    ELSE 'leased'
  END`;

/** Parameter: queue. */
export function statsSql(table: JobsTable): string {
  return `
WITH standing AS MATERIALIZED (
  SELECT ${STANDING} AS state, visible_at FROM ${table.jobs} WHERE queue = $1
)
SELECT
  (count(*) FILTER (WHERE state = 'ready'))::float8 AS ready,
  (count(*) FILTER (WHERE state = 'delayed'))::float8 AS delayed,
  (count(*) FILTER (WHERE state = 'leased'))::float8 AS leased,
  (SELECT count(*) FROM ${table.dead} WHERE queue = $1)::float8 AS dead,
  extract(epoch FROM clock_timestamp() - min(visible_at) FILTER (WHERE state = 'ready'))::float8 * 1000 AS oldest_ms
FROM standing`;
}

/** Parameters: the id to go on after, the length of the page. */
export function contentsSql(table: JobsTable): string {
  return `
SELECT id::text AS id, state, payload
FROM (
  (
    SELECT id, ${STANDING} AS state, payload FROM ${table.jobs} WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint
  )
  UNION ALL
  (
    SELECT id, 'dead' AS state, payload FROM ${table.dead} WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint
  )
) AS stored
ORDER BY stored.id
LIMIT $2::bigint`;
}
