// Which jobs are done?
//
// Days have partitions, and to plan a statement the server locks each one that it may read, with its three indexes: of ten years
// that is more than its lock table holds. So a list goes back from the newest day in windows, whose bounds are literals: what
// is outside is left out before it is locked, be the plan for these values or for any.

import type { Database } from '../drivers/driver.ts';
import { InvalidArgumentError } from '../errors.ts';
import { requireQueueName } from '../job.ts';
import { requireJobId } from '../jobs/job-id.ts';
import { requireKnownKeys, said } from '../keys.ts';
import type { QueueTables } from '../schema/queue-tables.ts';
import { quoteLiteral } from '../sql.ts';
import type { JobId } from '../strategy.ts';
import type { FinishedOutcome } from './history.ts';
import { requireWhole } from './rules.ts';

/** A job that is done, as it was written down. */
export interface FinishedJob {
  readonly jobId: JobId;
  readonly queue: string;
  readonly outcome: FinishedOutcome;
  /** The attempt that was its last. */
  readonly attempt: number;
  readonly priority: number;
  /** Whose settle it was, or whose reap; absent when the job was cancelled while it waited. */
  readonly worker?: string;
  /** Milliseconds since the Unix epoch by the server's clock, with three places; absent when its handler never started. */
  readonly startedAtMs?: number;
  readonly finishedAtMs: number;
  readonly error?: string;
  /** There where retention keeps payloads. */
  readonly payload?: unknown;
}

/** Which finished jobs are meant; all that is given must hold. */
export interface FinishedFilter {
  readonly queue?: string;
  readonly jobId?: JobId;
  /**
   * Those that finished before this instant; or, with the last job of a page, those behind it in the list, none of them twice and
   * none left out.
   */
  readonly before?: Date | Pick<FinishedJob, 'finishedAtMs' | 'jobId'>;
  /** 1…10,000; default 100. */
  readonly limit?: number;
}

/** Reads what retention keeps. */
export interface FinishedJobs {
  /**
   * Finished jobs, newest first. None where `createQueue` was given no `retention`.
   * Throws InvalidArgumentError for a filter that there is not, or out of range.
   */
  list(filter?: FinishedFilter): Promise<readonly FinishedJob[]>;
}

const DAY_MS = 86_400_000;
/** Days of the first window, by how much each is longer than the one before, and of the longest. */
const FIRST_DAYS = 2;
const GROWTH = 4;
const MOST_DAYS = 64;
/** No retention is longer. */
const KEPT_DAYS = 3650;

interface Row {
  readonly job_id: string;
  readonly queue: string;
  readonly outcome: FinishedOutcome;
  readonly attempt: number;
  readonly priority: number;
  readonly worker: string | null;
  readonly started_ms: number | null;
  readonly finished_ms: number;
  readonly error: string | null;
  readonly payload: unknown;
  readonly has_payload: boolean;
}

/** Conditions with their parameters, numbered as they come. */
class Conditions {
  readonly values: unknown[] = [];
  readonly #texts: string[] = [];

  /** `$` in `text` stands for the next of `values`. */
  add(text: string, ...values: readonly unknown[]): void {
    for (const value of values) this.values.push(value);
    let place = this.values.length - values.length;
    this.#texts.push(
      text.replaceAll('$', () => {
        place += 1;
        return `$${place}`;
      }),
    );
  }

  /** With conditions that have no parameters. */
  text(...more: readonly string[]): string {
    const texts = [...this.#texts, ...more];
    return texts.length === 0 ? '' : `WHERE ${texts.join(' AND ')}`;
  }
}

/**
 * The bound on the time alone lets the server leave out later days; the pair of both lets it start within a day. Returns that time,
 * in ms.
 */
function addBefore(where: Conditions, before: NonNullable<FinishedFilter['before']>): number {
  if (before instanceof Date) {
    if (Number.isNaN(before.getTime()))
      throw new InvalidArgumentError('before is no valid date: give a Date or a finished job');
    where.add('finished_at < $::timestamptz', before.toISOString());
    return before.getTime();
  }
  const { finishedAtMs, jobId } = before;
  if (!Number.isFinite(finishedAtMs))
    throw new InvalidArgumentError(
      `before.finishedAtMs is ${said(finishedAtMs)}: give a Date or a finished job`,
    );
  requireJobId('before.jobId', jobId);
  const at = finishedAtMs / 1000;
  where.add('finished_at <= to_timestamp($::float8)', at);
  where.add('(finished_at, job_id) < (to_timestamp($::float8), $::bigint)', at, jobId);
  return finishedAtMs;
}

