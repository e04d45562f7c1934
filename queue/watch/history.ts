// Where do finished jobs stay for a while, so that somebody can look them up?

import type { QueueContext } from '../context.ts';
import type { Database, Statement } from '../drivers/driver.ts';
import { encodePayload } from '../payload.ts';
import type { QueueTables } from '../schema/queue-tables.ts';
import { prepared } from '../sql.ts';
import { storableError } from '../strategies/shared/settle.ts';
import type { ClaimedJob } from '../strategy.ts';
import { type HistoryUpkeep, tendHistory } from './history-upkeep.ts';
import { type Retention, requireDays } from './retention.ts';

/** In which ways a job is done. A dead letter that is redriven is done once more. */
export type FinishedOutcome = 'completed' | 'dead-lettered' | 'cancelled';

/** A job that is done for good, as whoever ended it knows it. */
export interface Finish {
  readonly job: Pick<ClaimedJob, 'id' | 'queue' | 'attempt' | 'priority' | 'payload'>;
  readonly outcome: FinishedOutcome;
  /** From the start of the handler to its end; absent when it never started. */
  readonly serviceMs?: number;
  readonly error?: string;
}

/**
 * The clock is read once, and not as the transaction's start: a transaction that is held while its job runs began when that
 * was claimed. A start is reckoned back from it, as the worker's clock is not the server's.
 */
function recordSql({ finished }: QueueTables): string {
  return `
WITH clock AS MATERIALIZED (
  SELECT coalesce($10::timestamptz, clock_timestamp()) AS at
)
INSERT INTO ${finished} (finished_at, started_at, job_id, attempt, priority, outcome, worker, queue, error, payload)
SELECT clock.at, clock.at - done.service_ms * interval '1 ms', done.job_id, done.attempt, done.priority, done.outcome,
  $1::text, done.queue, done.error, done.payload::jsonb
FROM clock, unnest(
  $2::bigint[], $3::smallint[], $4::smallint[], $5::text[], $6::float8[], $7::text[], $8::text[], $9::text[]
) AS done (job_id, attempt, priority, outcome, service_ms, queue, error, payload)`;
}

/** Of a queue object; `undefined` where it keeps no finished jobs. */
export function historyOf(context: QueueContext): History | undefined {
  return context.retention === undefined ? undefined : new History(context, context.retention);
}

/** Writes finished jobs down, and looks after the days that hold them. Costs nothing where nobody makes one. */
export class History {
  readonly #context: QueueContext;
  readonly #payload: boolean;
  readonly #statement: (values: readonly unknown[]) => Statement;

  constructor(context: QueueContext, { payload = false }: Pick<Retention, 'payload'> = {}) {
    this.#context = context;
    this.#payload = payload;
    this.#statement = prepared(recordSql(context.tables));
  }

  /**
   * The statement that writes `finished` down, for the transaction that settles them. Leave out jobs whose settle was stale.
   * `worker` is absent where none has had them; `at` is the instant to be written; default the server's clock. Throws InvalidArgumentError for a payload that cannot be kept.
   */
  recordStatement(worker: string | undefined, finished: readonly Finish[], at?: Date): Statement {
    const jobs = finished.map(({ job }) => job);
    return this.#statement([
      worker ?? null,
      jobs.map(({ id }) => id),
      jobs.map(({ attempt }) => attempt),
      jobs.map(({ priority }) => priority),
      finished.map(({ outcome }) => outcome),
      finished.map(({ serviceMs }) => serviceMs ?? null),
      jobs.map(({ queue }) => queue),
      finished.map(({ error }) => (error === undefined ? null : storableError(error))),
      jobs.map(({ payload }) => (this.#payload ? encodePayload(payload) : null)),
      at?.toISOString() ?? null,
    ]);
  }

  /** Sends that statement on `db`; nothing for no jobs. One round trip. Rejects with the driver's error. */
  async record(
    db: Database,
    worker: string | undefined,
    finished: readonly Finish[],
    at?: Date,
  ): Promise<void> {
    if (finished.length > 0) await db.query(this.recordStatement(worker, finished, at));
  }

  /**
   * Makes the partitions of today and the two days ahead, moves into theirs what lies in the default one, and drops those
   * of which every job finished more than `days` days (1…3,650) ago. A day of which more than 2,000 jobs lie in the default one
   * gets none: they stay there, and are deleted when they are as old. Any number of processes may do so at any time; one that
   * finds nothing to do sends one statement and locks nothing. Once an hour is plenty. `today` (YYYY-MM-DD) takes the place
   * of the server's date, for tests. Rejects with the driver's error; a lock that is not to be had is no error: on tables it is
   * waited for 200 ms at most, as settles that record may wait behind it.
   */
  async upkeep(days: number, today?: string): Promise<HistoryUpkeep> {
    requireDays(days);
    const { driver, tables } = this.#context;
    return tendHistory(driver, tables, days, today);
  }
}
