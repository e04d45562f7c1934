// What is a queue to an application, and of which parts is it made?

import type { QueueContext } from './context.ts';
import type { Driver } from './drivers/driver.ts';
import { MAX_PAYLOAD_BYTES } from './enqueue/encoding.ts';
import { type EnqueueJobs, type EnqueueOptions, enqueueThrough } from './enqueue/enqueue.ts';
import { IDEMPOTENCY_MS } from './enqueue/requests.ts';
import { InvalidArgumentError, UnsupportedError } from './errors.ts';
import { requireOpenAxis, requireQueueName } from './job.ts';
import { type CancelResult, cancelJob } from './jobs/cancel.ts';
import { type DeadLetters, deadLettersOf } from './jobs/dead-letters.ts';
import { inspectJob, type JobDetails } from './jobs/inspect.ts';
import { requireFunction, requireKnownKeys, requireObject, requireWholeNumber } from './keys.ts';
import { type Operators, operators, type QueueLimits } from './limits/operators.ts';
import { ScheduleChanges } from './schedules/changes.ts';
import { QueueSchedules, type Schedules } from './schedules/schedules.ts';
import { type InstallSqlOptions, installQueue, printInstallation } from './schema/install.ts';
import { explained } from './schema/not-installed.ts';
import { queueTables } from './schema/queue-tables.ts';
import { strategies } from './strategies/index.ts';
import type { ClaimStrategy, JobId, NewJob, QueueStats, StrategyFactory } from './strategy.ts';
import { wakeups } from './wakeup/index.ts';
import type { WakeupFactory, WakeupName } from './wakeup/wakeup.ts';
import { warn } from './warn.ts';
import type { Observer } from './watch/events.ts';
import { type FinishedJobs, finishedJobs } from './watch/finished.ts';
import { type Retention, requireRetention } from './watch/retention.ts';

/** Options of `createQueue`. */
export interface QueueOptions {
  readonly driver: Driver;
  /** A built-in strategy's name, or any factory; default `skip-locked`. */
  readonly strategy?: string | StrategyFactory;
  /** Schema that holds the relations; default `claimbench`. */
  readonly schema?: string;
  /** Share of a page that inserts fill, 10…100 %; default by the strategy. Matters when `install` creates the tables. */
  readonly fillfactor?: number;
  /** How idle workers learn of new jobs; default `coalesced`. */
  readonly wakeup?: WakeupName;
  /**
   * Largest payload, in bytes of its JSON text in UTF-8, 1…268,435,455; default 1,048,576. A larger one is refused with a
   * PayloadTooLargeError before anything is sent.
   */
  readonly maxPayloadBytes?: number;
  /** For how long the database remembers the idempotency keys given to this object, in ms, 1,000…31,536,000,000 (a year); default 86,400,000 (a day). */
  readonly idempotencyMs?: number;
  /**
   * Told of signals that could not be sent, and of what `observe` throws. No job depends on either. Default: a warning of the
   * process, `ClaimbenchWarning`, at most one in ten seconds.
   */
  readonly onSignalError?: (error: unknown) => void;
  /** Told of all that happens through this queue object and its workers; default nobody, which costs nothing. */
  readonly observe?: Observer;
  /**
   * Keeps finished jobs for so many days, for `finished`; default: none is kept. A settle is then a transaction of two round trips, and
   * travels apart from the next claim. Needs leases that end by the clock.
   */
  readonly retention?: Retention;
}

