// What do the coordinator and its agents say to each other?

import type { JobShape } from '../../scenarios/job.ts';
import type { ContenderSpec, PlanReport, SessionsReport, Target } from '../contender.ts';
import type { ClaimReport } from '../fairness/claim-habits.ts';
import type { FrontReport } from '../http/front.ts';
import type { PostReport } from '../http/http-producer.ts';
import type { GeneratorHealth } from '../measure/generator.ts';
import type { AgentCounters } from '../measure/recorder.ts';
import type { LatencyBuckets } from '../metrics/buckets.ts';
import type { Pacing } from './alarm.ts';
import type { ArrivalPhase } from './arrivals.ts';
import type { ClientPhase } from './clients.ts';
import type { HandlerFault } from './handling.ts';
import type { TraitsPlan } from './job-traits.ts';
import type { Priority } from './priority.ts';

/** What an agent is to do; sent once, first. */
export interface Assignment {
  readonly kind: 'assign';
  /** Unique in the cell. */
  readonly agent: number;
  readonly contender: ContenderSpec;
  readonly target: Target;
  readonly ledgerPath: string;
  readonly payloadBytes: number;
  readonly priorities: readonly number[];
  readonly delaysMs: readonly number[];
  readonly traits: TraitsPlan;
  readonly role: ProducerRole | WorkerRole | FrontRole;
  /** Whether to tell the latencies of its jobs while the load runs; absent: no. */
  readonly liveLatencies?: boolean;
}

export interface ProducerRole {
  readonly kind: 'producer';
  readonly connections: number;
  readonly pacing: Pacing;
  readonly priority: Priority;
  readonly load: ProducerSchedule | ProducerClients;
  /** The n-th job has the key `firstKey + n`. */
  readonly firstKey: number;
  /** In the order of time: for each, the next job that is due commits late. Of one producer only. */
  readonly lateCommits: readonly LateCommit[];
  /** Jobs of one call at most; absent: each job is enqueued by itself. */
  readonly bulk?: number;
  /** Each arrival of the schedule is a transaction with so many jobs, of consecutive keys, and a row in that table. */
  readonly transaction?: { readonly jobs: number; readonly table: string };
  /** Where the front listens, of a load over HTTP: `connections` are then connections to it. Known when the front is ready. */
  readonly frontPort?: number;
}

/** Instants in seconds from the start of the load. */
export interface LateCommit {
  readonly atSeconds: number;
  readonly forSeconds: number;
}

/** One producer's part of an open loop's arrivals, with what makes it repeatable. */
export interface ProducerSchedule {
  readonly loop: 'open';
  readonly phases: readonly ArrivalPhase[];
  readonly seed: number;
  readonly stream: string;
}

/** One producer's clients of a closed loop: `first`, `first + stride`, …, which send `maxJobs` at most. */
export interface ProducerClients {
  readonly loop: 'closed';
  readonly phases: readonly ClientPhase[];
  readonly first: number;
  readonly stride: number;
  readonly seed: number;
  readonly stream: string;
  readonly maxJobs: number;
}

export interface WorkerRole {
  readonly kind: 'worker';
  readonly connections: number;
  readonly firstClaimer: number;
  readonly leaseMs: number;
  readonly handlerFaults: readonly HandlerFault[];
  /** Absent where the scenario does not say how failed jobs are retried. */
  readonly retry?: JobShape['retry'];
  /** Whether the ledger is to know when each handler ran. */
  readonly recordRuns: boolean;
  /** Waits until another worker agent is killed: it gets its place. Absent: it works from the start. */
  readonly spare?: true;
  /** For the null contender, which has no database: the keys this agent may hand out. */
  readonly keys: { readonly first: number; readonly stride: number; readonly end: number };
}

/** The HTTP front, which enqueues what producers post. */
export interface FrontRole {
  readonly kind: 'front';
  /** To the database. */
  readonly connections: number;
  readonly backlogLimit: number;
  readonly retryAfterSeconds: number;
}

export type ToAgent =
  | Assignment
  /**
   * Begin at `startUs` of the machine's clock, which the queue's clock is `queueOffsetUs` ahead of (for delayed jobs). The
   * last phase ends at `loadEndUs`.
   */
  | {
      readonly kind: 'start';
      readonly startUs: number;
      readonly loadEndUs: number;
      readonly queueOffsetUs: number;
    }
  /** Asks for the agent's clock. */
  | { readonly kind: 'ping'; readonly ping: number }
  /** Producers stop sending; workers finish what runs, give back the rest, and close. */
  | { readonly kind: 'stop'; readonly deadlineMs: number };

/** Live figures, a few times a second; for progress only, never for results. */
export interface LiveReport {
  readonly kind: 'live';
  readonly counters: AgentCounters;
  /** 99th percentile of pickup since the last report, µs; absent without samples. */
  readonly pickupP99Us?: number;
  /** With `liveLatencies`, once a second at most and at the end: all since the start. */
  readonly latencies?: LatencyBuckets;
}

export type FromAgent =
  /** `port`: of a front. */
  | { readonly kind: 'ready'; readonly port?: number }
  /** `atUs` is the agent's clock when it heard the ping. */
  | { readonly kind: 'pong'; readonly ping: number; readonly atUs: number }
  | LiveReport
  /** A producer has sent its whole schedule and every answer is in. */
  | { readonly kind: 'produced' }
  | {
      readonly kind: 'stopped';
      readonly counters: AgentCounters;
      readonly health: GeneratorHealth;
      readonly roundTrips?: number;
      /** Of a worker. */
      readonly claims?: ClaimReport;
      readonly sessions?: SessionsReport;
      readonly plans?: PlanReport;
      /** Of a front. */
      readonly front?: FrontReport;
      /** Of a producer over HTTP. */
      readonly posts?: PostReport;
      readonly errors: readonly string[];
    }
  | { readonly kind: 'failed'; readonly message: string };
