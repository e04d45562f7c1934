// How does an operator limit a queue, and pause it?

import type { QueueContext } from '../context.ts';
import { InvalidArgumentError, UnsupportedError } from '../errors.ts';
import { requireQueueName } from '../job.ts';
import { requireKnownKeys, requireObject, said } from '../keys.ts';
import { prepared } from '../sql.ts';
import { type Limits, limitsOf, type Rate, SETTING_COLUMNS, type SettingRow, UNLIMITED } from './settings.ts';

/** What `set` changes: what is left out stays as it is, `null` lifts a limit. */
export interface LimitChanges {
  readonly rate?: Rate | null;
  readonly concurrency?: number | null;
  /** Needs the capability `delay`: a job whose key has as many at work is put off for about a second. */
  readonly concurrencyPerKey?: number | null;
}

/** The limits of the queues of a schema. They hold over all workers, and outlive them. */
export interface QueueLimits {
  /**
   * Limits `queue`, for every handler that starts after its worker has learned of it: within a second where signals
   * arrive and a second has passed since the last, within about ten if one is lost. Handlers that are at work go on, and count.
   * Throws InvalidArgumentError for values out of range, UnsupportedError for `concurrencyPerKey` on a strategy without delays.
   */
  set(queue: string, changes: LimitChanges): Promise<void>;
  /** The limits of `queue`, each `null` where there is none. */
  get(queue: string): Promise<Limits>;
}

/** What an operator does to a queue. */
export interface Operators {
  readonly limits: QueueLimits;
  pause(queue: string): Promise<void>;
  resume(queue: string): Promise<void>;
  paused(queue: string): Promise<boolean>;
}

const CHANGE_KEYS: readonly (keyof LimitChanges)[] = ['rate', 'concurrency', 'concurrencyPerKey'];
const RATE_KEYS: readonly (keyof Rate)[] = ['jobs', 'periodMs'];
const JOBS_MAX = 1_000_000;
/** Below it what a start takes on its way to the worker would be a large part of the period. */
const PERIOD_MIN_MS = 100;
const PERIOD_MAX_MS = 31 * 86_400_000;

function requireWhole(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw new InvalidArgumentError(`${name} is ${said(value)}: give a whole number in ${min}…${max}`);
}

function requireChanges({ strategy }: QueueContext, changes: LimitChanges): void {
  requireObject('the limits of a queue', changes);
  requireKnownKeys('the limits of a queue', changes, CHANGE_KEYS);
  const { rate, concurrency, concurrencyPerKey } = changes;
  if (rate !== undefined && rate !== null) {
    requireObject('rate', rate);
    requireKnownKeys('rate', rate, RATE_KEYS);
    requireWhole('rate.jobs', rate.jobs, 1, JOBS_MAX);
    requireWhole('rate.periodMs', rate.periodMs, PERIOD_MIN_MS, PERIOD_MAX_MS);
  }
  for (const [name, value] of Object.entries({ concurrency, concurrencyPerKey })) {
    if (value === undefined || value === null) continue;
    if (value === 0) throw new InvalidArgumentError(`${name} is 0: call pause() to stop a queue`);
    requireWhole(name, value, 1, JOBS_MAX);
  }
  if (typeof concurrencyPerKey === 'number' && strategy.delay === undefined)
    throw new UnsupportedError(strategy.name, 'delay', 'leave concurrencyPerKey out');
}

/**
 * A grant that is under way holds the queue's advisory lock (see turn-sql.ts): once a change has waited for it, no start is
 * granted any more by what was before.
 */
const AFTER_GRANTS = 'SELECT pg_advisory_xact_lock(lock, id) FROM changed';

/** What an operator may do through one queue object. */
export function operators(context: QueueContext): Operators {
  const { driver, tables } = context;
  const read = prepared(
    `SELECT ${SETTING_COLUMNS} FROM ${tables.settings} AS setting WHERE setting.queue = $1`,
  );
  const change = prepared(`
WITH changed AS (
  INSERT INTO ${tables.settings} AS setting (queue, rate_jobs, rate_period_ms, concurrency, key_concurrency)
  VALUES ($1, $3::integer, $4::bigint, $6::integer, $8::integer)
  ON CONFLICT (queue) DO UPDATE SET
    rate_jobs = CASE WHEN $2::boolean THEN excluded.rate_jobs ELSE setting.rate_jobs END,
    rate_period_ms = CASE WHEN $2::boolean THEN excluded.rate_period_ms ELSE setting.rate_period_ms END,
    concurrency = CASE WHEN $5::boolean THEN excluded.concurrency ELSE setting.concurrency END,
    key_concurrency = CASE WHEN $7::boolean THEN excluded.key_concurrency ELSE setting.key_concurrency END
  RETURNING setting.tableoid::integer AS lock, setting.id
)
${AFTER_GRANTS}`);
  const pausing = prepared(`
WITH changed AS (
  INSERT INTO ${tables.settings} AS setting (queue, paused_at) VALUES ($1, clock_timestamp())
  ON CONFLICT (queue) DO UPDATE SET paused_at = excluded.paused_at WHERE setting.paused_at IS NULL
  RETURNING setting.tableoid::integer AS lock, setting.id
)
${AFTER_GRANTS}`);
  const resuming = prepared(
    `UPDATE ${tables.settings} SET paused_at = NULL WHERE queue = $1 AND paused_at IS NOT NULL`,
  );
  const find = async (queue: string): Promise<SettingRow | undefined> => {
    requireQueueName(queue);
    const { rows } = await driver.query<SettingRow>(read([queue]));
    return rows[0];
  };
  return {
    limits: {
      async set(queue, changes) {
        requireQueueName(queue);
        requireChanges(context, changes);
        const { rate, concurrency, concurrencyPerKey } = changes;
        await driver.query(
          change([
            ...[queue, rate !== undefined, rate?.jobs ?? null, rate?.periodMs ?? null],
            ...[concurrency !== undefined, concurrency ?? null],
            ...[concurrencyPerKey !== undefined, concurrencyPerKey ?? null],
          ]),
        );
        context.signal(queue);
      },
      async get(queue) {
        const row = await find(queue);
        return row === undefined ? UNLIMITED : limitsOf(row);
      },
    },
    async pause(queue) {
      requireQueueName(queue);
      const { rowCount } = await driver.query(pausing([queue]));
      context.signal(queue);
      if (rowCount > 0) context.emit({ kind: 'paused', queue });
    },
    async resume(queue) {
      requireQueueName(queue);
      const { rowCount } = await driver.query(resuming([queue]));
      context.signal(queue);
      if (rowCount > 0) context.emit({ kind: 'resumed', queue });
    },
    async paused(queue) {
      return (await find(queue))?.paused ?? false;
    },
  };
}
