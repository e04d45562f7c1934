// Which tables does a queue stand on whose jobs move from table to table, and how are they filled and read?

import type { Installation } from '../../schema/layout.ts';
import { qualify } from '../../sql.ts';
import type { StrategyOptions } from '../../strategy.ts';
import type { EnqueueTexts } from './enqueue.ts';
import { QUEUE_STORAGE } from './storage.ts';
import { createDead, DEAD_BY_QUEUE, type JobsTable, jobsTable, redrivable } from './table.ts';

/** The qualified, quoted names of one schema's relations. */
export interface MoveTables extends JobsTable {
  readonly ready: string;
  readonly claimed: string;
  readonly scheduled: string;
}

/** What version 1 has of it. */
const FIRST_RELATIONS: readonly string[] = [
  'jobs',
  'jobs_id_seq',
  'jobs_pkey',
  'ready',
  'ready_pkey',
  'claimed',
  'claimed_pkey',
  'claimed_expiry',
  'scheduled',
  'scheduled_pkey',
  'scheduled_due',
  'dead',
  'dead_pkey',
];

/** Unqualified names of what `moveInstallation` makes, indexes included. */
export const MOVE_RELATIONS: readonly string[] = [...FIRST_RELATIONS, DEAD_BY_QUEUE];

/** The names for `schema`. Throws InvalidArgumentError when it is no valid identifier. */
export function moveTables({ schema }: StrategyOptions): MoveTables {
  return {
    ...jobsTable({ schema }),
    ready: qualify(schema, 'ready'),
    claimed: qualify(schema, 'claimed'),
    scheduled: qualify(schema, 'scheduled'),
  };
}

/**
 * A job lies in `jobs` from its enqueue to its end, and in exactly one of the small tables.
 *
 * - What changes from attempt to attempt, `fence` and `attempt`, travels with the small row: the wide one is written
 *   once, and again only when an attempt has failed.
 * - The ready table's only index is its primary key, in the order of a claim's walk; ids are unique by themselves, so no
 *   enqueue ever waits for another one's key.
 * - No foreign keys: each move would lock the job's row to check them, and every move is one statement.
 */
function createTables(tables: MoveTables): readonly string[] {
  return [
    `
CREATE TABLE IF NOT EXISTS ${tables.jobs} (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at   timestamptz NOT NULL DEFAULT now(),
  run_at       timestamptz,
  max_attempts smallint    NOT NULL,
  priority     smallint    NOT NULL,
  queue        text        NOT NULL,
  last_error   text,
  payload      jsonb       NOT NULL
) WITH (${QUEUE_STORAGE})`,
    `
CREATE TABLE IF NOT EXISTS ${tables.ready} (
  job_id   bigint   NOT NULL,
  fence    integer  NOT NULL,
  attempt  smallint NOT NULL,
  priority smallint NOT NULL,
  queue    text     NOT NULL,
  PRIMARY KEY (queue, priority, job_id)
) WITH (${QUEUE_STORAGE})`,
    `
CREATE TABLE IF NOT EXISTS ${tables.claimed} (
  job_id     bigint      PRIMARY KEY,
  expires_at timestamptz NOT NULL,
  fence      integer     NOT NULL,
  attempt    smallint    NOT NULL,
  worker     text        NOT NULL
) WITH (${QUEUE_STORAGE})`,
    `CREATE INDEX IF NOT EXISTS claimed_expiry ON ${tables.claimed} (expires_at)`,
    `
CREATE TABLE IF NOT EXISTS ${tables.scheduled} (
  job_id  bigint      PRIMARY KEY,
  run_at  timestamptz NOT NULL,
  fence   integer     NOT NULL,
  attempt smallint    NOT NULL
) WITH (${QUEUE_STORAGE})`,
    `CREATE INDEX IF NOT EXISTS scheduled_due ON ${tables.scheduled} (run_at)`,
    createDead(tables),
  ];
}

