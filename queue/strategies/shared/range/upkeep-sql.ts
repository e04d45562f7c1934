// How do dead workers' ranges come back, and books stay short?

import { quoteLiteral } from '../../../sql.ts';
import { leaseExpired, withError } from '../error-log.ts';
import { ROUTINE_PLANS } from '../planner.ts';
import { floorOf, idSql, positionSql, type RangeTables } from './relations.ts';
import { type Routine, routine } from './routine.ts';

/**
 * Ends expired leases, `most` jobs at most, in place: the range becomes a gap whose jobs count one crash more, and the
 * next claim takes it first. Jobs out of attempts become dead letters. A lease that is larger than what may still be
 * ended is cut. Only one worker at a time does this; the others answer 0.
 */
export function reap(tables: RangeTables): Routine {
  const { jobs, lanes, spans, gaps, dead, locks } = tables;
  return routine(
    tables,
    'reap',
    '(most integer, OUT ended integer, OUT died text)',
    'integer',
    `DECLARE
  this record;
  span record;
  floor_at bigint;
  cut bigint;
  present integer;
  buried text;
BEGIN
  ${READ_COMMITTED}
  ended := 0;
  IF NOT pg_try_advisory_xact_lock(${locks.tending}, 0) THEN RETURN; END IF;
  FOR this IN SELECT * FROM ${lanes} AS lane ORDER BY lane.id LOOP
    floor_at := ${positionSql('this.floor')};
    FOR span IN
      SELECT span.*
      FROM ${spans} AS span
      WHERE span.lane = this.id AND span.lo > floor_at AND span.expires_at <= now()
      ORDER BY span.expires_at
      FOR UPDATE OF span SKIP LOCKED
    LOOP
      EXIT WHEN ended >= most;
      SELECT max(seq), count(*) INTO cut, present
      FROM (
        SELECT job.seq FROM ${jobs} AS job
        WHERE job.lane = span.lane AND job.seq BETWEEN span.lo AND span.hi
        ORDER BY job.seq LIMIT most - ended
      ) AS taken;
      IF present < most - ended THEN cut := span.hi; END IF;
      IF present = 0 THEN
        UPDATE ${spans} SET expires_at = NULL WHERE lane = span.lane AND lo = span.lo;
        CONTINUE;
      END IF;
      IF cut < span.hi THEN
        UPDATE ${spans} SET lo = cut + 1 WHERE lane = span.lane AND lo = span.lo;
      ELSE
        DELETE FROM ${spans} WHERE lane = span.lane AND lo = span.lo;
      END IF;
      WITH exhausted AS (
        DELETE FROM ${jobs} AS job
        WHERE job.lane = span.lane AND job.seq BETWEEN span.lo AND cut
          AND job.attempt + span.crashes + 1 >= job.max_attempts
        RETURNING ${idSql('job')} AS id, since, attempt, max_attempts, last_error, payload
      ), made AS (
        INSERT INTO ${dead} (id, since, attempt, max_attempts, priority, queue, last_error, payload)
        SELECT id, since, attempt + span.crashes + 1, max_attempts, this.priority, this.queue,
          ${withError('last_error', 'attempt + span.crashes + 1', leaseExpired('span.worker'))}, payload
        FROM exhausted
      )
      SELECT string_agg(id::text, ',') INTO buried FROM exhausted;
      died := concat_ws(',', died, buried);
      INSERT INTO ${gaps} (lane, crashes, lo, hi, horizon)
      VALUES (span.lane, span.crashes + 1, span.lo, cut, '0'::xid8);
      ended := ended + present;
    END LOOP;
  END LOOP;
END`,
    ROUTINE_PLANS,
  );
}

/** Under a snapshot that is older than what is read beside it (REPEATABLE READ), none of what follows would be true. */
const READ_COMMITTED = `IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the books of a queue need READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
  END IF;`;

/** What is settled in a lane without a break from the floor on, as far as it is committed: its last number, or NULL. */
function settledUpTo(spans: string): string {
  return `SELECT max(run.hi)
    FROM (
      SELECT settled.hi, count(*) FILTER (WHERE settled.breaks) OVER (ORDER BY settled.lo) AS broken
      FROM (
        SELECT span.lo, span.hi, span.lo - 1 <> lag(span.hi, 1, floor_at) OVER (ORDER BY span.lo) AS breaks
        FROM ${spans} AS span
        WHERE span.lane = this.id AND span.lo > floor_at AND span.expires_at IS NULL
      ) AS settled
    ) AS run
    WHERE run.broken = 0`;
}

/**
 * Gives gaps that have none their horizon: an id that is given after they were seen, so that whoever drew a number in one of
 * them has a lower id. Hence it must be a transaction of its own, which has no id yet. Claims of these lanes wait for its
 * commit at the latch: they pass a gap by whose row is locked, and what has just appeared in it would be overtaken. Latches are
 * taken in the order in which a claim holds them.
 */
