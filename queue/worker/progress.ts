// How does a handler say how far its job has come?

import type { QueueContext } from '../context.ts';
import { encodePayload } from '../payload.ts';
import { prepared } from '../sql.ts';
import type { JobId, Outcome } from '../strategy.ts';
import type { Announcer } from './announcer.ts';
import type { ReportProgress } from './held-job.ts';

/** What jobs of one worker have said of themselves. Costs nothing for jobs that say nothing. */
export class Progress {
  readonly #context: QueueContext;
  readonly #onError: (error: unknown) => void;
  /** Jobs that have said something, and have not ended. */
  readonly #told = new Set<JobId>();
  readonly #store;
  readonly #forget;
  readonly report: ReportProgress;

  constructor(context: QueueContext, announcer: Announcer | undefined, onError: (error: unknown) => void) {
    this.#context = context;
    this.#onError = onError;
    const { progress } = context.tables;
    // Updated in place: nothing but the id lies in an index.
    this.#store = prepared(`
INSERT INTO ${progress} (job_id, value)
VALUES ($1, $2)
ON CONFLICT (job_id) DO UPDATE SET value = excluded.value, at = now()`);
    this.#forget = prepared(`DELETE FROM ${progress} WHERE job_id = ANY ($1::bigint[])`);
    this.report = async (job, value) => {
      this.#told.add(job.id);
      await context.driver.query(this.#store([job.id, encodePayload(value)]));
      announcer?.progressed(job, value);
    };
  }

  /** These were settled: what jobs that are over have said is deleted. What a dead worker leaves is pruned with time. */
  settled(outcomes: readonly Outcome[]): void {
    if (this.#told.size === 0) return;
    const over = outcomes
      .filter(({ kind, job }) => (kind === 'ack' || kind === 'dead-letter') && this.#told.delete(job.id))
      .map(({ job }) => job.id);
    if (over.length > 0) this.#context.driver.query(this.#forget([over])).catch(this.#onError);
  }
}

/** Deletes what was said more than a week ago and never taken back; at most `limit` rows, and returns how many. */
export async function pruneProgress({ driver, tables }: QueueContext, limit: number): Promise<number> {
  const { rowCount } = await driver.query({
    text: `
DELETE FROM ${tables.progress}
WHERE job_id = ANY (ARRAY (
  SELECT job_id FROM ${tables.progress} WHERE at < now() - interval '7 days' LIMIT $1::bigint
))`,
    values: [limit],
  });
  return rowCount;
}
