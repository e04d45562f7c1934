// What does a statement that looks at single jobs return, and how does it become a job's record?

import type { JobRecord } from '../../strategy.ts';
import { parseErrors } from './error-log.ts';

/** One row of a look. Instants in ms since the epoch, as float8; NULL for what the job has not. */
export interface RecordRow {
  readonly id: string;
  readonly state: JobRecord['state'];
  readonly payload: unknown;
  readonly queue: string;
  readonly priority: number;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly enqueued_ms: number | null;
  /** Looked at for delayed jobs only. */
  readonly run_ms: number | null;
  readonly lease_ms: number | null;
  readonly worker: string | null;
  readonly died_ms: number | null;
  /** The job's log of errors, as error-log.ts writes it. */
  readonly errors: string | null;
}

/** SQL of an instant as a row's ms. */
export function msOf(instant: string): string {
  return `(extract(epoch FROM ${instant}) * 1000)::float8`;
}

/** The record of a row. */
export function toRecord(row: RecordRow): JobRecord {
  const { id, state, payload, queue, priority, attempt } = row;
  return {
    id,
    state,
    payload,
    queue,
    priority,
    attempt,
    maxAttempts: row.max_attempts,
    errors: parseErrors(row.errors),
    ...(row.enqueued_ms === null ? {} : { enqueuedAtMs: row.enqueued_ms }),
    ...(state !== 'delayed' || row.run_ms === null ? {} : { runAtMs: row.run_ms }),
    ...(row.lease_ms === null ? {} : { leaseExpiresAtMs: row.lease_ms }),
    ...(row.worker === null ? {} : { worker: row.worker }),
    ...(row.died_ms === null ? {} : { diedAtMs: row.died_ms }),
  };
}
