// How is the reference queue measured, with whichever strategy?

import {
  type ClaimedJob,
  type ClaimStrategy,
  type Connection,
  createQueue,
  createWorker,
  type Driver,
  type Queue,
  type QueueOptions,
  type StrategyFactory,
  type WakeupName,
} from '../../queue/index.ts';
import type {
  Axes,
  BenchJob,
  Consumer,
  ConsumerOptions,
  Contender,
  ContenderDefinition,
  ContenderDelay,
  ContenderLimits,
  ContenderRetries,
  DeclaredSettings,
  FrontQueue,
  HeldJob,
  Producer,
  SessionRole,
  Target,
} from '../contender.ts';
import { openDriver, versionOf } from '../drivers.ts';
import { SessionWatch } from '../fairness/session-watch.ts';
import { keyOf, recorded } from '../measure/recorded-strategy.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { PlanCollector } from '../telemetry/plan-collector.ts';
import { probeFence } from '../verify/fence-probe.ts';
import {
  AXES,
  declaredSettings,
  driverOf,
  fillfactorOf,
  fixedAxes,
  wakeupOf,
  workerAxes,
} from './reference-queue/axes.ts';
import { writeFinished } from './reference-queue/finished.ts';
import { frontQueue } from './reference-queue/front-queue.ts';
import { payloadOf, QUEUE, retryOf, toNewJob } from './reference-queue/jobs.ts';
import { producerOf } from './reference-queue/producer.ts';

const PRELOAD_CHUNK = 5_000;
/** Of what is left after a load. Some strategies have no index by id, and read all of it for each page. */
const HELD_PAGE = 100_000;
const CONTROL_CONNECTIONS = 2;
const RETENTION_DAYS = 7;
/** What a worker's session is opened for, see queue/worker. */
const WORKER_SESSION = `worker ${QUEUE}`;
/** Under which names its sessions are seen by the server: the driver appends the purpose of a connection. */
const SESSION_ROLES: Readonly<Record<string, SessionRole>> = {
  [`claimbench worker ${WORKER_SESSION}`]: 'worker',
  'claimbench worker': 'support',
  'claimbench worker listen': 'support',
  'claimbench producer': 'producer',
  'claimbench control': 'control',
};

export interface ReferenceQueueOptions {
  readonly name: string;
  readonly summary?: string;
  /** Axes that make this contender; those of the command line go over them. */
  readonly axes?: Axes;
  /** Of those the ones that nobody may change, each with the reason. */
  readonly fixed?: Readonly<Partial<Record<keyof Axes, string>>>;
}

/** A contender out of a strategy: the whole reference queue around it, queue and worker as an application would use them. */
export function referenceQueue(
  factory: StrategyFactory,
  options: ReferenceQueueOptions,
): ContenderDefinition {
  return {
    name: options.name,
    summary: options.summary ?? factory.summary,
    class: factory.contract ?? 'job-queue',
    axes: AXES,
    fixed: { ...fixedAxes(factory), ...options.fixed },
    open: async (target, axes) => new ReferenceQueue(factory, target, { ...options.axes, ...axes }),
  };
}

class ReferenceQueue implements Contender {
  readonly class;
  readonly promises;
  readonly declared: DeclaredSettings;
  readonly delay?: ContenderDelay;
  readonly retries: ContenderRetries;
  readonly limits: ContenderLimits;
  readonly priorities?: { readonly min: number; readonly max: number };
  readonly needsOwnSessions: boolean;
  readonly concurrencyKeys?: { readonly maxBytes: number };
  readonly unique?: { readonly policies: readonly ['ignore', 'reject'] };
  readonly preloadFinished?: (jobs: number) => Promise<void>;
  readonly #factory: StrategyFactory;
  readonly #strategy: ClaimStrategy;
  readonly #target: Target;
  readonly #axes: Axes;
  readonly #wakeup: WakeupName;
  readonly #control: Driver;
  readonly #watch = new SessionWatch();
  readonly #plans: PlanCollector;
  #roundTrips = 0;

