// How are the dead letters of packed leases listed, made ready again, and deleted?

import type { DeadLetterStore, JobId } from '../../strategy.ts';
import { deadCondition } from '../shared/dead-filter.ts';
import { msOf, type RecordRow, toRecord } from '../shared/job-record.ts';
import type { PackedTables } from './tables.ts';

/** Those that others are at work on are passed over. No row of `dead` is ever updated, so that its ctid is good to delete it by. */
function pickedCte(tables: PackedTables, where: string, limit: number): string {
  return `
picked AS MATERIALIZED (
  SELECT ctid
  FROM ${tables.dead}
  WHERE ${where}
  ORDER BY id
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
)`;
}

function listSql(tables: PackedTables, where: string, limit: number): string {
  // The bare name `id` would mean the text that is returned, whose order is another one.
  return `
SELECT id::text AS id, 'dead' AS state, payload, queue, priority, attempt, max_attempts, NULL::float8 AS enqueued_ms,
  NULL::float8 AS run_ms, NULL::float8 AS lease_ms, NULL AS worker, ${msOf('died_at')} AS died_ms, error AS errors
FROM ${tables.dead} AS letter
WHERE ${where}
ORDER BY letter.id
LIMIT ${limit}`;
}

/** Under its id a job finds its old place; the next walk of a claim from the start sees it there. */
function redriveSql(tables: PackedTables, where: string, limit: number): string {
  return `
WITH ${pickedCte(tables, where, limit)}, removed AS (
  DELETE FROM ${tables.dead}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM picked))
  RETURNING id, max_attempts, priority, queue, error, payload
), revived AS (
  INSERT INTO ${tables.ready} (id, max_attempts, priority, queue, last_error, payload)
  SELECT id, max_attempts, priority, queue, error, payload
  FROM removed
  ORDER BY id
  RETURNING id
)
SELECT id::text AS id FROM revived ORDER BY revived.id`;
}

function purgeSql(tables: PackedTables, where: string, limit: number): string {
  return `
WITH ${pickedCte(tables, where, limit)}
DELETE FROM ${tables.dead} WHERE ctid = ANY (ARRAY (SELECT ctid FROM picked))`;
}

/** The dead letters of `tables`. LIMIT is a literal, and a condition in the text only where it is asked, for the planner's sake. */
export function deadLettersOnPacked(tables: PackedTables): DeadLetterStore {
  return {
    async list(db, filter, afterId, limit) {
      const { where, values } = deadCondition(filter, afterId);
      const { rows } = await db.query<RecordRow>({ text: listSql(tables, where, whole(limit)), values });
      return rows.map(toRecord);
    },
    async redrive(db, filter, limit, afterId) {
      const { where, values } = deadCondition(filter, afterId);
      const { rows } = await db.query<{ readonly id: JobId }>({
        text: redriveSql(tables, where, whole(limit)),
        values,
      });
      return rows.map(({ id }) => id);
    },
    async purge(db, filter, limit) {
      const { where, values } = deadCondition(filter, undefined);
      const { rowCount } = await db.query({ text: purgeSql(tables, where, whole(limit)), values });
      return rowCount;
    },
  };
}

/** A limit goes into the text: whatever arrives, only a whole number does. */
function whole(limit: number): number {
  return Math.max(0, Math.trunc(limit));
}
