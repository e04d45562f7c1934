// Who keeps the tables of the features short? Every worker, a little, some time after it has started.

import type { QueueContext } from '../context.ts';
import { pruneRequests } from '../enqueue/requests.ts';
import { pruneUniqueKeys, type UniqueKeyPlace } from '../enqueue/unique.ts';
import { pruneLimits } from '../limits/prune.ts';
import type { Random } from '../retry.ts';
import type { JobId } from '../strategy.ts';
import { jittered } from '../wakeup/jitter.ts';
import type { History } from '../watch/history.ts';
import { pruneNotes } from './job-notes.ts';

/** How much is done at once, and how often. */
interface Pace {
  /** Mean time between two rounds of which the first has left nothing, and before the first one, in ms. */
  readonly everyMs: number;
  /** Least mean time before a round that goes on with what was left; no less than the round took, in ms. */
  readonly soonMs: number;
  /** Rows of a statement. */
  readonly page: number;
  /** Statements of a kind in one round. */
  readonly pages: number;
}

/** A hundred thousand rows of a kind in at best a second: queues of a thousand keys a second are kept up with many times over. */
const PACE: Pace = { everyMs: 10 * 60_000, soonMs: 1000, page: 1000, pages: 100 };
/** Rows of jobs that nobody has settled since: a dead worker's, or a word that came after the job was done. */
const PROGRESS_DAYS = 7;
const CANCELLATION_DAYS = 1;
/** What PostgreSQL calls a table that is not there: a schema of the version before. */
const UNDEFINED_TABLE = '42P01';

/** What the chores are done with. */
export interface ChoresOptions {
  readonly context: QueueContext;
  readonly onError: (error: unknown) => void;
  readonly pace?: Pace;
}

/** What else a worker's are done with. */
export interface WorkerChoresOptions extends ChoresOptions {
  readonly random: Random;
  /** Of finished jobs, and for how many days they are kept; absent where none are kept. */
  readonly history: { readonly of: History; readonly days: number } | undefined;
}

/** How far the walks over all keys have come; absent: at their beginning. */
interface Places {
  uniqueKey?: UniqueKeyPlace | undefined;
  limitedJob?: JobId | undefined;
}

/** Those of all workers of a queue object: each goes on where the last one stopped, also where many living keys come first. */
const placesOf = new WeakMap<QueueContext, Places>();

/** Does one round, until `signal` aborts; resolves to whether it has left something. Never rejects. */
export async function choresRound(options: ChoresOptions, signal: AbortSignal): Promise<boolean> {
  const { context, pace = PACE } = options;
  const { page } = pace;
  const { progress, cancellations } = context.tables;
  const places = placesOf.get(context) ?? {};
  placesOf.set(context, places);
  const kinds: readonly (() => Promise<boolean>)[] = [
    async () => (await pruneRequests(context, page)) >= page,
    async () => (await pruneNotes(context, progress, PROGRESS_DAYS, page)) >= page,
    async () => (await pruneNotes(context, cancellations, CANCELLATION_DAYS, page)) >= page,
    async () => {
      const { next } = await pruneUniqueKeys(context, page, places.uniqueKey);
      places.uniqueKey = next;
      return next !== undefined;
    },
    async () => {
      const { afterId, removed } = await pruneLimits(context, page, places.limitedJob);
      places.limitedJob = afterId;
      return afterId !== undefined || removed >= page;
    },
  ];
  let left = false;
  for (const kind of kinds) {
    let more = true;
    for (let pages = 0; more && pages < pace.pages && !signal.aborted; pages += 1)
      more = await attempt(kind, options.onError);
    left ||= more;
  }
  return left;
}

/** What fails is for the next round, and no reason to have it soon. */
async function attempt(chore: () => Promise<boolean>, onError: (error: unknown) => void): Promise<boolean> {
  try {
    return await chore();
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE;
    if (!missing) onError(error);
    return false;
  }
}

/** Nothing waits for any of it, and any number of workers may do it at once. */
export class Chores {
  readonly #options: WorkerChoresOptions;
  readonly #pace: Pace;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void>;

  constructor(options: WorkerChoresOptions) {
    this.#options = options;
    this.#pace = options.pace ?? PACE;
    // The days of finished jobs want to be there before the first one is written down.
    this.#running = this.#tendHistory();
    this.#schedule(this.#pace.everyMs);
  }

  #schedule(meanMs: number): void {
    if (this.#stopped.signal.aborted) return;
    this.#timer = setTimeout(
      () => {
        this.#running = this.#running.then(() => this.#round());
      },
      jittered(meanMs, this.#options.random()),
    );
    // It is no reason to go on living.
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const { everyMs, soonMs } = this.#pace;
    await this.#tendHistory();
    const fromMs = performance.now();
    const left = await choresRound(this.#options, this.#stopped.signal);
    // At most half of the time, on one connection: it must not be felt.
    this.#schedule(left ? Math.max(soonMs, performance.now() - fromMs) : everyMs);
  }

  async #tendHistory(): Promise<void> {
    const { history, onError } = this.#options;
    if (history === undefined || this.#stopped.signal.aborted) return;
    await attempt(async () => {
      await history.of.upkeep(history.days);
      return false;
    }, onError);
  }

  /** Waits for what is under way, and ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }
}
