// What must a queue system offer to be measured? The seam between the harness and its contenders.

import type { JobShape } from '../scenarios/job.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import type { ContractClass } from './result/result.ts';
import type { ConnectionSettings } from './server/server.ts';

/** The axes that a contender may be given on the command line: `batch?batch=500&wakeup=poll`. Absent: its own default. */
export interface Axes {
  readonly batch?: number;
  readonly prefetch?: number;
  readonly claimsAtOnce?: number;
  readonly settle?: 'each' | 'batched';
  readonly settleDelayMs?: number;
  readonly concurrency?: number;
  /** Handlers at once in each session at most, where their number follows the load; `concurrency` is then what it begins with. */
  readonly adaptive?: number;
  readonly wakeup?: string;
  readonly pollMs?: number;
  /** Goes over the scenario's. */
  readonly leaseMs?: number;
  readonly fillfactor?: number;
  /** The client library. */
  readonly driver?: DriverName;
  /** Whether statements that are issued together travel together, or each waits for the answer to the one before it. */
  readonly pipeline?: 'on' | 'off';
}

/** The client libraries that the reference queue can stand on. */
export const DRIVER_NAMES = ['pg', 'postgres'] as const;
export type DriverName = (typeof DRIVER_NAMES)[number];

/** Which queue system, with which settings: plain data, so that it can be sent to an agent process. */
export interface ContenderSpec {
  /** As given on the command line; what reports print. */
  readonly name: string;
  /**
   * A name out of the registry, or an absolute path of a user's file. `tree`: the absolute path of another copy of claimbench,
   * whose contender of that name it is; absent: of this one.
   */
  readonly source:
    | { readonly kind: 'built-in'; readonly name: string; readonly tree?: string }
    | { readonly kind: 'file'; readonly path: string };
  readonly axes: Axes;
}

/** Where a contender keeps its jobs. `connection` is absent for the null contender only. */
export interface Target {
  readonly connection?: ConnectionSettings;
  readonly schema: string;
  /** How producers and workers are to let their plans be seen; absent: not at all. */
  readonly plans?: PlanSampling;
  /** Whether finished jobs are kept; only asked of a contender with `preloadFinished`. */
  readonly keepFinished?: boolean;
  /** A table of the harness's own, quoted: what an application writes in the transactions in which it enqueues. */
  readonly orders?: string;
}

/** `sessionOptions` are given to every session at its start and make the server send plans; absent: only statements are noted. */
export interface PlanSampling {
  readonly sessionOptions?: string;
}

/** What one process has seen of its plans. Instants on the clock of the harness, µs. */
export interface PlanReport {
  readonly plans: readonly {
    readonly query: string;
    readonly plan: string;
    readonly seen: number;
    readonly firstUs: number;
    readonly lastUs: number;
  }[];
  /** Each text that was prepared: to be explained afterwards. */
  readonly statements: readonly string[];
  /** Commits that asking for them has added. */
  readonly ownCommits: number;
  /** Sessions that were left sending every plan: their role may not change that, or they were never idle. */
  readonly unslowed: number;
}

/** A job of the harness. `key` is its identity: dense, unique within the cell. */
export interface BenchJob {
  readonly key: number;
  readonly priority: number;
  /** When it may run first: Unix time in ms by the queue's own clock; absent for at once. Asked of a contender with `delay` only. */
  readonly runAtMs?: number;
  /** Attempts before the job is a dead letter; absent: the system's own. Asked of a contender with `retries` only. */
  readonly maxAttempts?: number;
  /** What limits of concurrency count by. Asked of a contender with `concurrencyKeys` only. */
  readonly concurrencyKey?: string;
  /** Of which there is one unfinished job at a time. Asked of a contender with `unique` only. */
  readonly unique?: { readonly key: string; readonly policy: 'ignore' | 'reject' };
  /** What travels: JSON with the key and an instant in it, padded to the size that the scenario asks for. */
  readonly payload: BenchPayload;
}

/** `k` is the key, `t` the instant in µs of the cell's clock from which its pickup counts, `pad` fills up the size. */
export interface BenchPayload {
  readonly k: number;
  readonly t: number;
  readonly pad: string;
}

