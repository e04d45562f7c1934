// How do jobs enter the shared table?

import type { Database } from '../../drivers/driver.ts';
import { MAX_ATTEMPTS } from '../../job.ts';
import { encodePayload } from '../../payload.ts';
import { prepared } from '../../sql.ts';
import type { JobId, NewJob } from '../../strategy.ts';
import type { JobsTable } from './table.ts';

/** The `enqueue` of every strategy on this table: one round trip, ids in the order of `jobs`. */
export type Enqueue = (db: Database, jobs: readonly NewJob[]) => Promise<readonly JobId[]>;

/**
 * A job whose `run_at` has come is ready from the start. An index holds one entry per job in either case, and
 * `run_at` stays NULL for a job that never waited.
 */
const READINESS = `
  CASE WHEN job.run_at > now() THEN 'd'::"char" ELSE 'r'::"char" END,
  CASE WHEN job.run_at > now() THEN job.run_at END`;

function insertOne(table: JobsTable): string {
  return `
INSERT INTO ${table.jobs} (queue, priority, max_attempts, payload, state, run_at)
SELECT job.queue, job.priority, job.max_attempts, job.payload, ${READINESS}
FROM (VALUES ($1::text, $2::smallint, $3::smallint, $4::jsonb, $5::timestamptz))
  AS job (queue, priority, max_attempts, payload, run_at)
RETURNING id::text AS id`;
}

/**
 * unnest emits rows in the order of the arrays, and nothing between it and the insert reorders them, so that ids
 * ascend in the caller's order and RETURNING follows the insertion.
 */
function insertMany(table: JobsTable): string {
  return `
INSERT INTO ${table.jobs} (queue, priority, max_attempts, payload, state, run_at)
SELECT job.queue, job.priority, job.max_attempts, job.payload::jsonb, ${READINESS}
FROM unnest($1::text[], $2::smallint[], $3::smallint[], $4::text[], $5::timestamptz[])
  AS job (queue, priority, max_attempts, payload, run_at)
RETURNING id::text AS id`;
}

/** The statements of an enqueue, for whatever tables. Their parameters and rows are those of the ones above. */
export interface EnqueueTexts {
  readonly one: string;
  readonly many: string;
}

/**
 * Makes the enqueue of `table`. A job of a transaction that commits late becomes visible below the ids that were
 * claimed meanwhile: claims walk the index from its start, so it is found, and found first.
 */
export function enqueueInto(table: JobsTable): Enqueue {
  return enqueueWith({ one: insertOne(table), many: insertMany(table) });
}

/** Makes the enqueue that sends `texts`. */
export function enqueueWith(texts: EnqueueTexts): Enqueue {
  const one = prepared(texts.one);
  const many = prepared(texts.many);
  return async (db, jobs) => {
    const [first] = jobs;
    if (first === undefined) return [];
    const statement =
      jobs.length === 1
        ? one([
            first.queue,
            first.priority ?? 0,
            first.maxAttempts ?? MAX_ATTEMPTS,
            encodePayload(first.payload),
            first.runAt?.toISOString() ?? null,
          ])
        : many([
            jobs.map((job) => job.queue),
            jobs.map((job) => job.priority ?? 0),
            jobs.map((job) => job.maxAttempts ?? MAX_ATTEMPTS),
            jobs.map((job) => encodePayload(job.payload)),
            jobs.map((job) => job.runAt?.toISOString() ?? null),
          ]);
    const { rows } = await db.query<{ readonly id: JobId }>(statement);
    return rows.map((row) => row.id);
  };
}
