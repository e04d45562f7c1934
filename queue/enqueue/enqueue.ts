// How do jobs get from the caller into the tables of the strategy?

import type { QueueContext } from '../context.ts';
import type { Database, Transactor } from '../drivers/driver.ts';
import { InvalidArgumentError, UnsupportedError } from '../errors.ts';
import { validateJob } from '../job.ts';
import { requireKey, requireKnownKeys, requireObject, said } from '../keys.ts';
import { atReadCommitted } from '../strategies/shared/read-committed.ts';
import type { JobId, NewJob } from '../strategy.ts';
import type { Signaller } from '../wakeup/wakeup.ts';
import { encodeJob } from './encoding.ts';
import { entranceTo } from './entering.ts';
import { requestsOf } from './requests.ts';
import { enqueueUniqueThrough, type UniqueResult } from './unique.ts';

/** Options of an enqueue. */
export interface EnqueueOptions {
  /**
   * The caller's open transaction: the jobs appear if and when it commits. Idempotency keys and unique ones need it at READ
   * COMMITTED, the default: at a stricter level a call that meets another fails with SQLSTATE 40001. Who uses several of them
   * in one transaction, in an order of his own, may meet a deadlock (40P01), as with any rows.
   */
  readonly tx?: Database;
  /**
   * Name of this call, 1…200 bytes, for a caller who may have to make it again without knowing what became of it: of all calls
   * with the same key one enqueues, and all are answered with its ids. A call with the same key and other jobs throws
   * IdempotencyError. Keys are of the whole schema, and kept for the `idempotencyMs` of the queue object that enqueued. Costs three round trips more.
   */
  readonly idempotencyKey?: string;
}

/** Enqueues all jobs or none; one id for each, in their order. */
export type EnqueueJobs = (jobs: readonly NewJob[], options: EnqueueOptions) => Promise<readonly JobId[]>;

const ENQUEUE_KEYS: readonly (keyof EnqueueOptions)[] = ['tx', 'idempotencyKey'];

/** The same error, of which job it is said in front. */
function ofJob(place: number, error: unknown): unknown {
  if (!(error instanceof InvalidArgumentError || error instanceof UnsupportedError)) return error;
  const { message, stack } = error;
  error.message = `jobs[${place}]: ${message}`;
  // It holds the message as well, and is what is printed.
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return error;
}

function isUnique({ unique }: NewJob): boolean {
  return unique !== undefined;
}

function requireTransaction(tx: unknown): void {
  if (typeof tx !== 'object' || tx === null || !('query' in tx) || typeof tx.query !== 'function')
    throw new InvalidArgumentError(
      `tx is ${said(tx)}: give the open transaction, as pgTransaction(client) or postgresTransaction(sql)`,
    );
}

