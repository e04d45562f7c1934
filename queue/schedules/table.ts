// How are schedules kept, and with which statements are they read and written?

import type { Statement } from '../drivers/driver.ts';
import type { QueueTables } from '../schema/queue-tables.ts';
import { prepared } from '../sql.ts';
import type { CatchUp } from './firing.ts';
import type { Schedule } from './options.ts';

/**
 * What comes first in each transaction here: who has waited for a row must see it as it is now, where a role or a database
 * defaults to a stricter isolation.
 */
export const READ_COMMITTED: Statement = { text: 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED' };

/** A row of the table. Instants are milliseconds since the Unix epoch. */
export interface ScheduleRow {
  readonly name: string;
  readonly queue: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly catch_up: CatchUp;
  readonly stamp_as: string | null;
  readonly priority: number;
  readonly max_attempts: number;
  readonly payload: unknown;
  readonly next_ms: number | null;
  readonly last_ms: number | null;
  readonly paused_ms: number | null;
}

/** A row that is due. */
export interface DueRow extends ScheduleRow {
  readonly next_ms: number;
  /** When it was found due, by the clock that decides. */
  readonly now_ms: number;
}

const milliseconds = (instant: string): string => `(extract(epoch FROM ${instant}) * 1000)::float8`;

const COLUMNS = `name, queue, cron, time_zone, catch_up, stamp_as, priority, max_attempts, payload,
  ${milliseconds('next_at')} AS next_ms, ${milliseconds('last_at')} AS last_ms, ${milliseconds('paused_at')} AS paused_ms`;

/** The server's clock unless the caller has one. Not `now()`: that is when the transaction began. */
const NOW = 'coalesce($1::timestamptz, statement_timestamp())';

const VALUES = '$2::text, $3::text, $4::text, $5::text, $6::text, $7::smallint, $8::smallint, $9::jsonb';
const VALUE_COLUMNS = 'queue, cron, time_zone, catch_up, stamp_as, priority, max_attempts, payload';

function valuesOf(schedule: Schedule): readonly unknown[] {
  const { name, queue, cron, timeZone, catchUp, stampAs = null, priority, maxAttempts, payload } = schedule;
  return [name, queue, cron, timeZone, catchUp, stampAs, priority, maxAttempts, payload];
}

const textOf = (instantMs: number | undefined): string | null =>
  instantMs === undefined ? null : new Date(instantMs).toISOString();

/** The statements over the table of one schema. An absent `now` asks the server's clock, an absent `nextAtMs` means never. */
export class ScheduleTable {
  readonly #table: string;
  readonly #dueIn;
  readonly #takeDue;
  readonly #move;

  constructor({ schedules }: QueueTables) {
    this.#table = schedules;
    this.#dueIn = prepared(`
SELECT ceil(extract(epoch FROM min(next_at) - ${NOW}) * 1000)::float8 AS due_in_ms FROM ${schedules} WHERE name <> ALL ($2::text[])`);
    this.#takeDue = prepared(`
SELECT ${COLUMNS}, ${milliseconds(NOW)} AS now_ms
FROM ${schedules}
WHERE next_at <= ${NOW} AND name <> ALL ($2::text[])
ORDER BY next_at, name
LIMIT 1
FOR UPDATE SKIP LOCKED`);
    this.#move = prepared(`
UPDATE ${schedules} SET next_at = $2::timestamptz, last_at = coalesce($3::timestamptz, last_at) WHERE name = $1`);
  }

  /** One row, `due_in_ms`: until the next of the others is due; null when none will be. */
  dueIn(now: Date | undefined, except: readonly string[]): Statement {
    return this.#dueIn([now?.toISOString() ?? null, except]);
  }

  /**
   * Locks the schedule that is due for longest, of those that nobody else is firing. One that another scheduler has fired
   * between this statement's snapshot and its lock is looked at again, and found not to be due.
   */
  takeDue(now: Date | undefined, except: readonly string[]): Statement {
    return this.#takeDue([now?.toISOString() ?? null, except]);
  }

  /** For the holder of the row's lock. Without `lastMs` the schedule has not fired. */
  move(name: string, nextAtMs: number | undefined, lastMs: number | undefined): Statement {
    return this.#move([name, textOf(nextAtMs), textOf(lastMs)]);
  }

  /** One row: `now_ms`. */
  now(): Statement {
    return { text: `SELECT ${milliseconds('statement_timestamp()')} AS now_ms` };
  }

  list(): Statement {
    return { text: `SELECT ${COLUMNS} FROM ${this.#table} ORDER BY name` };
  }

  lock(name: string): Statement {
    return { text: `SELECT ${COLUMNS} FROM ${this.#table} WHERE name = $1 FOR UPDATE`, values: [name] };
  }

  /** No row when there is one by that name. */
  insert(schedule: Schedule, nextAtMs: number | undefined): Statement {
    return {
      text: `
INSERT INTO ${this.#table} (name, ${VALUE_COLUMNS}, next_at) VALUES ($1::text, ${VALUES}, $10::timestamptz)
ON CONFLICT (name) DO NOTHING
RETURNING ${COLUMNS}`,
      values: [...valuesOf(schedule), textOf(nextAtMs)],
    };
  }

  /** No row when it is like that already. */
  update(schedule: Schedule, nextAtMs: number | undefined): Statement {
    return {
      text: `
UPDATE ${this.#table} SET (${VALUE_COLUMNS}, next_at) = ROW (${VALUES}, $10::timestamptz)
WHERE name = $1 AND (${VALUE_COLUMNS}, next_at) IS DISTINCT FROM (${VALUES}, $10::timestamptz)
RETURNING ${COLUMNS}`,
      values: [...valuesOf(schedule), textOf(nextAtMs)],
    };
  }

  remove(name: string): Statement {
    return { text: `DELETE FROM ${this.#table} WHERE name = $1`, values: [name] };
  }

  /** A paused schedule is never due. Touches one row when there is one, paused before or not. */
  pause(name: string): Statement {
    return {
      text: `UPDATE ${this.#table} SET next_at = NULL, paused_at = coalesce(paused_at, now()) WHERE name = $1`,
      values: [name],
    };
  }

  resume(name: string, nextAtMs: number | undefined): Statement {
    return {
      text: `UPDATE ${this.#table} SET next_at = $2::timestamptz, paused_at = NULL WHERE name = $1`,
      values: [name, textOf(nextAtMs)],
    };
  }
}
