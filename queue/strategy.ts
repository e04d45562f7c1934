// What must a way of storing, claiming and settling jobs offer? The seam between the queue and its strategies.

import type { Connection, CopyingDatabase, Database, Transactor } from './drivers/driver.ts';
import type { Installation } from './schema/layout.ts';

/** A job's identity in its queue's tables: PostgreSQL's bigint as a decimal string. */
export type JobId = string;

/** A job as the caller hands it in. */
export interface NewJob {
  readonly queue: string;
  /** Any JSON value; stored as jsonb. */
  readonly payload: unknown;
  /** −32768…32767, lower runs first; default 0. Needs the capability `priorities` when it is not 0. */
  readonly priority?: number;
  /** Earliest instant of the first attempt; default now. Needs the capability `delay`. */
  readonly runAt?: Date;
  /** Attempts before the job becomes a dead letter, 1…32767; default 20. */
  readonly maxAttempts?: number;
  /** Absent: any number of jobs like this one. Needs the capabilities `inspection` and, to replace, `cancellation`. */
  readonly unique?: UniqueJob;
  /**
   * What the limit `concurrencyPerKey` of the queue counts by, 1…200 bytes: a customer, a host, …; default none, which no such
   * limit holds back. Needs the capability `delay`.
   */
  readonly concurrencyKey?: string;
}

/** A job of which there is only one at a time. A dead letter counts as finished. */
export interface UniqueJob {
  /** 1…200 bytes. Unique within the queue among jobs that are not finished: ready, delayed or leased. */
  readonly key: string;
  /**
   * What becomes of the call when another such job is there, default `reject`; jobs of one call follow it among themselves.
   *
   * - `reject`: it throws DuplicateJobError, and enqueues none of its jobs.
   * - `ignore`: the job is not enqueued; its id is that of the other one.
   * - `replace`: the other one is removed if it waits, and this one enqueued in its stead. One that runs already is left
   *   alone, and this one enqueued beside it, to hold the key from then on.
   */
  readonly policy?: UniquePolicy;
}

/** What becomes of an enqueue whose unique key is held by another job; see `UniqueJob.policy`. */
export type UniquePolicy = 'reject' | 'ignore' | 'replace';

/** The right to work on a claimed job until `expiresAtMs`. */
export interface Lease {
  /** Grows with each claim of the job, so that a settle under a lost lease can be told from one under the present lease. */
  readonly fencingToken: string;
  /** Milliseconds since the Unix epoch by the server's clock; `Infinity` when the lease lasts as long as the session. */
  readonly expiresAtMs: number;
}

/** A job in a worker's hands. */
export interface ClaimedJob {
  readonly id: JobId;
  readonly queue: string;
  readonly payload: unknown;
  readonly priority: number;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly lease: Lease;
}

/**
 * What became of a claimed job. `retry` with `delayMs` 0 makes it ready at once. `release` gives it back uncounted: at once, or
 * after `delayMs` where the strategy has the capability `delay`.
 */
export type Outcome =
  | { readonly kind: 'ack'; readonly job: ClaimedJob }
  | { readonly kind: 'retry'; readonly job: ClaimedJob; readonly delayMs: number; readonly error: string }
  | { readonly kind: 'dead-letter'; readonly job: ClaimedJob; readonly error: string }
  | { readonly kind: 'release'; readonly job: ClaimedJob; readonly delayMs?: number };

/**
 * What a settle did. `stale` names the jobs whose lease was lost before: nothing was changed for them, and somebody
 * else has or had them. A stale settle is an ordinary outcome, not an error.
 */
export interface SettleResult {
  readonly acked: number;
  readonly retried: number;
  readonly deadLettered: number;
  readonly released: number;
  readonly stale: readonly JobId[];
}

