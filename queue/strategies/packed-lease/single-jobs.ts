// How is one job found among packed leases by its id alone, and taken out while it waits?

import type { Database } from '../../drivers/driver.ts';
import type { Cancellation, Inspection, JobId } from '../../strategy.ts';
import { msOf, type RecordRow, toRecord } from '../shared/job-record.ts';
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

interface RemovedRow {
  readonly removed: readonly JobId[] | null;
  readonly moved: boolean;
}

/**
 * A ready row that somebody has locked is being claimed, and so passed over. A delayed one is being made ready: that is
 * waited for, in the order of ids, and `moved` says that a row was seen and was gone then; another look finds it where it
 * went. Rows of neither table are ever updated, so that a ctid read and locked is good to delete them by.
 */
function removeSql(tables: PackedTables): string {
  return `
WITH RECURSIVE ${placeCte(tables)}, waiting AS MATERIALIZED (
  SELECT ready.ctid
  FROM ${readyById(tables)}
  FOR UPDATE OF ready SKIP LOCKED
), scheduled AS MATERIALIZED (
  SELECT ctid FROM ${tables.delayed} WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE
), from_ready AS (
  DELETE FROM ${tables.ready} WHERE ctid = ANY (ARRAY (SELECT ctid FROM waiting)) RETURNING id
), from_delayed AS (
  DELETE FROM ${tables.delayed} WHERE ctid = ANY (ARRAY (SELECT ctid FROM scheduled)) RETURNING id
)
SELECT
  (SELECT array_agg(id::text) FROM (SELECT id FROM from_ready UNION ALL SELECT id FROM from_delayed) AS removed) AS removed,
  (SELECT count(*) FROM ${tables.delayed} WHERE id = ANY ($1::bigint[])) > (SELECT count(*) FROM from_delayed) AS moved`;
}

/** The cancellation capability. */
export function cancelOnPacked(tables: PackedTables): Cancellation {
  const text = removeSql(tables);
  const removeOnce = async (db: Database, ids: readonly JobId[]): Promise<RemovedRow | undefined> => {
    const { rows } = await db.query<RemovedRow>({ text, values: [ids] });
    return rows[0];
  };
  return {
    async removeWaiting(db, ids) {
      const left = new Set(ids);
      const removed: JobId[] = [];
      while (left.size > 0) {
        const row = await removeOnce(db, [...left]);
        for (const id of row?.removed ?? []) {
          left.delete(id);
          removed.push(id);
        }
        if (row?.moved !== true) break;
      }
      return removed;
    },
  };
}
