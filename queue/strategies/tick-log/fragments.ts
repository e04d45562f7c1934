// Which events make up a chunk, and which has nobody taken yet? SQL that several statements are made of.

import type { LogTables } from './tables.ts';

/** A snapshot before every transaction: where a queue stands of which nothing was ever taken. */
export const BEGINNING = `'1:1:'::pg_snapshot`;

/**
 * The events of the row `chunk`, each with its place in it. The set is the same whenever it is read: whether a snapshot
 * sees a transaction never changes, and rows of one that was rolled back are seen by nobody.
 */
export function eventsOf(tables: LogTables, chunk: string): string {
  return `
  SELECT
    (row_number() OVER (ORDER BY event.txid, event.id) - 1)::integer AS place,
    event.id, event.created_at, event.attempt, event.max_attempts, event.queue, event.payload
  FROM ${tables.event} AS event
  WHERE event.queue = ${chunk}.queue
    AND (event.txid, event.id) > (${chunk}.start_txid, ${chunk}.start_id)
    AND (event.txid, event.id) <= (${chunk}.stop_txid, ${chunk}.stop_id)
    AND pg_visible_in_snapshot(event.txid, ${chunk}.hi)
    AND (event.txid >= ${chunk}.floor OR event.txid = ANY (${chunk}.late))`;
}

/** One row: where the queue of the expression `queue` stands, and from where on every event of it is untaken. */
export function placeOf(tables: LogTables, queue: string): string {
  return `
  SELECT
    coalesce(found.hi, ${BEGINNING}) AS hi,
    found.late,
    coalesce(found.at_txid, '1'::xid8) AS at_txid,
    coalesce(found.at_id, 0) AS at_id,
    CASE WHEN found.at_txid < found.floor THEN found.floor ELSE coalesce(found.at_txid, '1'::xid8) END AS from_txid,
    CASE WHEN found.at_txid < found.floor THEN 0 ELSE coalesce(found.at_id, 0) END AS from_id
  FROM (SELECT) AS one
  LEFT JOIN LATERAL (
    SELECT * FROM ${tables.position} AS position WHERE position.queue = ${queue} ORDER BY position.number DESC LIMIT 1
  ) AS found ON true`;
}

/**
 * The events in `relation` of the queue of the expression `queue`, standing at the row `place`, that no claim has taken:
 * all from a point on, and behind it those of transactions that were open when the snapshot was taken up to which the
 * queue has been read, or that the present batch has still to give out. All by index: what was taken is not looked at.
 */
export function untaken(relation: string, queue: string, place: string): string {
  return `
  SELECT event.id, event.created_at, event.payload
  FROM ${relation} AS event
  WHERE event.queue = ${queue} AND (event.txid, event.id) > (${place}.from_txid, ${place}.from_id)
  UNION ALL
  SELECT event.id, event.created_at, event.payload
  FROM (
    SELECT pg_snapshot_xip(${place}.hi) AS txid
    UNION ALL
    SELECT unnest(${place}.late)
  ) AS straggler
  CROSS JOIN LATERAL (
    SELECT event.id, event.created_at, event.payload
    FROM ${relation} AS event
    WHERE event.queue = ${queue} AND event.txid = straggler.txid
      AND (event.txid, event.id) <= (${place}.from_txid, ${place}.from_id)
      AND (
        NOT pg_visible_in_snapshot(event.txid, ${place}.hi)
        OR (event.txid, event.id) > (${place}.at_txid, ${place}.at_id)
      )
  ) AS event`;
}
