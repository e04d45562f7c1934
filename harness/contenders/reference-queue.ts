// How is the reference queue measured, with whichever strategy?

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ClaimedJob,
  type ClaimStrategy,
  type Connection,
  createQueue,
  createWorker,
  type Driver,
  type NewJob,
  type Queue,
  type StrategyFactory,
  type WakeupName,
} from '../../queue/index.ts';
import type {
  Axes,
  BenchJob,
  BenchPayload,
  Consumer,
  ConsumerOptions,
  Contender,
  ContenderDefinition,
  ContenderDelay,
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
import { frontQueue } from './reference-queue/front-queue.ts';

const QUEUE = 'bench';
const PRELOAD_CHUNK = 5_000;
/** Of what is left after a load. Some strategies have no index by id, and read all of it for each page. */
const HELD_PAGE = 100_000;
const CONTROL_CONNECTIONS = 2;
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
    if (this.#strategy.delay !== undefined) this.delay = { queueClockUs: () => this.#serverClockUs() };
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
    const queue = this.#queue(driver, this.#factory);
    return {
      async enqueue(job) {
        await queue.enqueue(toNewJob(job));
      },
      async enqueueLate(job, holdMs) {
        await driver.transaction(async (tx) => {
          await queue.enqueue(toNewJob(job), { tx });
          await sleep(holdMs);
        });
        queue.signal(QUEUE);
      },
      async [Symbol.asyncDispose]() {
        await queue[Symbol.asyncDispose]();
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
        return options.handler(payloadOf(job));
      },
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

  #queue(driver: Driver, strategy: StrategyFactory): Queue {
    const { schema } = this.#target;
    return createQueue({ driver, strategy, schema, wakeup: this.#wakeup, ...fillfactorOf(this.#axes) });
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

function toNewJob(job: BenchJob): NewJob {
  const { payload, priority, runAtMs } = job;
  return {
    queue: QUEUE,
    payload,
    ...(priority === 0 ? {} : { priority }),
    ...(runAtMs === undefined ? {} : { runAt: new Date(runAtMs) }),
  };
}

/** As any real handler does: a strategy that makes ids and leases only when asked for pays for them, too. */
function look({ id, lease }: ClaimedJob): void {
  if (id.length + lease.fencingToken.length === 0) throw new Error('a job without an id');
}

function payloadOf(job: ClaimedJob): BenchPayload {
  const { payload } = job;
  const t = typeof payload === 'object' && payload !== null && 't' in payload ? payload.t : 0;
  return { k: keyOf(payload), t: typeof t === 'number' ? t : 0, pad: '' };
}