/** Creates what is missing. */
export function moveInstallation(tables: MoveTables): Installation {
  return {
    schema: tables.schema,
    layout: { name: 'table-move', relations: FIRST_RELATIONS },
    relations: FIRST_RELATIONS,
    statements: createTables(tables),
    changes: [redrivable(tables)],
  };
}

/** Ids are drawn in the order of the rows, so sorting by them restores the caller's. */
function addJobs(tables: MoveTables, source: string): string {
  return `
WITH added AS (
  INSERT INTO ${tables.jobs} (queue, priority, max_attempts, payload, run_at)
  SELECT job.queue, job.priority, job.max_attempts, job.payload::jsonb, CASE WHEN job.run_at > now() THEN job.run_at END
  FROM ${source} AS job (queue, priority, max_attempts, payload, run_at)
  RETURNING id, queue, priority, run_at
), readied AS (
  INSERT INTO ${tables.ready} (job_id, fence, attempt, priority, queue)
  SELECT id, 0, 0, priority, queue FROM added WHERE run_at IS NULL
), waiting AS (
  INSERT INTO ${tables.scheduled} (job_id, run_at, fence, attempt)
  SELECT id, run_at, 0, 0 FROM added WHERE run_at IS NOT NULL
)
SELECT id::text AS id FROM added ORDER BY added.id`;
}

/** The enqueue: the job, and its place in the ready or the scheduled table, in one statement. */
export function enqueueTexts(tables: MoveTables): EnqueueTexts {
  return {
    one: addJobs(tables, '(VALUES ($1::text, $2::smallint, $3::smallint, $4::jsonb, $5::timestamptz))'),
    many: addJobs(
      tables,
      'unnest($1::text[], $2::smallint[], $3::smallint[], $4::text[], $5::timestamptz[])',
    ),
  };
}

/** Parameter: queue. */
export function statsSql(tables: MoveTables): string {
  const inQueue = (table: string, which = 'true') =>
    `(SELECT count(*) FROM ${table} AS place JOIN ${tables.jobs} AS job ON job.id = place.job_id WHERE job.queue = $1 AND ${which})`;
  return `
SELECT
  (SELECT count(*) FROM ${tables.ready} WHERE queue = $1)::float8 AS ready,
  ${inQueue(tables.scheduled)}::float8 AS delayed,
  ${inQueue(tables.scheduled, 'place.run_at <= now()')}::float8 AS due,
  ${inQueue(tables.claimed)}::float8 AS leased,
  (SELECT count(*) FROM ${tables.dead} WHERE queue = $1)::float8 AS dead,
  (
    SELECT extract(epoch FROM clock_timestamp() - min(coalesce(job.run_at, job.created_at)))::float8 * 1000
    FROM ${tables.ready} AS place
    JOIN ${tables.jobs} AS job ON job.id = place.job_id
    WHERE place.queue = $1
  ) AS oldest_ms`;
}

/**
 * Parameters: the id to go on after, the length of the page. A job that lay in none of the small tables would be listed
 * by none of the branches: it is lost, and nothing here may hide that.
 */
export function contentsSql(tables: MoveTables): string {
  return `
SELECT id::text AS id, state, payload
FROM (
  (
    SELECT job.id, place.state, job.payload
    FROM ${tables.jobs} AS job
    CROSS JOIN LATERAL (
      SELECT 'ready' AS state FROM ${tables.ready}
      WHERE queue = job.queue AND priority = job.priority AND job_id = job.id
      UNION ALL
      SELECT 'leased' FROM ${tables.claimed} WHERE job_id = job.id
      UNION ALL
      SELECT 'delayed' FROM ${tables.scheduled} WHERE job_id = job.id
    ) AS place
    WHERE job.id > $1::bigint
    ORDER BY job.id
    LIMIT $2::bigint
  )
  UNION ALL
  (
    SELECT id, 'dead' AS state, payload FROM ${tables.dead} WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint
  )
) AS stored
ORDER BY stored.id
LIMIT $2::bigint`;
}
