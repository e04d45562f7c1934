// How do delayed jobs become due, and what becomes of the jobs of an expired lease?

import type { Database } from '../../drivers/driver.ts';
import type { Delay, ReapResult } from '../../strategy.ts';
import { leaseExpired, withError } from '../shared/error-log.ts';
import { delayWith, idsOf, reapWith } from '../shared/upkeep.ts';
import type { PackedTables } from './tables.ts';

/**
 * These statements are rare and sent unprepared: each is planned for the tables as they are now. LIMIT is a literal for
 * the planner's sake. A job keeps its id, and so finds its old place among the ready ones.
 */
function promoteSql(tables: PackedTables, limit: number): string {
  const columns = 'id, attempt, max_attempts, priority, queue, last_error, payload';
  return `
WITH due AS MATERIALIZED (
  SELECT ctid
  FROM ${tables.delayed}
  WHERE run_at <= now()
  ORDER BY run_at
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), removed AS (
  DELETE FROM ${tables.delayed} WHERE ctid = ANY (ARRAY (SELECT ctid FROM due)) RETURNING ${columns}, run_at
), promoted AS (
  INSERT INTO ${tables.ready} (${columns}, ready_since)
  SELECT ${columns}, run_at
  FROM removed
  ORDER BY id
  RETURNING id
)
SELECT
  (SELECT count(*)::integer FROM promoted) AS promoted,
  (
    SELECT ceil(extract(epoch FROM run_at - now()) * 1000)::float8
    FROM ${tables.delayed}
    WHERE run_at > now()
    ORDER BY run_at
    LIMIT 1
  ) AS next_ms`;
}

/** The delay capability. */
export function delayOnPacked(tables: PackedTables): Delay {
  return delayWith((limit) => promoteSql(tables, limit));
}

/**
 * - `expired`: leases of which all jobs, or those that a heartbeat left out, have run out of time. `kept` are the bits of
 *   the jobs that have not.
 * - `taken`: their open jobs, unpacked, no more than the limit. What a lease has beyond it stays for the next reap.
 * - `after`: the bits of a lease whose jobs were taken. Without a zero the lease goes. A settle that comes now waits for
 *   the row's lock and then finds the bit set, or no row: stale.
 * - A revived job keeps its attempt: the crash used it up, and is one of its errors.
 */
function reapSql(tables: PackedTables, limit: number): string {
  const columns = 'id, attempt, max_attempts, priority, queue';
  return `
WITH expired AS MATERIALIZED (
  SELECT lease_id, worker, queue, size, jobs, coalesce(settled, repeat('0', size)::varbit) AS settled,
    CASE WHEN expires_at > now() THEN kept ELSE repeat('0', size)::varbit END AS kept
  FROM ${tables.lease}
  WHERE expires_at <= now() OR rest_expires_at <= now()
  ORDER BY expires_at
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), taken AS MATERIALIZED (
  SELECT expired.lease_id, packed.nth - 1 AS slot, expired.queue,
    (packed.job ->> 0)::bigint AS id, (packed.job ->> 1)::smallint AS priority,
    (packed.job ->> 2)::smallint AS attempt, (packed.job ->> 3)::smallint AS max_attempts,
    packed.job -> 4 AS payload, ${withError('packed.job ->> 5', 'packed.job ->> 2', leaseExpired('expired.worker'))} AS errors
  FROM expired
  CROSS JOIN LATERAL json_array_elements(expired.jobs::json) WITH ORDINALITY AS packed (job, nth)
  WHERE get_bit(expired.settled | expired.kept, (packed.nth - 1)::integer) = 0
  LIMIT ${limit}
), revived AS (
  INSERT INTO ${tables.ready} (${columns}, last_error, payload)
  SELECT ${columns}, errors, payload
  FROM taken
  WHERE attempt < max_attempts
), buried AS (
  INSERT INTO ${tables.dead} (${columns}, error, payload)
  SELECT ${columns}, errors, payload
  FROM taken
  WHERE attempt >= max_attempts
  RETURNING id
), after AS MATERIALIZED (
  SELECT expired.lease_id, expired.kept,
    (
      SELECT string_agg(
        CASE WHEN get_bit(expired.settled, slot) = 1 OR slot = ANY (of_lease.slots) THEN '1' ELSE '0' END, '' ORDER BY slot
      )
      FROM generate_series(0, expired.size - 1) AS slot
    )::varbit AS settled
  FROM expired
  LEFT JOIN (SELECT lease_id, array_agg(slot) AS slots FROM taken GROUP BY lease_id) AS of_lease
    ON of_lease.lease_id = expired.lease_id
), finished AS (
  DELETE FROM ${tables.lease} AS lease
  USING after
  WHERE lease.lease_id = after.lease_id AND position(B'0' IN after.settled) = 0
), narrowed AS (
  UPDATE ${tables.lease} AS lease
  SET
    settled = after.settled,
    rest_expires_at = CASE WHEN position(B'0' IN after.settled | after.kept) > 0 THEN lease.rest_expires_at END
  FROM after
  WHERE lease.lease_id = after.lease_id AND position(B'0' IN after.settled) > 0
)
SELECT (SELECT count(*)::integer FROM taken) AS ended, ${idsOf('buried')} AS dead`;
}

/** Takes back at most `limit` jobs of expired leases. */
export function reapPacked(db: Database, tables: PackedTables, limit: number): Promise<ReapResult> {
  return reapWith(db, (most) => reapSql(tables, most), limit);
}