/** Where the jobs of a queue stand. `oldestReadyAgeMs` is absent when none is ready. */
export interface QueueStats {
  readonly ready: number;
  readonly delayed: number;
  /** Of the delayed ones, those that are due and that no worker has made ready yet; absent when there is none. */
  readonly due?: number;
  /** Under a lease. For session leases this is what the server's lock table shows. */
  readonly leased: number;
  readonly dead: number;
  readonly oldestReadyAgeMs?: number;
}

/** A job that the database holds, as the checker reads it. */
export interface StoredJob {
  readonly id: JobId;
  readonly state: 'ready' | 'delayed' | 'leased' | 'dead';
  readonly payload: unknown;
}

/** A failed attempt. */
export interface AttemptError {
  /** 1 for the first. */
  readonly attempt: number;
  /** Milliseconds since the Unix epoch, by the server's clock. */
  readonly atMs: number;
  readonly error: string;
}

/** All that the database knows of a job. */
export interface JobRecord extends StoredJob {
  readonly queue: string;
  readonly priority: number;
  /** Attempts that were begun. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** Milliseconds since the Unix epoch by the server's clock, like the other instants here. */
  readonly enqueuedAtMs?: number;
  /** When a delayed job is due. */
  readonly runAtMs?: number;
  /** When the lease of a leased job ends unless it is prolonged; absent where it ends with its session. */
  readonly leaseExpiresAtMs?: number;
  /** Who holds the lease. */
  readonly worker?: string;
  readonly diedAtMs?: number;
  /** Oldest first, as many of the latest as are kept (16 kB, 2,000 characters each). A crashed attempt leaves none where its claim wrote no row. */
  readonly errors: readonly AttemptError[];
}

/** Looks at single jobs. */
export interface Inspection {
  /** The jobs of `ids` that the database holds, in any order; one that is done is not among them. */
  find(db: Database, ids: readonly JobId[]): Promise<readonly JobRecord[]>;
}

/** Enqueues many jobs faster than `enqueue`, through a COPY. */
export interface BulkEnqueue {
  /** From so many jobs on it is worth its round trips. */
  readonly fromJobs: number;
  /** Makes what should be there when a transaction begins in which `jobs`, however few, are enqueued either way. */
  prepare?(driver: Transactor, jobs: readonly NewJob[]): Promise<void>;
  /**
   * As `enqueue`, in an open transaction and however many: for jobs without `runAt`. `undefined` when the caller's role may
   * not copy: nothing was enqueued, and `enqueue` can.
   */
  enqueue(tx: CopyingDatabase, jobs: readonly NewJob[]): Promise<readonly JobId[] | undefined>;
}

/** Takes jobs out of the queue that nobody works on. */
export interface Cancellation {
  /** Removes those of `ids` that wait (ready or delayed), and returns them; the others are leased, dead, or not there. */
  removeWaiting(db: Database, ids: readonly JobId[]): Promise<readonly JobId[]>;
}

/** Which dead letters are meant; all that is given must hold. */
export interface DeadLetterFilter {
  readonly queue?: string;
  readonly ids?: readonly JobId[];
  /** Those that died before this instant. */
  readonly diedBefore?: Date;
}

/** What is said of a dead letter that has come back: no payload travels. */
export type Redriven = Pick<JobRecord, 'id' | 'queue'>;

/** Dead letters, each the whole record of its job. Any number of callers may work on them at once. */
export interface DeadLetterStore {
  /** In the order of their ids, after `afterId`; at most `limit`. */
  list(
    db: Database,
    filter: DeadLetterFilter,
    afterId: JobId | undefined,
    limit: number,
  ): Promise<readonly JobRecord[]>;
  /**
   * Makes at most `limit` of them ready again, the lowest ids first, under their ids, with all attempts before them and their
   * errors kept. Returns them in that order. `afterId` says that those up to there need not be looked for: who goes on page by page
   * would walk over what is gone each time.
   */
  redrive(
    db: Database,
    filter: DeadLetterFilter,
    limit: number,
    afterId?: JobId,
  ): Promise<readonly Redriven[]>;
  /** Deletes at most `limit` of them for good; returns their ids. */
  purge(db: Database, filter: DeadLetterFilter, limit: number): Promise<readonly JobId[]>;
}

