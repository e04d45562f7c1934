// What does a claim statement return, and how does it become a claimed job?

import type { ClaimedJob } from '../../strategy.ts';

/** One row of a claim. `expires_ms` is absent from claims whose lease lasts as long as the session. */
export interface ClaimedRow {
  readonly id: string;
  readonly priority: number;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly fence: string;
  readonly expires_ms: number | null;
  readonly payload: unknown;
}

/** The job of a row, in the hands of who claimed from `queue`. */
export function toClaimedJob(queue: string, row: ClaimedRow): ClaimedJob {
  return {
    id: row.id,
    queue,
    payload: row.payload,
    priority: row.priority,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    lease: { fencingToken: row.fence, expiresAtMs: row.expires_ms ?? Number.POSITIVE_INFINITY },
  };
}
