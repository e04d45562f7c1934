// How does a job leave that nobody works on?

import type { Cancellation, JobId } from '../../../strategy.ts';
import { ROUTINE_PLANS } from '../planner.ts';
import { isDriver, readCommitted } from '../read-committed.ts';
import { jobsById } from './find.ts';
import { idSql, positionSql, type RangeTables } from './relations.ts';
import { type Routine, routine } from './routine.ts';

/** Raised and caught within the routine, to let go of the locks that were taken since. */
const LET_GO = 'CBLET';

/**
 * Takes out what waits of `ids`, and returns it. Nobody waits for the transaction in which this is called, however long it stays
 * open; what others have taken out, and have not committed, is waited for.
 *
 * - Tables come in the order in which jobs go through them, so that none slips by: each statement sees what was committed before.
 * - `removing` tells claims that jobs of the lane may be on their way out: they then leave the rows alone that somebody has
 *   locked. One that has looked for it before goes by the rows that it sees, and has the lane's latch meanwhile. So rows are
 *   locked, then the latch is waited for, and only what no claim has named until then is deleted: what lies above the cursor, or in
 *   a gap whose row no claim has locked. The latch, and the rows of gaps, are let go at once.
 * - A row that was claimed before it was locked is let go, too: its worker's settle would wait for this transaction.
 * - A row that somebody else has locked belongs to a claim, or to a transaction like this one, which may be rolled back. It is
 *   waited for while only rows that come before it are locked: what was locked behind it is let go, and locked anew after the wait.
 *   Lanes come in their order, too, so that of two of these whose ids overlap one waits for the other, never each for the other.
 *   Two transactions that remove several times each may do that like any others whose statements lock in different orders (40P01).
 * - Numbers that this leaves without a job become gaps when the cursor passes, like those of enqueues that were rolled back.
 *
 * A claim of a version that had no removals looks for no mark: it may hand out what is on its way out, or fail where that is gone
 * when it reads its range, which then comes back as its lease ends.
 *
 * `alone`: the caller has no transaction of his own, which may be one that goes by an older snapshot. In such a one a job that
 * has come back since counts as leased.
 */
export function removeWaiting(tables: RangeTables): Routine {
  const { jobs, lanes, gaps, inbox, delayed, locks } = tables;
  const look = `cursor_at := ${positionSql('this.cursor')};
      floor_at := ${positionSql('this.floor')};`;
  const firstOf = (condition: string): string => `(
        SELECT min(job.seq) FROM ${jobs} AS job
        WHERE job.lane = this.id AND job.seq = ANY (wanted) AND ${condition} AND ${waits(gaps, 'job.seq')}
      )`;
  return routine(
    tables,
    'remove_waiting',
    '(ids bigint[], alone boolean) RETURNS SETOF bigint',
    'bigint[], boolean',
    `DECLARE
  this record;
  cursor_at bigint;
  floor_at bigint;
  wanted bigint[];
  locked bigint[];
  free bigint[];
  awaited bigint;
  before bigint;
BEGIN
  IF alone AND current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'taking out jobs needs READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
  END IF;
  RETURN QUERY ${removeFrom(delayed)};
  RETURN QUERY ${removeFrom(inbox)};
  FOR this IN
    SELECT lane.id, lane.cursor, lane.floor, place.numbers
    FROM (
      SELECT job.lane, array_agg(job.seq) AS numbers
      FROM (${jobsById(tables, 'SELECT DISTINCT id FROM unnest(ids) AS given (id)')}) AS job
      GROUP BY job.lane
    ) AS place
    JOIN ${lanes} AS lane ON lane.id = place.lane
    ORDER BY lane.queue, lane.priority
  LOOP
    PERFORM pg_advisory_xact_lock_shared(${locks.removing}, this.id);
    wanted := this.numbers;
    before := NULL;
    LOOP
      ${look}
      BEGIN
        locked := ARRAY (
          SELECT job.seq FROM ${jobs} AS job
          WHERE job.lane = this.id AND job.seq = ANY (wanted) AND (before IS NULL OR job.seq < before)
            AND ${waits(gaps, 'job.seq')}
          ORDER BY job.seq
          FOR UPDATE SKIP LOCKED
        );
        awaited := ${firstOf('NOT job.seq = ANY (locked)')};
        IF awaited < locked[cardinality(locked)] THEN RAISE EXCEPTION USING ERRCODE = '${LET_GO}'; END IF;
        awaited := NULL;
        BEGIN
          PERFORM pg_advisory_xact_lock(${locks.latch}, this.id);
          ${look}
          free := ARRAY (
            SELECT number FROM unnest(locked) AS number WHERE ${waits(gaps, 'number', 'FOR UPDATE SKIP LOCKED')}
          );
          RAISE EXCEPTION USING ERRCODE = '${LET_GO}';
        EXCEPTION WHEN SQLSTATE '${LET_GO}' THEN NULL;
        END;
        IF free <> locked THEN RAISE EXCEPTION USING ERRCODE = '${LET_GO}'; END IF;
      EXCEPTION WHEN SQLSTATE '${LET_GO}' THEN
        IF awaited IS NOT NULL THEN
          before := awaited;
          CONTINUE;
        END IF;
        wanted := ARRAY (SELECT unnest(wanted) EXCEPT (SELECT unnest(locked) EXCEPT SELECT unnest(free)));
        CONTINUE;
      END;
      RETURN QUERY
        DELETE FROM ${jobs} AS job WHERE job.lane = this.id AND job.seq = ANY (free) RETURNING ${idSql('job')};
      ${look}
      awaited := ${firstOf('true')};
      EXIT WHEN awaited IS NULL;
      BEGIN
        PERFORM FROM ${jobs} AS job WHERE job.lane = this.id AND job.seq = awaited FOR UPDATE;
        RAISE EXCEPTION USING ERRCODE = '${LET_GO}';
      EXCEPTION WHEN SQLSTATE '${LET_GO}' THEN NULL;
      END;
      before := NULL;
    END LOOP;
  END LOOP;
END`,
    ROUTINE_PLANS,
  );
}

/** Takes rows out of a table of jobs that wait outside their lanes. None of them is ever updated, so that its ctid is good to delete it by. */
function removeFrom(table: string): string {
  return `DELETE FROM ${table}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM ${table} WHERE id = ANY (ids) ORDER BY id FOR UPDATE))
  RETURNING id`;
}

/** Whether no claim has come to a number of the lane `this` yet, or has left it in a gap. */
function waits(gaps: string, number: string, locking = ''): string {
  return `(${number} > cursor_at OR (
            SELECT gap.hi FROM ${gaps} AS gap
            WHERE gap.lane = this.id AND gap.lo > floor_at AND gap.lo <= ${number}
            ORDER BY gap.lo DESC LIMIT 1 ${locking}
          ) >= ${number})`;
}

/** Takes jobs out by the routine `remove`. */
export function cancelRanges(remove: Routine): Cancellation {
  const text = `SELECT id::text AS id FROM ${remove.name}($1::bigint[], $2::boolean) AS gone (id)`;
  return {
    async removeWaiting(db, ids) {
      if (ids.length === 0) return [];
      const alone = isDriver(db);
      const { rows } = await readCommitted(db).query<{ readonly id: JobId }>({ text, values: [ids, alone] });
      return rows.map(({ id }) => id);
    },
  };
}
