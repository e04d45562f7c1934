// How does an application put jobs into a queue?

import type { QueueContext } from './context.ts';
import type { Database, Driver, Transactor } from './drivers/driver.ts';
import { InvalidArgumentError } from './errors.ts';
import { requireOpenAxis, requireQueueName, validateJob } from './job.ts';
import { requireFunction, requireKnownKeys, requireObject } from './keys.ts';
import { encodePayload } from './payload.ts';
import { installQueue, printInstallation } from './schema/install.ts';
import { queueTables } from './schema/queue-tables.ts';
import { strategies } from './strategies/index.ts';
import type { ClaimStrategy, JobId, NewJob, QueueStats, StoredJob, StrategyFactory } from './strategy.ts';
import { wakeups } from './wakeup/index.ts';
import type { WakeupFactory, WakeupName } from './wakeup/wakeup.ts';
import type { Observer } from './watch/events.ts';
import { type FinishedJobs, finishedJobs } from './watch/finished.ts';

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
  /** Told of signals that could not be sent, and of what `observe` throws. No job depends on either. Default: ignored. */
  readonly onSignalError?: (error: unknown) => void;
  /** Told of all that happens through this queue object and its workers; default nobody, which costs nothing. */
  readonly observe?: Observer;
}

/** Options of an enqueue. */
export interface EnqueueOptions {
  /** The caller's open transaction: the jobs appear if and when it commits. */
  readonly tx?: Database;
}

/** A set of named queues in one schema. Disposing sends pending signals; the driver stays open. */
export interface Queue extends AsyncDisposable {
  readonly driver: Driver;
  readonly schema: string;
  readonly strategy: ClaimStrategy;
  readonly wakeup: WakeupFactory;
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
  /** The SQL that `install` would run on a database that has nothing of it: for who runs migrations with tools of his own. */
  installSql(): string;
  /**
   * Enqueues one job. Durable when it resolves; with `tx`, when that commits.
   * Throws InvalidArgumentError or UnsupportedError before anything is sent.
   */
  enqueue(job: NewJob, options?: EnqueueOptions): Promise<JobId>;
  /**
   * Enqueues all jobs or none, in their order; one id for each. More than 5,000 jobs travel in several statements of one
   * transaction: `tx`, or one of its own. Throws as `enqueue` does; one invalid job refuses them all.
   */
  enqueueMany(jobs: readonly NewJob[], options?: EnqueueOptions): Promise<readonly JobId[]>;
  /**
   * Tells idle workers that `queue` has jobs. Needed only after the commit of a caller's own transaction, under a wake-up
   * that cannot know of it (`coalesced`); without it the next poll finds them.
   */
  signal(queue: string): void;
  stats(queue: string): Promise<QueueStats>;
  /** Dead letters of all queues, in the order of their ids, after `afterId`; at most `limit`, from 1 on (default 100). */
  deadLetters(options?: { readonly afterId?: JobId; readonly limit?: number }): Promise<readonly StoredJob[]>;
}

const QUEUE_KEYS: readonly (keyof QueueOptions)[] = [
  'driver',
  'strategy',
  'schema',
  'fillfactor',
  'wakeup',
  'onSignalError',
  'observe',
];
const ENQUEUE_KEYS: readonly (keyof EnqueueOptions)[] = ['tx'];
/** Jobs per statement: bounds the size of one message and of the arrays that the server unpacks. */
const ENQUEUE_CHUNK = 5000;
/** Rows per page while `deadLetters` looks through the contents. */
const PAGE = 1000;

class StrategyQueue implements Queue {
  readonly driver: Driver;
  readonly schema: string;
  readonly strategy: ClaimStrategy;
  readonly wakeup: WakeupFactory;
  readonly context: QueueContext;
  readonly finished: FinishedJobs;
  readonly #signaller;

  constructor(options: QueueOptions) {
    requireKnownKeys('a queue', options, QUEUE_KEYS);
    requireObject('driver', options.driver);
    requireFunction('onSignalError', options.onSignalError);
    requireFunction('observe', options.observe);
    this.driver = options.driver;
    this.schema = options.schema ?? 'claimbench';
    this.strategy = makeStrategy(options.strategy ?? 'skip-locked', this.schema, options.fillfactor);
    this.wakeup = findWakeup(options.wakeup ?? 'coalesced');
    const onError = options.onSignalError ?? (() => undefined);
    this.#signaller = this.wakeup.signaller({ driver: this.driver, schema: this.schema, onError });
    const { observe } = options;
    this.context = {
      driver: this.driver,
      schema: this.schema,
      strategy: this.strategy,
      tables: queueTables(this.schema),
      signal: (queue) => this.#signaller.afterEnqueue?.([queue]),
      observed: observe !== undefined,
      emit(event) {
        try {
          observe?.(event);
        } catch (error) {
          onError(error);
        }
      },
    };
    this.finished = finishedJobs(this.context);
  }

