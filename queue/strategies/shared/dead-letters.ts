// How are dead letters listed, made jobs again, and thrown away, whatever the table of the jobs?

import type { DeadLetterStore, JobId, Redriven } from '../../strategy.ts';
import { deadCondition } from './dead-filter.ts';
import { msOf, type RecordRow, toRecord } from './job-record.ts';
import { changeByIndex, readByIndex } from './planner.ts';
import type { JobsTable } from './table.ts';

/** The fence of what a worker of before fences were kept has buried: no job was ever claimed as often. */
const FENCE_BEFORE = 1_000_000;

/** SQL of the fence that a dead letter had, out of its row. */
export const DEAD_FENCE = `coalesce(fence, ${FENCE_BEFORE})`;

/** SQL of a dead letter's record, out of its row. `createDead` says what that has. */
export const DEAD_RECORD = `
  id::text AS id, 'dead' AS state, payload, queue, priority, attempt, max_attempts, ${msOf('created_at')} AS enqueued_ms,
  NULL::float8 AS run_ms, NULL::float8 AS lease_ms, NULL::text AS worker, ${msOf('died_at')} AS died_ms, error AS errors`;

/**
 * The rows are locked, and those that others have locked passed over: several may work on one table, and each row goes to
 * one of them. LIMIT is a literal and the order that of the primary key, so that a page is read off that, or off the index
 * by queue, where sorting is no way to go: without statistics any queue looks so small that each page would sort all of it.
 */
function pickedSql(dead: string, where: string, limit: number): string {
  return `
picked AS MATERIALIZED (
  SELECT ctid
  FROM ${dead}
  WHERE ${where}
  ORDER BY id
  LIMIT ${Math.max(0, Math.trunc(limit))}
  FOR UPDATE SKIP LOCKED
)`;
}

/**
 * The dead letters in `dead`, a table of which no row is ever updated. `revive` is SQL of CTEs that make jobs of the rows of
 * `risen`, which are those of `dead`. What is returned of them is narrow: a page of payloads may be a gigabyte. `record` is SQL of a row's record, for other
 * tables than `createDead` makes.
 */
export function deadLetterStore(dead: string, revive: string, record = DEAD_RECORD): DeadLetterStore {
  return {
    async list(db, filter, afterId, limit) {
      const { where, values } = deadCondition(filter, afterId);
      const text = `SELECT ${record} FROM ${dead} AS letter WHERE ${where} ORDER BY letter.id LIMIT ${Math.max(0, Math.trunc(limit))}`;
      const { rows } = await readByIndex(db, (page) => page.query<RecordRow>({ text, values }));
      return rows.map(toRecord);
    },

    async redrive(db, filter, limit, afterId) {
      const { where, values } = deadCondition(filter, afterId);
      const text = `
WITH ${pickedSql(dead, where, limit)}, risen AS (
  DELETE FROM ${dead} WHERE ctid = ANY (ARRAY (SELECT ctid FROM picked)) RETURNING *
), ${revive}
SELECT id::text AS id, queue FROM risen ORDER BY risen.id`;
      const { rows } = await changeByIndex(db, (tx) => tx.query<Redriven>({ text, values }));
      return rows;
    },

    async purge(db, filter, limit) {
      const { where, values } = deadCondition(filter, undefined);
      const text = `
WITH ${pickedSql(dead, where, limit)}
DELETE FROM ${dead} WHERE ctid = ANY (ARRAY (SELECT ctid FROM picked)) RETURNING id::text AS id`;
      const { rows } = await changeByIndex(db, (tx) => tx.query<{ readonly id: JobId }>({ text, values }));
      return rows.map(({ id }) => id);
    },
  };
}

/**
 * Of the shared table. `now()` in `run_at`: as after a retry, the age of a ready job is the time since it was made ready.
 * No clash of ids: who dies leaves the table of jobs in the same statement.
 */
function reviveSql(table: JobsTable): string {
  return `
revived AS (
  INSERT INTO ${table.jobs}
    (id, created_at, run_at, fence, attempt, max_attempts, priority, state, queue, last_error, payload)
  OVERRIDING SYSTEM VALUE
  SELECT id, created_at, now(), ${DEAD_FENCE}, 0, max_attempts, priority, 'r', queue, error, payload
  FROM risen
)`;
}

/** The dead letters of every strategy on the shared table. */
export function deadLettersOn(table: JobsTable): DeadLetterStore {
  return deadLetterStore(table.dead, reviveSql(table));
}