/** What the system under test promises, as data: the checker holds it to this. */
export interface Promises {
  /** `enqueue-per-agent`: each worker agent hands out jobs of its own, in their order. */
  readonly order: 'priority-then-enqueue' | 'enqueue' | 'enqueue-per-agent' | 'none';
  /** For so long, in ms, a job may be passed over by later ones once it has committed; absent: not at all. */
  readonly orderWithinMs?: number;
  /** `timed` leases end at their expiry, `session` leases with the connection, `none`: there is no lease to speak of. */
  readonly lease: 'timed' | 'session' | 'none';
}

/** Enqueues. `enqueue` resolves when the system has confirmed the job. */
export interface Producer extends AsyncDisposable {
  /** `leaves` is called when the job really goes out, by a producer that may first wait for a connection and can tell. */
  enqueue(job: BenchJob, leaves?: () => void): Promise<void>;
  /**
   * Enqueues in a transaction that stays open for `holdMs` before it commits, and then tells idle workers as an application
   * would. Absent where an enqueue cannot be part of a transaction.
   */
  enqueueLate?(job: BenchJob, holdMs: number): Promise<void>;
  /**
   * All jobs by one call. Resolves to the keys of those that were not taken, as another job holds their unique key. Absent where
   * there is no such call.
   */
  enqueueMany?(jobs: readonly BenchJob[]): Promise<ReadonlySet<number>>;
  /**
   * All jobs in one transaction of an application's own, which `write` adds its part to; then it commits, or rolls back, and
   * tells idle workers as an application would. Absent where an enqueue cannot be part of a transaction.
   */
  enqueueInTransaction?(jobs: readonly BenchJob[], options: TransactionOptions): Promise<void>;
}

/** `write` is given what sends a statement in the transaction. `holdMs`: for so long it stays open before it ends. */
export interface TransactionOptions {
  readonly write: (query: (text: string, values: readonly unknown[]) => Promise<unknown>) => Promise<void>;
  readonly rollBack: boolean;
  readonly holdMs: number;
}

/** What a producer rejects with when the system turned the job away as it was asked to: no failure, and nothing was enqueued. */
export class EnqueueRejected extends Error {
  override readonly name = 'EnqueueRejected';
}

/** By its name: a contender out of another copy of claimbench rejects with a class of its own. */
export function isRejection(error: unknown): boolean {
  return error instanceof Error && error.name === 'EnqueueRejected';
}

/** A job as an HTTP front hands it on. `runAtMs`: see `BenchJob`. */
export interface FrontJob {
  readonly payload: unknown;
  readonly priority?: number;
  readonly runAtMs?: number;
}

/** What an HTTP front needs of a queue. */
export interface FrontQueue extends AsyncDisposable {
  /** Resolves with the job's id when the system has confirmed it. */
  enqueue(job: FrontJob): Promise<string>;
  /** Jobs that can still run: ready, delayed or leased. */
  backlog(): Promise<number>;
  /** Undefined for a job that is done or unknown. Absent where single jobs cannot be looked up. */
  inspect?(id: string): Promise<{ readonly state: string; readonly attempt: number } | undefined>;
}

/** Sessions that one agent may open in a cell, those after lost connections included. */
export const CLAIMERS_PER_AGENT = 4_096;

/** How a claimed job ended, in the words of the ledger. */
export type SettleKind = 'ack' | 'retry' | 'dead-letter' | 'release';

/**
 * What a consumer tells the recorder, at the seam of the system under test and for every contender in the same way.
 * A claim is reported before any of its jobs is worked on; a settle is announced before it is sent.
 */
