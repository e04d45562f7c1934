// How is a queue worked off for a while, where nothing runs for good: in a serverless function, or from cron?

import { InvalidArgumentError } from '../errors.ts';
import { requireKnownKeys } from '../keys.ts';
import type { Queue } from '../queue.ts';
import type { SettleResult } from '../strategy.ts';
import { createWorker, type StopReport, type Worker } from '../worker.ts';
import type { WorkerOptions } from './options.ts';

/** Options of `runUntilIdle` beside those of the worker. */
export interface IdleOptions {
  /** After so long no more jobs are claimed, in ms, 1…86,400,000; default 60,000. */
  readonly budgetMs?: number;
  /** Then running handlers may take so long before their signals abort, in ms, 0…86,400,000; default 5,000. Another second, and they are left. */
  readonly deadlineMs?: number;
  /** Ends the run as the end of its budget does. */
  readonly signal?: AbortSignal;
}

/** How a run ended, and what it did. */
export interface IdleReport extends StopReport {
  /** `idle`: nothing was left that could run. What waits for an instant is left for a later run. */
  readonly ended: 'idle' | 'budget' | 'aborted';
  readonly acked: number;
  readonly retried: number;
  readonly deadLettered: number;
}

const IDLE_KEYS = ['budgetMs', 'deadlineMs', 'signal'] as const;
const DAY_MS = 86_400_000;

function milliseconds(name: string, value: number, min: number): number {
  if (!Number.isInteger(value) || value < min || value > DAY_MS)
    throw new InvalidArgumentError(`${name} is ${value}: give a whole number in ${min}…${DAY_MS}`);
  return value;
}

/**
 * Works the queue off with a worker of `options` until nothing that can run is left, or the budget is used up. Due jobs and
 * expired leases are looked for first. Throws as `createWorker` does, and rejects as `Worker.ended` does. A server that is away is waited for, as long as the budget lasts.
 */
export async function runUntilIdle(
  queue: Queue,
  options: WorkerOptions,
  idle: IdleOptions = {},
): Promise<IdleReport> {
  requireKnownKeys('a run until idle', idle, IDLE_KEYS);
  const budgetMs = milliseconds('budgetMs', idle.budgetMs ?? 60_000, 1);
  const deadlineMs = milliseconds('deadlineMs', idle.deadlineMs ?? 5_000, 0);
  const counts = { acked: 0, retried: 0, deadLettered: 0 };
  const count = (result: SettleResult): void => {
    counts.acked += result.acked;
    counts.retried += result.retried;
    counts.deadLettered += result.deadLettered;
  };
  const worker = createWorker(queue, {
    ...options,
    events: {
      ...options.events,
      settled(outcomes, result) {
        count(result);
        options.events?.settled?.(outcomes, result);
      },
    },
  });
  const ended = await endOf(worker, budgetMs, idle.signal);
  return { ended, ...(await worker.stop({ deadlineMs })), ...counts };
}

async function endOf(
  worker: Worker,
  budgetMs: number,
  signal: AbortSignal | undefined,
): Promise<IdleReport['ended']> {
  const { promise, resolve, reject } = Promise.withResolvers<IdleReport['ended']>();
  const budget = setTimeout(() => resolve('budget'), budgetMs);
  const abort = (): void => resolve('aborted');
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  void worker.idle().then(() => resolve('idle'));
  worker.ended.catch(reject);
  try {
    return await promise;
  } finally {
    clearTimeout(budget);
    signal?.removeEventListener('abort', abort);
  }
}
