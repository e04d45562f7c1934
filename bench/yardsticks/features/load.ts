// The program of a child process: enqueues or drains with the queue of some checkout, a slice whenever it is asked to.

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Driver, NewJob, Queue } from '../../../queue/index.ts';
import { type Ask, ORDERS_VARIABLE, type Orders, ordersSchema, type Slice } from './orders.ts';
import { VARIANTS, type Variant } from './variants.ts';

const QUEUE = 'bench';
const CALLERS = 8;
const BULKS: Readonly<Record<string, readonly [callers: number, perCall: number]>> = {
  enqueue: [CALLERS, 1],
  bulk: [2, 1_000],
  'large bulk': [2, 5_000],
};
/** Of a slice of enqueues, until all callers are under way. */
const LEAD_SECONDS = 0.2;
/** Shares of a drain between which its rate is taken: not while sessions open, and not while the last jobs are looked for. */
const [FROM, TO] = [0.25, 0.95];
/** No more per call: beyond it an earlier version takes another way into the tables, which its claims pay for. */
const PRELOAD = 5_000;
const PAYLOADS = 10_000;

type Library = typeof import('../../../queue/index.ts');

/** About 100 bytes each that do not compress, made before any clock runs. */
const payloads = Array.from({ length: PAYLOADS }, () => ({
  a: Math.random().toString(36),
  b: Math.random().toString(36),
  c: Math.random().toString(36),
  d: Math.random(),
}));

/** One load of a queue, slice by slice. */
class Load {
  readonly #library: Library;
  readonly #orders: Orders;
  readonly #variant: Variant;
  readonly driver: Driver;
  readonly queue: Queue;
  #made = 0;

  constructor(library: Library, orders: Orders, variant: Variant) {
    this.#library = library;
    this.#orders = orders;
    this.#variant = variant;
    this.driver = library.pgDriver({ ...orders.connection, max: CALLERS });
    this.queue = library.createQueue({
      driver: this.driver,
      strategy: orders.strategy,
      schema: 'bench',
      ...variant.queue?.(),
    });
  }

  async install(): Promise<void> {
    await this.queue.install();
    await this.#variant.prepare?.(this.queue, QUEUE);
  }

  slice(): Promise<Slice> {
    return this.#orders.load === 'drain' ? this.#drain() : this.#enqueue();
  }

  #jobs(count: number): NewJob[] {
    const first = this.#made;
    this.#made += count;
    return Array.from({ length: count }, (_, nth) => ({
      queue: QUEUE,
      payload: payloads[(first + nth) % PAYLOADS],
      ...this.#variant.job?.(first + nth),
    }));
  }

  async #drain(): Promise<Slice> {
    const { jobs } = this.#orders;
    for (let at = 0; at < jobs; at += PRELOAD)
      await this.queue.enqueueMany(this.#jobs(Math.min(PRELOAD, jobs - at)));
    await this.driver.query({ text: 'VACUUM ANALYZE' });
    await this.driver.query({ text: 'CHECKPOINT' });
    const [first, last] = [Math.floor(jobs * FROM), Math.floor(jobs * TO)];
    const over = Promise.withResolvers<void>();
    let acked = 0;
    let start: Reading | undefined;
    let slice: Slice | undefined;
    const worker = this.#library.createWorker(this.queue, {
      queue: QUEUE,
      connections: CALLERS,
      handler: () => undefined,
      ...this.#variant.worker,
      events: {
        error: (error) => over.reject(error),
        settled(_outcomes, result) {
          acked += result.acked;
          if (start === undefined && acked >= first) start = read(acked);
          if (slice === undefined && start !== undefined && acked >= last)
            slice = between(start, read(acked));
          if (acked >= jobs) over.resolve();
        },
      },
    });
    try {
      await over.promise;
    } finally {
      await worker.stop();
    }
    // A rate counts only when each job was done once, and none is left.
    const left = await this.queue.strategy.contents(this.driver, undefined, 1);
    if (acked !== jobs || left.length > 0 || slice === undefined)
      throw new Error(`${acked} acks of ${jobs} jobs, and ${left.length === 0 ? 'none' : 'some'} left`);
    return slice;
  }

  async #enqueue(): Promise<Slice> {
    const { load, seconds } = this.#orders;
    const [callers, perCall] = BULKS[load] ?? [CALLERS, 1];
    const fromMs = performance.now() + LEAD_SECONDS * 1000;
    const untilMs = fromMs + seconds * 1000;
    let counted = 0;
    let start: Reading | undefined;
    const call = async (): Promise<void> => {
      while (performance.now() < untilMs) {
        const jobs = this.#jobs(perCall);
        const options = this.#variant.enqueue?.(this.#made);
        const [only] = jobs;
        if (perCall === 1 && only !== undefined) await this.queue.enqueue(only, options);
        else await this.queue.enqueueMany(jobs, options);
        counted += perCall;
        if (start === undefined && performance.now() >= fromMs) start = read(counted);
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
    if (start === undefined) throw new Error(`no call ended within ${LEAD_SECONDS} s: give it longer slices`);
    return between(start, read(counted));
  }

  /** Throws unless all is there that was enqueued, and the variant was really in use. */
  async check(): Promise<void> {
    if (this.#orders.load !== 'drain') {
      const { ready, delayed } = await this.queue.stats(QUEUE);
      if (ready + delayed !== this.#made)
        throw new Error(`${this.#made} jobs enqueued, and ${ready + delayed} there`);
    }
    await this.#variant.check?.(this.queue, this.#made);
  }
}

interface Reading {
  readonly jobs: number;
  readonly atMs: number;
  readonly cpu: NodeJS.CpuUsage;
}

function read(jobs: number): Reading {
  return { jobs, atMs: performance.now(), cpu: process.cpuUsage() };
}

function between(from: Reading, to: Reading): Slice {
  const jobs = to.jobs - from.jobs;
  const us = to.cpu.user + to.cpu.system - from.cpu.user - from.cpu.system;
  return { jobsPerSec: (jobs / (to.atMs - from.atMs)) * 1000, clientUsPerJob: us / jobs };
}

const orders = ordersSchema.parse(JSON.parse(process.env[ORDERS_VARIABLE] ?? '{}'));
const library: Library = await import(pathToFileURL(path.join(orders.root, 'queue/index.ts')).href);
const variant = VARIANTS[orders.variant];
if (variant === undefined) throw new Error(`no variant ${orders.variant}`);
const load = new Load(library, orders, variant);
const installed = load.install();
installed.catch(() => undefined);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

process.on('message', async (ask: Ask) => {
  try {
    await installed;
    if (ask === 'slice') {
      process.send?.({ slice: await load.slice() });
      return;
    }
    await load.check();
    await load.queue[Symbol.asyncDispose]();
    await load.driver[Symbol.asyncDispose]();
    process.disconnect();
  } catch (error) {
    process.send?.({ error: `${orders.strategy}, ${orders.load}, ${orders.variant}: ${messageOf(error)}` });
  }
});
