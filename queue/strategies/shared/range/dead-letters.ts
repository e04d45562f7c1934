// How do dead letters come back into their lanes?

import type { DeadLetterStore } from '../../../strategy.ts';
import { deadLetterStore } from '../dead-letters.ts';
import { msOf } from '../job-record.ts';
import { type RangeTables, slotSql } from './relations.ts';

/** When it was enqueued is not known of what may have waited: `since` then says until when. */
const RECORD = `
  id::text AS id, 'dead' AS state, payload, queue, priority, attempt, max_attempts, NULL::float8 AS enqueued_ms,
  NULL::float8 AS run_ms, NULL::float8 AS lease_ms, NULL::text AS worker, ${msOf('died_at')} AS died_ms, last_error AS errors`;

/**
 * They are appended as if they were new, but for their ids and errors; those without a lane enter by the inbox. Their numbers
 * are drawn after the delete has given the transaction its id, as must be (see enqueue.ts).
 */
function reviveSql(tables: RangeTables): string {
  const { jobs, lanes, inbox } = tables;
  const slot = slotSql(tables);
  return `
placed AS MATERIALIZED (
  SELECT risen.*, lane.id AS lane, lane.numbers
  FROM risen
  LEFT JOIN ${lanes} AS lane ON lane.queue = risen.queue AND lane.priority = risen.priority
), appended AS (
  INSERT INTO ${jobs} (lane, seq, origin, max_attempts, last_error, payload${slot === undefined ? '' : ', slot'})
  SELECT lane, nextval(numbers), id, max_attempts, last_error, payload${slot === undefined ? '' : `, ${slot}`}
  FROM (SELECT * FROM placed WHERE lane IS NOT NULL ORDER BY id) AS again
), entered AS (
  INSERT INTO ${inbox} (id, since, attempt, max_attempts, priority, queue, last_error, payload)
  SELECT id, now(), 0, max_attempts, priority, queue, last_error, payload
  FROM placed
  WHERE lane IS NULL
)`;
}

/** The dead letters of `tables`. */
export function deadLettersOfRanges(tables: RangeTables): DeadLetterStore {
  return deadLetterStore(tables.dead, reviveSql(tables), RECORD);
}