export function setHorizons(tables: RangeTables): Routine {
  const { lanes, gaps, locks } = tables;
  return routine(
    tables,
    'set_horizons',
    '() RETURNS void',
    '',
    `DECLARE
  this record;
  latched integer[] := '{}';
BEGIN
  ${READ_COMMITTED}
  IF pg_current_xact_id_if_assigned() IS NOT NULL OR NOT pg_try_advisory_xact_lock(${locks.tending}, 0) THEN RETURN; END IF;
  FOR this IN
    SELECT lane.id
    FROM ${lanes} AS lane
    ${floorOf('lane')}
    WHERE EXISTS (SELECT FROM ${gaps} AS gap WHERE gap.lane = lane.id AND gap.lo > floor.position AND gap.horizon IS NULL)
    ORDER BY lane.queue, lane.priority
  LOOP
    PERFORM pg_advisory_xact_lock(${locks.latch}, this.id);
    latched := latched || this.id;
  END LOOP;
  UPDATE ${gaps} SET horizon = pg_current_xact_id()
  WHERE ctid = ANY (ARRAY (
    SELECT gap.ctid
    FROM ${lanes} AS lane
    ${floorOf('lane')}
    JOIN ${gaps} AS gap ON gap.lane = lane.id AND gap.lo > floor.position
    WHERE lane.id = ANY (latched) AND gap.horizon IS NULL
    FOR UPDATE OF gap SKIP LOCKED
  )) AND horizon IS NULL;
END`,
    ROUTINE_PLANS,
  );
}

/**
 * Keeps the books of every lane short. It must be a transaction of its own:
 *
 * - The floor rises over what is settled without a break, and what lies below it goes. As a floor outlives a rollback, it
 *   rises over what was committed before only, and a look that was cut off has left its rows there: so up to the old floor rows
 *   are looked for once more, from where none was found before (`swept`). Dead rows further down are never walked over.
 * - A gap whose horizon has passed, and in which nothing is to be seen, stays empty: it counts as settled. Both are asked
 *   of one snapshot, in which every transaction below the horizon has ended.
 * - Above the floor, settled neighbours become one row, so that a job of an hour does not make a list of every claim. The floor
 *   bounds each look, whichever way round a join is made: below it lies what a held-back VACUUM cannot remove.
 *
 * Returns a row of NULLs if it looked, as only one worker at a time does; and the numbers below the cursor that no row covers,
 * with the transactions that are moving the cursor at present. The cursor is read first, then who is moving it, then the books:
 * what is missing from them and below that cursor belongs to one of those, or to nobody any more.
 */
export function tend(tables: RangeTables): Routine {
  const { jobs, lanes, spans, gaps, leases, tended, locks } = tables;
  return routine(
    tables,
    'tend',
    '() RETURNS TABLE (lane integer, lo bigint, hi bigint, movers text[])',
    '',
    `DECLARE
  this record;
  cursor_at bigint;
  floor_at bigint;
  swept_to bigint;
  settled_to bigint;
  left_over integer;
  moving text[];
  taken bigint;
BEGIN
  ${READ_COMMITTED}
  IF NOT pg_try_advisory_xact_lock(${locks.tending}, 0) THEN RETURN; END IF;
  SELECT last_value INTO taken FROM ${leases};
  RETURN QUERY SELECT NULL::integer, NULL::bigint, NULL::bigint, ARRAY[pg_postmaster_start_time()::text];
  FOR this IN SELECT * FROM ${lanes} AS lane ORDER BY lane.id LOOP
    cursor_at := ${positionSql('this.cursor')};
    floor_at := ${positionSql('this.floor')};
    swept_to := ${positionSql('this.swept')};
    CONTINUE WHEN cursor_at = floor_at AND floor_at = swept_to;
    moving := ARRAY (
      SELECT pid || ' ' || virtualtransaction
      FROM pg_locks
      WHERE locktype = 'advisory' AND objsubid = 2 AND classid = ${locks.moving} AND objid = this.id::oid AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    );
    IF swept_to < floor_at THEN
      WITH ${below(tables, 'swept_to', 'floor_at')}
      SELECT count(*) INTO left_over FROM below;
      IF left_over = 0 THEN PERFORM setval(this.swept, floor_at); END IF;
    END IF;
    settled_to := (${settledUpTo(spans)});
    IF settled_to > floor_at THEN
      PERFORM setval(this.floor, settled_to);
      WITH ${below(tables, 'floor_at', 'settled_to')}
      SELECT count(*) INTO left_over FROM below;
      floor_at := settled_to;
    END IF;
    WITH closed AS (
      DELETE FROM ${gaps} AS gap
      WHERE ctid = ANY (ARRAY (
        SELECT gap.ctid FROM ${gaps} AS gap
        WHERE gap.lane = this.id AND gap.lo > floor_at AND gap.horizon <= pg_snapshot_xmin(pg_current_snapshot())
          AND NOT EXISTS (SELECT FROM ${jobs} AS job WHERE job.lane = this.id AND job.seq BETWEEN gap.lo AND gap.hi)
        FOR UPDATE OF gap SKIP LOCKED
      ))
      RETURNING gap.lo, gap.hi
    )
    INSERT INTO ${spans} (lane, crashes, lo, hi, base, lease)
    SELECT this.id, 0, closed.lo, closed.hi, closed.lo, 0 FROM closed
    ON CONFLICT DO NOTHING;
    WITH run AS MATERIALIZED (
      SELECT settled.lo, settled.hi,
        count(*) FILTER (WHERE settled.starts) OVER (ORDER BY settled.lo) AS number
      FROM (
        SELECT span.lo, span.hi, span.lo - 1 IS DISTINCT FROM lag(span.hi) OVER (ORDER BY span.lo) AS starts
        FROM ${spans} AS span
        WHERE span.lane = this.id AND span.lo > floor_at AND span.expires_at IS NULL
      ) AS settled
    ), merged AS MATERIALIZED (
      SELECT min(run.lo) AS lo, max(run.hi) AS hi FROM run GROUP BY run.number HAVING count(*) > 1
    ), swallowed AS (
      DELETE FROM ${spans} AS span USING merged
      WHERE span.lane = this.id AND span.lo > floor_at AND span.lo > merged.lo AND span.lo <= merged.hi
    )
    UPDATE ${spans} AS span SET hi = merged.hi
    FROM merged WHERE span.lane = this.id AND span.lo > floor_at AND span.lo = merged.lo;
    RETURN QUERY
      SELECT this.id, missing.lo, missing.hi, moving
      FROM (${uncovered(tables, 'floor_at', 'floor_at', 'cursor_at')}) AS missing;
  END LOOP;
  PERFORM setval(${quoteLiteral(tended)}, taken) FROM ${tended} WHERE last_value <> taken;
END`,
    ROUTINE_PLANS,
  );
}

