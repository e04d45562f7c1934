// How does somebody look through the dead letters of a set of queues, bring them back, or throw them away?

import { isDate } from 'node:util/types';
import type { QueueContext } from '../context.ts';
import { InvalidArgumentError, UnsupportedError } from '../errors.ts';
import { requireQueueName } from '../job.ts';
import { requireKnownKeys, requireObject, said } from '../keys.ts';
import { dropJobKeys } from '../limits/job-keys.ts';
import { changeByIndex } from '../strategies/shared/planner.ts';
import type { DeadLetterFilter, DeadLetterStore, JobId, JobRecord, Redriven } from '../strategy.ts';
import { requireJobId } from './job-id.ts';

/** A page of dead letters; all that is given must hold. */
export interface DeadLetterListOptions extends DeadLetterFilter {
  /** The id that the page before has ended with. */
  readonly afterId?: JobId;
  /** At most so many, from 1 on; default 100. */
  readonly limit?: number;
}

/** Which dead letters to bring back or to delete; all that is given must hold. */
export interface DeadLetterSelection extends DeadLetterFilter {
  /** Has to be true where nothing else is given: the dead letters of all queues are not meant by mistake. */
  readonly all?: boolean;
}

/** The dead letters of a set of queues. Each method throws UnsupportedError for a strategy that keeps none to work on. */
export interface DeadLetters {
  /** In the order of their ids, each with its payload and the errors of its attempts. */
  list(options?: DeadLetterListOptions): Promise<readonly JobRecord[]>;
  /**
   * Makes jobs of them again, in pages that are transactions of their own: under their ids, ready at once, with all attempts
   * before them and their errors kept. What was cancelled before they died is forgotten. A unique key that another job has
   * taken meanwhile stays with that. What others have in hand is passed over. Wakes workers. Returns how many; when it rejects, some may be back already, and it can
   * be called again.
   */
  redrive(which: DeadLetterSelection): Promise<number>;
  /** Deletes them for good, in pages as well. Returns how many. */
  purge(which: DeadLetterSelection): Promise<number>;
}

/** Rows of one transaction: a redrive writes whole jobs, a purge forgets them. */
const REDRIVE_PAGE = 1_000;
const PURGE_PAGE = 5_000;

const FILTER_KEYS: readonly (keyof DeadLetterFilter)[] = ['queue', 'ids', 'diedBefore'];

/** Throws UnsupportedError for a strategy without them. */
function storeOf({ strategy }: QueueContext): DeadLetterStore {
  const { name, deadLetters } = strategy;
  if (deadLetters === undefined)
    throw new UnsupportedError(name, 'dead letters to work on', 'choose a strategy that brings them back');
  return deadLetters;
}

/** What of `given` is a filter, checked. */
function filterOf({ queue, ids, diedBefore }: DeadLetterFilter): DeadLetterFilter {
  if (queue !== undefined) requireQueueName(queue);
  if (ids !== undefined && !Array.isArray(ids))
    throw new InvalidArgumentError(`ids is ${said(ids)}: give an array of ids`);
  for (const id of ids ?? []) requireJobId('one of ids', id);
  if (diedBefore !== undefined && !(isDate(diedBefore) && !Number.isNaN(diedBefore.getTime())))
    throw new InvalidArgumentError(`diedBefore is ${said(diedBefore)}: give a valid Date`);
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(ids === undefined ? {} : { ids: [...new Set(ids)] }),
    ...(diedBefore === undefined ? {} : { diedBefore }),
  };
}

/** The same of who is about to change something: an undefined filter would mean everything. */
function selectionOf(what: string, which: DeadLetterSelection): DeadLetterFilter {
  requireObject(`what to ${what}`, which);
  requireKnownKeys(`a ${what}`, which, [...FILTER_KEYS, 'all']);
  const filter = filterOf(which);
  if (Object.keys(filter).length === 0 && which.all !== true)
    throw new InvalidArgumentError(
      `a ${what} names no dead letters: give queue, ids or diedBefore, or all: true for those of all queues`,
    );
  return filter;
}

