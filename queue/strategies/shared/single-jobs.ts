// How is a single job looked up, and how is one taken out that nobody works on?

import type { Database } from '../../drivers/driver.ts';
import type { Cancellation, Inspection, JobId } from '../../strategy.ts';
import { DEAD_RECORD } from './dead-letters.ts';
import { type HeldRule, NEVER_HELD } from './inspect.ts';
import { msOf, type RecordRow, toRecord } from './job-record.ts';
import { changeByIndex } from './planner.ts';
import type { JobsTable } from './table.ts';

/** Makes the look of `living`, SQL of a record's row for each job of the ids $1 that is not dead, and the dead letters. */
export function inspectionWith(living: string, dead: string): Inspection {
  const text = `${living}
UNION ALL
SELECT ${DEAD_RECORD} FROM ${dead} WHERE id = ANY ($1::bigint[])`;
  return {
    async find(db, ids) {
      if (ids.length === 0) return [];
      const { rows } = await db.query<RecordRow>({ text, values: [ids] });
      return rows.map(toRecord);
    },
  };
}

/** The look at the shared table. An attempt that a claim has not written has begun all the same. */
export function inspectionOn(table: JobsTable, held: HeldRule = NEVER_HELD): Inspection {
  return inspectionWith(
    `
SELECT id::text AS id, CASE WHEN state = 'd' THEN 'delayed' WHEN state = 'l' OR held THEN 'leased' ELSE 'ready' END AS state,
  payload, queue, priority, attempt + held::integer AS attempt, max_attempts, ${msOf('created_at')} AS enqueued_ms,
  ${msOf('run_at')} AS run_ms, ${msOf('lease_expires_at')} AS lease_ms, worker, NULL::float8 AS died_ms,
  last_error AS errors
FROM (SELECT job.*, ${held} AS held FROM ${table.jobs} AS job WHERE job.id = ANY ($1::bigint[])) AS job`,
    table.dead,
  );
}

/** How a removal meets a row that somebody else has locked. */
export type RemovalLock = 'FOR UPDATE' | 'FOR UPDATE SKIP LOCKED';

/**
 * Makes a removal. It returns a row (id, removed) for each job of the ids $1 that waited when the statement began.
 * `removed` is false of one that was locked, or changed meanwhile.
 */
export type RemovalText = (lock: RemovalLock) => string;

interface RemovalRow {
  readonly id: JobId;
  readonly removed: boolean;
}

/** Looks at one job after which it is left as it is: it has changed hands each time. */
const LOOKS = 20;

/**
 * The removal that sends `text`. A claim, or a promotion, that has a job in hand goes first, and what comes of it decides. Of
 * several jobs none is waited for while another one is locked, since a settle locks many rows in an order of its own: those
 * left over are waited for one by one.
 */
export function cancellationWith(text: RemovalText): Cancellation {
  const passing = text('FOR UPDATE SKIP LOCKED');
  const waiting = text('FOR UPDATE');
  const send = async (db: Database, statement: string, ids: readonly JobId[]) =>
    (await changeByIndex(db, (tx) => tx.query<RemovalRow>({ text: statement, values: [ids] }))).rows;

  async function removeOne(db: Database, id: JobId): Promise<readonly JobId[]> {
    for (let looks = 0; looks < LOOKS; looks += 1) {
      const [row] = await send(db, waiting, [id]);
      if (row === undefined) break;
      if (row.removed) return [row.id];
    }
    return [];
  }

  return {
    async removeWaiting(db, ids) {
      const [first, ...others] = ids;
      if (first === undefined) return [];
      if (others.length === 0) return removeOne(db, first);
      const rows = await send(db, passing, ids);
      const removed = rows.filter((row) => row.removed).map(({ id }) => id);
      for (const { id } of rows.filter((row) => !row.removed)) removed.push(...(await removeOne(db, id)));
      return removed;
    },
  };
}

/**
 * Not `state IN ('r', 'd')`: that would let the planner walk the indexes of all that waits. A row that has moved since the
 * statement began is locked where it is now, and not deleted: it is looked at anew.
 */
function removalSql(table: JobsTable, lock: RemovalLock): string {
  return `
WITH asked AS MATERIALIZED (
  SELECT id FROM ${table.jobs} WHERE id = ANY ($1::bigint[]) AND state <> 'l'
), locked AS MATERIALIZED (
  SELECT ctid FROM ${table.jobs} WHERE id = ANY ($1::bigint[]) AND state <> 'l' ${lock}
), removed AS (
  DELETE FROM ${table.jobs} WHERE ctid = ANY (ARRAY (SELECT ctid FROM locked)) RETURNING id
)
SELECT asked.id::text AS id, removed.id IS NOT NULL AS removed
FROM asked
LEFT JOIN removed ON removed.id = asked.id`;
}

/** The removal from the shared table, for strategies whose claim writes the state. */
export function cancellationOn(table: JobsTable): Cancellation {
  return cancellationWith((lock) => removalSql(table, lock));
}
