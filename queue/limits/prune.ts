// What do dead workers leave behind in the tables of the limits, and who takes it away?

import type { QueueContext } from '../context.ts';
import { prepared } from '../sql.ts';
import type { JobId } from '../strategy.ts';
import { dropJobKeys } from './job-keys.ts';

/** What one round has done. */
export interface Pruned {
  /** Rows that went. */
  readonly removed: number;
  /** The last job whose key was looked at; absent when all were: the next round begins anew. */
  readonly afterId?: JobId;
}

/**
 * Takes away expired permits, tokens that have come back, and keys of jobs that are gone: at most `limit` of each. None of them
 * counts any more, so it is enough to do it from time to time. Hand `afterId` of a round to the next. Any number of workers
 * may do it at once. Rejects with the driver's error, 42P01 on a schema of a version without limits.
 */
export async function pruneLimits(
  context: QueueContext,
  limit: number,
  afterId: JobId = '0',
): Promise<Pruned> {
  const { driver, tables } = context;
  const { settings, starts, permits } = tables;
  const leftovers = prepared(`
WITH expired AS (
  DELETE FROM ${permits} WHERE (job_id, token) IN (
    SELECT job_id, token FROM ${permits} WHERE expires_at < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED
  ) RETURNING 1
), back AS (
  DELETE FROM ${starts} WHERE (queue, slot) IN (
    SELECT start.queue, start.slot
    FROM ${starts} AS start LEFT JOIN ${settings} AS setting ON setting.queue = start.queue
    WHERE start.slot < extract(epoch FROM clock_timestamp()) * 1000000 - coalesce(setting.rate_period_ms, 0) * 1000
    LIMIT $1 FOR UPDATE OF start SKIP LOCKED
  ) RETURNING 1
)
SELECT (SELECT count(*)::integer FROM expired) + (SELECT count(*)::integer FROM back) AS removed`);
  const { rows } = await driver.query<{ readonly removed: number }>(leftovers([limit]));
  const keys = await pruneKeys(context, limit, afterId);
  return { ...keys, removed: keys.removed + (rows[0]?.removed ?? 0) };
}

async function pruneKeys(context: QueueContext, limit: number, afterId: JobId): Promise<Pruned> {
  const { driver, tables } = context;
  const page = prepared(`SELECT job_id FROM ${tables.jobKeys} WHERE job_id > $1 ORDER BY job_id LIMIT $2`);
  const { rows } = await driver.query<{ readonly job_id: JobId }>(page([afterId, limit]));
  const ids = rows.map(({ job_id }) => job_id);
  // Looked for after their keys: a key and its job appear together, so who is missing now is gone for good.
  const { present, upTo } = await presentOf(context, ids, limit);
  const gone = ids.filter((id) => BigInt(id) <= upTo && !present.has(id));
  const removed = gone.length === 0 ? 0 : await dropJobKeys(driver, context, gone);
  const looked = ids.filter((id) => BigInt(id) <= upTo);
  const last =
    looked.length === ids.length && ids.length < limit ? undefined : (looked.at(-1) ?? String(upTo));
  return last === undefined ? { removed } : { removed, afterId: last };
}

/** Which of `ids` the database holds, as far as `upTo`; the strategies that cannot find single jobs show a page of all. */
async function presentOf(
  { driver, strategy }: QueueContext,
  ids: readonly JobId[],
  limit: number,
): Promise<{ readonly present: ReadonlySet<JobId>; readonly upTo: bigint }> {
  const [first] = ids;
  const last = ids.at(-1);
  if (first === undefined || last === undefined) return { present: new Set(), upTo: 0n };
  if (strategy.inspection !== undefined) {
    const found = await strategy.inspection.find(driver, ids);
    return { present: new Set(found.map(({ id }) => id)), upTo: BigInt(last) };
  }
  const jobs = await strategy.contents(driver, String(BigInt(first) - 1n), limit);
  const end = jobs.at(-1);
  const whole = end === undefined || jobs.length < limit || BigInt(end.id) >= BigInt(last);
  return { present: new Set(jobs.map(({ id }) => id)), upTo: BigInt(whole ? last : end.id) };
}