  constructor(factory: StrategyFactory, target: Target, axes: Axes) {
    this.#factory = factory;
    this.#target = target;
    this.#axes = axes;
    this.#wakeup = wakeupOf(axes);
    this.class = factory.contract ?? 'job-queue';
    this.#strategy = factory.create({ schema: target.schema, ...fillfactorOf(axes) });
    this.#plans = new PlanCollector(target.plans);
    this.#control = this.#driver('control', CONTROL_CONNECTIONS);
    const { guarantees } = this.#strategy;
    this.promises = {
      order: guarantees.order,
      ...(guarantees.orderWithinMs === undefined ? {} : { orderWithinMs: guarantees.orderWithinMs }),
      lease: guarantees.lease,
    };
    this.declared = declaredSettings(factory, this.#strategy, axes, CONTROL_CONNECTIONS);
    const { delay, inspection, priorities } = this.#strategy;
    this.needsOwnSessions = !guarantees.transactionPooler;
    if (priorities !== undefined) this.priorities = priorities;
    this.retries = { delayed: delay !== undefined };
    this.limits = { set: (limits) => this.#limit(limits) };
    if (inspection !== undefined) this.unique = { policies: ['ignore', 'reject'] };
    if (guarantees.lease !== 'session') this.preloadFinished = (jobs) => this.#finish(jobs);
    if (delay === undefined) return;
    this.delay = { queueClockUs: () => this.#serverClockUs() };
    this.concurrencyKeys = { maxBytes: 200 };
  }

  async effective() {
    const driver = driverOf(this.#axes);
    return { driverVersion: `${driver} ${versionOf(driver)}` };
  }

  async install(): Promise<void> {
    await using queue = this.#queue(this.#control, this.#factory);
    await queue.install();
  }

  async preload(jobs: Iterable<BenchJob>): Promise<void> {
    await using queue = this.#queue(this.#control, this.#factory);
    let chunk: BenchJob[] = [];
    for (const job of jobs) {
      chunk.push(job);
      if (chunk.length < PRELOAD_CHUNK) continue;
      await queue.enqueueMany(chunk.map(toNewJob));
      chunk = [];
    }
    await queue.enqueueMany(chunk.map(toNewJob));
  }

  async openProducer(connections: number): Promise<Producer> {
    const driver = this.#driver('producer', connections);
    const watch = this.#watch;
    // Opens every connection of the pool before the load, so that no job waits for a login.
    await watch.readPool(driver, connections, 'before the load');
    const producer = producerOf({
      driver,
      queue: (observe) => this.#queue(driver, this.#factory, observe === undefined ? {} : { observe }),
    });
    return {
      ...producer,
      async [Symbol.asyncDispose]() {
        await producer[Symbol.asyncDispose]();
        await watch.readPool(driver, connections, 'end');
        await driver[Symbol.asyncDispose]();
      },
    };
  }

  async openFront(connections: number): Promise<FrontQueue> {
    const driver = this.#driver('producer', connections);
    await this.#watch.readPool(driver, connections, 'before the load');
    const queue = this.#queue(driver, this.#factory);
    return frontQueue(queue, QUEUE, {
      // On a session of its own: it must not take a connection from those who enqueue.
      backlog: () => this.pending(),
      release: async () => {
        await queue[Symbol.asyncDispose]();
        await this.#watch.readPool(driver, connections, 'end');
        await driver[Symbol.asyncDispose]();
      },
    });
  }

  async openConsumer(options: ConsumerOptions): Promise<Consumer> {
    // The pool serves maintenance and wake-ups only: every session has a connection of its own.
    const driver = this.#driver('worker', CONTROL_CONNECTIONS);
    const read = (connection: Connection, when: 'opening' | 'end') => this.#watch.read(connection, when);
    const queue = this.#queue(driver, recorded(this.#factory, options, read));
    const worker = createWorker(queue, {
      queue: QUEUE,
      connections: options.connections,
      // A lease that lasts as long as its session is nothing to choose.
      ...(this.promises.lease === 'timed' ? { leaseMs: options.leaseMs } : {}),
      handler: (job) => {
        look(job);
        return options.handler(payloadOf(job), job.attempt);
      },
      ...(options.retry === undefined ? {} : { retry: retryOf(options.retry) }),
      ...workerAxes(this.#axes),
      events: {
        error: (error) => options.events.error(error),
      },
    });
    return {
      async stop(deadlineMs) {
        await worker.stop({ deadlineMs: Math.ceil(deadlineMs) });
        await queue[Symbol.asyncDispose]();
        await driver[Symbol.asyncDispose]();
      },
    };
  }

  async pending(): Promise<number> {
    const { ready, delayed, leased } = await this.#strategy.stats(this.#control, QUEUE);
    return ready + delayed + leased;
  }

  async *held(): AsyncGenerator<HeldJob> {
    let after: string | undefined;
    for (;;) {
      const page = await this.#strategy.contents(this.#control, after, HELD_PAGE);
      for (const job of page) yield { key: keyOf(job.payload), state: job.state };
      after = page.at(-1)?.id;
      if (after === undefined) return;
    }
  }

  probeFence() {
    return probeFence(this.#strategy, this.#control);
  }

  roundTrips(): number {
    return this.#roundTrips;
  }

  sessions() {
    const report = this.#watch.report();
    return { ...report, ownCommits: report.ownCommits + this.#plans.report().ownCommits };
  }

  sessionRole(applicationName: string): SessionRole | undefined {
    return SESSION_ROLES[applicationName];
  }

  plans() {
    return this.#plans.report();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#control[Symbol.asyncDispose]();
  }

  /** The instant of the answer, not of the transaction's start: of the two it is the later, and promotion goes by it or before. */
  async #serverClockUs(): Promise<number> {
    const { rows } = await this.#control.query<{ readonly us: number }>({
      text: 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1e6 AS us',
    });
    return rows[0]?.us ?? Number.NaN;
  }

  async #limit({
    rate,
    concurrency,
    concurrencyPerKey,
  }: Parameters<ContenderLimits['set']>[0]): Promise<void> {
    await using queue = this.#queue(this.#control, this.#factory);
    await queue.limits.set(QUEUE, {
      ...(rate === undefined ? {} : { rate }),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(concurrencyPerKey === undefined ? {} : { concurrencyPerKey }),
    });
  }

  async #finish(jobs: number): Promise<void> {
    await using queue = this.#queue(this.#control, this.#factory);
    await writeFinished(this.#control, queue, jobs);
  }

  #queue(driver: Driver, strategy: StrategyFactory, more: Pick<QueueOptions, 'observe'> = {}): Queue {
    const { schema, keepFinished } = this.#target;
    return createQueue({
      ...{ driver, strategy, schema, wakeup: this.#wakeup },
      ...fillfactorOf(this.#axes),
      ...(keepFinished === true ? { retention: { days: RETENTION_DAYS } } : {}),
      ...more,
    });
  }

  #driver(purpose: 'control' | 'producer' | 'worker', max: number): Driver {
    // The control driver installs, preloads and asks: what it runs is not the load.
    const observed = purpose !== 'control';
    return openDriver(driverOf(this.#axes), {
      ...connectionOf(this.#target),
      max,
      pipeline: this.#axes.pipeline !== 'off',
      applicationName: `claimbench ${purpose}`,
      ...(observed ? this.#plans.driverOptions() : {}),
      onStatement: (statement, { joined, described }, session) => {
        const ofJobs = purpose === 'producer' || session === WORKER_SESSION;
        if (this.#watch.sent(statement, ofJobs)) this.#roundTrips += (joined ? 0 : 1) + (described ? 1 : 0);
        if (observed) this.#plans.sent(statement);
      },
    });
  }
}

function connectionOf(target: Target): ConnectionSettings {
  if (target.connection === undefined) throw new Error('the reference queue needs a database');
  return target.connection;
}

/** As any real handler does: a strategy that makes ids and leases only when asked for pays for them, too. */
function look({ id, lease }: ClaimedJob): void {
  if (id.length + lease.fencingToken.length === 0) throw new Error('a job without an id');
}
