// Which running jobs has somebody cancelled, and who takes the word away when it was heeded?

import type { QueueContext } from '../context.ts';
import { prepared } from '../sql.ts';
import type { JobId, Outcome } from '../strategy.ts';

/** The cancelled jobs in the hands of one worker. */
export class Cancellations {
  readonly #context: QueueContext;
  readonly #onError: (error: unknown) => void;
  readonly #heeded = new Set<JobId>();
  readonly #forget;

  constructor(context: QueueContext, onError: (error: unknown) => void) {
    this.#context = context;
    this.#onError = onError;
    this.#forget = prepared(`DELETE FROM ${context.tables.cancellations} WHERE job_id = ANY ($1::bigint[])`);
  }

  /** Jobs whose ack means that they were cancelled. */
  get heeded(): ReadonlySet<JobId> {
    return this.#heeded;
  }

  /** The job is in this worker's hands, and ends here. */
  heed(id: JobId): void {
    this.#heeded.add(id);
  }

  /** These were settled. What cannot be taken away now is pruned some day, and harms nothing: the job is gone. */
  settled(outcomes: readonly Outcome[]): void {
    if (this.#heeded.size === 0) return;
    const over = outcomes.filter(({ job }) => this.#heeded.delete(job.id)).map(({ job }) => job.id);
    if (over.length > 0) this.#context.driver.query(this.#forget([over])).catch(this.#onError);
  }
}

/** Deletes words that nobody has heeded for a day: their jobs were done before. At most `limit`; returns how many. */
export async function pruneCancellations({ driver, tables }: QueueContext, limit: number): Promise<number> {
  const { rowCount } = await driver.query({
    text: `
DELETE FROM ${tables.cancellations}
WHERE job_id = ANY (ARRAY (
  SELECT job_id FROM ${tables.cancellations} WHERE at < now() - interval '1 day' LIMIT $1::bigint
))`,
    values: [limit],
  });
  return rowCount;
}
