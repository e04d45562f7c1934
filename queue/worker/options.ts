// What can a worker be told, and what does it do when it is told nothing?

import { InvalidArgumentError, UnsupportedError } from '../errors.ts';
import { requireOpenAxis, requireQueueName } from '../job.ts';
import { requireFunction, requireKnownKeys, requireObject, requireWholeNumber, said } from '../keys.ts';
import type { Queue } from '../queue.ts';
import { exponentialRetry, type Random, type RetryPolicy } from '../retry.ts';
import type { ClaimedJob, Outcome, SettleResult } from '../strategy.ts';
import { claimsAtOnce } from './claim-gate.ts';
import { defaultPrefetch } from './claim-size.ts';

/** What a handler is given beside its job. */
export interface JobContext {
  /**
   * Aborts when the handler should give up, with a JobAbortedError that says why: the lease is lost, the job took longer than
   * `timeoutMs`, somebody has cancelled it, or `stop` has waited long enough.
   */
  readonly signal: AbortSignal;
  /**
   * Keeps how far the job has come, for `queue.inspect`: any JSON value, the latest is kept until the job ends. Resolves when it
   * is stored. Throws InvalidArgumentError for what is no JSON value. A statement each time: say it every second, not every row.
   */
  readonly progress: (value: unknown) => Promise<void>;
}

/** Takes out of an error's text what must not be kept. `error` is what the handler threw. What it throws withholds the text. */
export type RedactError = (text: string, job: ClaimedJob, error: unknown) => string;

/** Lets a worker's concurrency follow the load, between bounds; see `adaptive`. */
export interface AdaptiveConcurrency {
  /** Handlers at once in each session, at least; default 1. */
  readonly min?: number;
  /** At most, up to 10,000. */
  readonly max: number;
  /** A claim that takes longer says that the server is busy, in ms; default 100. */
  readonly claimMs?: number;
  /** Share of the time, above 0 and up to 1, beyond which this process's event loop counts as busy; default 0.9. */
  readonly utilisation?: number;
}

/** Does one job. Returning acks it; throwing or rejecting retries it by the policy, or makes it a dead letter. */
export type Handler = (job: ClaimedJob, context: JobContext) => unknown;

/** Where an error came from. None of them ends the worker, but an UnsupportedError of `connect`: see `Worker.ended`. */
export type ErrorSource =
  | 'connect'
  | 'connection'
  | 'claim'
  | 'settle'
  | 'heartbeat'
  | 'maintenance'
  | 'wakeup'
  | 'retry-policy'
  | 'redact-error'
  | 'controls'
  | 'progress';

/**
 * `running` since `createWorker`; `stopping` since `stop`, or since it met what makes all work impossible: it claims no more, and running
 * handlers may finish; `stopped` for good once its connections are closed.
 */
export type WorkerState = 'running' | 'stopping' | 'stopped';

/** What a worker tells its observer: called synchronously, in the order in which things happen. Must not throw. */
export interface WorkerEvents {
  /** A claim returned these jobs; their handlers have not started. */
  readonly claimed?: (jobs: readonly ClaimedJob[]) => void;
  /** A claim found no job. While it is idle a session asks again when it is woken, or at its next poll. */
  readonly emptyClaim?: () => void;
  /** The server answered a settle. `result.stale` names those that were no longer the worker's. */
  readonly settled?: (outcomes: readonly Outcome[], result: SettleResult) => void;
  /**
   * It is unknown whether these outcomes took effect. With timed leases they are sent once more, and a further event
   * follows; what the first try did settle is then reported as stale.
   */
  readonly settleFailed?: (outcomes: readonly Outcome[], error: unknown) => void;
  /** These jobs are no longer the worker's although it has not settled them; their signals are aborted. */
  readonly leaseLost?: (jobs: readonly ClaimedJob[]) => void;
  /**
   * Something failed, and is tried again or done without; `source` says what. What handlers throw is not among it: that is kept with the
   * job. Default: a warning of the process, `ClaimbenchWarning`, at most one for each source in ten seconds.
   */
  readonly error?: (error: unknown, source: ErrorSource) => void;
  /** The worker has entered this state; `running` is told from within `createWorker`. */
  readonly stateChanged?: (state: WorkerState) => void;
}