/** Deletes what is settled between two floors, and gives it back as `below`. */
function below({ spans, gaps }: RangeTables, above: string, floor: string): string {
  return `spans_below AS (
        DELETE FROM ${spans} AS span
        WHERE span.lane = this.id AND span.lo > ${above} AND span.lo <= ${floor} AND span.hi <= ${floor} AND span.expires_at IS NULL
        RETURNING span.lo
      ), gaps_below AS (
        DELETE FROM ${gaps} AS gap
        WHERE gap.lane = this.id AND gap.lo > ${above} AND gap.lo <= ${floor} AND gap.hi <= ${floor}
        RETURNING gap.lo
      ), below AS (SELECT FROM spans_below UNION ALL SELECT FROM gaps_below)`;
}

/**
 * The runs of numbers above one and up to another that lie in no row of the books of the lane `this`. No row reaches over the
 * lane's `floor`.
 */
function uncovered({ spans, gaps }: RangeTables, floor: string, above: string, upTo: string): string {
  return `SELECT hole.lo, hole.hi
        FROM (
          SELECT greatest(max(book.hi) OVER (ORDER BY book.lo ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), ${above}) + 1 AS lo,
            least(book.lo - 1, ${upTo}) AS hi
          FROM (
            SELECT span.lo, span.hi FROM ${spans} AS span WHERE span.lane = this.id AND span.lo > ${floor} AND span.hi > ${above}
            UNION ALL
            SELECT gap.lo, gap.hi FROM ${gaps} AS gap WHERE gap.lane = this.id AND gap.lo > ${floor} AND gap.hi > ${above}
            UNION ALL
            SELECT ${upTo} + 1, ${upTo} + 1
          ) AS book
        ) AS hole
        WHERE hole.lo <= hole.hi`;
}

/**
 * Numbers that a claim was cut off over, after it had moved the cursor, become a gap, so that the next claim takes what is
 * there. Somebody else may have found them, too: what the books know by now, or the floor has passed, is left out.
 * Returns the jobs that this brings back.
 */
export function adoptOrphans(tables: RangeTables): Routine {
  const { jobs, lanes, gaps, locks } = tables;
  return routine(
    tables,
    'adopt_orphans',
    '(of_lane integer, first bigint, last bigint) RETURNS integer',
    'integer, bigint, bigint',
    `DECLARE
  this record;
  floor_at bigint;
  above bigint;
  orphans integer;
BEGIN
  ${READ_COMMITTED}
  IF NOT pg_try_advisory_xact_lock(${locks.tending}, 0) THEN RETURN 0; END IF;
  SELECT * INTO this FROM ${lanes} AS lane WHERE lane.id = of_lane;
  floor_at := ${positionSql('this.floor')};
  above := greatest(first - 1, floor_at);
  WITH orphaned AS (
    INSERT INTO ${gaps} (lane, crashes, lo, hi)
    SELECT this.id, 0, missing.lo, missing.hi
    FROM (${uncovered(tables, 'floor_at', 'above', 'last')}) AS missing
    RETURNING lane, lo, hi
  )
  SELECT count(*) INTO orphans
  FROM orphaned
  JOIN ${jobs} AS job ON job.lane = orphaned.lane AND job.seq BETWEEN orphaned.lo AND orphaned.hi;
  RETURN orphans;
END`,
    ROUTINE_PLANS,
  );
}