export interface ConsumerEvents {
  /** `requestedUs` is when the claim was asked for; the present instant is when it was answered. `claimer` is one session. */
  claimed(
    claimer: number,
    requestedUs: number,
    keys: readonly number[],
    attempts: readonly number[],
    /** Jobs that the claim asked for; absent where the system does not tell. */
    asked?: number,
  ): void;
  /** Returns the number of the settle, for `settled` or `settleFailed`. */
  settling(claimer: number, keys: readonly number[], kinds: readonly SettleKind[]): number;
  settled(claimer: number, settleNumber: number, staleKeys: readonly number[]): void;
  /** The outcome is unknown. */
  settleFailed(claimer: number, settleNumber: number, error: unknown): void;
  /**
   * A claim was answered with no job. `requestedUs` only where this proves that none was ready: the session may hold
   * no other job, as it may be at a limit of its own then.
   */
  emptyClaim(claimer: number, requestedUs?: number): void;
  /** A claim returned `jobs` more than it was asked for. */
  overClaimed(claimer: number, jobs: number): void;
  /** The connection of this session broke; what it held under a session lease is free. */
  sessionLost(claimer: number): void;
  /** The leases of these jobs were prolonged by their whole length, asked for at `requestedUs` and answered now. */
  extended(claimer: number, requestedUs: number, keys: readonly number[]): void;
  error(error: unknown): void;
}

/** Claims, hands each job to the handler, and settles it. */
export interface Consumer {
  /** Stops claiming, finishes what runs within `deadlineMs`, gives the rest back, closes its connections. */
  stop(deadlineMs: number): Promise<void>;
}

export interface ConsumerOptions {
  readonly connections: number;
  readonly leaseMs: number;
  /** The first claimer's number; the others follow, also those of sessions opened anew: CLAIMERS_PER_AGENT at most. */
  readonly firstClaimer: number;
  /** The preloaded keys of this agent, for a contender that keeps no jobs of its own: first, first + stride, … below `end`. */
  readonly keys: { readonly first: number; readonly stride: number; readonly end: number };
  readonly nowUs: () => number;
  /** `attempt` counts from 1; absent where the system does not tell. What it throws or rejects with makes the attempt fail. */
  readonly handler: (payload: BenchPayload, attempt?: number) => Promise<void> | void;
  /** When a failed job runs again; absent: as the system has it. Given to a contender with `retries` only. */
  readonly retry?: JobShape['retry'];
  readonly events: ConsumerEvents;
}

/** A job as the system under test still holds it when the load is over. */
export interface HeldJob {
  readonly key: number;
  readonly state: 'ready' | 'delayed' | 'leased' | 'dead';
}

/** What a probe of the lease's fence found. `accepted` is a settle that took effect after its lease was lost. */
export interface FenceReport {
  readonly accepted: number;
  readonly refused: number;
  /** What is wrong, in one sentence; absent when the fence held. */
  readonly problem?: string;
}

/** What a contender says of itself before it runs. The fairness check holds it to this. */
export interface DeclaredSettings {
  readonly strategy?: string;
  readonly wakeup?: string;
  readonly driver?: string;
  /** Jobs per claim. */
  readonly batch: number;
  /** Mean wait of an idle session before it asks again; absent for a contender that never polls, or does not say. */
  readonly pollMs?: number;
  /** Whether signals wake idle sessions, so that polling is only the safety net. */
  readonly signalled?: boolean;
  /** How its statements are sent; absent when it does not say. */
  readonly statementMode?: StatementMode;
  /** Sessions that each worker agent may open beside those that it is given; absent when it does not say. */
  readonly supportSessions?: number;
  /** Whatever else it was set to, for the tables alone. */
  readonly others?: Readonly<Record<string, string | number | boolean>>;
}

/** `prepared`: named, kept by the server. `extended`: parsed anew each time. `simple`: one message of text. */
export type StatementMode = 'prepared' | 'extended' | 'simple';

/** What the sessions of one process said and sent, see `SessionWatch`. */
export interface SessionsReport {
  /** Sessions whose settings were read back in the session itself. */
  readonly sessions: number;
  /** Every value that any of them had, at its opening or its end, by the name of the setting. */
  readonly settings: Readonly<Record<string, readonly string[]>>;
  /** The fewest prepared statements that the server kept for a worker's session at its end; absent when none was read. */
  readonly leastPrepared?: number;
  /** What sessions had set for themselves, as read back last: by the name of the setting. Plans depend on it. */
  readonly own?: Readonly<Record<string, string>>;
  /** Statements of worker sessions and enqueues, by mode, those that control transactions and sessions left out. */
  readonly statements: Readonly<Record<StatementMode, number>>;
  /** Statements that name a setting of durability, shortened; at most a few. */
  readonly suspicious: readonly string[];
  /** Commits that reading back, and asking for plans, has added during the load. */
  readonly ownCommits: number;
}

