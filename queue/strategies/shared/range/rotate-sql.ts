// How do three tables take turns, so that settled jobs leave by TRUNCATE and no version of them is ever vacuumed?

import { quoteLiteral } from '../../../sql.ts';
import { ROUTINE_PLANS } from '../planner.ts';
import { floorOf, type RangeTables } from './relations.ts';
import { type Routine, routine } from './routine.ts';

/** Bytes of the present table from which on the next takes over. */
const TURN_BYTES = 16 * 1024 * 1024;

/** How often the lock is tried for, some milliseconds apart: somebody may be in the way for a moment. */
const TRIES = 5;

/** Whether a table holds a job that is not settled for good. */
function holdsLiving(slot: string, lanes: string): string {
  return `EXISTS (
        SELECT FROM ${lanes} AS lane
        ${floorOf('lane')}
        WHERE EXISTS (SELECT FROM ${slot} AS job WHERE job.lane = lane.id AND job.seq > floor.position)
      )`;
}

/**
 * Truncates the table whose turn is next, when all of its jobs lie below their lane's floor, and hands the turn on when
 * that table is empty, the one before the present has nothing living, and the present one has grown.
 *
 * - ACCESS EXCLUSIVE is taken only if nothing living is to be seen and nobody is in the way: who waits for it makes everybody else
 *   wait. While it is held no transaction has an uncommitted job in the table, so that what is to be seen then is all there is.
 * - Claims look along the cursor in the present table and the one before only. A job that was inserted into another one, by
 *   a statement that had read the turn and then slept, is passed by as a gap like any that commits late; gaps are looked
 *   for in all tables, and hold the floor.
 */
export function rotate(tables: RangeTables): Routine {
  const { slots, lanes, turns, locks } = tables;
  const branch = (next: number): string => {
    const [nextSlot, present, before] = [slots[next], slots[(next + 2) % 3], slots[(next + 1) % 3]];
    return `WHEN ${next} THEN
      IF pg_relation_size(${quoteLiteral(nextSlot ?? '')}::regclass) > 0 THEN
        IF ${holdsLiving(nextSlot ?? '', lanes)} THEN RETURN false; END IF;
        FOR try IN 1 .. ${TRIES} LOOP
          BEGIN
            LOCK TABLE ${nextSlot} IN ACCESS EXCLUSIVE MODE NOWAIT;
            EXIT;
          EXCEPTION WHEN lock_not_available THEN
            IF try = ${TRIES} THEN RETURN false; END IF;
            PERFORM pg_sleep(0.003);
          END;
        END LOOP;
        IF ${holdsLiving(nextSlot ?? '', lanes)} THEN RETURN false; END IF;
        TRUNCATE ${nextSlot};
      END IF;
      IF pg_relation_size(${quoteLiteral(present ?? '')}::regclass) < ${TURN_BYTES} THEN RETURN false; END IF;
      IF ${holdsLiving(before ?? '', lanes)} THEN RETURN false; END IF;`;
  };
  return routine(
    tables,
    'rotate',
    '() RETURNS boolean',
    '',
    `DECLARE
  turn bigint;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the turns of a queue need READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
  END IF;
  IF NOT pg_try_advisory_xact_lock(${locks.tending}, 1) THEN RETURN false; END IF;
  SELECT last_value INTO turn FROM ${turns};
  CASE (turn + 1) % 3
    ${[0, 1, 2].map(branch).join('\n    ')}
  END CASE;
  PERFORM setval(${quoteLiteral(turns)}, turn + 1);
  RETURN true;
END`,
    ROUTINE_PLANS,
  );
}
