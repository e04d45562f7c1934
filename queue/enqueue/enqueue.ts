// How do jobs get from the caller into the tables of the strategy?

import type { QueueContext } from '../context.ts';
import type { Database, Transactor } from '../drivers/driver.ts';
import { validateJob } from '../job.ts';
import { requireKnownKeys } from '../keys.ts';
import { haveKeys, storeJobKeys } from '../limits/job-keys.ts';
import { encodePayload } from '../payload.ts';
import type { JobId, NewJob } from '../strategy.ts';
import type { Signaller } from '../wakeup/wakeup.ts';

/** Options of an enqueue. */
export interface EnqueueOptions {
  /** The caller's open transaction: the jobs appear if and when it commits. */
  readonly tx?: Database;
}

/** Enqueues all jobs or none; one id for each, in their order. */
export type EnqueueJobs = (jobs: readonly NewJob[], options: EnqueueOptions) => Promise<readonly JobId[]>;

const ENQUEUE_KEYS: readonly (keyof EnqueueOptions)[] = ['tx'];
/** Jobs per statement: bounds the size of one message and of the arrays that the server unpacks. */
const ENQUEUE_CHUNK = 5000;

/** The enqueue of one queue object. */
export function enqueueThrough(context: QueueContext, signaller: Signaller): EnqueueJobs {
  const { driver, strategy } = context;
  /** Where the signal can travel with the enqueue. */
  const signallingOf = ([queue, ...others]: readonly string[]): Transactor | undefined =>
    queue === undefined || others.length > 0 ? undefined : signaller.behindEnqueue?.(queue);

  const send = async (
    db: Database,
    jobs: readonly NewJob[],
    queues: readonly string[],
  ): Promise<readonly JobId[]> => {
    // Both are issued before either is awaited: on a connection that pipelines, the signal costs no round trip.
    const [ids] = await Promise.all([sendChunks(db, jobs), signaller.insideEnqueue?.(db, queues)]);
    await storeJobKeys(db, context, jobs, ids);
    return ids;
  };

  const sendChunks = async (db: Database, jobs: readonly NewJob[]): Promise<readonly JobId[]> => {
    if (jobs.length <= ENQUEUE_CHUNK) return strategy.enqueue(db, jobs);
    // A payload refused in the last chunk would leave the first ones in a transaction that its owner may commit.
    for (const job of jobs) encodePayload(job.payload);
    const ids: JobId[] = [];
    for (let start = 0; start < jobs.length; start += ENQUEUE_CHUNK)
      ids.push(...(await strategy.enqueue(db, jobs.slice(start, start + ENQUEUE_CHUNK))));
    return ids;
  };

  return async (jobs, options) => {
    // First of all: a misspelt tx would commit apart from the caller's transaction.
    requireKnownKeys('an enqueue', options, ENQUEUE_KEYS);
    if (jobs.length === 0) return [];
    for (const job of jobs) validateJob(strategy, job);
    const queues = jobs.length === 1 ? [jobs[0]?.queue ?? ''] : [...new Set(jobs.map((job) => job.queue))];
    if (options.tx !== undefined) return send(options.tx, jobs, queues);
    // One statement is its own transaction; more than one, the signal's included, needs a real one.
    const single = jobs.length <= ENQUEUE_CHUNK && signaller.insideEnqueue === undefined && !haveKeys(jobs);
    const signalling = single ? signallingOf(queues) : undefined;
    if (signalling !== undefined) return strategy.enqueue(signalling, jobs);
    const ids = single
      ? await strategy.enqueue(driver, jobs)
      : await driver.transaction((tx) => send(tx, jobs, queues));
    signaller.afterEnqueue?.(queues);
    return ids;
  };
}
