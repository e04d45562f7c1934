// What does the shared table hold, and where does each job stand?

import type { Database } from '../../drivers/driver.ts';
import type { JobId, QueueStats, StoredJob } from '../../strategy.ts';
import { readByIndex } from './planner.ts';
import type { JobsTable } from './table.ts';

/** SQL over `job` that is true while a ready row is in a worker's hands: for strategies that do not write at claim. */
export type HeldRule = string;

/** For strategies whose claim writes the state: no ready row is held. */
export const NEVER_HELD: HeldRule = 'false';

interface StatsRow {
  readonly ready: number;
  readonly delayed: number;
  /** Not there where nothing has to be made ready. */
  readonly due?: number;
  readonly leased: number;
  readonly dead: number;
  readonly oldest_ms: number | null;
}

function statsSql(table: JobsTable, held: HeldRule): string {
  return `
WITH ready AS MATERIALIZED (
  SELECT coalesce(job.run_at, job.created_at) AS since, ${held} AS held
  FROM ${table.jobs} AS job
  WHERE job.state = 'r' AND job.queue = $1
)
SELECT
  (SELECT count(*) FROM ready WHERE NOT held)::float8 AS ready,
  (SELECT count(*) FROM ${table.jobs} WHERE state = 'd' AND queue = $1)::float8 AS delayed,
  (SELECT count(*) FROM ${table.jobs} WHERE state = 'd' AND run_at <= now() AND queue = $1)::float8 AS due,
  (
    (SELECT count(*) FROM ${table.jobs} WHERE state = 'l' AND queue = $1)
    + (SELECT count(*) FROM ready WHERE held)
  )::float8 AS leased,
  (SELECT count(*) FROM ${table.dead} WHERE queue = $1)::float8 AS dead,
  (
    SELECT extract(epoch FROM clock_timestamp() - min(since))::float8 * 1000 FROM ready WHERE NOT held
  ) AS oldest_ms`;
}

/** The standing of one queue. Reads every row of the queue: for people and tests, not for a hot path. */
export async function readStats(
  db: Database,
  table: JobsTable,
  queue: string,
  held: HeldRule = NEVER_HELD,
): Promise<QueueStats> {
  return statsWith(db, statsSql(table, held), queue);
}

/** The standing of one queue as `text` reads it: one row (ready, delayed, due, leased, dead, oldest_ms) for the queue $1. */
export async function statsWith(db: Database, text: string, queue: string): Promise<QueueStats> {
  const { rows } = await db.query<StatsRow>({ text, values: [queue] });
  const row = rows[0];
  if (row === undefined) return { ready: 0, delayed: 0, leased: 0, dead: 0 };
  const { ready, delayed, due = 0, leased, dead, oldest_ms: oldestMs } = row;
  return {
    ready,
    delayed,
    ...(due === 0 ? {} : { due }),
    leased,
    dead,
    ...(oldestMs === null ? {} : { oldestReadyAgeMs: oldestMs }),
  };
}

function contentsSql(table: JobsTable, held: HeldRule): string {
  return `
SELECT id::text AS id, state, payload
FROM (
  (
    SELECT
      job.id,
      CASE
        WHEN job.state = 'd' THEN 'delayed'
        WHEN job.state = 'l' OR ${held} THEN 'leased'
        ELSE 'ready'
      END AS state,
      job.payload
    FROM ${table.jobs} AS job
    WHERE job.id > $1::bigint
    ORDER BY job.id
    LIMIT $2::bigint
  )
  UNION ALL
  (
    SELECT id, 'dead' AS state, payload FROM ${table.dead} WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint
  )
) AS stored
ORDER BY stored.id
LIMIT $2::bigint`;
}

/** One page of what the tables hold, in the order of ids. */
export async function readContents(
  db: Database,
  table: JobsTable,
  afterId: JobId | undefined,
  limit: number,
  held: HeldRule = NEVER_HELD,
): Promise<readonly StoredJob[]> {
  return contentsWith(db, contentsSql(table, held), afterId, limit);
}

/** A page as `text` reads it: rows (id, state, payload) after the id $1, at most $2. */
export async function contentsWith(
  db: Database,
  text: string,
  afterId: JobId | undefined,
  limit: number,
): Promise<readonly StoredJob[]> {
  const { rows } = await readByIndex(db, (page) =>
    page.query<StoredJob>({ text, values: [afterId ?? '0', limit] }),
  );
  return rows;
}
