// Which jobs are done?

import type { QueueContext } from '../context.ts';
import { InvalidArgumentError } from '../errors.ts';
import { requireQueueName } from '../job.ts';
import { requireJobId } from '../jobs/job-id.ts';
import { requireKnownKeys, said } from '../keys.ts';
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

  get text(): string {
    return this.#texts.length === 0 ? '' : `WHERE ${this.#texts.join(' AND ')}`;
  }
}

/** The bound on the time alone lets the server leave out later days; the pair of both lets it start within a day. */
function addBefore(where: Conditions, before: NonNullable<FinishedFilter['before']>): void {
  if (before instanceof Date) {
    if (Number.isNaN(before.getTime()))
      throw new InvalidArgumentError('before is no valid date: give a Date or a finished job');
    where.add('finished_at < $::timestamptz', before.toISOString());
    return;
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
export function finishedJobs({ driver, tables }: QueueContext): FinishedJobs {
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
      if (before !== undefined) addBefore(where, before);
      const { rows } = await driver.query<Row>({
        text: `
SELECT job_id::text AS job_id, queue, outcome, attempt, priority, worker,
  (extract(epoch FROM started_at) * 1000)::float8 AS started_ms,
  (extract(epoch FROM finished_at) * 1000)::float8 AS finished_ms,
  error, payload, payload IS NOT NULL AS has_payload
FROM ${tables.finished}
${where.text}
ORDER BY finished_at DESC, job_id DESC
LIMIT ${limit}`,
        values: where.values,
      });
      return rows.map(toFinished);
    },
  };
}