/** The filter in parts that name no more than `size` ids each; a filter without ids is one part. */
function* partsOf(filter: DeadLetterFilter, size: number): Generator<DeadLetterFilter> {
  const { ids } = filter;
  if (ids === undefined) yield filter;
  else
    for (let start = 0; start < ids.length; start += size)
      yield { ...filter, ids: ids.slice(start, start + size) };
}

async function list(
  context: QueueContext,
  options: DeadLetterListOptions = {},
): Promise<readonly JobRecord[]> {
  requireKnownKeys('a list of dead letters', options, [...FILTER_KEYS, 'afterId', 'limit']);
  const { afterId, limit = 100 } = options;
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new InvalidArgumentError(`limit is ${said(limit)}: give a whole number from 1 on`);
  if (afterId !== undefined) requireJobId('afterId', afterId);
  return storeOf(context).list(context.driver, filterOf(options), afterId, limit);
}

/**
 * Brings back a page. A word of cancellation that its jobs have left behind was for an attempt that is over, as when a worker died
 * before it heard: the next one would drop the job that somebody has just asked for.
 */
async function redrivePage(
  { driver, tables }: QueueContext,
  store: DeadLetterStore,
  filter: DeadLetterFilter,
  afterId: JobId | undefined,
): Promise<readonly Redriven[]> {
  return changeByIndex(driver, async (tx) => {
    const redriven = await store.redrive(tx, filter, REDRIVE_PAGE, afterId);
    if (redriven.length > 0)
      await tx.query({
        text: `
DELETE FROM ${tables.cancellations} WHERE job_id = ANY (ARRAY (
  SELECT job_id FROM ${tables.cancellations} WHERE job_id = ANY ($1::bigint[]) ORDER BY job_id FOR UPDATE
))`,
        values: [redriven.map(({ id }) => id)],
      });
    return redriven;
  });
}

async function redrive(context: QueueContext, which: DeadLetterSelection): Promise<number> {
  const selected = selectionOf('redrive', which);
  const store = storeOf(context);
  let count = 0;
  for (const filter of partsOf(selected, REDRIVE_PAGE)) {
    // Each page begins where the one before has ended: what died again meanwhile is left, so that there is an end.
    for (let afterId: JobId | undefined; ; ) {
      const page = await redrivePage(context, store, filter, afterId);
      const last = page.at(-1);
      if (last === undefined) break;
      afterId = last.id;
      count += page.length;
      for (const queue of new Set(page.map((job) => job.queue))) context.signal(queue);
      context.emit({ kind: 'redriven', ids: page.map(({ id }) => id) });
    }
  }
  return count;
}

/** Whether some job, be it dead, has a concurrency key: that has to go with it. */
async function anyKeys({ driver, tables }: QueueContext): Promise<boolean> {
  const { rows } = await driver.query({ text: `SELECT FROM ${tables.jobKeys} LIMIT 1` });
  return rows.length > 0;
}

/** Purges a page, and with it its concurrency keys where there are any. Returns how many went. */
async function purgePage(
  context: QueueContext,
  store: DeadLetterStore,
  filter: DeadLetterFilter,
  keyed: boolean,
): Promise<number> {
  return changeByIndex(context.driver, async (tx) => {
    const purged = await store.purge(tx, filter, PURGE_PAGE);
    if (keyed && purged.length > 0) await dropJobKeys(tx, context, purged);
    return purged.length;
  });
}

async function purge(context: QueueContext, which: DeadLetterSelection): Promise<number> {
  const selected = selectionOf('purge', which);
  const store = storeOf(context);
  let count = 0;
  const keyed = await anyKeys(context);
  for (const filter of partsOf(selected, PURGE_PAGE))
    for (let purged = 1; purged > 0; ) {
      purged = await purgePage(context, store, filter, keyed);
      count += purged;
      if (purged > 0) context.emit({ kind: 'purged', count: purged });
    }
  return count;
}

/** The dead letters that `context` has to do with. */
export function deadLettersOf(context: QueueContext): DeadLetters {
  return {
    list: (options) => list(context, options),
    redrive: (which) => redrive(context, which),
    purge: (which) => purge(context, which),
  };
}
