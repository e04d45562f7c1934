// Who ends expired leases, promotes delayed jobs and does a strategy's upkeep? Every worker, a little, for all queues of the schema.

import type { Queue } from '../queue.ts';
import type { Bell } from '../wakeup/bell.ts';
import { jittered } from '../wakeup/jitter.ts';
import { Backoff } from './backoff.ts';
import type { ResolvedOptions } from './options.ts';
import { UpkeepSchedule } from './upkeep-schedule.ts';

/** Rows per statement: short transactions, and a herd of due jobs never holds up a reap. */
const LIMIT = 1000;
/** Reaping four times per lease finds a dead worker's jobs within a quarter of it on average; never more often than this. */
const REAPS_PER_LEASE = 4;
const REAP_MIN_MS = 100;
/** Least time between two looks for due jobs that signals lead to. */
const PROMOTE_AFTER_SIGNAL_MS = 1000;

/** What is done again and again. */
interface Duty {
  /** By `performance.now()`. */
  dueMs(): number;
  /** Resolves to whether jobs may have become ready. */
  run(): Promise<boolean>;
  /** It failed: then, and not before. */
  postpone(untilMs: number): void;
  readonly backoff: Backoff;
}

/**
 * Two statements on the pool, each by a partial index that is empty unless there is something to do, at jittered
 * times. Several workers need no leader: SKIP LOCKED lets them share what is due.
 */
export class Maintenance {
  readonly #queue: Queue;
  readonly #options: ResolvedOptions;
  readonly #bell: Bell;
  readonly #onTick: () => void;
  readonly #endLeases: (limit: number) => Promise<number>;
  #ticking = false;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #nextReapMs: number;
  #nextPromoteMs = 0;
  #lastPromoteMs = Number.NEGATIVE_INFINITY;
  readonly #upkeep: UpkeepSchedule | undefined;
  readonly #duties: readonly Duty[];

  /** `endLeases` ends as many expired leases at most, and tells how many it did; `onTick` is called after each round of duties. */
  constructor(
    queue: Queue,
    options: ResolvedOptions,
    bell: Bell,
    endLeases: (limit: number) => Promise<number>,
    onTick: () => void,
  ) {
    this.#endLeases = endLeases;
    this.#onTick = onTick;
    this.#queue = queue;
    this.#options = options;
    this.#bell = bell;
    const reaps = queue.strategy.guarantees.lease === 'timed';
    this.#nextReapMs = reaps ? 0 : Number.POSITIVE_INFINITY;
    if (queue.strategy.delay === undefined) this.#nextPromoteMs = Number.POSITIVE_INFINITY;
    const { upkeep } = queue.strategy;
    if (upkeep !== undefined)
      this.#upkeep = new UpkeepSchedule(upkeep, 0, (meanMs) => jittered(meanMs, options.random()));
    this.#duties = this.#allDuties(options);
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
    const nextMs = Math.min(
      this.#nextReapMs,
      this.#nextPromoteMs,
      this.#upkeep?.dueMs ?? Number.POSITIVE_INFINITY,
    );
    if (this.#stopped.signal.aborted || nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#running = this.#running.then(() => this.#tick());
      },
      Math.max(0, nextMs - performance.now()),
    );
  }

  #allDuties({ random }: ResolvedOptions): Duty[] {
    const duties: Omit<Duty, 'backoff'>[] = [
      {
        dueMs: () => this.#nextReapMs,
        run: () => this.#reap(),
        postpone: (untilMs) => {
          this.#nextReapMs = Math.max(this.#nextReapMs, untilMs);
        },
      },
      {
        dueMs: () => this.#nextPromoteMs,
        run: () => this.#promote(),
        // It was put off by a whole poll before it was tried.
        postpone: (untilMs) => {
          this.#nextPromoteMs = untilMs;
        },
      },
    ];
    const upkeep = this.#upkeep;
    if (upkeep !== undefined)
      duties.push({
        dueMs: () => upkeep.dueMs,
        run: () => upkeep.runWhenDue(this.#queue.driver),
        postpone: (untilMs) => upkeep.postpone(untilMs),
      });
    return duties.map((duty) => ({ ...duty, backoff: new Backoff(random) }));
  }

  async #tick(): Promise<void> {
    this.#ticking = true;
    const ready: boolean[] = [];
    for (const duty of this.#duties) ready.push(await this.#attempt(duty));
    if (ready.includes(true)) {
      this.#bell.ring();
      this.#queue.signal(this.#options.queue);
    }
    this.#schedule();
    this.#ticking = false;
    this.#onTick();
  }

  /** Due jobs or expired leases may be made ready at any moment. */
  get isBusy(): boolean {
    return this.#ticking || Math.min(this.#nextReapMs, this.#nextPromoteMs) <= performance.now();
  }

  /**
   * Does a duty when it is due; resolves to whether jobs may have become ready. One that fails keeps the others from nothing, and
   * waits a little longer each time: the server may be back at once, and what it lets be ready nobody claims before that.
   */
  async #attempt({ dueMs, run, postpone, backoff }: Duty): Promise<boolean> {
    if (this.#stopped.signal.aborted || performance.now() < dueMs()) return false;
    try {
      const ready = await run();
      backoff.reset();
      return ready;
    } catch (error) {
      this.#options.events.error?.(error, 'maintenance');
      postpone(performance.now() + backoff.drawMs());
      return false;
    }
  }

  async #reap(): Promise<boolean> {
    const reaped = await this.#endLeases(LIMIT);
    const everyMs = Math.max(REAP_MIN_MS, this.#options.leaseMs / REAPS_PER_LEASE);
    this.#nextReapMs = performance.now() + (reaped >= LIMIT ? 0 : jittered(everyMs, this.#options.random()));
    return reaped > 0;
  }

  async #promote(): Promise<boolean> {
    const { delay } = this.#queue.strategy;
    if (delay === undefined) return false;
    this.#lastPromoteMs = performance.now();
    // Set before the statement: a delay noted while it runs must not be forgotten.
    this.#nextPromoteMs = performance.now() + jittered(this.#options.pollMs, this.#options.random());
    const { promoted, nextDueInMs } = await delay.promote(this.#queue.driver, LIMIT);
    if (nextDueInMs !== undefined)
      this.#nextPromoteMs = Math.min(this.#nextPromoteMs, performance.now() + nextDueInMs);
    if (promoted > 0) this.#queue.context.emit({ kind: 'promoted', count: promoted });
    return promoted > 0;
  }

  /** Waits for the statement under way, and ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }
}