/** The enqueue of one queue object. */
export function enqueueThrough(context: QueueContext, signaller: Signaller): EnqueueJobs {
  const { driver, strategy, maxPayloadBytes } = context;
  const entrance = entranceTo(context);
  const requests = requestsOf(context);
  const enqueueUnique = enqueueUniqueThrough(context);

  /** Each with its payload encoded, when all of them are right. */
  const checked = (jobs: readonly NewJob[]): readonly NewJob[] => {
    const encoded: NewJob[] = [];
    try {
      for (const job of jobs) {
        validateJob(strategy, job);
        encoded.push(encodeJob(job, maxPayloadBytes));
      }
    } catch (error) {
      throw jobs.length === 1 ? error : ofJob(encoded.length, error);
    }
    return encoded;
  };

  /** Where the signal can travel with the enqueue. */
  const signallingOf = ([queue, ...others]: readonly string[]): Transactor | undefined =>
    queue === undefined || others.length > 0 ? undefined : signaller.behindEnqueue?.(queue);

  const send = async (
    db: Database,
    jobs: readonly NewJob[],
    queues: readonly string[],
  ): Promise<readonly JobId[]> => {
    // Both are issued before either is awaited: on a connection that pipelines, the signal costs no round trip.
    const [ids] = await Promise.all([entrance.enter(db, jobs), signaller.insideEnqueue?.(db, queues)]);
    return ids;
  };

  const enqueuePlain = async (
    jobs: readonly NewJob[],
    queues: readonly string[],
    tx: Database | undefined,
  ): Promise<readonly JobId[]> => {
    if (tx !== undefined) return send(tx, jobs, queues);
    // One statement is its own transaction; more than one, the signal's included, needs a real one.
    const single = signaller.insideEnqueue === undefined && entrance.isSingle(jobs);
    const signalling = single ? signallingOf(queues) : undefined;
    if (signalling !== undefined) return strategy.enqueue(signalling, jobs);
    if (!single) await entrance.prepare(driver, jobs);
    const ids = single
      ? await strategy.enqueue(driver, jobs)
      : await driver.transaction((own) => send(own, jobs, queues));
    signaller.afterEnqueue?.(queues);
    return ids;
  };

  /** In a transaction, with all that one statement cannot do. */
  const enqueueGuarded = async (
    db: Database,
    jobs: readonly NewJob[],
    queues: readonly string[],
    key: string | undefined,
  ): Promise<UniqueResult> => {
    const work = () => enqueueUnique(db, jobs, (entering) => entrance.enter(db, entering));
    const done = key === undefined ? await work() : await requests.once(db, key, jobs, work);
    // Also when nothing was enqueued: the signal of the first call may have been lost with its answer.
    await signaller.insideEnqueue?.(db, queues);
    return 'repeated' in done ? { ids: done.ids, jobs: [], entered: [], removed: [] } : done;
  };

  /** Tells the observer, queue by queue. */
  const tell = (
    jobs: readonly NewJob[],
    ids: readonly JobId[],
    inTransaction: boolean,
    calledMs: number,
  ): void => {
    const enqueueMs = performance.now() - calledMs;
    const entered = Map.groupBy(ids.entries(), ([place]) => jobs[place]?.queue ?? '');
    for (const [queue, places] of entered)
      context.emit({ kind: 'enqueued', queue, ids: places.map(([, id]) => id), inTransaction, enqueueMs });
  };

  return async (jobs, options) => {
    // First of all: a misspelt tx would commit apart from the caller's transaction.
    requireObject('the options of an enqueue', options);
    requireKnownKeys('an enqueue', options, ENQUEUE_KEYS);
    const { tx, idempotencyKey } = options;
    if (tx !== undefined) requireTransaction(tx);
    if (idempotencyKey !== undefined) requireKey('idempotencyKey', idempotencyKey);
    if (!Array.isArray(jobs)) throw new InvalidArgumentError(`jobs is ${said(jobs)}: give an array of jobs`);
    if (jobs.length === 0) return [];
    const calledMs = context.observed ? performance.now() : 0;
    // All of them before anything is sent: a transaction of the caller's must not be left with some.
    const encoded = checked(jobs);
    const plain = idempotencyKey === undefined && !jobs.some(isUnique);
    const queues = jobs.length === 1 ? [jobs[0]?.queue ?? ''] : [...new Set(jobs.map((job) => job.queue))];
    if (plain) {
      const ids = await enqueuePlain(encoded, queues, tx);
      if (context.observed) tell(jobs, ids, tx !== undefined, calledMs);
      return ids;
    }
    const guarded = (db: Database) => enqueueGuarded(db, encoded, queues, idempotencyKey);
    if (tx === undefined) await entrance.prepare(driver, encoded);
    const done = tx === undefined ? await atReadCommitted(driver, guarded) : await guarded(tx);
    if (tx === undefined) signaller.afterEnqueue?.(queues);
    if (context.observed) {
      for (const { id, queue } of done.removed)
        context.emit({ kind: 'cancelled', id, queue, running: false });
      tell(done.jobs, done.entered, tx !== undefined, calledMs);
    }
    return done.ids;
  };
}
