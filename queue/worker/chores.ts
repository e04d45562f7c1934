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

/** Mean time between two rounds, and before the first. */
const EVERY_MS = 10 * 60_000;
/** Rows of a statement, and statements of a kind in one round: what is left is for the next one. */
const PAGE = 1000;
const PAGES = 100;
/** Rows of jobs that nobody has settled since: a dead worker's, or a word that came after the job was done. */
const PROGRESS_DAYS = 7;
const CANCELLATION_DAYS = 1;
/** What PostgreSQL calls a table that is not there: a schema of the version before. */
const UNDEFINED_TABLE = '42P01';

/** What the chores are done with. */
export interface ChoresOptions {
  readonly context: QueueContext;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  /** Of finished jobs, and for how many days they are kept; absent where none are kept. */
  readonly history: { readonly of: History; readonly days: number } | undefined;
}

/** Nothing waits for any of it, and any number of workers may do it at once. */
export class Chores {
  readonly #options: ChoresOptions;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void>;

  constructor(options: ChoresOptions) {
    this.#options = options;
    // The days of finished jobs want to be there before the first one is written down.
    this.#running = this.#tendHistory();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#stopped.signal.aborted) return;
    this.#timer = setTimeout(
      () => {
        this.#running = this.#running.then(() => this.#round());
      },
      jittered(EVERY_MS, this.#options.random()),
    );
    // It is no reason to go on living.
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const { context } = this.#options;
    await this.#tendHistory();
    await this.#all(() => pruneRequests(context, PAGE));
    await this.#all(() => pruneNotes(context, context.tables.progress, PROGRESS_DAYS, PAGE));
    await this.#all(() => pruneNotes(context, context.tables.cancellations, CANCELLATION_DAYS, PAGE));
    let place: UniqueKeyPlace | undefined;
    await this.#all(async () => {
      const { next } = await pruneUniqueKeys(context, PAGE, place);
      place = next;
      return next === undefined ? 0 : PAGE;
    });
    let afterId: JobId | undefined;
    await this.#all(async () => {
      const round = await pruneLimits(context, PAGE, afterId);
      afterId = round.afterId;
      return afterId === undefined ? 0 : PAGE;
    });
    this.#schedule();
  }

  async #tendHistory(): Promise<void> {
    const { history } = this.#options;
    if (history === undefined) return;
    await this.#attempt(async () => {
      await history.of.upkeep(history.days);
    });
  }

  /** Page after page, as long as they are full. */
  #all(page: () => Promise<number>): Promise<void> {
    return this.#attempt(async () => {
      for (let pages = 0; pages < PAGES && !this.#stopped.signal.aborted; pages += 1)
        if ((await page()) < PAGE) return;
    });
  }

  async #attempt(chore: () => Promise<void>): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    try {
      await chore();
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE;
      if (!missing) this.#options.onError(error);
    }
  }

  /** Waits for what is under way, and ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }
}
