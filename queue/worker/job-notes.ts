// How do rows that a feature keeps beside running jobs, by their ids, leave again?

import type { QueueContext } from '../context.ts';
import { prepared } from '../sql.ts';
import type { JobId, Outcome, SettleResult } from '../strategy.ts';

/** The jobs in one worker's hands for which `table` (job_id, at) has a row. Costs nothing while there are none. */
export class JobNotes {
  readonly #context: QueueContext;
  readonly #onError: (error: unknown) => void;
  readonly #noted = new Set<JobId>();
  readonly #forget;

  constructor(context: QueueContext, table: string, onError: (error: unknown) => void) {
    this.#context = context;
    this.#onError = onError;
    this.#forget = prepared(`DELETE FROM ${table} WHERE job_id = ANY ($1::bigint[])`);
  }

  get ids(): ReadonlySet<JobId> {
    return this.#noted;
  }

  add(id: JobId): void {
    this.#noted.add(id);
  }

  /**
   * These are in this worker's hands no more. The rows of those that are over are deleted; a job whose settle was stale is somebody
   * else's by now, and one that is retried comes back: theirs stay. What cannot be deleted is pruned some day.
   */
  settled(outcomes: readonly Outcome[], { stale }: Pick<SettleResult, 'stale'>): void {
    if (this.#noted.size === 0) return;
    const noted = outcomes.filter(({ job }) => this.#noted.delete(job.id));
    const over = noted
      .filter(({ kind, job }) => (kind === 'ack' || kind === 'dead-letter') && !stale.includes(job.id))
      .map(({ job }) => job.id);
    if (over.length > 0) this.#context.driver.query(this.#forget([over])).catch(this.#onError);
  }
}

/** Deletes rows of `table` (job_id, at) older than so many days; at most `limit`, and returns how many. */
export async function pruneNotes(
  { driver }: QueueContext,
  table: string,
  days: number,
  limit: number,
): Promise<number> {
  const { rowCount } = await driver.query({
    text: `
DELETE FROM ${table}
WHERE job_id = ANY (ARRAY (SELECT job_id FROM ${table} WHERE at < now() - $1::integer * interval '1 day' LIMIT $2::bigint))`,
    values: [days, limit],
  });
  return rowCount;
}