/** A set of named queues in one schema. Disposing sends pending signals; the driver stays open. */
export interface Queue extends AsyncDisposable {
  readonly driver: Driver;
  readonly schema: string;
  readonly strategy: ClaimStrategy;
  readonly wakeup: WakeupFactory;
  /** Jobs that recur. A scheduler fires them: `createScheduler`. */
  readonly schedules: Schedules;
  /** What its parts share. Not meant for applications. */
  readonly context: QueueContext;
  /** Jobs that are done, where retention keeps them. */
  readonly finished: FinishedJobs;
  /**
   * Brings the schema to this version: creates what is missing, and does nothing where nothing is. Workers of the version
   * before go on meanwhile and afterwards. Throws InvalidArgumentError when the schema holds
   * the tables of a strategy that has others. Strategies that only claim otherwise may take over each other's tables;
   * their workers must not run at the same time, as leases and advisory locks do not know of each other.
   */
  install(): Promise<void>;
  /**
   * The SQL that `install` would run on a database that has nothing of it: for who runs migrations with tools of his own. Run over
   * the tables of another strategy it fails and changes nothing.
   */
  installSql(options?: InstallSqlOptions): string;
  /**
   * Enqueues one job. Durable when it resolves; with `tx`, when that commits.
   * Throws InvalidArgumentError (PayloadTooLargeError for a payload over the limit) or UnsupportedError before anything is
   * sent; DuplicateJobError for a unique key that is held, IdempotencyError for an idempotency key of other jobs. After any of
   * these `tx` may be used on. Throws NotInstalledError on a schema without the tables.
   */
  enqueue(job: NewJob, options?: EnqueueOptions): Promise<JobId>;
  /**
   * Enqueues all jobs or none, in their order; one id for each. Thousands of jobs travel by COPY where strategy and driver
   * can, else in several statements of one transaction: `tx`, or one of its own. Throws as `enqueue` does; one invalid job refuses them all, and
   * the message says which: `jobs[17]: …`.
   */
  enqueueMany(jobs: readonly NewJob[], options?: EnqueueOptions): Promise<readonly JobId[]>;
  /**
   * Tells idle workers that `queue` has jobs. Needed only after the commit of a caller's own transaction, under a wake-up
   * that cannot know of it (`coalesced`); without it the next poll finds them.
   */
  signal(queue: string): void;
  /**
   * How many jobs of `queue` are ready, delayed, leased and dead, as of now. All zero for a queue that nobody has used. With most strategies
   * it reads every row of the queue: for people, alerts and tests, not for a hot path. Throws InvalidArgumentError for what is no
   * queue name, NotInstalledError on a schema without the tables.
   */
  stats(queue: string): Promise<QueueStats>;
  /**
   * All that the database knows of a job, by its id; `undefined` when it is done, was removed, or never was.
   * Throws InvalidArgumentError for what is no id, UnsupportedError where the strategy looks no single jobs up, NotInstalledError
   * on a schema without the tables.
   */
  inspect(id: JobId): Promise<JobDetails | undefined>;
  /**
   * Stops a job. One that waits is removed for good: `cancelled`. One that runs is left to its worker, which aborts its handler's
   * signal when it hears of it: `requested`; it may be done before. One that is done, dead or unknown is `absent`.
   * Throws as `inspect` does; UnsupportedError where the strategy cannot tell a job that waits from one that runs.
   */
  cancel(id: JobId): Promise<CancelResult>;
  /** Jobs that are out of attempts, or that no attempt could help: to look through, bring back, or delete. */
  readonly deadLetters: DeadLetters;
  /** How many jobs of a queue may start in a time, and be at work at once, over all workers. */
  readonly limits: QueueLimits;
  /**
   * Workers start no more jobs of `queue`, as soon as they have learned of it: within a second or so where signals arrive,
   * within about ten if one is lost. What is at work goes on. It stays paused, whoever comes and goes, until `resume`.
   */
  pause(queue: string): Promise<void>;
  /** Ends a pause; does nothing where there is none. */
  resume(queue: string): Promise<void>;
  /** Whether `queue` is paused in the database; workers may learn of it a little later, see `pause`. False for a queue that nobody has used. */
  paused(queue: string): Promise<boolean>;
}

const QUEUE_KEYS: readonly (keyof QueueOptions)[] = [
  'driver',
  'strategy',
  'schema',
  'fillfactor',
  'wakeup',
  'maxPayloadBytes',
  'idempotencyMs',
  'onSignalError',
  'observe',
  'retention',
];
/** What PostgreSQL takes as one JSON value. */
const JSON_BYTES = 268_435_455;
const YEAR_MS = 31_536_000_000;

class StrategyQueue implements Queue {
  readonly driver: Driver;
  readonly schema: string;
  readonly strategy: ClaimStrategy;
  readonly wakeup: WakeupFactory;
  readonly context: QueueContext;
  readonly deadLetters: DeadLetters;
  readonly schedules: Schedules;
  readonly finished: FinishedJobs;
  readonly #signaller;
  readonly #operators: Operators;
  readonly #enqueue: EnqueueJobs;

