// Which features can a load use, and how?

import { setTimeout as sleep } from 'node:timers/promises';
import type {
  EnqueueOptions,
  Handler,
  NewJob,
  Queue,
  QueueOptions,
  WorkerOptions,
} from '../../../queue/index.ts';

/** A way to use the queue. What is absent is as it is when nobody asks for anything. */
export interface Variant {
  /** Given the library under test, which may be of another checkout. */
  readonly queue?: (library: typeof import('../../../queue/index.ts')) => Partial<QueueOptions>;
  readonly prepare?: (queue: Queue, name: string) => Promise<unknown>;
  /** Of the job with this number. */
  readonly job?: (number: number) => Partial<NewJob>;
  readonly enqueue?: (number: number) => EnqueueOptions;
  readonly handler?: Handler;
  readonly worker?: Partial<WorkerOptions>;
}

export const VARIANTS: Readonly<Record<string, Variant>> = {
  plain: {},
  'handlers that wait': { handler: () => sleep(0) },
  'a time limit': { handler: () => sleep(0), worker: { timeoutMs: 60_000 } },
  'adaptive concurrency': { handler: () => sleep(0), worker: { adaptive: { max: 64 } } },
  'an observer': { queue: () => ({ observe: () => undefined }) },
  'progress of every job': { handler: (_job, context) => context.progress({ done: 1 }) },
  'finished jobs kept': { queue: () => ({ retention: { days: 1 } }) },
  'finished jobs kept with payloads': { queue: () => ({ retention: { days: 1, payload: true } }) },
  'a rate limit far away': {
    prepare: (queue, name) => queue.limits.set(name, { rate: { jobs: 1_000_000, periodMs: 1000 } }),
  },
  'a concurrency limit far away': {
    prepare: (queue, name) => queue.limits.set(name, { concurrency: 100_000 }),
  },
  'a concurrency key for every job': {
    prepare: (queue, name) => queue.limits.set(name, { concurrencyPerKey: 1000 }),
    job: (number) => ({ concurrencyKey: `key ${number % 100}` }),
  },
  'an idempotency key': { enqueue: (number) => ({ idempotencyKey: `request ${number}` }) },
  'a unique key': { job: (number) => ({ unique: { key: `job ${number}` } }) },
  'a delay of an hour': { job: () => ({ runAt: new Date(Date.now() + 3_600_000) }) },
};
