// Who fires the schedules, once for each instant however many of them there are?

import { setTimeout } from 'node:timers/promises';
import type { Database, Statement } from '../drivers/driver.ts';
import { requireFunction, requireKnownKeys, requireObject, requireWholeNumber } from '../keys.ts';
import type { Queue } from '../queue.ts';
import type { Random } from '../retry.ts';
import type { JobId, NewJob } from '../strategy.ts';
import { warn } from '../warn.ts';
import { Backoff } from '../worker/backoff.ts';
import { firingOf } from './firing.ts';
import { type DueRow, READ_COMMITTED, ScheduleTable } from './table.ts';

/** The time by which a scheduler acts, for a test that has its own. */
export interface SchedulerClock {
  /** The present: decides what is due. */
  now(): Date | Promise<Date>;
  /** Resolves after `ms`, or as soon as `signal` aborts. Must not reject. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** Options of `createScheduler`. */
export interface SchedulerOptions {
  /**
   * Longest sleep, in ms, 100…60,000; default 15,000. It sleeps until the next instant, and what others change meanwhile
   * it learns of when it wakes.
   */
  readonly everyMs?: number;
  /**
   * Told of what failed, and for which schedule when it was one: it is tried again after 25 ms to 2 s. Must not throw.
   * Default: a warning of the process, `ClaimbenchWarning`, at most one for each schedule in ten seconds.
   */
  readonly onError?: (error: unknown, schedule?: string) => void;
  /** Default: the server's clock decides what is due, so that this process's may be wrong, and timers wait. */
  readonly clock?: SchedulerClock;
  /** Source of every random wait; default `Math.random`. */
  readonly random?: Random;
}

/** A scheduler at work since `createScheduler`. Disposing stops it. */
export interface Scheduler extends AsyncDisposable {
  /** Fires no further schedule, and resolves when what is under way has ended. */
  stop(): Promise<void>;
}

/** Longest sleep, in ms, when the user names none. */
const EVERY_MS = 15_000;
/** Longest wait for a schedule that is in another scheduler's hands, in ms: others may come due meanwhile. */
const TAKEN_MS = 500;
const KEYS: readonly (keyof SchedulerOptions)[] = ['everyMs', 'onError', 'clock', 'random'];

/** A schedule that one transaction has moved on, with the jobs that it has enqueued for it. */
interface Fired {
  readonly schedule: string;
  readonly queue: string;
  /** One job for each instant; none where they were not to be caught up with. */
  readonly instants: readonly number[];
  readonly ids: readonly JobId[];
  /** It is due again already. */
  readonly more: boolean;
  /** Until the next schedule is due, this one or another, in ms. */
  readonly nextMs: number;
}

class RunningScheduler implements Scheduler {
  readonly #queue: Queue;
  readonly #table: ScheduleTable;
  readonly #everyMs: number;
  readonly #onError: (error: unknown, schedule?: string) => void;
  readonly #clock: SchedulerClock | undefined;
  readonly #random: Random;
  readonly #backoff: Backoff;
  readonly #unlisten: () => void;
  readonly #running: Promise<void>;
  #wake = new AbortController();
  #stopped = false;

  constructor(queue: Queue, options: SchedulerOptions) {
    this.#queue = queue;
    this.#table = new ScheduleTable(queue.context.tables);
    this.#everyMs = options.everyMs ?? EVERY_MS;
    this.#onError = options.onError ?? warnings(queue);
    this.#clock = options.clock;
    this.#random = options.random ?? Math.random;
    this.#backoff = new Backoff(this.#random);
    this.#unlisten = queue.context.scheduleChanges.listen(() => this.#wake.abort());
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      // Made before the look: a change in the course of a pass ends the sleep that follows it.
      this.#wake = new AbortController();
      const { signal } = this.#wake;
      const waitMs = await this.#pass();
      if (this.#stopped) return;
      await (this.#clock === undefined ? sleep(waitMs, signal) : this.#clock.wait(waitMs, signal));
    }
  }

  /** Fires what is due; resolves to how long to sleep, in ms. Costs one statement when nothing is due. */
  async #pass(): Promise<number> {
    const longestMs = this.#everyMs * (0.5 + this.#random() / 2);
    try {
      const nextMs = await this.#dueInMs([]);
      return Math.min(longestMs, nextMs > 0 ? this.#allDone(nextMs) : await this.#fireDue());
    } catch (error) {
      this.#onError(error);
      return this.#backoff.drawMs();
    }
  }

  /** Nothing is left to be tried again. */
  #allDone(nextMs: number): number {
    this.#backoff.reset();
    return nextMs;
  }

  /** Until the next of the others is due, in ms; not positive when one is. */
  async #dueInMs(except: readonly string[]): Promise<number> {
    return dueInMs(this.#queue.driver, this.#table.dueIn(await this.#clock?.now(), except));
  }

