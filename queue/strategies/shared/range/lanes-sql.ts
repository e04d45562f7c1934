// How does a lane come to be, and how do the jobs that came before it enter?

import { quoteLiteral } from '../../../sql.ts';
import { type RangeTables, slotSql } from './relations.ts';
import { type Routine, routine } from './routine.ts';

/** Makes the lane of a queue and priority, unless somebody else has. Its sequences are named by its number. */
export function openLane(tables: RangeTables): Routine {
  const sequences = ['numbers', 'cursor', 'floor'];
  const schema = quoteLiteral(tables.schema);
  return routine(
    tables,
    'open_lane',
    '(wanted_queue text, wanted_priority smallint) RETURNS void',
    'text, smallint',
    `DECLARE
  number integer;
BEGIN
  PERFORM pg_advisory_xact_lock(${tables.locks.opening}, 0);
  IF EXISTS (SELECT FROM ${tables.lanes} WHERE queue = wanted_queue AND priority = wanted_priority) THEN
    RETURN;
  END IF;
  number := nextval(pg_get_serial_sequence(${quoteLiteral(tables.lanes)}, 'id'));
${sequences.map((name) => `  EXECUTE format('CREATE SEQUENCE %I.%I', ${schema}, format('lane_%s_${name}', number));`).join('\n')}
  INSERT INTO ${tables.lanes} (id, priority, queue, numbers, cursor, floor)
  OVERRIDING SYSTEM VALUE
  VALUES (number, wanted_priority, wanted_queue${sequences
    .map((name) => `,\n    format('%I.%I', ${schema}, format('lane_%s_${name}', number))::regclass`)
    .join('')});
END`,
  );
}

/** Jobs that one claim moves out of the inbox at most. */
const ADOPTED = 10_000;

/**
 * Numbers the jobs that waited for their lane to exist: those of the first transactions of a queue or priority, whose
 * lane could not be made inside them, as everybody else's first job would have waited for their commit.
 */
export function adopt(tables: RangeTables, open: Routine): Routine {
  const slot = slotSql(tables);
  return routine(
    tables,
    'adopt',
    '(wanted_queue text) RETURNS void',
    'text',
    `BEGIN
  PERFORM pg_advisory_xact_lock(${tables.locks.opening}, 1);
  PERFORM ${open.name}(wanted_queue, priority)
  FROM (SELECT DISTINCT priority FROM ${tables.inbox} WHERE queue = wanted_queue) AS newcomer
  WHERE NOT EXISTS (
    SELECT FROM ${tables.lanes} AS lane WHERE lane.queue = wanted_queue AND lane.priority = newcomer.priority
  );
  WITH moved AS MATERIALIZED (
    DELETE FROM ${tables.inbox} AS job
    WHERE ctid = ANY (ARRAY (
      SELECT ctid FROM ${tables.inbox} WHERE queue = wanted_queue ORDER BY id LIMIT ${ADOPTED} FOR UPDATE SKIP LOCKED
    ))
    RETURNING job.*
  )
  INSERT INTO ${tables.jobs}
    (lane, seq, origin, attempt, max_attempts, since, last_error, payload${slot === undefined ? '' : ', slot'})
  SELECT lane.id, nextval(lane.numbers), job.id, job.attempt, job.max_attempts, job.since, job.last_error, job.payload
    ${slot === undefined ? '' : `, ${slot}`}
  FROM (SELECT * FROM moved ORDER BY id) AS job
  JOIN ${tables.lanes} AS lane ON lane.queue = job.queue AND lane.priority = job.priority;
END`,
  );
}
