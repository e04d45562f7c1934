// How does one statement settle jobs of packed leases, and with them claim the next?

import { withError } from '../shared/error-log.ts';
import { CLAIM_PARAMETERS, claimCtes, LEASED_COLUMNS } from './claim-sql.ts';
import type { PackedTables } from './tables.ts';

/**
 * What a settle comes to, the cheapest first: `one` acks all jobs that one lease ever held, `whole` those of several;
 * `part` acks some jobs; `mixed` has other outcomes than acks.
 */
export type SettleShape = 'one' | 'whole' | 'part' | 'mixed';

/** As `wholeCtes` for the most frequent case, at a smaller price. */
function oneCtes(tables: PackedTables, first: number): string {
  return `
held AS (
  DELETE FROM ${tables.lease}
  WHERE lease_id = $${first}::bigint
  RETURNING lease_id, settled
)`;
}

/**
 * No job is left in these leases, whatever was settled before, so they go unseen. What the DELETE returns is the fence: a
 * lease that is not there was reaped, or settled before.
 */
function wholeCtes(tables: PackedTables, first: number): string {
  return `
held AS (
  DELETE FROM ${tables.lease}
  WHERE lease_id = ANY ($${first}::bigint[])
  RETURNING lease_id, settled
)`;
}

/**
 * The leases are locked before their bits are read, so that of two settles of one lease the later sees what the earlier
 * did; and whether a row is deleted or updated is decided on what the lock has shown, once.
 */
function partCtes(tables: PackedTables, first: number): string {
  return `
held AS MATERIALIZED (
  SELECT lease.lease_id, lease.queue, lease.jobs, lease.settled,
    given.mask & ~ coalesce(lease.settled, given.mask # given.mask) AS fresh,
    given.mask | coalesce(lease.settled, given.mask # given.mask) AS settled_now
  FROM unnest($${first}::bigint[], $${first + 1}::varbit[]) AS given (lease_id, mask)
  JOIN ${tables.lease} AS lease ON lease.lease_id = given.lease_id
  FOR UPDATE OF lease
), finished AS (
  DELETE FROM ${tables.lease} AS lease
  USING held
  WHERE lease.lease_id = held.lease_id AND position(B'0' IN held.settled_now) = 0
), narrowed AS (
  UPDATE ${tables.lease} AS lease
  SET settled = held.settled_now
  FROM held
  WHERE lease.lease_id = held.lease_id AND position(B'0' IN held.settled_now) > 0
)`;
}

/**
 * The jobs with other outcomes than acks are unpacked, and go where they belong under their old ids. A lease is parsed once, and
 * each outcome takes its job out by its place: a join would compare every outcome with every job.
 */
function mixedCtes(tables: PackedTables, first: number): string {
  const columns = 'id, attempt, max_attempts, priority, queue';
  return `${partCtes(tables, first)}, listed AS MATERIALIZED (
  SELECT lease_id, queue, fresh, ARRAY (SELECT json_array_elements(held.jobs::json)) AS jobs
  FROM held
), unpacked AS MATERIALIZED (
  SELECT outcome.kind, outcome.delay_ms, listed.queue, (packed.job ->> 0)::bigint AS id,
    (packed.job ->> 1)::smallint AS priority, (packed.job ->> 2)::smallint AS attempt,
    (packed.job ->> 3)::smallint AS max_attempts, packed.job -> 4 AS payload,
    CASE
      WHEN outcome.kind = 'release' THEN packed.job ->> 5
      ELSE ${withError('packed.job ->> 5', 'packed.job ->> 2', 'outcome.error')}
    END AS errors
  FROM unnest(
    $${first + 2}::bigint[], $${first + 3}::integer[], $${first + 4}::text[], $${first + 5}::float8[], $${first + 6}::text[]
  ) AS outcome (lease_id, slot, kind, delay_ms, error)
  JOIN listed ON listed.lease_id = outcome.lease_id
  CROSS JOIN LATERAL (SELECT listed.jobs[outcome.slot + 1] AS job OFFSET 0) AS packed
  WHERE get_bit(listed.fresh, outcome.slot) = 1
), returned AS MATERIALIZED (
  SELECT id, CASE WHEN kind = 'release' THEN attempt - 1 ELSE attempt END AS attempt, max_attempts, priority, queue,
    errors, payload, delay_ms
  FROM unpacked
  WHERE kind IN ('retry', 'release')
), revived AS (
  INSERT INTO ${tables.ready} (${columns}, last_error, payload)
  SELECT ${columns}, errors, payload
  FROM returned
  WHERE delay_ms <= 0
), postponed AS (
  INSERT INTO ${tables.delayed} (${columns}, run_at, last_error, payload)
  SELECT ${columns}, now() + delay_ms * interval '1 ms', errors, payload
  FROM returned
  WHERE delay_ms > 0
), buried AS (
  INSERT INTO ${tables.dead} (${columns}, error, payload)
  SELECT ${columns}, errors, payload
  FROM unpacked
  WHERE kind = 'dead-letter'
)`;
}

const SETTLE_CTES = { one: oneCtes, whole: wholeCtes, part: partCtes, mixed: mixedCtes } as const;

/** A row for each lease that was still there, with the bits that it had before. */
const HELD_ROWS = `SELECT lease_id::text, NULL, NULL, coalesce(settled::text, '')
FROM held`;

/** A settle alone. */
export function settleSql(tables: PackedTables, shape: SettleShape): string {
  return `
WITH ${SETTLE_CTES[shape](tables, 1)}
SELECT lease_id::text AS lease_id, coalesce(settled::text, '') AS settled
FROM held`;
}

/**
 * A settle and a claim: one statement, one transaction, one commit. Both see the same snapshot, so that what this settle
 * makes ready is for a later claim. Rows of leases settled have `settled`, the row of the new lease has `jobs`.
 */
export function turnSql(tables: PackedTables, shape: SettleShape, limit: number): string {
  return `
WITH ${SETTLE_CTES[shape](tables, CLAIM_PARAMETERS + 1)}, ${claimCtes(tables, limit)}
SELECT ${LEASED_COLUMNS}, NULL AS settled
FROM leased
UNION ALL
${HELD_ROWS}`;
}
