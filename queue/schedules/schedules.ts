// How do operators say which jobs recur?

import type { QueueContext } from '../context.ts';
import type { Database } from '../drivers/driver.ts';
import { nextInstant } from './cron.ts';
import type { CatchUp } from './firing.ts';
import { requireSchedule, requireScheduleName, type Schedule, type ScheduleOptions } from './options.ts';
import { READ_COMMITTED, type ScheduleRow, ScheduleTable } from './table.ts';

/** A schedule as the database holds it. Instants are milliseconds since the Unix epoch. */
export interface ScheduleRecord {
  readonly name: string;
  readonly queue: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly payload: unknown;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly catchUp: CatchUp;
  readonly stampAs?: string;
  /** When it fires next; absent while it is paused. */
  readonly nextAtMs?: number;
  /** The latest instant that it has fired for; absent when it has not. */
  readonly lastAtMs?: number;
  /** Since when it is paused. */
  readonly pausedAtMs?: number;
}

/**
 * Jobs that recur, for all queues of the schema. Schedulers of this queue object act upon a change at once, those elsewhere
 * within their `everyMs`. Every method rejects with the driver's error when the database cannot be asked.
 */
export interface Schedules {
  /**
   * Makes the schedule `name` (1…200 bytes) be as `options` say. A new one, and one whose `cron` or `timeZone` is another
   * than before, fires next at the first instant after now, by the server's clock; else that stays as it was, and where
   * nothing differs, nothing is written. A paused schedule stays paused. Set at once by several, it is as one of them
   * said, whole. Throws InvalidArgumentError or UnsupportedError before anything is sent.
   */
  set(name: string, options: ScheduleOptions): Promise<ScheduleRecord>;
  /** Resolves to whether there was one. Jobs that it has enqueued stay. */
  remove(name: string): Promise<boolean>;
  /** All of them, by their names. */
  list(): Promise<readonly ScheduleRecord[]>;
  /** Fires no more until it is resumed. Does nothing to one that is paused. Resolves to whether there is one. */
  pause(name: string): Promise<boolean>;
  /**
   * Fires again, from the first instant after now: what came due meanwhile is not caught up with. Does nothing to one that is
   * not paused. Resolves to whether there is one.
   */
  resume(name: string): Promise<boolean>;
}

/** Rounds of looking and inserting: in each of them somebody else has removed what another had inserted. */
const ROUNDS = 10;

function recordOf(row: ScheduleRow): ScheduleRecord {
  return {
    name: row.name,
    queue: row.queue,
    cron: row.cron,
    timeZone: row.time_zone,
    payload: row.payload,
    priority: row.priority,
    maxAttempts: row.max_attempts,
    catchUp: row.catch_up,
    ...(row.stamp_as === null ? {} : { stampAs: row.stamp_as }),
    ...(row.next_ms === null ? {} : { nextAtMs: row.next_ms }),
    ...(row.last_ms === null ? {} : { lastAtMs: row.last_ms }),
    ...(row.paused_ms === null ? {} : { pausedAtMs: row.paused_ms }),
  };
}

/** The schedules of one queue object. */
export class QueueSchedules implements Schedules {
  readonly #context: QueueContext;
  readonly #table: ScheduleTable;
  readonly #now: (() => Date) | undefined;

  /** `now` is for a test in simulated time; default the server's clock. */
  constructor(context: QueueContext, now?: () => Date) {
    this.#context = context;
    this.#table = new ScheduleTable(context.tables);
    this.#now = now;
  }

  async set(name: string, options: ScheduleOptions): Promise<ScheduleRecord> {
    const schedule = requireSchedule(this.#context, name, options);
    const row = await this.#inTransaction(async (tx) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const set = await this.#setOnce(tx, schedule);
        if (set !== undefined) return set;
      }
      throw new Error(
        `schedule ${name} was inserted and removed by others ${ROUNDS} times while it was set: set it again`,
      );
    });
    return recordOf(row);
  }

  /** Undefined when the row came between the look and the insert. */
  async #setOnce(tx: Database, schedule: Schedule): Promise<ScheduleRow | undefined> {
    const [found, nowMs] = await this.#lock(tx, schedule.name);
    if (found === undefined) {
      const { rows } = await tx.query<ScheduleRow>(
        this.#table.insert(schedule, nextInstant(schedule, nowMs)),
      );
      return rows[0];
    }
    const same = found.cron === schedule.cron && found.time_zone === schedule.timeZone;
    const stays = same || found.paused_ms !== null;
    const nextAtMs = stays ? (found.next_ms ?? undefined) : nextAfter(schedule, found, nowMs);
    const { rows } = await tx.query<ScheduleRow>(this.#table.update(schedule, nextAtMs));
    return rows[0] ?? found;
  }

  async remove(name: string): Promise<boolean> {
    requireScheduleName(name);
    const { rowCount } = await this.#context.driver.query(this.#table.remove(name));
    return rowCount > 0;
  }

  async list(): Promise<readonly ScheduleRecord[]> {
    const { rows } = await this.#context.driver.query<ScheduleRow>(this.#table.list());
    return rows.map(recordOf);
  }

  async pause(name: string): Promise<boolean> {
    requireScheduleName(name);
    const { rowCount } = await this.#context.driver.query(this.#table.pause(name));
    return rowCount > 0;
  }

  async resume(name: string): Promise<boolean> {
    requireScheduleName(name);
    return this.#inTransaction(async (tx) => {
      const [found, nowMs] = await this.#lock(tx, name);
      if (found === undefined || found.paused_ms === null) return found !== undefined;
      const recurrence = { cron: found.cron, timeZone: found.time_zone };
      await tx.query(this.#table.resume(name, nextAfter(recurrence, found, nowMs)));
      return true;
    });
  }

  /** Runs `work`, and then wakes the schedulers of this queue object. */
  async #inTransaction<T>(work: (tx: Database) => Promise<T>): Promise<T> {
    const result = await this.#context.driver.transaction(async (tx) => {
      const [, done] = await Promise.all([tx.query(READ_COMMITTED), work(tx)]);
      return done;
    });
    this.#context.scheduleChanges.announce();
    return result;
  }

  /** The row, locked, when there is one, and the present, read after whatever the lock has waited for. */
  async #lock(tx: Database, name: string): Promise<readonly [ScheduleRow | undefined, number]> {
    const [{ rows }, nowMs] = await Promise.all([
      tx.query<ScheduleRow>(this.#table.lock(name)),
      this.#nowMs(tx),
    ]);
    return [rows[0], nowMs];
  }

  async #nowMs(tx: Database): Promise<number> {
    if (this.#now !== undefined) return this.#now().getTime();
    const { rows } = await tx.query<{ readonly now_ms: number }>(this.#table.now());
    const [row] = rows;
    if (row === undefined) throw new Error('the server did not tell the time');
    return row.now_ms;
  }
}

/** The first instant after now that it has not fired for: a server's clock may have been set back since. */
function nextAfter(
  { cron, timeZone }: { readonly cron: string; readonly timeZone: string },
  { last_ms: lastMs }: ScheduleRow,
  nowMs: number,
): number | undefined {
  return nextInstant({ cron, timeZone }, Math.max(nowMs, lastMs ?? nowMs));
}
