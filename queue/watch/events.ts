// What happens to jobs and queues, as somebody who watches is told of it?

import type { ClaimedJob, JobId } from '../strategy.ts';

/** One thing that happened. `kind` tells which; each is told once, by the process in which it happened. */
export type QueueEvent =
  /**
   * The database has taken the jobs, not told of those that a call finds enqueued already (by its idempotency key, or as an
   * ignored duplicate); with `inTransaction` they are there once the caller commits.
   */
  | {
      readonly kind: 'enqueued';
      readonly queue: string;
      readonly ids: readonly JobId[];
      readonly inTransaction: boolean;
      /** From the call to the answer; of the whole call, where that has jobs of several queues. */
      readonly enqueueMs: number;
    }
  | { readonly kind: 'claimed'; readonly jobs: readonly ClaimedJob[] }
  /** The handler is about to be called. */
  | { readonly kind: 'started'; readonly job: ClaimedJob }
  | { readonly kind: 'progressed'; readonly job: ClaimedJob; readonly value: unknown }
  /** The ack is in the database. `serviceMs` is from the start of the handler to its end. */
  | { readonly kind: 'completed'; readonly job: ClaimedJob; readonly serviceMs: number }
  | {
      readonly kind: 'retried';
      readonly job: ClaimedJob;
      readonly error: string;
      readonly delayMs: number;
      readonly serviceMs: number;
    }
  /** `serviceMs` is absent when its worker died with the last attempt, and another one found it. */
  | {
      readonly kind: 'dead-lettered';
      readonly job: Omit<ClaimedJob, 'lease'>;
      readonly error: string;
      readonly serviceMs?: number;
    }
  /** Given back uncounted: not started before a stop, or over a limit. */
  | { readonly kind: 'released'; readonly job: ClaimedJob; readonly delayMs: number }
  /** The lease ended under the handler, or before the settle: somebody else has the job, or will have it. */
  | { readonly kind: 'lease-lost'; readonly job: ClaimedJob }
  /** Leases of workers that have died, or lost touch, were ended: so many jobs are ready again, or dead letters. */
  | { readonly kind: 'reaped'; readonly count: number }
  /** So many delayed jobs were due, and are ready. */
  | { readonly kind: 'promoted'; readonly count: number }
  /** By `cancel`, or replaced by another job of its unique key. `running`: its handler was at work, and was aborted. */
  | { readonly kind: 'cancelled'; readonly id: JobId; readonly queue: string; readonly running: boolean }
  | { readonly kind: 'redriven'; readonly ids: readonly JobId[] }
  | { readonly kind: 'purged'; readonly count: number }
  | { readonly kind: 'paused'; readonly queue: string }
  | { readonly kind: 'resumed'; readonly queue: string }
  /** A schedule has fired: `dueAtMs` is the instant it fired for, since the Unix epoch. */
  | { readonly kind: 'fired'; readonly schedule: string; readonly id: JobId; readonly dueAtMs: number };

/** Told of each event, synchronously and in order. What it throws is reported where errors go, and changes nothing. */
export type Observer = (event: QueueEvent) => void;
