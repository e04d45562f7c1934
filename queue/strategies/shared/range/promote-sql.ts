// How does a delayed job become due?

import { type RangeTables, slotSql } from './relations.ts';

/** Appends due jobs to their lanes; those without one enter by the inbox. LIMIT is a literal for the planner's sake. */
export function promoteSql(tables: RangeTables, limit: number): string {
  const { jobs, lanes, delayed, inbox } = tables;
  const slot = slotSql(tables);
  return `
WITH due AS MATERIALIZED (
  DELETE FROM ${delayed}
  WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM ${delayed} WHERE run_at <= now() ORDER BY run_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
  ))
  RETURNING *
), placed AS MATERIALIZED (
  SELECT due.*, lane.id AS lane, lane.numbers
  FROM due
  LEFT JOIN ${lanes} AS lane ON lane.queue = due.queue AND lane.priority = due.priority
), appended AS (
  INSERT INTO ${jobs} (lane, seq, origin, attempt, max_attempts, since, last_error, payload${slot === undefined ? '' : ', slot'})
  SELECT lane, nextval(numbers), id, attempt, max_attempts, run_at, last_error, payload${slot === undefined ? '' : `, ${slot}`}
  FROM (SELECT * FROM placed WHERE lane IS NOT NULL ORDER BY run_at, id) AS due
), entered AS (
  INSERT INTO ${inbox} (id, since, attempt, max_attempts, priority, queue, last_error, payload)
  SELECT id, run_at, attempt, max_attempts, priority, queue, last_error, payload
  FROM placed
  WHERE lane IS NULL
)
SELECT
  (SELECT count(*)::integer FROM due) AS promoted,
  (
    SELECT ceil(extract(epoch FROM run_at - now()) * 1000)::float8
    FROM ${delayed}
    WHERE run_at > now()
    ORDER BY run_at
    LIMIT 1
  ) AS next_ms`;
}