/** Present midnight, and that of the oldest day that has a partition; in ms. Reads the catalogue alone. */
async function readDays(
  db: Database,
  { finished }: QueueTables,
): Promise<{ readonly todayMs: number; readonly oldestMs: number }> {
  const { rows } = await db.query<{ readonly today: string; readonly oldest: string | null }>({
    text: `
SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today, (
  SELECT regexp_replace(min(part.relname::text COLLATE "C"), '.*(....)(..)(..)$', '\\1-\\2-\\3')
  FROM pg_catalog.pg_inherits AS link
  JOIN pg_catalog.pg_class AS part ON part.oid = link.inhrelid
  WHERE link.inhparent = to_regclass($1) AND part.relname ~ '^queue_finished_[0-9]{8}$'
) AS oldest`,
    values: [finished],
  });
  const { today = '', oldest = null } = rows[0] ?? {};
  const todayMs = Date.parse(today);
  const oldestMs = oldest === null ? todayMs : Date.parse(oldest);
  // What only looks like a day is none. None is kept for longer than that.
  return { todayMs, oldestMs: Math.max(todayMs - KEPT_DAYS * DAY_MS, oldestMs || todayMs) };
}

/**
 * Bounds of one window after the other, the newest first, as conditions without parameters. The last one has no lower bound: there
 * lie the rest of the default partition, and what somebody else has attached.
 */
function* windowsOf(beforeMs: number, todayMs: number, oldestMs: number): Generator<readonly string[]> {
  const instant = (ms: number) => `${quoteLiteral(new Date(ms).toISOString())}::timestamptz`;
  const newestMs = Math.floor(beforeMs / DAY_MS) * DAY_MS;
  const fromMs = Math.max(oldestMs, Math.min(todayMs, newestMs));
  let upper = newestMs > todayMs ? undefined : instant(fromMs + DAY_MS);
  let lowerMs = fromMs - (FIRST_DAYS - 1) * DAY_MS;
  for (let days = FIRST_DAYS; lowerMs > oldestMs; lowerMs -= days * DAY_MS) {
    const lower = instant(lowerMs);
    yield [`finished_at >= ${lower}`, ...below(upper)];
    upper = lower;
    days = Math.min(MOST_DAYS, days * GROWTH);
  }
  yield below(upper);
}

function below(upper: string | undefined): readonly string[] {
  return upper === undefined ? [] : [`finished_at < ${upper}`];
}

function toFinished(row: Row): FinishedJob {
  return {
    jobId: row.job_id,
    queue: row.queue,
    outcome: row.outcome,
    attempt: row.attempt,
    priority: row.priority,
    ...(row.worker === null ? {} : { worker: row.worker }),
    ...(row.started_ms === null ? {} : { startedAtMs: row.started_ms }),
    finishedAtMs: row.finished_ms,
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.has_payload ? { payload: row.payload } : {}),
  };
}

/** What `queue.finished` is. */
export function finishedJobs({
  driver,
  tables,
}: {
  readonly driver: Database;
  readonly tables: QueueTables;
}): FinishedJobs {
  async function read(where: string, values: readonly unknown[], limit: number): Promise<readonly Row[]> {
    const { rows } = await driver.query<Row>({
      text: `
SELECT job_id::text AS job_id, queue, outcome, attempt, priority, worker,
  (extract(epoch FROM started_at) * 1000)::float8 AS started_ms,
  (extract(epoch FROM finished_at) * 1000)::float8 AS finished_ms,
  error, payload, payload IS NOT NULL AS has_payload
FROM ${tables.finished}
${where}
ORDER BY finished_at DESC, job_id DESC
LIMIT ${limit}`,
      values,
    });
    return rows;
  }

  return {
    async list(filter = {}) {
      requireKnownKeys('a list of finished jobs', filter, ['queue', 'jobId', 'before', 'limit']);
      const { queue, jobId, before, limit = 100 } = filter;
      requireWhole('limit', limit, 1, 10_000);
      const where = new Conditions();
      if (queue !== undefined) {
        requireQueueName(queue);
        where.add('queue = $::text', queue);
      }
      if (jobId !== undefined) {
        requireJobId('jobId', jobId);
        where.add('job_id = $::bigint', jobId);
      }
      const beforeMs = before === undefined ? Number.POSITIVE_INFINITY : addBefore(where, before);
      const { todayMs, oldestMs } = await readDays(driver, tables);
      const found: Row[] = [];
      for (const bounds of windowsOf(beforeMs, todayMs, oldestMs)) {
        found.push(...(await read(where.text(...bounds), where.values, limit - found.length)));
        if (found.length >= limit) break;
      }
      return found.map(toFinished);
    },
  };
}
