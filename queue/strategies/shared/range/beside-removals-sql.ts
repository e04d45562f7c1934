// What may a claim take while somebody is taking jobs out of its lane?

import { ROUTINE_PLANS } from '../planner.ts';
import { positionSql, type RangeTables } from './relations.ts';
import { type Routine, routine } from './routine.ts';

/**
 * What `take` does under the latch in a lane where jobs may be on their way out: it leaves alone what somebody has locked. Such a
 * number is a hole like any; the job in it comes back from a gap if its removal is rolled back. This writes a lock into each row
 * that is claimed, and so is not done where nobody removes.
 *
 * The lane is looked at before its gaps, for the order's sake (see `take`). The caller holds the latch until its commit: rows are
 * locked that are not taken, and whoever comes next must not take them for holes.
 *
 * Returns the first and the last number and the crashes of each range that was taken, whether the lane's run ended at a hole,
 * and how many jobs there are in all.
 */
export function takeBesideRemovals(tables: RangeTables): Routine {
  const { jobs, gaps } = tables;
  return routine(
    tables,
    'take_beside_removals',
    `(of_lane integer, cursor_of regclass, floor_at bigint, wanted integer,
  OUT los bigint[], OUT his bigint[], OUT deaths smallint[], OUT broken boolean, OUT taken integer)`,
    'integer, regclass, bigint, integer',
    `DECLARE
  place bigint := ${positionSql('cursor_of')};
  free bigint[];
  gap record;
  run record;
  last bigint;
BEGIN
  los := '{}';
  his := '{}';
  deaths := '{}';
  broken := false;
  taken := 0;
  free := ARRAY (
    SELECT job.seq FROM ${jobs} AS job
    WHERE job.lane = of_lane AND job.seq > place
    ORDER BY job.seq LIMIT wanted
    FOR UPDATE SKIP LOCKED
  );
  FOR gap IN
    SELECT * FROM ${gaps} AS gap
    WHERE gap.lane = of_lane AND gap.lo > floor_at AND (
      SELECT true FROM ${jobs} AS job WHERE job.lane = of_lane AND job.seq BETWEEN gap.lo AND gap.hi LIMIT 1
    )
    ORDER BY gap.lo
  LOOP
    EXIT WHEN taken >= wanted;
    PERFORM FROM ${gaps} AS held
    WHERE held.lane = of_lane AND held.lo = gap.lo AND held.hi = gap.hi FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    FOR run IN
      SELECT min(numbered.seq) AS first, max(numbered.seq) AS last
      FROM (
        SELECT present.seq, present.seq - row_number() OVER (ORDER BY present.seq) AS island
        FROM (
          SELECT job.seq FROM ${jobs} AS job
          WHERE job.lane = of_lane AND job.seq BETWEEN gap.lo AND gap.hi
          ORDER BY job.seq LIMIT wanted - taken
          FOR UPDATE SKIP LOCKED
        ) AS present
      ) AS numbered
      GROUP BY numbered.island
      ORDER BY 1
    LOOP
      IF run.first > gap.lo THEN
        UPDATE ${gaps} SET hi = run.first - 1 WHERE lane = of_lane AND lo = gap.lo;
      ELSE
        DELETE FROM ${gaps} WHERE lane = of_lane AND lo = gap.lo;
      END IF;
      IF run.last < gap.hi THEN
        INSERT INTO ${gaps} (lane, crashes, lo, hi, horizon)
        VALUES (of_lane, gap.crashes, run.last + 1, gap.hi, gap.horizon);
      END IF;
      los := los || run.first;
      his := his || run.last;
      deaths := deaths || gap.crashes;
      taken := taken + (run.last - run.first + 1);
      gap.lo := run.last + 1;
    END LOOP;
  END LOOP;
  free := free[1:wanted - taken];
  IF cardinality(free) = 0 THEN RETURN; END IF;
  SELECT max(number) INTO last
  FROM (SELECT number, number - row_number() OVER (ORDER BY number) AS island FROM unnest(free) AS number) AS numbered
  WHERE island = free[1] - 1;
  broken := last < free[cardinality(free)];
  IF free[1] > place + 1 THEN
    INSERT INTO ${gaps} (lane, crashes, lo, hi, horizon) VALUES (of_lane, 0, place + 1, free[1] - 1, NULL);
  END IF;
  PERFORM setval(cursor_of, last);
  los := los || free[1];
  his := his || last;
  deaths := deaths || 0::smallint;
  taken := taken + (last - free[1] + 1);
END`,
    ROUTINE_PLANS,
  );
}
