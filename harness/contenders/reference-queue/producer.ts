// How does a producer enqueue into the reference queue: job by job, in calls of many, or in transactions of its own?

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Driver,
  DuplicateJobError,
  type JobId,
  type Queue,
  type QueueEvent,
} from '../../../queue/index.ts';
import { type BenchJob, EnqueueRejected, type Producer, type TransactionOptions } from '../../contender.ts';
import { QUEUE, toNewJob } from './jobs.ts';

/** Thrown to have a transaction rolled back. */
const ROLL_BACK = new Error('rolled back on purpose');

export interface ProducerParts {
  readonly driver: Driver;
  /** Makes a queue object over the driver, which tells `observe` of what is enqueued. */
  readonly queue: (observe?: (event: QueueEvent) => void) => Queue;
}

/** Disposing sends pending signals; the driver stays open. */
export function producerOf({ driver, queue: open }: ProducerParts): Producer {
  const queue = open();
  const unique = new UniqueEnqueue(open);
  return {
    async enqueue(job) {
      if (job.unique !== undefined) await unique.one(job);
      else await queue.enqueue(toNewJob(job));
    },
    async enqueueMany(jobs) {
      if (jobs.some((job) => job.unique !== undefined)) return await unique.many(jobs);
      await queue.enqueueMany(jobs.map(toNewJob));
      return new Set();
    },
    async enqueueLate(job, holdMs) {
      await driver.transaction(async (tx) => {
        await queue.enqueue(toNewJob(job), { tx });
        await sleep(holdMs);
      });
      queue.signal(QUEUE);
    },
    async enqueueInTransaction(jobs, options) {
      await inTransaction(driver, queue, jobs, options);
      queue.signal(QUEUE);
    },
    async [Symbol.asyncDispose]() {
      await unique[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
    },
  };
}

async function inTransaction(
  driver: Driver,
  queue: Queue,
  jobs: readonly BenchJob[],
  { write, rollBack, holdMs }: TransactionOptions,
): Promise<void> {
  try {
    await driver.transaction(async (tx) => {
      await write((text, values) => tx.query({ text, values }));
      await queue.enqueueMany(jobs.map(toNewJob), { tx });
      if (holdMs > 0) await sleep(holdMs);
      if (rollBack) throw ROLL_BACK;
    });
  } catch (error) {
    if (error !== ROLL_BACK) throw rejected(error);
  }
}

/**
 * Unique jobs. An id alone does not say whose it is: with `ignore` it may be that of a job which another process enqueued. What
 * did enter is told by the queue's own event, before the call resolves.
 */
class UniqueEnqueue implements AsyncDisposable {
  readonly #open: ProducerParts['queue'];
  readonly #entered = new Set<JobId>();
  #queue: Queue | undefined;

  constructor(open: ProducerParts['queue']) {
    this.#open = open;
  }

  async one(job: BenchJob): Promise<void> {
    const id = await this.#made().enqueue(toNewJob(job)).catch(rethrow);
    if (!this.#entered.delete(id)) throw new EnqueueRejected('another job holds its unique key');
  }

  /** Of two jobs of one call with one key both get the id: the first is the one that entered. */
  async many(jobs: readonly BenchJob[]): Promise<ReadonlySet<number>> {
    const ids = await this.#made().enqueueMany(jobs.map(toNewJob)).catch(rethrow);
    return new Set(jobs.flatMap(({ key }, i) => (this.#entered.delete(ids[i] ?? '') ? [] : [key])));
  }

  #made(): Queue {
    this.#queue ??= this.#open((event) => {
      if (event.kind === 'enqueued') for (const id of event.ids) this.#entered.add(id);
    });
    return this.#queue;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue?.[Symbol.asyncDispose]();
  }
}

function rejected(error: unknown): unknown {
  return error instanceof DuplicateJobError ? new EnqueueRejected('another job holds its unique key') : error;
}

function rethrow(error: unknown): never {
  throw rejected(error);
}
