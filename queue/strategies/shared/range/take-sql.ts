// How is the next range of a queue's jobs taken, and a finished one closed, in one statement?

import { quoteLiteral } from '../../../sql.ts';
import { positionSql, type RangeTables } from './relations.ts';
import { type Routine, routine } from './routine.ts';

/**
 * The numbers from `start` on in a lane, in order, as a subquery. Where slots take turns new jobs lie in the present one or
 * the one before: the third is left alone, so that it can be truncated.
 */
function following(slots: readonly string[], wanted: string, start = 'place + 1'): string {
  const one = (table: string): string =>
    `SELECT seq FROM ${table} WHERE lane = this.id AND seq >= ${start} ORDER BY seq LIMIT ${wanted}`;
  const [first, ...others] = slots.map(one);
  if (others.length === 0) return `${first}`;
  return `SELECT seq FROM (${[first, ...others].map((text) => `(${text})`).join(' UNION ALL ')}) AS live ORDER BY seq LIMIT ${wanted}`;
}

/**
 * The end of the run of present numbers that begins with the variable `first`, into the variable `last`. None of `numbers` may
 * lie before it: this statement sees what has committed since `first` was found.
 */
function runEnd(numbers: string, first = 'first', last = 'last'): string {
  return `SELECT max(seq) INTO ${last}
        FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island FROM (${numbers}) AS present) AS run
        WHERE island = ${first} - 1;`;
}

/** One statement for each pair of slots that can be live, chosen by the variable `view`: a turn, or EVERYWHERE. */
function byView({ slots, rotates }: RangeTables, statement: (live: readonly string[]) => string): string {
  if (!rotates) return statement(slots);
  const [zero = '', one = '', two = ''] = slots;
  return `CASE view
      WHEN 0 THEN ${statement([two, zero])}
      WHEN 1 THEN ${statement([zero, one])}
      WHEN 2 THEN ${statement([one, two])}
      ELSE ${statement(slots)}
      END CASE;`;
}

/** For what may lie in any slot. */
const EVERYWHERE = 3;

/**
 * Leases are found by their index and nothing else, whatever the statistics say: the books of a queue that was empty when they
 * were made look as if they held one row, and a join with the list would then read all that were closed since.
 */
function closeSpans({ spans, jobs, rotates }: RangeTables): string {
  const gone = rotates
    ? ''
    : `
    DELETE FROM ${jobs} WHERE lane = this.lane AND seq BETWEEN this.lo AND this.hi;`;
  return `FOR this IN
    UPDATE ${spans} AS span SET expires_at = NULL
    WHERE span.lease = ANY (closing) AND span.expires_at IS NOT NULL
      AND span.hi - span.lo + 1 - span.alone = settling[array_position(closing, span.lease)]
    RETURNING span.lease, span.lane, span.lo, span.hi
  LOOP${gone}
    RETURN QUERY SELECT 'c'::"char", this.lease, this.lane, NULL::smallint, this.lo, this.hi,
      NULL::float8, NULL::smallint, NULL::text, NULL::text;
  END LOOP;`;
}

/**
 * Closes the leases of `closing` as settled, then takes the next jobs of a queue.
 *
 * - A lease is closed whole only if `settling`, the number of jobs that the caller settles with it, is what is left of it by
 *   the server's own count: others may have settled some, or a reaper have taken a part.
 * - Lanes come in the order of their priority. A lane with nothing new and no gap costs a look at its sequences.
 * - The latch makes claimers of one lane take turns, for as long as it takes to find the end of their range and to move
 *   the cursor: it opens before the commit, so nobody waits for a disk. A statement under it has a snapshot of its own,
 *   taken after the latch, and so sees what committed before.
 * - Moving the cursor outlives a rollback. `moving` is held until the transaction has ended, however it ends, so that a
 *   range without a lease is known for an orphan once none of those holds it who did when it was seen.
 * - Only a run without holes is taken, so that a lease names its jobs exactly by its ends, and a job that commits late
 *   can never lie within it. Numbers that are not there when the cursor passes become a gap. Its horizon is set by `tend`, later:
 *   a job draws its number after its transaction has an id, so every one that may still come has a lower id than any that is
 *   given once the gap is seen.
 * - A claim whose run ends at a hole comes back short, and takes nothing of a less urgent lane: what lies beyond the hole goes
 *   first. Most holes are commits under way, and filled when the next claim comes; only that one notes a gap.
 * - Where slots take turns and nothing new is seen although numbers were drawn, the job may have committed into a slot that
 *   is no longer looked at: then all are.
 * - Gaps are looked at after the lane, so that no job overtakes one whose enqueue was confirmed before its own began, and
 *   come first in what is returned. For the same reason the next claimer must see the gaps that this one leaves: the latch is
 *   then held until its commit. One that finds nothing waits for whoever holds the latch, too, before it goes on to a less
 *   urgent lane.
 */
