// How are leases prolonged when only some of their jobs are asked for?

import type { PackedTables } from './tables.ts';

/**
 * One UPDATE per lease, not per job. When the jobs asked for are all that the lease still has, its expiry moves. Else only
 * theirs does: `kept` names them, and the others keep the expiry that the lease had when they were first left out. A job
 * left out later than others gives them its expiry too: two are all that a lease can tell apart, and a lease may end late
 * but never early.
 */
export function extendSql(tables: PackedTables): string {
  return `
WITH held AS MATERIALIZED (
  SELECT lease.lease_id, lease.settled, lease.kept, lease.expires_at, given.mask,
    given.mask | coalesce(lease.settled, given.mask # given.mask) AS accounted
  FROM unnest($1::bigint[], $2::varbit[]) AS given (lease_id, mask)
  JOIN ${tables.lease} AS lease ON lease.lease_id = given.lease_id
  FOR UPDATE OF lease
), extended AS (
  UPDATE ${tables.lease} AS lease
  SET
    expires_at = now() + $3::float8 * interval '1 ms',
    kept = CASE WHEN position(B'0' IN held.accounted) > 0 THEN held.mask END,
    rest_expires_at = CASE
      WHEN position(B'0' IN held.accounted) = 0 THEN NULL
      WHEN position(B'1' IN ~ held.accounted & coalesce(held.kept, held.mask | ~ held.mask)) > 0 THEN held.expires_at
      ELSE lease.rest_expires_at
    END
  FROM held
  WHERE lease.lease_id = held.lease_id
)
SELECT lease_id::text AS lease_id, coalesce(settled::text, '') AS settled
FROM held`;
}