/** The capability to keep a job until its `runAtMs`. */
export interface ContenderDelay {
  /** The clock that `runAtMs` is held against: µs since the epoch. */
  queueClockUs(): Promise<number>;
}

/** The capability to try failed jobs again, so many times, by a policy. `delayed` false: a failed job is ready at once, whatever the policy says. */
export interface ContenderRetries {
  readonly delayed: boolean;
}

/** The capability to limit how jobs start, over all workers. */
export interface ContenderLimits {
  /** Rejects for a limit that the system does not have. */
  set(limits: NonNullable<Scenario['limits']>): Promise<void>;
}

/** A queue system, opened on one target. Any process may open it; each opens it for itself. */
export interface Contender extends AsyncDisposable {
  readonly class: ContractClass;
  readonly promises: Promises;
  readonly declared: DeclaredSettings;
  /** What can be told before the load of how it really runs, versions among it. Nothing that only repeats `declared`. */
  effective(): Promise<Readonly<Record<string, string | number | boolean>>>;
  install(): Promise<void>;
  /** Enqueues many jobs fast; returns when all are durable. */
  preload(jobs: Iterable<BenchJob>): Promise<void>;
  openProducer(connections: number): Promise<Producer>;
  openConsumer(options: ConsumerOptions): Promise<Consumer>;
  /** With a pool of `connections`, opened before it resolves. Absent where the system cannot stand behind an HTTP front. */
  openFront?(connections: number): Promise<FrontQueue>;
  /** Absent where jobs cannot be delayed. */
  readonly delay?: ContenderDelay;
  /** Absent where a scenario cannot say how failed jobs are retried. */
  readonly retries?: ContenderRetries;
  /** Those that jobs may have; absent where all are of one. */
  readonly priorities?: { readonly min: number; readonly max: number };
  /** Whether workers hold something in their sessions between statements, which a pooler in transaction mode would give to others. */
  readonly needsOwnSessions?: boolean;
  /** Absent where starts cannot be limited. */
  readonly limits?: ContenderLimits;
  /** Absent where jobs have no concurrency keys. */
  readonly concurrencyKeys?: { readonly maxBytes: number };
  /** Absent where there are no unique jobs. */
  readonly unique?: { readonly policies: readonly ('ignore' | 'reject')[] };
  /** Makes so many jobs that are done, where they are kept (`Target.keepFinished`). Absent where none are kept. */
  preloadFinished?(jobs: number): Promise<void>;
  /** Jobs that can still run: ready, delayed or leased. Absent when the system cannot tell. */
  pending?(): Promise<number>;
  /** Every job still held, for reconciliation with the ledger. Absent when the system cannot list them. */
  held?(): AsyncIterable<HeldJob>;
  /** Lets a lease run out on purpose and settles under it. Absent where there is no lease to lose. */
  probeFence?(): Promise<FenceReport>;
  /** Round trips of this process so far, statements that travelled together as one; absent where they cannot be counted. */
  roundTrips?(): number;
  /** What this process's sessions said and sent; asked when its producer and consumer are closed. */
  sessions?(): SessionsReport;
  /** Whose a session is, by its application_name: `undefined` for a name that the contender did not give. */
  sessionRole?(applicationName: string): SessionRole | undefined;
  /** Plans that this process's producer or consumer ran with; absent where they cannot be seen. */
  plans?(): PlanReport;
}

/** `control`: the harness's own questions about the queue. */
export type SessionRole = 'worker' | 'producer' | 'support' | 'control';

/** Makes a contender. `axes` lists what it takes; any other is refused before anything starts. */
export interface ContenderDefinition {
  readonly name: string;
  readonly summary: string;
  readonly class: ContractClass;
  readonly axes: readonly (keyof Axes)[];
  /** Those of `axes` that this one does not leave open, each with the reason. */
  readonly fixed?: Readonly<Partial<Record<keyof Axes, string>>>;
  open(target: Target, axes: Axes): Promise<Contender>;
}