export function take(tables: RangeTables, adoptJobs: Routine, besideRemovals: Routine): Routine {
  const { lanes, spans, gaps, inbox, leases, locks } = tables;
  const hasGaps = `EXISTS (SELECT FROM ${gaps} AS gap WHERE gap.lane = this.id AND gap.lo > floor_at)`;
  const idle = `${positionSql('this.numbers')} <= ${positionSql('this.cursor')} AND NOT ${hasGaps}`;
  return routine(
    tables,
    'take',
    `(closing bigint[], settling integer[], wanted_queue text, wanted integer, lease_ms float8, worker_name text)
RETURNS TABLE (
  kind "char", lease bigint, lane integer, priority smallint, lo bigint, hi bigint, expires_ms float8,
  crashes smallint, details text, payloads text
)`,
    'bigint[], integer[], text, integer, double precision, text',
    `DECLARE
  this record;
  gap record;
  place bigint;
  floor_at bigint;
  first bigint;
  last bigint;
  new_first bigint;
  new_last bigint;
  new_count integer;
  taken integer := 0;
  leaves_gaps boolean;
  broken boolean := false;
  los bigint[];
  his bigint[];
  deaths smallint[];
  views integer[];
  number bigint;
  view integer := 0;
  until timestamptz;
BEGIN
  IF cardinality(closing) > 0 THEN
  ${closeSpans(tables)}
  END IF;
  IF wanted < 1 THEN RETURN; END IF;
  IF EXISTS (SELECT FROM ${inbox} WHERE queue = wanted_queue) THEN
    PERFORM ${adoptJobs.name}(wanted_queue);
  END IF;
  FOR this IN
    SELECT * FROM ${lanes} AS lane WHERE lane.queue = wanted_queue ORDER BY lane.priority
  LOOP
    EXIT WHEN taken >= wanted OR broken;
    -- Read once, so that it bounds the index: dead gaps below the floor are not walked over.
    floor_at := ${positionSql('this.floor')};
    IF ${idle} AND pg_try_advisory_lock_shared(${locks.latch}, this.id) THEN
      PERFORM pg_advisory_unlock_shared(${locks.latch}, this.id);
      CONTINUE WHEN ${idle};
    END IF;
    leaves_gaps := false;
    los := '{}';
    his := '{}';
    deaths := '{}';
    views := '{}';
    PERFORM pg_advisory_xact_lock_shared(${locks.moving}, this.id);
    BEGIN
      PERFORM pg_advisory_lock(${locks.latch}, this.id);
      place := ${positionSql('this.cursor')};
      -- Whoever removes jobs from now on waits for the latch before it deletes any.
      IF (
        CASE WHEN pg_try_advisory_lock(${locks.removing}, this.id) THEN pg_advisory_unlock(${locks.removing}, this.id) END
      ) THEN
      ${takeUnheeding(tables, hasGaps)}
      ELSE
        -- Its last column under a name that is none of a variable: here a column goes before one.
        SELECT beside.los, beside.his, beside.deaths, beside.broken, taken + beside.more, true
        INTO los, his, deaths, broken, taken, leaves_gaps
        FROM ${besideRemovals.name}(this.id, this.cursor, floor_at, wanted - taken) AS beside (los, his, deaths, broken, more);
        views := array_fill(${EVERYWHERE}, ARRAY[cardinality(los)]);
      END IF;
      IF leaves_gaps THEN
        PERFORM pg_advisory_xact_lock(${locks.latch}, this.id);
      END IF;
      PERFORM pg_advisory_unlock(${locks.latch}, this.id);
    EXCEPTION WHEN query_canceled OR OTHERS THEN
      PERFORM pg_advisory_unlock(${locks.latch}, this.id);
      RAISE;
    END;
    -- From now on, not from when the claim began to wait for the latch.
    until := clock_timestamp() + lease_ms * interval '1 ms';
    FOR i IN 1 .. cardinality(los) LOOP
      number := nextval(${quoteLiteral(leases)});
      INSERT INTO ${spans} (lane, crashes, lo, hi, base, lease, expires_at, worker)
      VALUES (this.id, deaths[i], los[i], his[i], los[i], number, until, worker_name);
      view := views[i];
      ${byView(tables, (live) => `RETURN QUERY ${spanRows(live)};`)}
    END LOOP;
  END LOOP;
END`,
  );
}

