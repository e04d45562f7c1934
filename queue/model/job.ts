// What does the model remember of a job, and of a lease?

import type { ClaimedJob, JobId, NewJob } from '../strategy.ts';

/** A millisecond: instants are compared that were rounded. */
export const ROUNDING_MS = 1;
/** Between the clock of the server and ours, read in turn. */
export const CLOCK_MS = 2;

/** When a statement was sent and when its answer was there, in ms since the Unix epoch: server and client share a clock. */
export interface Asked {
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** A lease as it was given. */
export interface ModelLease {
  readonly job: ClaimedJob;
  /** The session, by its number among all that were opened, and its place among those of the sequence. */
  readonly session: number;
  readonly place: number;
  /** It was prolonged, or one of the same claim was, which some strategies cannot tell apart. */
  batch: { extended: boolean };
  /** Until then it holds for sure; minus infinity when its session crashed and took it along. */
  liveUntilMs: number;
}

export type State =
  | { readonly kind: 'pending' | 'ready' | 'done' }
  /** It died between these instants. */
  | { readonly kind: 'dead'; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: 'delayed'; readonly dueMs: number }
  | { readonly kind: 'leased'; readonly lease: ModelLease };

/** A failed attempt, as the job's history must tell it. No `error`: its lease was lost, which the strategy tells in its own words. */
export interface ModelError {
  readonly attempt: number;
  readonly error: string | undefined;
}

/** A job as the model knows it. */
export interface ModelJob {
  readonly id: JobId;
  readonly spec: Required<Pick<NewJob, 'queue' | 'payload' | 'priority' | 'maxAttempts'>>;
  /** Place in the order of the enqueues. */
  readonly order: number;
  /** Attempts used up. */
  attempts: number;
  /** Oldest first. */
  readonly errors: ModelError[];
  token: bigint;
  state: State;
  /** Ready since its enqueue, which was committed at once: its place in the order is beyond doubt. */
  plain: boolean;
}