  constructor(options: QueueOptions) {
    requireKnownKeys('a queue', options, QUEUE_KEYS);
    requireObject('driver', options.driver);
    requireFunction('onSignalError', options.onSignalError);
    requireFunction('observe', options.observe);
    const { maxPayloadBytes = MAX_PAYLOAD_BYTES, idempotencyMs = IDEMPOTENCY_MS } = options;
    requireWholeNumber('maxPayloadBytes', maxPayloadBytes, 1, JSON_BYTES);
    requireWholeNumber('idempotencyMs', idempotencyMs, 1000, YEAR_MS);
    this.driver = options.driver;
    this.schema = options.schema ?? 'claimbench';
    this.strategy = makeStrategy(options.strategy ?? 'skip-locked', this.schema, options.fillfactor);
    this.wakeup = findWakeup(options.wakeup ?? 'coalesced');
    const warning = warn(`queue in schema ${this.schema}`);
    const onError = options.onSignalError ?? ((error) => warning(error, 'signal'));
    this.#signaller = this.wakeup.signaller({ driver: this.driver, schema: this.schema, onError });
    const { observe } = options;
    this.context = {
      driver: this.driver,
      schema: this.schema,
      strategy: this.strategy,
      tables: queueTables(this.schema),
      maxPayloadBytes,
      retention: retentionOf(this.strategy, options.retention),
      idempotencyMs,
      signal: (queue) => {
        const signaller = this.#signaller;
        if (signaller.afterEnqueue !== undefined) signaller.afterEnqueue([queue]);
        // Where signals commit with their enqueue, a lone one is a transaction of its own.
        else signaller.insideEnqueue?.(this.driver, [queue]).catch(onError);
      },
      scheduleChanges: new ScheduleChanges(),
      observed: observe !== undefined,
      emit(event) {
        try {
          observe?.(event);
        } catch (error) {
          onError(error);
        }
      },
    };
    this.deadLetters = deadLettersOf(this.context);
    this.#operators = operators(this.context);
    this.#enqueue = enqueueThrough(this.context, this.#signaller);
    this.schedules = new QueueSchedules(this.context);
    this.finished = finishedJobs(this.context);
  }

  install(): Promise<void> {
    return installQueue(this.context);
  }

  installSql(options: InstallSqlOptions = {}): string {
    return printInstallation(this.context, options);
  }

  /** For whatever a call rejects with. */
  readonly #explain = (error: unknown): never => {
    throw explained(this.context, error);
  };

  async enqueue(job: NewJob, options: EnqueueOptions = {}): Promise<JobId> {
    const [id] = await this.#enqueue([job], options).catch(this.#explain);
    if (id === undefined)
      throw new Error(`strategy ${this.strategy.name} returned no id for an enqueued job`);
    return id;
  }

  enqueueMany(jobs: readonly NewJob[], options: EnqueueOptions = {}): Promise<readonly JobId[]> {
    return this.#enqueue(jobs, options).catch(this.#explain);
  }

  signal(queue: string): void {
    requireQueueName(queue);
    this.#signaller.afterEnqueue?.([queue]);
  }

  get limits(): QueueLimits {
    return this.#operators.limits;
  }

  pause(queue: string): Promise<void> {
    return this.#operators.pause(queue).catch(this.#explain);
  }

  resume(queue: string): Promise<void> {
    return this.#operators.resume(queue).catch(this.#explain);
  }

  paused(queue: string): Promise<boolean> {
    return this.#operators.paused(queue).catch(this.#explain);
  }

  async stats(queue: string): Promise<QueueStats> {
    requireQueueName(queue);
    return this.strategy.stats(this.driver, queue).catch(this.#explain);
  }

  inspect(id: JobId): Promise<JobDetails | undefined> {
    return inspectJob(this.context, id).catch(this.#explain);
  }

  cancel(id: JobId): Promise<CancelResult> {
    return cancelJob(this.context, id).catch(this.#explain);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#signaller[Symbol.asyncDispose]();
  }
}

function makeStrategy(
  strategy: string | StrategyFactory,
  schema: string,
  fillfactor: number | undefined,
): ClaimStrategy {
  const factory = findStrategy(strategy);
  if (fillfactor === undefined) return factory.create({ schema });
  requireWholeNumber('fillfactor', fillfactor, 10, 100);
  const made = factory.create({ schema, fillfactor });
  requireOpenAxis(made, 'fillfactor', fillfactor);
  return made;
}

/** Throws UnsupportedError where a settle ends a transaction or a lock of its own, and cannot be part of another. */
function retentionOf(
  { name, guarantees }: ClaimStrategy,
  retention: Retention | undefined,
): Retention | undefined {
  if (retention === undefined) return undefined;
  requireRetention(retention);
  if (guarantees.lease === 'session')
    throw new UnsupportedError(name, 'retention of finished jobs', 'leave retention out');
  return retention;
}

function findStrategy(strategy: string | StrategyFactory): StrategyFactory {
  if (typeof strategy !== 'string') return strategy;
  const found = strategies.find(({ strategyName }) => strategyName === strategy);
  if (found !== undefined) return found;
  const names = strategies.map(({ strategyName }) => strategyName).join(', ');
  throw new InvalidArgumentError(`strategy is "${strategy}": give one of ${names}, or a factory`);
}

function findWakeup(name: string): WakeupFactory {
  const found = wakeups.find(({ wakeupName }) => wakeupName === name);
  if (found !== undefined) return found;
  const names = wakeups.map(({ wakeupName }) => wakeupName).join(', ');
  throw new InvalidArgumentError(`wakeup is "${name}": give one of ${names}`);
}

/** Opens a set of queues over `driver`. Sends nothing. Throws InvalidArgumentError for an unknown name or option, or a bad schema. */
export function createQueue(options: QueueOptions): Queue {
  return new StrategyQueue(options);
}
