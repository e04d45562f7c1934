// How is a queue worked off for a while, where nothing runs for good: in a serverless function, or from cron?

import { requireKnownKeys, requireWholeNumber } from '../keys.ts';
import type { Queue } from '../queue.ts';
import type { SettleResult } from '../strategy.ts';
import { createWorker, type StopReport, type Worker } from '../worker.ts';
import { choresRound } from './chores.ts';
import type { WorkerOptions } from './options.ts';
import { errorReporter } from './reporting.ts';

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

/**
 * Works the queue off with a worker of `options` until nothing that can run is left, or the budget is used up. Due jobs and
 * expired leases are looked for first; at the end, unless it was aborted, the tables of the features are pruned for as long as
 * is left of `deadlineMs`. Throws as `createWorker` does, and rejects as `Worker.ended` does.
 *
 * A server that is away is waited for, as long as the budget lasts. When it is used up and no claim was ever answered, as the server
 * was away all the time, the password is wrong, or the schema is not installed, it rejects with the last error that kept the worker
 * from it. Errors are told to `events.error` as they happen, or else are warnings of the process.
 */
export async function runUntilIdle(
  queue: Queue,
  options: WorkerOptions,
  idle: IdleOptions = {},
): Promise<IdleReport> {
  requireKnownKeys('a run until idle', idle, IDLE_KEYS);
  const { budgetMs = 60_000, deadlineMs = 5_000 } = idle;
  requireWholeNumber('budgetMs', budgetMs, 1, DAY_MS);
  requireWholeNumber('deadlineMs', deadlineMs, 0, DAY_MS);
  const counts = { acked: 0, retried: 0, deadLettered: 0 };
  const count = (result: SettleResult): void => {
    counts.acked += result.acked;
    counts.retried += result.retried;
    counts.deadLettered += result.deadLettered;
  };
  const report = errorReporter(options);
  let answered = false;
  let failure: { readonly error: unknown } | undefined;
  const worker = createWorker(queue, {
    ...options,
    events: {
      ...options.events,
      claimed(jobs) {
        answered = true;
        options.events?.claimed?.(jobs);
      },
      emptyClaim() {
        answered = true;
        options.events?.emptyClaim?.();
      },
      error(error, source) {
        // Of several, those that stand between the worker and its first job.
        if (source === 'connect' || source === 'claim' || failure === undefined) failure = { error };
        report(error, source);
      },
      settled(outcomes, result) {
        count(result);
        options.events?.settled?.(outcomes, result);
      },
    },
  });
  const ended = await endOf(worker, budgetMs, idle.signal);
  const reason = ended === 'budget' && !answered ? failure : undefined;
  const deadline = AbortSignal.timeout(deadlineMs);
  const stopped = await worker.stop({ deadlineMs });
  if (reason !== undefined) throw reason.error;
  if (ended !== 'aborted') await prune(queue, (error) => report(error, 'maintenance'), deadline);
  return { ended, ...stopped, ...counts };
}

/** What a worker that runs for good does from time to time. */
async function prune({ context }: Queue, onError: (error: unknown) => void, deadline: AbortSignal) {
  let left = true;
  while (left && !deadline.aborted) left = await choresRound({ context, onError }, deadline);
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
