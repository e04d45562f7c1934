// Which jobs share a limit of their own, and where is that written down?

import type { QueueContext } from '../context.ts';
import type { Database } from '../drivers/driver.ts';
import { UnsupportedError } from '../errors.ts';
import { requireKey } from '../keys.ts';
import { prepared } from '../sql.ts';
import type { ClaimStrategy, JobId, NewJob } from '../strategy.ts';

/**
 * Throws InvalidArgumentError when `key` is no concurrency key: 1…200 bytes of well-formed UTF-8 without NUL; UnsupportedError
 * on a strategy that cannot put jobs off.
 */
export function requireConcurrencyKey({ name, delay }: ClaimStrategy, key: string): void {
  if (delay === undefined) throw new UnsupportedError(name, 'delay', 'leave concurrencyKey out');
  requireKey('concurrencyKey', key);
}

/** Whether `storeJobKeys` has something to store, so that the enqueue needs a transaction. */
export function haveKeys(jobs: readonly NewJob[]): boolean {
  return jobs.some(hasKey);
}

function hasKey({ concurrencyKey }: NewJob): boolean {
  return concurrencyKey !== undefined;
}

/**
 * Stores the keys of those of `jobs` that have one, under their `ids`; sends nothing when none has. `db` is the transaction
 * in which the jobs were enqueued, after which it is to be called: a job without its key would pass its limit.
 */
export async function storeJobKeys(
  db: Database,
  { tables }: QueueContext,
  jobs: readonly NewJob[],
  ids: readonly JobId[],
): Promise<void> {
  // Most calls end here, for which nothing is to be made of their jobs.
  if (!haveKeys(jobs)) return;
  const keyed = jobs.flatMap(({ queue, concurrencyKey }, n) =>
    concurrencyKey === undefined ? [] : [{ id: ids[n], queue, key: concurrencyKey }],
  );
  const text = `
INSERT INTO ${tables.jobKeys} (job_id, queue, key)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])`;
  await db.query(
    prepared(text)([keyed.map(({ id }) => id), keyed.map(({ queue }) => queue), keyed.map(({ key }) => key)]),
  );
}

/** Forgets the keys of jobs that are done for good. A dead letter is not: its key counts once it is made ready again. */
export async function dropJobKeys(
  db: Database,
  { tables }: QueueContext,
  ids: readonly JobId[],
): Promise<number> {
  const text = `
DELETE FROM ${tables.jobKeys} WHERE job_id IN (
  SELECT job_id FROM ${tables.jobKeys} WHERE job_id = ANY ($1::bigint[]) ORDER BY job_id FOR UPDATE SKIP LOCKED
)`;
  const { rowCount } = await db.query(prepared(text)([ids]));
  return rowCount;
}
