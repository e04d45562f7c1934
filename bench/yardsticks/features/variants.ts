// Which features can a load use, and how?

import { setTimeout as sleep } from 'node:timers/promises';
import type { EnqueueOptions, NewJob, Queue, QueueOptions, WorkerOptions } from '../../../queue/index.ts';

/** A way to use the queue. What is absent is as it is when nobody asks for anything. */
export interface Variant {
  readonly queue?: () => Partial<QueueOptions>;
  readonly prepare?: (queue: Queue, name: string) => Promise<unknown>;
  /** Of the job with this number. */
  readonly job?: (number: number) => Partial<NewJob>;
  readonly enqueue?: (number: number) => EnqueueOptions;
  readonly worker?: Partial<WorkerOptions>;
  /** Rejects when the feature was not in use after all: `made` jobs were enqueued. */
  readonly check?: (queue: Queue, made: number) => Promise<void>;
}

/** Handlers at work in each of the sessions, where handlers wait: enough that they never hold up the claims. */
const HANDLERS = 64;
/** The shortest that a handler can wait. */
const waiting: Partial<WorkerOptions> = { handler: () => sleep(0), concurrency: HANDLERS };
/** Far above what any strategy reaches. */
const RATE = { rate: { jobs: 1_000_000, periodMs: 1000 } };
const KEYS = 100;

let observed = 0;
let failed = 0;

async function rows(queue: Queue, table: string): Promise<number> {
  const { rows: found } = await queue.driver.query<{ readonly count: number }>({
    text: `SELECT count(*)::integer AS count FROM ${table}`,
  });
  return found[0]?.count ?? 0;
}

function requireUse(used: boolean, what: string): void {
  if (!used) throw new Error(`${what}: the feature was not in use`);
}

const limited = (prepare: NonNullable<Variant['prepare']>, worker: Variant['worker']): Variant => ({
  prepare,
  ...(worker === undefined ? {} : { worker }),
  check: async (queue) =>
    requireUse((await rows(queue, queue.context.tables.settings)) === 1, 'no limit is known'),
});
const rate: NonNullable<Variant['prepare']> = (queue, name) => queue.limits.set(name, RATE);

export const VARIANTS: Readonly<Record<string, Variant>> = {
  plain: {},
  'handlers that fail once in a hundred': {
    worker: {
      retry: () => 0,
      async handler({ attempt }) {
        await Promise.resolve();
        if (attempt > 1) return;
        failed += 1;
        if (failed % 100 === 0) throw new Error('one in a hundred');
      },
    },
  },
  'handlers that wait': { worker: waiting },
  'a time limit': { worker: { ...waiting, timeoutMs: 60_000 } },
  // As many as without: what is measured is the looking, and not another number of handlers.
  'adaptive concurrency': { worker: { ...waiting, adaptive: { min: HANDLERS, max: HANDLERS } } },
  'an observer': {
    queue: () => ({
      observe: () => {
        observed += 1;
      },
    }),
    check: async () => requireUse(observed > 0, 'nothing was observed'),
  },
  'progress of every job': { worker: { handler: (_job, context) => context.progress({ done: 1 }) } },
  'finished jobs kept': {
    queue: () => ({ retention: { days: 1 } }),
    check: async (queue, made) =>
      requireUse((await rows(queue, queue.context.tables.finished)) === made, 'not each job was kept'),
  },
  'finished jobs kept with payloads': {
    queue: () => ({ retention: { days: 1, payload: true } }),
    check: async (queue, made) =>
      requireUse((await rows(queue, queue.context.tables.finished)) === made, 'not each job was kept'),
  },
  'a rate limit far away, one handler': limited(rate, undefined),
  'a rate limit far away': limited(rate, waiting),
  'a concurrency limit far away': limited(
    (queue, name) => queue.limits.set(name, { concurrency: 100_000 }),
    waiting,
  ),
  'a concurrency key for every job': {
    ...limited((queue, name) => queue.limits.set(name, { concurrencyPerKey: 10_000 }), waiting),
    job: (number) => ({ concurrencyKey: `key ${number % KEYS}` }),
  },
  'an idempotency key': {
    enqueue: (number) => ({ idempotencyKey: `request ${number}` }),
    check: async (queue) =>
      requireUse((await rows(queue, queue.context.tables.requests)) > 0, 'no key is known'),
  },
  'a unique key': {
    job: (number) => ({ unique: { key: `job ${number}` } }),
    check: async (queue, made) =>
      requireUse((await rows(queue, queue.context.tables.uniqueKeys)) === made, 'not each key is known'),
  },
  'a delay of an hour': { job: () => ({ runAt: new Date(Date.now() + 3_600_000) }) },
};
