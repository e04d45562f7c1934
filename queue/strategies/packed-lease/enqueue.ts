// How do jobs enter the tables of packed leases?

import { MAX_ATTEMPTS } from '../../job.ts';
import { encodePayload } from '../../payload.ts';
import { prepared, quoteLiteral } from '../../sql.ts';
import type { JobId, NewJob } from '../../strategy.ts';
import type { Enqueue } from '../shared/enqueue.ts';
import type { PackedTables } from './tables.ts';

function insertOne(tables: PackedTables): string {
  return `
INSERT INTO ${tables.ready} (queue, priority, max_attempts, payload)
VALUES ($1, $2, $3, $4)
RETURNING id::text AS id`;
}

/**
 * unnest emits rows in the order of the arrays, and nothing between it and the insert reorders them, so that ids
 * ascend in the caller's order and RETURNING follows the insertion.
 */
function insertMany(tables: PackedTables): string {
  return `
INSERT INTO ${tables.ready} (queue, priority, max_attempts, payload)
SELECT queue, priority, max_attempts, payload::json
FROM unnest($1::text[], $2::smallint[], $3::smallint[], $4::text[]) AS job (queue, priority, max_attempts, payload)
RETURNING id::text AS id`;
}

/** For jobs some of which may have to wait: by the server's clock, and with ids in the caller's order all the same. */
function insertScheduled(tables: PackedTables): string {
  return `
WITH job AS MATERIALIZED (
  SELECT nextval(${quoteLiteral(tables.jobIds)}) AS id, queue, priority, max_attempts, payload::json AS payload, run_at
  FROM unnest($1::text[], $2::smallint[], $3::smallint[], $4::text[], $5::timestamptz[])
    AS job (queue, priority, max_attempts, payload, run_at)
), waiting AS (
  INSERT INTO ${tables.delayed} (id, run_at, max_attempts, priority, queue, payload)
  SELECT id, run_at, max_attempts, priority, queue, payload
  FROM job
  WHERE run_at > now()
), runnable AS (
  INSERT INTO ${tables.ready} (id, max_attempts, priority, queue, payload)
  SELECT id, max_attempts, priority, queue, payload
  FROM job
  WHERE run_at IS NULL OR run_at <= now()
)
SELECT id::text AS id FROM job ORDER BY job.id`;
}

/**
 * Makes the enqueue of `tables`: one statement, one round trip. A job of a transaction that commits late becomes visible
 * below the ids that were claimed meanwhile: claims look behind themselves for it.
 */
export function enqueuePacked(tables: PackedTables): Enqueue {
  const one = prepared(insertOne(tables));
  const many = prepared(insertMany(tables));
  const scheduled = prepared(insertScheduled(tables));
  const columns = (jobs: readonly NewJob[]): readonly (readonly unknown[])[] => [
    jobs.map((job) => job.queue),
    jobs.map((job) => job.priority ?? 0),
    jobs.map((job) => job.maxAttempts ?? MAX_ATTEMPTS),
    jobs.map((job) => encodePayload(job.payload)),
  ];
  return async (db, jobs) => {
    const [first] = jobs;
    if (first === undefined) return [];
    let statement: Parameters<typeof db.query>[0];
    if (jobs.some((job) => job.runAt !== undefined))
      statement = scheduled([...columns(jobs), jobs.map((job) => job.runAt?.toISOString() ?? null)]);
    else if (jobs.length === 1)
      statement = one([
        first.queue,
        first.priority ?? 0,
        first.maxAttempts ?? MAX_ATTEMPTS,
        encodePayload(first.payload),
      ]);
    else statement = many(columns(jobs));
    const { rows } = await db.query<{ readonly id: JobId }>(statement);
    return rows.map((row) => row.id);
  };
}