/** What a strategy promises, as data: the checker holds it to this. */
export interface Guarantees {
  /** How often a job may be handed out when nothing fails, and when something does. */
  readonly delivery: 'at-least-once';
  /** Order in which one claimer receives the ready jobs of one queue. */
  readonly order: 'priority-then-enqueue' | 'enqueue' | 'none';
  /** For so long, in ms, a job may be passed over by later ones once it has committed; absent: not at all. */
  readonly orderWithinMs?: number;
  /** `timed`: a lease ends at its expiry. `session`: it ends with the claimer's connection. */
  readonly lease: 'timed' | 'session';
  /** Whether a crash of the worker uses up an attempt of the jobs it held. */
  readonly crashCountsAttempt: boolean;
  /** Whether a worker may sit behind a pooler in transaction mode. */
  readonly transactionPooler: boolean;
}

/** How a worker uses a strategy when its user says nothing. */
export interface WorkerDefaults {
  /** Jobs per claim, 1…10,000. */
  readonly batch: number;
  /** Jobs kept claimed but not started, beside those running; 0 claims only when idle. */
  readonly prefetch: number;
  /** `each` settles every job alone; `batched` gathers outcomes for at most `settleDelayMs`. */
  readonly settle: 'each' | 'batched';
}

/** Prolongs leases. Returns the ids whose lease was already lost. */
export interface Heartbeat {
  extend(jobs: readonly ClaimedJob[], leaseMs: number): Promise<readonly JobId[]>;
}

/** What a reap did. */
export interface ReapResult {
  /** Jobs whose leases it ended. */
  readonly ended: number;
  /** Of those, the ones that are dead letters now. A strategy without the capability `deadLetters` may name none. */
  readonly dead: readonly JobId[];
}

/** Delayed jobs and delayed retries. */
export interface Delay {
  /**
   * Makes at most `limit` due jobs ready. `nextDueInMs` is the time until the next delayed job of any queue is due,
   * 0 when more are due already, absent when none waits.
   */
  promote(db: Database, limit: number): Promise<{ readonly promoted: number; readonly nextDueInMs?: number }>;
}

/** Settle and next claim as one: one round trip, one transaction, one commit. */
export interface Turn {
  /**
   * Settles `outcomes` as `settle` does, then claims as `claim` does. What it rejects with leaves both unknown: nothing is
   * claimed for good. `settleError` is there when the claim stands and the settle failed, or some of it: `settled` then
   * says nothing, and the outcomes may be sent again.
   */
  settleAndClaim(
    outcomes: readonly Outcome[],
    queue: string,
    limit: number,
    leaseMs: number,
  ): Promise<TurnResult>;
}

export interface TurnResult {
  readonly settled: SettleResult;
  readonly jobs: readonly ClaimedJob[];
  readonly settleError?: Error;
}

/** Work of a strategy that no job asks for: ticks, rotation, trimming. Any number of workers may run it at once. */
export interface Upkeep {
  /** Mean wait between two runs of one worker, in ms; the worker jitters it. */
  readonly everyMs: number;
  /** Bounded in time. `early`: the last run asked for this one before its time, so it may find that nothing is worth doing yet. */
  run(db: Database, early?: boolean): Promise<UpkeepResult>;
}

export interface UpkeepResult {
  /** Jobs may have become ready, so idle sessions are woken. */
  readonly ready: boolean;
  /** An early run is to come so soon, where much piles up: a mean, in ms. */
  readonly earlyMs?: number;
}

/** What a user may choose beside the strategy, where the strategy leaves it open. */
export type StrategyAxis = 'batch' | 'prefetch' | 'settle' | 'concurrency' | 'leaseMs' | 'fillfactor';