/** Options of `createWorker`. What is left out comes from the strategy's `workerDefaults` where it has a say. */
export interface WorkerOptions {
  /** Name of the queue to work on. */
  readonly queue: string;
  /**
   * Called with each job and its context. Returning acks the job, throwing retries it, or makes a dead letter when attempts are used up
   * or it throws a DeadLetterError. A job may be handed out twice: twice must do no harm.
   */
  readonly handler: Handler;
  /** Independent sessions, each with a connection of its own, 1…1,000; default 1. */
  readonly connections?: number;
  /** Handlers that run at once in each session, 1…10,000; default 1. */
  readonly concurrency?: number;
  /** Jobs asked for by each claim, and outcomes that trigger a batched settle, 1…10,000. */
  readonly batch?: number;
  /**
   * How far ahead of the handlers a session claims, in jobs, 0…100,000: another batch is claimed once it fits, so less than
   * `batch` claims only when a handler is idle. Default as many batches as the strategy's own.
   */
  readonly prefetch?: number;
  /**
   * Claims of this worker that may be under way together, whatever its `connections`, 1…1,000; default as many as ask for 400
   * jobs, at least 4. More pay where an answer takes many milliseconds.
   */
  readonly claimsAtOnce?: number;
  /**
   * Whether each outcome is sent to the database alone, or outcomes wait for company, for at most `settleDelayMs` or until there are
   * `batch` of them. A crash runs again what was done and not yet settled. Default by the strategy.
   */
  readonly settle?: 'each' | 'batched';
  /** Longest wait of an outcome for company, in ms, 0…60,000; default 5. Only `batched` waits. */
  readonly settleDelayMs?: number;
  /** 100…86,400,000 ms; default 30,000. */
  readonly leaseMs?: number;
  /**
   * Mean wait of an idle session before it asks again, 1…3,600,000 ms; default by the wake-up. While signals arrive all idle
   * sessions of a worker share it: together they ask once in this time. Where none arrive, it is also how soon the worker hears of a
   * pause, of changed limits and of cancelled jobs, though never sooner than in a second; default a second.
   */
  readonly pollMs?: number;
  /** Default `exponentialRetry()`. */
  readonly retry?: RetryPolicy;
  /**
   * How long a handler may take, in ms, 1…86,400,000; default no limit. Then its signal aborts, and a second later the job has
   * failed, whatever its handler does.
   */
  readonly timeoutMs?: number;
  /** What is kept of an error that a handler throws; default its stack. */
  readonly redactError?: RedactError;
  /**
   * Lets the number of handlers at once follow the load: while all are at work it doubles each half second until something was slow
   * for the first time, and then grows by one; a quarter fewer when claims are slow or the event loop is busy. It begins with
   * `concurrency`, or with `min`. Default: as given.
   */
  readonly adaptive?: AdaptiveConcurrency;
  /** How often leases are looked after, in ms, 10…`leaseMs`; default a third of the lease. A job that ends sooner costs none. */
  readonly heartbeatMs?: number;
  /** Shown in the rows that it leases; default `<process id>-<random>`. A number per session is appended. */
  readonly workerId?: string;
  readonly events?: WorkerEvents;
  /** Source of every random wait; default `Math.random`. */
  readonly random?: Random;
}

/** All options, each with a value. */
export interface ResolvedOptions extends Required<Omit<WorkerOptions, Optional>> {
  readonly timeoutMs: number | undefined;
  readonly redactError: RedactError | undefined;
  readonly adaptive: Required<AdaptiveConcurrency> | undefined;
}

/** What has no value when nothing is said. */
type Optional = 'timeoutMs' | 'redactError' | 'adaptive';

function whole(name: string, value: number, min: number, max: number): number {
  requireWholeNumber(name, value, min, max);
  return value;
}

const WORKER_KEYS: readonly (keyof WorkerOptions)[] = [
  'queue',
  'handler',
  'connections',
  'concurrency',
  'batch',
  'prefetch',
  'claimsAtOnce',
  'settle',
  'settleDelayMs',
  'leaseMs',
  'pollMs',
  'retry',
  'timeoutMs',
  'redactError',
  'adaptive',
  'heartbeatMs',
  'workerId',
  'events',
  'random',
];

const EVENT_KEYS: readonly (keyof WorkerEvents)[] = [
  'claimed',
  'emptyClaim',
  'settled',
  'settleFailed',
  'leaseLost',
  'error',
  'stateChanged',
];

