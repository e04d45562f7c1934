// How are some jobs of a range settled, when not all of it is done at once, and how is a lease prolonged?

import { withError } from '../error-log.ts';
import { idSql, type RangeTables, slotSql } from './relations.ts';

/**
 * That `job` is the one with this number, as a pair of comparisons of rows: the index answers them, and no join is made the
 * other way round. By equality a plan that was made while the queue was empty, and looked as if it held one job, might walk
 * all jobs in the order of the index to find the few that are named.
 */
function at(job: string, lane: string, seq: string): string {
  return `(${job}.lane, ${job}.seq) BETWEEN (${lane}, ${seq}) AND (${lane}, ${seq})`;
}

/**
 * Each outcome names its job by the lease and its place in it. The update of the span is the fence: a lease that was
 * reaped has none, and one that is being reaped is waited for. What is settled alone is deleted alone, also where ranges
 * are left to rotation, so that what returns of a lease that ends is only what was not settled.
 *
 * Parameters: leases, places, kinds, delays in ms, errors; and the leases that should have no other job left: one that has
 * all the same goes on.
 */
export function settleSomeSql(tables: RangeTables): string {
  const { jobs, lanes, spans, delayed, dead } = tables;
  const slot = slotSql(tables);
  return `
WITH outcome AS MATERIALIZED (
  SELECT lease, place, kind, delay_ms, error
  FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::float8[], $5::text[])
    AS outcome (lease, place, kind, delay_ms, error)
), held AS MATERIALIZED (
  UPDATE ${spans} AS span
  SET expires_at = CASE
      WHEN lease <> ALL ($6::bigint[]) OR EXISTS (
        SELECT FROM ${jobs} AS job
        WHERE job.lane = span.lane AND job.seq BETWEEN span.lo AND span.hi
          AND job.seq - span.base <> ALL (ARRAY (SELECT place FROM outcome WHERE outcome.lease = span.lease))
      ) THEN expires_at
    END,
    alone = alone + (SELECT count(*) FROM outcome WHERE outcome.lease = span.lease)
  WHERE lease = ANY ($1::bigint[]) AND expires_at IS NOT NULL
  RETURNING lease, lane, lo, hi, base, crashes
), target AS MATERIALIZED (
  SELECT held.lease, held.lane, held.crashes, held.base + outcome.place AS seq, outcome.place, outcome.kind,
    outcome.delay_ms, outcome.error
  FROM held
  JOIN outcome ON outcome.lease = held.lease
  WHERE held.base + outcome.place BETWEEN held.lo AND held.hi
), removed AS MATERIALIZED (
  DELETE FROM ${jobs} AS job
  USING target
  WHERE ${at('job', 'target.lane', 'target.seq')}
  RETURNING target.lease, target.place, target.kind, target.delay_ms, target.error, ${idSql('job')} AS id,
    job.lane, job.attempt + target.crashes AS attempt, job.max_attempts, job.since, job.last_error, job.payload
), moved AS MATERIALIZED (
  SELECT removed.*, lane.queue, lane.priority, lane.numbers,
    CASE WHEN kind = 'release' THEN last_error ELSE ${withError('last_error', 'attempt + 1', 'error')} END AS errors,
    CASE WHEN kind = 'release' THEN attempt ELSE attempt + 1 END AS begun
  FROM removed
  JOIN ${lanes} AS lane ON lane.id = removed.lane
  WHERE removed.kind <> 'ack'
), buried AS (
  INSERT INTO ${dead} (id, since, attempt, max_attempts, priority, queue, last_error, payload)
  SELECT id, since, begun, max_attempts, priority, queue, errors, payload
  FROM moved
  WHERE kind = 'dead-letter'
), postponed AS (
  INSERT INTO ${delayed} (run_at, id, since, attempt, max_attempts, priority, queue, last_error, payload)
  SELECT now() + delay_ms * interval '1 ms', id, since, begun, max_attempts, priority, queue, errors, payload
  FROM moved
  WHERE kind <> 'dead-letter' AND delay_ms > 0
), appended AS (
  INSERT INTO ${jobs}
    (lane, seq, origin, attempt, max_attempts, since, last_error, payload${slot === undefined ? '' : ', slot'})
  SELECT lane, nextval(numbers), id, begun, max_attempts, since, errors, payload${slot === undefined ? '' : `, ${slot}`}
  FROM (SELECT * FROM moved WHERE kind <> 'dead-letter' AND delay_ms <= 0 ORDER BY lease, place) AS again
)
SELECT
  (count(*) FILTER (WHERE kind = 'ack'))::integer AS acked,
  (count(*) FILTER (WHERE kind = 'retry'))::integer AS retried,
  (count(*) FILTER (WHERE kind = 'dead-letter'))::integer AS dead_lettered,
  (count(*) FILTER (WHERE kind = 'release'))::integer AS released,
  CASE WHEN count(*) < cardinality($1::bigint[]) THEN
    ARRAY (
      SELECT position::integer - 1
      FROM unnest($1::bigint[], $2::integer[]) WITH ORDINALITY AS asked (lease, place, position)
      WHERE NOT EXISTS (SELECT FROM removed WHERE removed.lease = asked.lease AND removed.place = asked.place)
    )
  END AS stale
FROM removed`;
}

/**
 * A lease is prolonged as a whole. Parameters: a lease and a place for each job, and ms. Returns which of them, from 0, were
 * lost: their lease has ended, or they were settled by themselves, as then the job is gone.
 */
export function extendSql({ spans, jobs }: RangeTables): string {
  return `
WITH kept AS (
  UPDATE ${spans}
  SET expires_at = now() + $3::float8 * interval '1 ms'
  WHERE lease = ANY ($1::bigint[]) AND expires_at IS NOT NULL
  RETURNING lease, lane, lo, hi, base
)
SELECT position::integer - 1 AS lost
FROM unnest($1::bigint[], $2::integer[]) WITH ORDINALITY AS asked (lease, place, position)
WHERE NOT EXISTS (
  SELECT
  FROM kept
  JOIN ${jobs} AS job ON ${at('job', 'kept.lane', 'kept.base + asked.place')}
  WHERE kept.lease = asked.lease AND job.seq BETWEEN kept.lo AND kept.hi
)`;
}