/** What is taken while nobody removes jobs of the lane: by what this claim sees, and no row is locked. */
function takeUnheeding(tables: RangeTables, hasGaps: string): string {
  const { jobs, gaps, rotates, turns } = tables;
  return `${rotates ? `      SELECT last_value % 3 INTO view FROM ${turns};\n` : ''}      ${byView(
    tables,
    (live) => `SELECT min(seq), max(seq), count(*) INTO new_first, new_last, new_count
        FROM (${following(live, 'wanted - taken')}) AS present;`,
  )}
${
  rotates
    ? `      IF new_count = 0 AND ${positionSql('this.numbers')} > place THEN
        view := ${EVERYWHERE};
        SELECT min(seq), max(seq), count(*) INTO new_first, new_last, new_count
        FROM (${following(tables.slots, 'wanted - taken')}) AS present;
      END IF;\n`
    : ''
}      IF ${hasGaps} THEN
        -- Only a gap in which there is something is locked: the others wait for their transactions, and may be many. LIMIT
        -- keeps the look into each of them a look, whatever the planner thinks of a join.
        FOR gap IN
          SELECT * FROM ${gaps} AS gap
          WHERE gap.lane = this.id AND gap.lo > floor_at AND (
            SELECT true FROM ${jobs} AS job WHERE job.lane = this.id AND job.seq BETWEEN gap.lo AND gap.hi LIMIT 1
          )
          ORDER BY gap.lo
        LOOP
          EXIT WHEN taken >= wanted;
          PERFORM FROM ${gaps} AS held
          WHERE held.lane = this.id AND held.lo = gap.lo AND held.hi = gap.hi FOR UPDATE SKIP LOCKED;
          CONTINUE WHEN NOT FOUND;
          ${takeFromGap(tables)}
        END LOOP;
        IF new_count > wanted - taken THEN
          new_count := wanted - taken;
          IF new_count > 0 THEN
            ${byView(
              tables,
              (live) => `SELECT min(seq), max(seq), count(*) INTO new_first, new_last, new_count
              FROM (${following(live, 'new_count')}) AS present;`,
            )}
          END IF;
        END IF;
      END IF;
      IF new_count > 0 THEN
        broken := new_last - new_first + 1 > new_count;
        IF broken THEN
          ${byView(tables, (live) => runEnd(following(live, 'new_count', 'new_first'), 'new_first', 'new_last'))}
        END IF;
        IF new_first > place + 1 THEN
          INSERT INTO ${gaps} (lane, crashes, lo, hi, horizon)
          VALUES (this.id, 0, place + 1, new_first - 1, NULL);
          leaves_gaps := true;
        END IF;
        PERFORM setval(this.cursor, new_last);
        los := los || new_first;
        his := his || new_last;
        deaths := deaths || 0::smallint;
        views := views || view;
        taken := taken + (new_last - new_first + 1);
      END IF;`;
}

/** Takes the first runs that have appeared within `gap`, and keeps what is left of it. */
function takeFromGap({ jobs, gaps }: RangeTables): string {
  return `LOOP
          SELECT min(job.seq) INTO first
          FROM ${jobs} AS job
          WHERE job.lane = this.id AND job.seq BETWEEN gap.lo AND gap.hi;
          EXIT WHEN first IS NULL OR taken >= wanted;
          ${runEnd(`SELECT job.seq FROM ${jobs} AS job
          WHERE job.lane = this.id AND job.seq BETWEEN first AND gap.hi ORDER BY job.seq LIMIT wanted - taken`)}
          IF first > gap.lo THEN
            UPDATE ${gaps} SET hi = first - 1 WHERE lane = this.id AND lo = gap.lo;
            leaves_gaps := true;
          ELSE
            DELETE FROM ${gaps} WHERE lane = this.id AND lo = gap.lo;
          END IF;
          IF last < gap.hi THEN
            INSERT INTO ${gaps} (lane, crashes, lo, hi, horizon)
            VALUES (this.id, gap.crashes, last + 1, gap.hi, gap.horizon);
            leaves_gaps := true;
          END IF;
          los := los || first;
          his := his || last;
          deaths := deaths || gap.crashes;
          views := views || ${EVERYWHERE};
          taken := taken + (last - first + 1);
          gap.lo := last + 1;
          EXIT WHEN gap.lo > gap.hi;
        END LOOP;`;
}

/**
 * One row for a range: all payloads as one JSON text, since a client takes one text apart much faster than a row for
 * each. What is the same for every job of an ordinary range is left out of `details`, which is then the attempts
 * allowed; otherwise it is an array of [attempt, attempts allowed, id or null] for each.
 */
function spanRows(live: readonly string[]): string {
  const each = live.map((slot) => `SELECT lane, seq, attempt, max_attempts, origin, payload FROM ${slot}`);
  // In the order of the index, lane and all, so that slots are merged and nothing is sorted.
  const range = `SELECT * FROM (${each.join(' UNION ALL ')}) AS live
        WHERE lane = this.id AND seq BETWEEN los[i] AND his[i]
        ORDER BY lane, seq`;
  return `SELECT 'l'::"char", number, this.id, this.priority, los[i], his[i],
        extract(epoch FROM until)::float8 * 1000, deaths[i],
        CASE
          WHEN max(attempt) = 0 AND count(origin) = 0 AND min(max_attempts) = max(max_attempts) THEN min(max_attempts)::text
          ELSE (
            SELECT '[' || string_agg(format('[%s,%s,%s]', attempt, max_attempts, coalesce('"' || origin || '"', 'null')), ',') || ']'
            FROM (${range}) AS job
          )
        END,
        '[' || string_agg(payload::text, ',') || ']'
      FROM (${range}) AS job`;
}
