// How do jobs enter the event log?

import type { Database } from '../../drivers/driver.ts';
import { MAX_ATTEMPTS } from '../../job.ts';
import { encodePayload } from '../../payload.ts';
import { prepared, quoteLiteral } from '../../sql.ts';
import type { ClaimStrategy, JobId, NewJob } from '../../strategy.ts';
import type { LogTables } from './tables.ts';

/** The table that is written at present. A sequence, so that reading it waits for nobody and sees the newest value. */
export function presentSlot(tables: LogTables): string {
  return `(SELECT last_value::smallint FROM ${tables.slotNumber})`;
}

function insertOne(tables: LogTables): string {
  return `
INSERT INTO ${tables.event} (slot, queue, max_attempts, payload)
SELECT ${presentSlot(tables)}, $1::text, $2::smallint, $3::text
RETURNING id::text AS id`;
}

/** unnest emits rows in the order of the arrays, and nothing between it and the insert reorders them. */
function insertMany(tables: LogTables): string {
  return `
INSERT INTO ${tables.event} (slot, queue, max_attempts, payload)
SELECT ${presentSlot(tables)}, job.queue, job.max_attempts, job.payload
FROM unnest($1::text[], $2::smallint[], $3::text[]) AS job (queue, max_attempts, payload)
RETURNING id::text AS id`;
}

/** What an insert of the default options needs: one array, and no column that repeats. */
function insertPlain(tables: LogTables): string {
  return `
INSERT INTO ${tables.event} (slot, queue, payload)
SELECT ${presentSlot(tables)}, $1::text, payload
FROM unnest($2::text[]) AS payload
RETURNING id::text AS id`;
}

/** Where some jobs may have to wait. Their ids are drawn before they part, so that ids ascend in the caller's order. */
function insertTimed(tables: LogTables): string {
  return `
WITH job AS MATERIALIZED (
  SELECT nextval(${quoteLiteral(tables.eventId)}) AS id, queue, max_attempts, payload, run_at, place
  FROM unnest($1::text[], $2::smallint[], $3::text[], $4::timestamptz[])
    WITH ORDINALITY AS job (queue, max_attempts, payload, run_at, place)
), waiting AS (
  INSERT INTO ${tables.delayed} (id, created_at, run_at, max_attempts, queue, payload)
  SELECT id, now(), run_at, max_attempts, queue, payload FROM job WHERE run_at > now()
), ready AS (
  INSERT INTO ${tables.event} (slot, id, queue, max_attempts, payload)
  SELECT ${presentSlot(tables)}, id, queue, max_attempts, payload FROM job WHERE (run_at > now()) IS NOT TRUE
)
SELECT id::text AS id FROM job ORDER BY place`;
}

/**
 * Makes the enqueue. It takes no lock but that of the table it writes to, and waits for nobody; held open, it delays no
 * other job: its own are in the first batch after its commit.
 */
export function enqueueInto(tables: LogTables): ClaimStrategy['enqueue'] {
  const one = prepared(insertOne(tables));
  const plain = prepared(insertPlain(tables));
  const many = prepared(insertMany(tables));
  const timed = prepared(insertTimed(tables));
  const statementFor = (jobs: readonly NewJob[], first: NewJob) => {
    const attempts = (job: NewJob): number | null =>
      job.maxAttempts === MAX_ATTEMPTS ? null : (job.maxAttempts ?? null);
    const waits = jobs.some((job) => job.runAt !== undefined);
    if (jobs.length === 1 && !waits) return one([first.queue, attempts(first), encodePayload(first.payload)]);
    const payloads = jobs.map((job) => encodePayload(job.payload));
    const same = jobs.every((job) => job.queue === first.queue && attempts(job) === null);
    if (same && !waits) return plain([first.queue, payloads]);
    const columns = [jobs.map((job) => job.queue), jobs.map(attempts), payloads];
    return waits ? timed([...columns, jobs.map((job) => job.runAt?.toISOString() ?? null)]) : many(columns);
  };
  return async (db: Database, jobs) => {
    const [first] = jobs;
    if (first === undefined) return [];
    const { rows } = await db.query<{ readonly id: JobId }>(statementFor(jobs, first));
    return rows.map((row) => row.id);
  };
}