/** One claimer. Everything it claims belongs to this session; disposing it closes the connection it was given. */
export interface WorkerSession extends AsyncDisposable {
  /** At most `limit` ready jobs of `queue`, in the guaranteed order, each under a lease of `leaseMs`. Empty when none is ready. */
  claim(queue: string, limit: number, leaseMs: number): Promise<readonly ClaimedJob[]>;
  /** Settles all outcomes together, in one round trip. */
  settle(outcomes: readonly Outcome[]): Promise<SettleResult>;
  readonly heartbeat?: Heartbeat;
  readonly turn?: Turn;
}

/** One design of a job queue in PostgreSQL, bound to one schema. */
export interface ClaimStrategy {
  readonly name: string;
  readonly guarantees: Guarantees;
  readonly workerDefaults: WorkerDefaults;
  /** Axes that it does not leave open, each with the reason; choosing one is refused with an UnsupportedError. */
  readonly fixed?: Readonly<Partial<Record<StrategyAxis, string>>>;
  /** The relations it owns in its schema, unqualified: nothing else is touched. */
  readonly relations: readonly string[];
  /** What `install` makes, version by version, for who runs migrations of his own; absent: it keeps that to itself. */
  readonly installation?: Installation;
  /** Creates schema and relations; does nothing where they exist. */
  install(db: Database): Promise<void>;
  /**
   * Durable when the transaction behind `db` has committed. Returns one id per job, in the order given. Payloads are read
   * through `encodePayload`: those that come from a queue are encoded already.
   */
  enqueue(db: Database, jobs: readonly NewJob[]): Promise<readonly JobId[]>;
  /** Takes ownership of `connection`. */
  openWorker(connection: Connection, workerId: string): Promise<WorkerSession>;
  /** Makes at most `limit` jobs with an expired lease ready again, or dead letters when they are out of attempts. */
  reap(db: Database, limit: number): Promise<ReapResult>;
  stats(db: Database, queue: string): Promise<QueueStats>;
  /** Jobs in the order of their ids, after `afterId`; an empty page ends the list. */
  contents(db: Database, afterId: JobId | undefined, limit: number): Promise<readonly StoredJob[]>;
  /** Present when jobs run in the order of their priority. */
  readonly priorities?: { readonly min: number; readonly max: number };
  /** Present when jobs and retries can wait for an instant. */
  readonly delay?: Delay;
  readonly upkeep?: Upkeep;
  readonly bulk?: BulkEnqueue;
  readonly inspection?: Inspection;
  readonly cancellation?: Cancellation;
  readonly deadLetters?: DeadLetterStore;
}

/**
 * What a job's owner may rely on. `job-queue`: each job is leased, retried and buried by itself, and urgent ones come first.
 * `visibility-timeout`: the same, but only an instant says who comes next. `event-log`: consumers follow one log in batches.
 */
export type StrategyContract = 'job-queue' | 'visibility-timeout' | 'event-log';

/** Options of a strategy. */
export interface StrategyOptions {
  readonly schema: string;
  /** Share of a page that inserts fill, 10…100 %, for tables whose rows are updated; each strategy has its own default. */
  readonly fillfactor?: number;
}

/** Makes a strategy for one schema. What a strategy's file exports, a user's own file by default export. */
export interface StrategyFactory {
  readonly strategyName: string;
  /** One sentence: what it is and who uses the like. */
  readonly summary: string;
  /** Default `job-queue`. Strategies are ranked only among those of one contract. */
  readonly contract?: StrategyContract;
  /** Systems that claim like this. */
  readonly usedBy?: string;
  /** Where it breaks, in one sentence. */
  readonly breaks?: string;
  /** True for what is here to show a cost, and is not meant to be used. */
  readonly control?: boolean;
  create(options: StrategyOptions): ClaimStrategy;
}

export type { Connection, Database };
