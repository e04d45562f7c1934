// How is an enqueue that is sent twice carried out once?
//
// The key of a request is a row that its transaction inserts before it enqueues anything: whoever comes with the same key
// waits for that transaction, and finds its answer in the row, or no row and the turn to be the first.

import { createHash } from 'node:crypto';
import type { QueueContext } from '../context.ts';
import type { Database, Statement } from '../drivers/driver.ts';
import { DuplicateJobError, IdempotencyError } from '../errors.ts';
import { encodePayload } from '../payload.ts';
import { prepared } from '../sql.ts';
import { atReadCommitted } from '../strategies/shared/read-committed.ts';
import type { JobId, NewJob } from '../strategy.ts';

/** For how long a queue whose owner says nothing keeps the keys of its requests, in ms. */
export const IDEMPOTENCY_MS = 86_400_000;

/** Carries out requests once. */
export interface Requests {
  /**
   * What `work` resolves with, or the ids that the first request with this key was answered with: `work` is not called then.
   * `db` is an open transaction. Throws IdempotencyError when the first one was for other `jobs`.
   */
  once<T extends { readonly ids: readonly JobId[] }>(
    db: Database,
    key: string,
    jobs: readonly NewJob[],
    work: () => Promise<T>,
  ): Promise<T | { readonly ids: readonly JobId[]; readonly repeated: true }>;
}

/** The requests of one queue object. */
export function requestsOf({ tables: { requests }, idempotencyMs }: QueueContext): Requests {
  // A key whose time is over is taken anew, pruned or not. That time is in the row, as its first caller gave it: whoever looks
  // may keep keys of his own for longer, or shorter. A row that is there is locked, so that nobody prunes it before it is read.
  const claim = prepared(`
INSERT INTO ${requests} AS request (key, digest, expires_at) VALUES ($1, $2, now() + $3::float8 * interval '1 ms')
ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at, ids = NULL
WHERE request.expires_at <= now()
RETURNING 1`);
  const answer = prepared(`UPDATE ${requests} SET ids = $2::bigint[] WHERE key = $1`);
  const forget = prepared(`DELETE FROM ${requests} WHERE key = $1`);
  // As one text: a caller's client may read arrays in a way of its own.
  const find = prepared(`SELECT digest, array_to_string(ids, ',') AS ids FROM ${requests} WHERE key = $1`);

  return {
    async once(db, key, jobs, work) {
      const digest = digestOf(jobs);
      const { rows } = await db.query(claim([key, digest, idempotencyMs]));
      if (rows.length === 0) return { ids: await read(db, find([key]), key, digest), repeated: true };
      const done = await work().catch(async (error: unknown) => {
        // No statement has failed: the transaction may be the caller's, who may go on with it.
        if (error instanceof DuplicateJobError) await db.query(forget([key]));
        throw error;
      });
      await db.query(answer([key, done.ids]));
      return done;
    },
  };
}

async function read(db: Database, find: Statement, key: string, digest: string): Promise<readonly JobId[]> {
  const { rows } = await db.query<{ readonly digest: string; readonly ids: string | null }>(find);
  const [kept] = rows;
  if (kept === undefined) throw new Error(`the row of the idempotency key ${JSON.stringify(key)} is gone`);
  if (kept.digest !== digest)
    throw new IdempotencyError(
      key,
      'was used for other jobs: give each request a key of its own, and a retry exactly the jobs of the first call, runAt included',
    );
  // Of another transaction it would not be seen before its answer.
  if (kept.ids === null)
    throw new IdempotencyError(
      key,
      'is that of an enqueue under way in the same transaction: await that first',
    );
  return kept.ids === '' ? [] : kept.ids.split(',');
}

/** The same for the same jobs in the same order, in whatever order their options were written. */
function digestOf(jobs: readonly NewJob[]): string {
  const hash = createHash('sha256');
  for (const { payload, ...options } of jobs) {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    given.sort(([one], [other]) => (one < other ? -1 : 1));
    const text = encodePayload(payload);
    // The length tells where the payload ends.
    hash.update(`${JSON.stringify(given)}${text.length}:`).update(text);
  }
  return hash.digest('base64url');
}

/**
 * Deletes at most `limit` keys whose time is over, whoever gave it, the oldest first; returns how many. Any number of callers may do it at
 * once. No enqueue depends on it: it only keeps the table small.
 */
export async function pruneRequests(
  { driver, tables: { requests } }: QueueContext,
  limit: number,
): Promise<number> {
  const { rowCount } = await atReadCommitted(driver, (tx) =>
    tx.query({
      text: `
WITH old AS MATERIALIZED (
  SELECT key FROM ${requests}
  WHERE expires_at <= now()
  ORDER BY expires_at
  LIMIT $1::integer
  FOR UPDATE SKIP LOCKED
)
DELETE FROM ${requests} AS request USING old WHERE request.key = old.key`,
      values: [Math.max(1, Math.trunc(limit))],
    }),
  );
  return rowCount;
}
