// Who ends expired leases, promotes delayed jobs and does a strategy's upkeep? Every worker, a little, for all queues of the schema.

import type { Queue } from '../queue.ts';
import type { Bell } from '../wakeup/bell.ts';
import { jittered } from '../wakeup/jitter.ts';
import type { ResolvedOptions } from './options.ts';

/** Rows per statement: short transactions, and a herd of due jobs never holds up a reap. */
const LIMIT = 1000;
/** Reaping four times per lease finds a dead worker's jobs within a quarter of it on average; never more often than this. */
const REAPS_PER_LEASE = 4;
const REAP_MIN_MS = 100;
/** Least time between two looks for due jobs that signals lead to. */
const PROMOTE_AFTER_SIGNAL_MS = 1000;

/**
 * Two statements on the pool, each by a partial index that is empty unless there is something to do, at jittered
 * times. Several workers need no leader: SKIP LOCKED lets them share what is due.
 */
export class Maintenance {
  readonly #queue: Queue;
  readonly #options: ResolvedOptions;
  readonly #bell: Bell;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #nextReapMs: number;
  #nextPromoteMs = 0;
  #lastPromoteMs = Number.NEGATIVE_INFINITY;
  #nextUpkeepMs = 0;

  constructor(queue: Queue, options: ResolvedOptions, bell: Bell) {
    this.#queue = queue;
    this.#options = options;
    this.#bell = bell;
    const reaps = queue.strategy.guarantees.lease === 'timed';
    this.#nextReapMs = reaps ? 0 : Number.POSITIVE_INFINITY;
    if (queue.strategy.delay === undefined) this.#nextPromoteMs = Number.POSITIVE_INFINITY;
    if (queue.strategy.upkeep === undefined) this.#nextUpkeepMs = Number.POSITIVE_INFINITY;
    this.#schedule();
  }

  /** A job will be due in `delayMs`: look then, if that is sooner than the next look. */
  dueIn(delayMs: number): void {
    const dueMs = performance.now() + delayMs + 1;
    if (dueMs >= this.#nextPromoteMs) return;
    this.#nextPromoteMs = dueMs;
    this.#schedule();
  }

  /** Somebody has enqueued, delayed jobs perhaps: look soon when they are due, but not at every signal. */
  signalled(): void {
    const soonMs = Math.max(performance.now(), this.#lastPromoteMs + PROMOTE_AFTER_SIGNAL_MS);
    if (soonMs >= this.#nextPromoteMs || this.#queue.strategy.delay === undefined) return;
    this.#nextPromoteMs = soonMs;
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const nextMs = Math.min(this.#nextReapMs, this.#nextPromoteMs, this.#nextUpkeepMs);
    if (this.#stopped.signal.aborted || nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#running = this.#running.then(() => this.#tick());
      },
      Math.max(0, nextMs - performance.now()),
    );
  }

  async #tick(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    try {
      const moved = (await this.#reap()) + (await this.#promote());
      const ready = await this.#upkeep();
      if (moved > 0 || ready) {
        this.#bell.ring();
        this.#queue.signal(this.#options.queue);
      }
    } catch (error) {
      this.#options.events.error?.(error, 'maintenance');
      // Whatever failed, a server that is away wants no faster questions than a poll's.
      const laterMs =
        performance.now() + jittered(Math.max(REAP_MIN_MS, this.#options.pollMs), this.#options.random());
      this.#nextReapMs = Math.max(this.#nextReapMs, laterMs);
      this.#nextPromoteMs = Math.max(this.#nextPromoteMs, laterMs);
      this.#nextUpkeepMs = Math.max(this.#nextUpkeepMs, laterMs);
    }
    this.#schedule();
  }

  async #reap(): Promise<number> {
    if (performance.now() < this.#nextReapMs) return 0;
    const reaped = await this.#queue.strategy.reap(this.#queue.driver, LIMIT);
    const everyMs = Math.max(REAP_MIN_MS, this.#options.leaseMs / REAPS_PER_LEASE);
    this.#nextReapMs = performance.now() + (reaped >= LIMIT ? 0 : jittered(everyMs, this.#options.random()));
    return reaped;
  }

  async #promote(): Promise<number> {
    const { delay } = this.#queue.strategy;
    if (delay === undefined || performance.now() < this.#nextPromoteMs) return 0;
    this.#lastPromoteMs = performance.now();
    // Set before the statement: a delay noted while it runs must not be forgotten.
    this.#nextPromoteMs = performance.now() + jittered(this.#options.pollMs, this.#options.random());
    const { promoted, nextDueInMs } = await delay.promote(this.#queue.driver, LIMIT);
    if (nextDueInMs !== undefined)
      this.#nextPromoteMs = Math.min(this.#nextPromoteMs, performance.now() + nextDueInMs);
    return promoted;
  }

  async #upkeep(): Promise<boolean> {
    const { upkeep } = this.#queue.strategy;
    if (upkeep === undefined || performance.now() < this.#nextUpkeepMs) return false;
    this.#nextUpkeepMs = performance.now() + jittered(upkeep.everyMs, this.#options.random());
    return (await upkeep.run(this.#queue.driver)).ready;
  }

  /** Waits for the statement under way, and ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }
}
