// How is the reference queue measured, with whichever strategy?

import {
  type ClaimedJob,
  type ClaimStrategy,
  createQueue,
  createWorker,
  type Driver,
  pgDriver,
  type Queue,
  type StrategyFactory,
  type WakeupName,
  wakeups,
} from '../../queue/index.ts';
import type {
  Axes,
  BenchJob,
  BenchPayload,
  Consumer,
  ConsumerOptions,
  Contender,
  ContenderDefinition,
  HeldJob,
  Producer,
  Target,
} from '../contender.ts';
import { keyOf, recorded } from '../measure/recorded-strategy.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { probeFence } from '../verify/fence-probe.ts';

const QUEUE = 'bench';
const PRELOAD_CHUNK = 5_000;
const HELD_PAGE = 10_000;
const CONTROL_CONNECTIONS = 2;

export interface ReferenceQueueOptions {
  readonly name: string;
  readonly summary?: string;
  /** Axes that make this contender; those of the command line go over them. */
  readonly axes?: Axes;
}

/** A contender out of a strategy: the whole reference queue around it, queue and worker as an application would use them. */
export function referenceQueue(
  factory: StrategyFactory,
  options: ReferenceQueueOptions,
): ContenderDefinition {
  return {
    name: options.name,
    summary: options.summary ?? factory.summary,
    class: 'job-queue',
    axes: ['batch', 'prefetch', 'settle', 'settleDelayMs', 'concurrency', 'wakeup', 'pollMs'],
    open: async (target, axes) => new ReferenceQueue(factory, target, { ...options.axes, ...axes }),
  };
}

class ReferenceQueue implements Contender {
  readonly class = 'job-queue';
  readonly promises;
  readonly declared;
  readonly #factory: StrategyFactory;
  readonly #strategy: ClaimStrategy;
  readonly #target: Target;
  readonly #axes: Axes;
  readonly #wakeup: WakeupName;
  readonly #control: Driver;
  #roundTrips = 0;

  constructor(factory: StrategyFactory, target: Target, axes: Axes) {
    this.#factory = factory;
    this.#target = target;
    this.#axes = axes;
    this.#wakeup = wakeupName(axes.wakeup ?? 'coalesced');
    this.#strategy = factory.create({ schema: target.schema });
    this.#control = this.#driver('control', CONTROL_CONNECTIONS);
    const { guarantees, workerDefaults } = this.#strategy;
    this.promises = { order: guarantees.order, lease: guarantees.lease };
    this.declared = {
      strategy: factory.strategyName,
      wakeup: this.#wakeup,
      driver: this.#control.name,
      batch: axes.batch ?? workerDefaults.batch,
    };
  }

  async effective() {
    const { workerDefaults } = this.#strategy;
    const wakeup = wakeups.find((w) => w.wakeupName === this.#wakeup);
    const { rows } = await this.#control.query<{ commit: string }>({
      text: "SELECT current_setting('synchronous_commit') AS commit",
    });
    return {
      prefetch: this.#axes.prefetch ?? workerDefaults.prefetch,
      settle: this.#axes.settle ?? workerDefaults.settle,
      concurrency: this.#axes.concurrency ?? 1,
      pollMs: this.#axes.pollMs ?? wakeup?.defaultPollMs ?? 0,
      synchronousCommit: rows[0]?.commit ?? 'unknown',
    };
  }

  async install(): Promise<void> {
    await this.#strategy.install(this.#control);
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
    await warmUp(driver, connections);
    const queue = this.#queue(driver, this.#factory);
    return {
      async enqueue(job) {
        await queue.enqueue(toNewJob(job));
      },
      async [Symbol.asyncDispose]() {
        await queue[Symbol.asyncDispose]();
        await driver[Symbol.asyncDispose]();
      },
    };
  }

  async openConsumer(options: ConsumerOptions): Promise<Consumer> {
    // The pool serves maintenance and wake-ups only: every session has a connection of its own.
    const driver = this.#driver('worker', CONTROL_CONNECTIONS);
    const queue = this.#queue(driver, recorded(this.#factory, options));
    const worker = createWorker(queue, {
      queue: QUEUE,
      connections: options.connections,
      leaseMs: options.leaseMs,
      handler: (job) => options.handler(payloadOf(job)),
      ...workerAxes(this.#axes),
      events: {
        emptyClaim: () => options.events.emptyClaim(options.firstClaimer),
        error: (error) => options.events.error(error),
      },
    });
    return {
      async stop(deadlineMs) {
        await worker.stop({ deadlineMs });
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#control[Symbol.asyncDispose]();
  }

  #queue(driver: Driver, strategy: StrategyFactory): Queue {
    return createQueue({ driver, strategy, schema: this.#target.schema, wakeup: this.#wakeup });
  }

  #driver(purpose: string, max: number): Driver {
    return pgDriver({
      ...connectionOf(this.#target),
      max,
      applicationName: `claimbench ${purpose}`,
      onStatement: (_statement, joined) => {
        if (!joined) this.#roundTrips += 1;
      },
    });
  }
}

function connectionOf(target: Target): ConnectionSettings {
  if (target.connection === undefined) throw new Error('the reference queue needs a database');
  return target.connection;
}

function wakeupName(name: string): WakeupName {
  const found = wakeups.find((w) => w.wakeupName === name);
  if (found === undefined) throw new Error(`unknown wakeup ${name}`);
  return found.wakeupName;
}

function workerAxes(axes: Axes) {
  const { wakeup: _, ...rest } = axes;
  return rest;
}

function toNewJob(job: BenchJob) {
  const { payload, priority } = job;
  return priority === 0 ? { queue: QUEUE, payload } : { queue: QUEUE, payload, priority };
}

/** Opens every connection of the pool before the load, so that no job waits for a login. */
async function warmUp(driver: Driver, connections: number): Promise<void> {
  await Promise.all(
    Array.from({ length: connections }, () => driver.query({ text: 'SELECT pg_sleep(0.02)' })),
  );
}

function payloadOf(job: ClaimedJob): BenchPayload {
  const { payload } = job;
  const t = typeof payload === 'object' && payload !== null && 't' in payload ? payload.t : 0;
  return { k: keyOf(payload), t: typeof t === 'number' ? t : 0, pad: '' };
}
