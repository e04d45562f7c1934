// How does a lane come to be, and how do the jobs that came before it enter?

import { quoteLiteral } from '../../../sql.ts';
import { type RangeTables, slotSql } from './relations.ts';
import { type Routine, routine } from './routine.ts';

/**
 * Makes the lane of a queue and priority, unless somebody else has. Its sequences are named by its number. Jobs that waited for
 * it get the first numbers before anybody sees it; those whose transaction is open still come by `adopt`.
 */
export function openLane(tables: RangeTables): Routine {
  const sequences = ['numbers', 'cursor', 'floor', 'swept'];
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
  INSERT INTO ${tables.lanes} (id, priority, queue, ${sequences.join(', ')})
  OVERRIDING SYSTEM VALUE
  VALUES (number, wanted_priority, wanted_queue${sequences
    .map((name) => `,\n    format('%I.%I', ${schema}, format('lane_%s_${name}', number))::regclass`)
    .join('')});
  ${enter(tables, 'waiting.queue = wanted_queue AND waiting.priority = wanted_priority')};
END`,
  );
}

/**
 * Moves the jobs of the inbox that are `which` to their lanes, in the order of their ids: they are sorted after the join, which
 * keeps no order. All of `which` must have a lane that this statement sees.
 */
function enter(tables: RangeTables, which: string): string {
  const slot = slotSql(tables);
  return `WITH moved AS MATERIALIZED (
    DELETE FROM ${tables.inbox} AS job
    WHERE ctid = ANY (ARRAY (
      SELECT waiting.ctid
      FROM ${tables.inbox} AS waiting
      WHERE ${which}
      FOR UPDATE OF waiting SKIP LOCKED
    ))
    RETURNING job.*
  )
  INSERT INTO ${tables.jobs}
    (lane, seq, origin, attempt, max_attempts, since, last_error, payload${slot === undefined ? '' : ', slot'})
  SELECT lane, nextval(numbers), id, attempt, max_attempts, since, last_error, payload${slot === undefined ? '' : `, ${slot}`}
  FROM (
    SELECT moved.*, lane.id AS lane, lane.numbers
    FROM moved
    JOIN ${tables.lanes} AS lane ON lane.queue = moved.queue AND lane.priority = moved.priority
    ORDER BY moved.id
  ) AS job`;
}

/** Jobs that one claim moves out of the inbox at most. */
const ADOPTED = 10_000;

/**
 * Numbers the jobs that waited for their lane to exist: those of the first transactions of a queue or priority, whose
 * lane could not be made inside them, as everybody else's first job would have waited for their commit. One whose lane this
 * statement does not see, as it has come since the lanes were made, waits for the next claim.
 */
export function adopt(tables: RangeTables, open: Routine): Routine {
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
  ${enter(
    tables,
    `waiting.queue = wanted_queue AND EXISTS (
        SELECT FROM ${tables.lanes} AS lane WHERE lane.queue = waiting.queue AND lane.priority = waiting.priority
      )
      ORDER BY waiting.id
      LIMIT ${ADOPTED}`,
  )};
END`,
  );
}