/** What is no number: of the wrong kind it would fail much later, or be called and fail each job. */
function requireKinds(options: WorkerOptions): void {
  requireKnownKeys('a worker', options, WORKER_KEYS);
  requireQueueName(options.queue);
  if (options.handler === undefined) throw new InvalidArgumentError('handler is undefined: give a function');
  for (const name of ['handler', 'retry', 'redactError', 'random'] as const)
    requireFunction(name, options[name]);
  const { settle, events = {}, workerId } = options;
  if (settle !== undefined && settle !== 'each' && settle !== 'batched')
    throw new InvalidArgumentError(`settle is ${said(settle)}: give each or batched`);
  if (workerId !== undefined && typeof workerId !== 'string')
    throw new InvalidArgumentError(`workerId is ${said(workerId)}: give a string`);
  requireObject('events', events);
  requireKnownKeys('events', events, EVENT_KEYS);
  for (const name of EVENT_KEYS) requireFunction(`events.${name}`, events[name]);
}

function share(name: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0 && value <= 1))
    throw new InvalidArgumentError(`${name} is ${said(value)}: give a number above 0 and up to 1`);
  return value;
}

function resolveAdaptive(given: AdaptiveConcurrency): Required<AdaptiveConcurrency> {
  requireObject('adaptive', given);
  requireKnownKeys('adaptive', given, ['min', 'max', 'claimMs', 'utilisation']);
  const max = whole('adaptive.max', given.max, 1, 10_000);
  return {
    max,
    min: whole('adaptive.min', given.min ?? 1, 1, max),
    claimMs: whole('adaptive.claimMs', given.claimMs ?? 100, 1, 60_000),
    utilisation: share('adaptive.utilisation', given.utilisation ?? 0.9),
  };
}

/** Throws UnsupportedError for a heartbeat where leases have no length to be prolonged. */
function requireHeartbeat({ strategy }: Queue, heartbeatMs: number | undefined): void {
  const reason = strategy.fixed?.leaseMs;
  if (heartbeatMs !== undefined && reason !== undefined)
    throw new UnsupportedError(strategy.name, 'choice of heartbeatMs', `${reason}; leave heartbeatMs out`);
}

/** Checks and completes `options`. Throws InvalidArgumentError; UnsupportedError for what the strategy leaves no choice of. */
export function resolveOptions(queue: Queue, options: WorkerOptions): ResolvedOptions {
  requireObject('the options of a worker', options);
  requireKinds(options);
  requireHeartbeat(queue, options.heartbeatMs);
  const { workerDefaults } = queue.strategy;
  for (const axis of ['batch', 'prefetch', 'settle', 'concurrency', 'leaseMs'] as const)
    requireOpenAxis(queue.strategy, axis, options[axis]);
  requireOpenAxis(queue.strategy, 'concurrency', options.adaptive);
  const random = options.random ?? Math.random;
  const batch = whole('batch', options.batch ?? workerDefaults.batch, 1, 10_000);
  const leaseMs = whole('leaseMs', options.leaseMs ?? 30_000, 100, 86_400_000);
  return {
    queue: options.queue,
    handler: options.handler,
    connections: whole('connections', options.connections ?? 1, 1, 1000),
    concurrency: whole('concurrency', options.concurrency ?? options.adaptive?.min ?? 1, 1, 10_000),
    batch,
    prefetch: whole('prefetch', options.prefetch ?? defaultPrefetch(workerDefaults, batch), 0, 100_000),
    claimsAtOnce: whole('claimsAtOnce', options.claimsAtOnce ?? claimsAtOnce(batch), 1, 1000),
    settle: options.settle ?? workerDefaults.settle,
    settleDelayMs: whole('settleDelayMs', options.settleDelayMs ?? 5, 0, 60_000),
    leaseMs,
    pollMs: whole('pollMs', options.pollMs ?? queue.wakeup.defaultPollMs, 1, 3_600_000),
    retry: options.retry ?? exponentialRetry({ random }),
    timeoutMs:
      options.timeoutMs === undefined ? undefined : whole('timeoutMs', options.timeoutMs, 1, 86_400_000),
    redactError: options.redactError,
    adaptive: options.adaptive === undefined ? undefined : resolveAdaptive(options.adaptive),
    heartbeatMs: whole('heartbeatMs', options.heartbeatMs ?? Math.floor(leaseMs / 3), 10, leaseMs),
    workerId: options.workerId ?? `${process.pid}-${Math.floor(random() * 2 ** 32).toString(36)}`,
    events: options.events ?? {},
    random,
  };
}
