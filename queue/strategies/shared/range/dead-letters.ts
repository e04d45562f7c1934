// How are dead letters listed, made ready again, and deleted?

import type { DeadLetterStore, JobId } from '../../../strategy.ts';
import { deadCondition } from '../dead-filter.ts';
import { msOf, type RecordRow, toRecord } from '../job-record.ts';
import { changeByIndex, readByIndex } from '../planner.ts';
import { type RangeTables, slotSql } from './relations.ts';

function listSql({ dead }: RangeTables, where: string, limit: number): string {
  // The bare name `id` would mean the text that is returned, whose order is another one.
  return `
SELECT id::text AS id, 'dead' AS state, payload, queue, priority, attempt, max_attempts, NULL::float8 AS enqueued_ms,
  NULL::float8 AS run_ms, NULL::float8 AS lease_ms, NULL AS worker, ${msOf('died_at')} AS died_ms, last_error AS errors
FROM ${dead} AS letter
WHERE ${where}
ORDER BY letter.id
LIMIT ${limit}`;
}

/** Those that others are at work on are passed over. No row of `dead` is ever updated, so that its ctid is good to delete it by. */
function taken({ dead }: RangeTables, where: string, limit: number): string {
  return `DELETE FROM ${dead}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM ${dead} WHERE ${where} ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED))`;
}

/**
 * Appends them to their lanes as if they were new, but for their ids and errors; those without a lane enter by the inbox. Their
 * numbers are drawn after the delete has given the transaction its id, as must be.
 */
function redriveSql(tables: RangeTables, where: string, limit: number): string {
  const { jobs, lanes, inbox } = tables;
  const slot = slotSql(tables);
  return `
WITH revived AS MATERIALIZED (
  ${taken(tables, where, limit)}
  RETURNING *
), placed AS MATERIALIZED (
  SELECT revived.*, lane.id AS lane, lane.numbers
  FROM revived
  LEFT JOIN ${lanes} AS lane ON lane.queue = revived.queue AND lane.priority = revived.priority
), appended AS (
  INSERT INTO ${jobs} (lane, seq, origin, max_attempts, last_error, payload${slot === undefined ? '' : ', slot'})
  SELECT lane, nextval(numbers), id, max_attempts, last_error, payload${slot === undefined ? '' : `, ${slot}`}
  FROM (SELECT * FROM placed WHERE lane IS NOT NULL ORDER BY id) AS again
), entered AS (
  INSERT INTO ${inbox} (id, since, attempt, max_attempts, priority, queue, last_error, payload)
  SELECT id, now(), 0, max_attempts, priority, queue, last_error, payload
  FROM placed
  WHERE lane IS NULL
)
SELECT id::text AS id FROM revived ORDER BY revived.id`;
}

/** The dead letters of `tables`. LIMIT is a literal, and a condition in the text only where it is asked, for the planner's sake. */
export function deadLettersOfRanges(tables: RangeTables): DeadLetterStore {
  return {
    async list(db, filter, afterId, limit) {
      const { where, values } = deadCondition(filter, afterId);
      const text = listSql(tables, where, whole(limit));
      const { rows } = await readByIndex(db, (tx) => tx.query<RecordRow>({ text, values }));
      return rows.map(toRecord);
    },
    async redrive(db, filter, limit, afterId) {
      const { where, values } = deadCondition(filter, afterId);
      const text = redriveSql(tables, where, whole(limit));
      const { rows } = await changeByIndex(db, (tx) => tx.query<{ readonly id: JobId }>({ text, values }));
      return rows.map(({ id }) => id);
    },
    async purge(db, filter, limit) {
      const { where, values } = deadCondition(filter, undefined);
      const text = taken(tables, where, whole(limit));
      const { rowCount } = await changeByIndex(db, (tx) => tx.query({ text, values }));
      return rowCount;
    },
  };
}

/** A limit goes into the text: whatever arrives, only a whole number does. */
function whole(limit: number): number {
  return Math.max(0, Math.trunc(limit));
}