  install(): Promise<void> {
    return installQueue(this.context);
  }

  installSql(): string {
    return printInstallation(this.context);
  }

  async enqueue(job: NewJob, options: EnqueueOptions = {}): Promise<JobId> {
    const [id] = await this.enqueueMany([job], options);
    if (id === undefined)
      throw new Error(`strategy ${this.strategy.name} returned no id for an enqueued job`);
    return id;
  }

  async enqueueMany(jobs: readonly NewJob[], options: EnqueueOptions = {}): Promise<readonly JobId[]> {
    // First of all: a misspelt tx would commit apart from the caller's transaction.
    requireKnownKeys('an enqueue', options, ENQUEUE_KEYS);
    if (jobs.length === 0) return [];
    for (const job of jobs) validateJob(this.strategy, job);
    const queues = jobs.length === 1 ? [jobs[0]?.queue ?? ''] : [...new Set(jobs.map((job) => job.queue))];
    if (options.tx !== undefined) return this.#send(options.tx, jobs, queues);
    // One statement is its own transaction; more than one, the signal's included, needs a real one.
    const single = jobs.length <= ENQUEUE_CHUNK && this.#signaller.insideEnqueue === undefined;
    const signalling = single ? this.#signalling(queues) : undefined;
    if (signalling !== undefined) return this.strategy.enqueue(signalling, jobs);
    const ids = single
      ? await this.strategy.enqueue(this.driver, jobs)
      : await this.driver.transaction((tx) => this.#send(tx, jobs, queues));
    this.#signaller.afterEnqueue?.(queues);
    return ids;
  }

  /** Where the signal can travel with the enqueue. */
  #signalling([queue, ...others]: readonly string[]): Transactor | undefined {
    return queue === undefined || others.length > 0 ? undefined : this.#signaller.behindEnqueue?.(queue);
  }

  async #send(db: Database, jobs: readonly NewJob[], queues: readonly string[]): Promise<readonly JobId[]> {
    // Both are issued before either is awaited: on a connection that pipelines, the signal costs no round trip.
    const [ids] = await Promise.all([
      this.#sendChunks(db, jobs),
      this.#signaller.insideEnqueue?.(db, queues),
    ]);
    return ids;
  }

  async #sendChunks(db: Database, jobs: readonly NewJob[]): Promise<readonly JobId[]> {
    if (jobs.length <= ENQUEUE_CHUNK) return this.strategy.enqueue(db, jobs);
    // A payload refused in the last chunk would leave the first ones in a transaction that its owner may commit.
    for (const job of jobs) encodePayload(job.payload);
    const ids: JobId[] = [];
    for (let start = 0; start < jobs.length; start += ENQUEUE_CHUNK)
      ids.push(...(await this.strategy.enqueue(db, jobs.slice(start, start + ENQUEUE_CHUNK))));
    return ids;
  }

  signal(queue: string): void {
    requireQueueName(queue);
    this.#signaller.afterEnqueue?.([queue]);
  }

  async stats(queue: string): Promise<QueueStats> {
    requireQueueName(queue);
    return this.strategy.stats(this.driver, queue);
  }

  async deadLetters(
    options: { readonly afterId?: JobId; readonly limit?: number } = {},
  ): Promise<readonly StoredJob[]> {
    requireKnownKeys('a list of dead letters', options, ['afterId', 'limit']);
    const { limit = 100 } = options;
    if (!Number.isInteger(limit) || limit < 1)
      throw new InvalidArgumentError(`limit is ${limit}: give a whole number from 1 on`);
    const found: StoredJob[] = [];
    let afterId = options.afterId;
    while (found.length < limit) {
      const page = await this.strategy.contents(this.driver, afterId, PAGE);
      if (page.length === 0) break;
      found.push(...page.filter((job) => job.state === 'dead'));
      afterId = page.at(-1)?.id;
    }
    return found.slice(0, limit);
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
  if (!Number.isInteger(fillfactor) || fillfactor < 10 || fillfactor > 100)
    throw new InvalidArgumentError(`fillfactor is ${fillfactor}: give a whole number in 10…100`);
  const made = factory.create({ schema, fillfactor });
  requireOpenAxis(made, 'fillfactor', fillfactor);
  return made;
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
