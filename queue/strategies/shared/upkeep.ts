// How do delayed jobs become due, and expired leases end, on the shared table?

import type { Database } from '../../drivers/driver.ts';
import type { Delay, ReapResult } from '../../strategy.ts';
import { leaseExpired, withError } from './error-log.ts';
import type { JobsTable } from './table.ts';

/**
 * These statements are rare and sent unprepared: each is planned for the table as it is now, and none can be left
 * with a plan that was made while the table was empty. LIMIT is a literal for the planner's sake.
 */
function promoteSql(table: JobsTable, limit: number): string {
  return `
WITH due AS MATERIALIZED (
  SELECT ctid
  FROM ${table.jobs}
  WHERE state = 'd' AND run_at <= now()
  ORDER BY run_at
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), promoted AS (
  UPDATE ${table.jobs} SET state = 'r' WHERE ctid = ANY (ARRAY (SELECT ctid FROM due)) RETURNING id
)
SELECT
  (SELECT count(*)::integer FROM promoted) AS promoted,
  (
    SELECT ceil(extract(epoch FROM run_at - now()) * 1000)::float8
    FROM ${table.jobs}
    WHERE state = 'd' AND run_at > now()
    ORDER BY run_at
    LIMIT 1
  ) AS next_ms`;
}

/** The delay capability of every strategy on this table. */
export function delayOn(table: JobsTable): Delay {
  return delayWith((limit) => promoteSql(table, limit));
}

/** The delay capability that sends `promote`, made for a limit. It returns one row: (promoted, next_ms). */
export function delayWith(promote: (limit: number) => string): Delay {
  return {
    async promote(db, limit) {
      const { rows } = await db.query<{ readonly promoted: number; readonly next_ms: number | null }>({
        text: promote(bounded(limit)),
      });
      const promoted = rows[0]?.promoted ?? 0;
      // A full page says nothing about what is behind it: the caller looks again at once.
      if (promoted >= limit) return { promoted, nextDueInMs: 0 };
      const nextMs = rows[0]?.next_ms ?? undefined;
      return nextMs === undefined ? { promoted } : { promoted, nextDueInMs: Math.max(1, nextMs) };
    },
  };
}

/**
 * A revived job keeps its attempt (the crash used it up) and its fence: as it is no longer leased the old token is
 * stale at once, and the next claim moves the fence past it.
 */
function reapSql(table: JobsTable, limit: number): string {
  const lost = withError('last_error', 'attempt', leaseExpired('worker'));
  return `
WITH expired AS MATERIALIZED (
  SELECT ctid, attempt >= max_attempts AS exhausted
  FROM ${table.jobs}
  WHERE state = 'l' AND lease_expires_at <= now()
  ORDER BY lease_expires_at
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), revived AS (
  UPDATE ${table.jobs}
  SET state = 'r', run_at = now(), lease_expires_at = NULL, worker = NULL,
    last_error = ${lost}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM expired WHERE NOT exhausted))
  RETURNING id
), removed AS (
  DELETE FROM ${table.jobs}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM expired WHERE exhausted))
  RETURNING *
), buried AS (
  INSERT INTO ${table.dead} (id, created_at, fence, attempt, max_attempts, priority, queue, error, payload)
  SELECT id, created_at, fence, attempt, max_attempts, priority, queue, ${lost}, payload
  FROM removed
)
SELECT ((SELECT count(*) FROM revived) + (SELECT count(*) FROM removed))::integer AS ended, ${idsOf('removed')} AS dead`;
}

/** The ids of `rows` in one text, which each driver reads alike; NULL without any. */
export function idsOf(rows: string): string {
  return `(SELECT string_agg(id::text, ',') FROM ${rows})`;
}

/** What the server answers to a reap. */
export interface ReapRow {
  readonly ended: number;
  readonly dead: string | null;
}

export function reapResult({ ended, dead }: ReapRow = { ended: 0, dead: null }): ReapResult {
  return { ended, dead: dead === null || dead === '' ? [] : dead.split(',') };
}

/** Ends at most `limit` expired leases. */
export function reapExpired(db: Database, table: JobsTable, limit: number): Promise<ReapResult> {
  return reapWith(db, (most) => reapSql(table, most), limit);
}

/** Sends `reap`, made for a limit. It returns one row: (ended, dead), the dead ones as `idsOf` makes them. */
export async function reapWith(
  db: Database,
  reap: (limit: number) => string,
  limit: number,
): Promise<ReapResult> {
  const { rows } = await db.query<ReapRow>({ text: reap(bounded(limit)) });
  return reapResult(rows[0]);
}

/** A limit goes into the text: whatever arrives, only a whole number does. */
function bounded(limit: number): number {
  return Math.max(1, Math.trunc(limit));
}