  /**
   * Fires schedule after schedule, until none is due that nobody else fires; one that fails does not keep the others from it.
   * Resolves to when it is time to look again, in ms.
   */
  async #fireDue(): Promise<number> {
    const failed: string[] = [];
    const unfinished: string[] = [];
    let nextMs = 0;
    while (nextMs <= 0 && !this.#stopped) {
      let taken: DueRow | undefined;
      try {
        const fired = await this.#fireOne([...failed, ...unfinished], (row) => {
          taken = row;
        });
        if (fired === undefined) break;
        nextMs = fired.nextMs;
        // The others come first.
        if (fired.more) unfinished.push(fired.schedule);
        this.#tell(fired);
      } catch (error) {
        if (taken === undefined) throw error;
        failed.push(taken.name);
        this.#onError(error, taken.name);
      }
    }
    if (unfinished.length > 0) return 0;
    if (failed.length > 0) nextMs = await this.#dueInMs(failed);
    else if (nextMs > 0) return this.#allDone(nextMs);
    // What is still due is in the hands of another scheduler, which may die of it.
    return Math.min(this.#backoff.drawMs(), nextMs > 0 ? nextMs : TAKEN_MS);
  }

  /**
   * Moves one schedule on and enqueues what it is due for, both or neither. The row's lock makes it one scheduler's affair,
   * and whoever comes after sees it moved. When the answer to the commit is lost, the next look tells if it was done; the
   * event is then not told.
   */
  async #fireOne(except: readonly string[], onTaken: (row: DueRow) => void): Promise<Fired | undefined> {
    const now = await this.#clock?.now();
    return this.#queue.driver.transaction(async (tx) => {
      const [, { rows }] = await Promise.all([
        tx.query(READ_COMMITTED),
        tx.query<DueRow>(this.#table.takeDue(now, except)),
      ]);
      const [row] = rows;
      if (row === undefined) return undefined;
      onTaken(row);
      const recurrence = { cron: row.cron, timeZone: row.time_zone };
      const { instants, nextAtMs } = firingOf(recurrence, row.catch_up, row.next_ms, row.now_ms);
      const jobs = instants.map((instantMs) => jobOf(row, instantMs));
      const [, ids, nextMs] = await Promise.all([
        tx.query(this.#table.move(row.name, nextAtMs, instants.at(-1))),
        this.#queue.enqueueMany(jobs, { tx }),
        dueInMs(tx, this.#table.dueIn(now, except)),
      ]);
      const more = nextAtMs !== undefined && nextAtMs <= row.now_ms;
      return { schedule: row.name, queue: row.queue, instants, ids, more, nextMs };
    });
  }

  /** The jobs are committed: workers are woken, and whoever observes is told. */
  #tell({ schedule, queue, instants, ids }: Fired): void {
    if (ids.length === 0) return;
    const { context } = this.#queue;
    context.signal(queue);
    if (!context.observed) return;
    for (const [index, dueAtMs] of instants.entries()) {
      const id = ids[index];
      if (id !== undefined) context.emit({ kind: 'fired', schedule, id, dueAtMs });
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    this.#wake.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function warnings({ schema }: Queue): (error: unknown, schedule?: string) => void {
  const complain = warn(`scheduler of schema ${JSON.stringify(schema)} (no onError is given)`);
  return (error, schedule) =>
    complain(error, schedule === undefined ? 'scheduler' : `schedule ${JSON.stringify(schedule)}`);
}

async function dueInMs(db: Database, look: Statement): Promise<number> {
  const { rows } = await db.query<{ readonly due_in_ms: number | null }>(look);
  return rows[0]?.due_in_ms ?? Number.POSITIVE_INFINITY;
}

function jobOf(row: DueRow, instantMs: number): NewJob {
  const { queue, priority, max_attempts: maxAttempts, stamp_as: stampAs, payload } = row;
  const stamped =
    stampAs === null ? payload : { ...Object(payload), [stampAs]: new Date(instantMs).toISOString() };
  return { queue, payload: stamped, priority, maxAttempts };
}

/** As `SchedulerClock.wait`, by timers, which cut fractions off. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(Math.ceil(ms), undefined, { signal }).catch(() => undefined);
}

/**
 * Starts to fire the schedules of the whole schema, over the driver's pool. Any number may run, in any processes: each
 * instant is fired by one of them, with one job, in the transaction that notes it as fired. A server that is away is
 * waited for. Stop it before its queue is disposed. Throws InvalidArgumentError for options out of range.
 */
export function createScheduler(queue: Queue, options: SchedulerOptions = {}): Scheduler {
  requireObject('the options of a scheduler', options);
  requireKnownKeys('a scheduler', options, KEYS);
  const { everyMs = EVERY_MS, onError, clock, random } = options;
  requireWholeNumber('everyMs', everyMs, 100, 60_000);
  requireFunction('onError', onError);
  requireFunction('random', random);
  if (clock !== undefined) {
    requireObject('clock', clock);
    requireFunction('clock.now', clock.now ?? null);
    requireFunction('clock.wait', clock.wait ?? null);
  }
  return new RunningScheduler(queue, options);
}
