// How is one job found among packed leases by its id alone, and taken out while it waits?

import type { Cancellation, Inspection } from '../../strategy.ts';
import { msOf, type RecordRow, toRecord } from '../shared/job-record.ts';
import { cancellationWith, type RemovalLock } from '../shared/single-jobs.ts';
import type { PackedTables } from './tables.ts';

/**
 * The index of `ready` is by queue, priority and id. `place` is every queue and priority that it holds, at one descent
 * of the index for each (a loose index scan, https://wiki.postgresql.org/wiki/Loose_indexscan); in each place an id is one
 * descent more. An index by id would cost every enqueue and every claim.
 */
function placeCte(tables: PackedTables): string {
  return `
place AS (
  (SELECT queue, priority FROM ${tables.ready} ORDER BY queue, priority LIMIT 1)
  UNION ALL
  SELECT next.queue, next.priority
  FROM place
  CROSS JOIN LATERAL (
    SELECT ready.queue, ready.priority
    FROM ${tables.ready} AS ready
    WHERE (ready.queue, ready.priority) > (place.queue, place.priority)
    ORDER BY ready.queue, ready.priority
    LIMIT 1
  ) AS next
)`;
}

/** The ready rows of the ids $1, as `ready`. */
function readyById(tables: PackedTables): string {
  return `place
  JOIN ${tables.ready} AS ready
    ON ready.queue = place.queue AND ready.priority = place.priority AND ready.id = ANY ($1::bigint[])`;
}

/**
 * One statement and so one snapshot, in which a job is in one place: whatever moves it is one statement too. Leases are
 * unpacked only for ids that are nowhere else. A heartbeat may have left a job out: then it has the expiry of the rest.
 */
function findSql(tables: PackedTables): string {
  const common = 'payload, queue, priority, attempt, max_attempts';
  return `
WITH RECURSIVE ${placeCte(tables)}, standing AS MATERIALIZED (
  SELECT ready.id, 'ready' AS state, ready.payload, ready.queue, ready.priority, ready.attempt, ready.max_attempts,
    NULL::timestamptz AS run_at, NULL::timestamptz AS died_at, ready.last_error AS errors
  FROM ${readyById(tables)}
  UNION ALL
  SELECT id, 'delayed', ${common}, run_at, NULL, last_error FROM ${tables.delayed} WHERE id = ANY ($1::bigint[])
  UNION ALL
  SELECT id, 'dead', ${common}, NULL, died_at, error FROM ${tables.dead} WHERE id = ANY ($1::bigint[])
)
SELECT id::text AS id, state, ${common}, NULL::float8 AS enqueued_ms, ${msOf('run_at')} AS run_ms,
  NULL::float8 AS lease_ms, NULL AS worker, ${msOf('died_at')} AS died_ms, errors
FROM standing
UNION ALL
SELECT packed.job ->> 0, 'leased', packed.job -> 4, lease.queue, (packed.job ->> 1)::smallint,
  (packed.job ->> 2)::smallint, (packed.job ->> 3)::smallint, NULL, NULL,
  ${msOf(`CASE
    WHEN get_bit(coalesce(lease.kept, repeat('1', lease.size)::varbit), (packed.nth - 1)::integer) = 1 THEN lease.expires_at
    ELSE coalesce(lease.rest_expires_at, lease.expires_at)
  END`)}, lease.worker, NULL, packed.job ->> 5
FROM ${tables.lease} AS lease
CROSS JOIN LATERAL json_array_elements(lease.jobs::json) WITH ORDINALITY AS packed (job, nth)
WHERE (SELECT count(*) FROM standing) < cardinality($1::bigint[])
  AND (lease.settled IS NULL OR get_bit(lease.settled, (packed.nth - 1)::integer) = 0)
  AND (packed.job ->> 0)::bigint = ANY ($1::bigint[])`;
}

/** The inspection capability. */
export function inspectPacked(tables: PackedTables): Inspection {
  const text = findSql(tables);
  return {
    async find(db, ids) {
      if (ids.length === 0) return [];
      const { rows } = await db.query<RecordRow>({ text, values: [[...new Set(ids)]] });
      return rows.map(toRecord);
    },
  };
}

/** Rows of neither table are ever updated, so that a ctid read and locked is good to delete them by. */
function removalSql(tables: PackedTables, lock: RemovalLock): string {
  return `
WITH RECURSIVE ${placeCte(tables)}, asked AS MATERIALIZED (
  SELECT ready.id FROM ${readyById(tables)}
  UNION ALL
  SELECT id FROM ${tables.delayed} WHERE id = ANY ($1::bigint[])
), runnable AS MATERIALIZED (
  SELECT ready.ctid FROM ${readyById(tables)} ${lock.replace('FOR UPDATE', 'FOR UPDATE OF ready')}
), scheduled AS MATERIALIZED (
  SELECT ctid FROM ${tables.delayed} WHERE id = ANY ($1::bigint[]) ${lock}
), removed_runnable AS (
  DELETE FROM ${tables.ready} WHERE ctid = ANY (ARRAY (SELECT ctid FROM runnable)) RETURNING id
), removed_scheduled AS (
  DELETE FROM ${tables.delayed} WHERE ctid = ANY (ARRAY (SELECT ctid FROM scheduled)) RETURNING id
), removed AS (
  SELECT id FROM removed_runnable UNION ALL SELECT id FROM removed_scheduled
)
SELECT asked.id::text AS id, removed.id IS NOT NULL AS removed
FROM asked
LEFT JOIN removed ON removed.id = asked.id`;
}

/** The cancellation capability. */
export function cancelOnPacked(tables: PackedTables): Cancellation {
  return cancellationWith((lock) => removalSql(tables, lock));
}
