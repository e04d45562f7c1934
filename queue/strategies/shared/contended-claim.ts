// What does a claim do that lost its candidates to others, beside a queue that may still be full?

import { setTimeout as sleep } from 'node:timers/promises';
import { prepared } from '../../sql.ts';
import type { ClaimedRow } from './claimed-row.ts';
import { type ClaimRequest, type ClaimRows, lockingClaim, type RowLock } from './lease-claim.ts';
import type { JobsTable } from './table.ts';

/** How long a claim goes on losing before it says so: far longer than rivals need to let one through. */
const PERSIST_MS = 5_000;
/** The bound of a wait doubles from the first to the longest; each wait is drawn from 0 on, so that losers fall out of step. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 16;

/** SQLSTATE lock_not_available: what NOWAIT fails with. */
const LOCK_NOT_AVAILABLE = '55P03';

/** What one try came to. `rows` is empty when nothing is ready; `lost` when something is and others were faster. */
export type Attempted =
  | { readonly kind: 'claimed'; readonly rows: readonly ClaimedRow[] }
  | { readonly kind: 'lost'; readonly cause?: unknown };

/**
 * Repeats a lost attempt after a short random wait, since an empty answer would send the worker to sleep for a poll
 * interval. Rejects when that has gone on for 5 s: a claim that cannot say that it has jobs must not say that there are none.
 */
export function persistentClaim(attempt: (request: ClaimRequest) => Promise<Attempted>): ClaimRows {
  return async (request) => {
    const startedMs = performance.now();
    for (let losses = 1; ; losses += 1) {
      const attempted = await attempt(request);
      if (attempted.kind === 'claimed') return attempted.rows;
      if (performance.now() - startedMs > PERSIST_MS) {
        throw new Error(
          `a claim lost ${losses} races in ${PERSIST_MS / 1000} s while jobs were ready: others hold their rows`,
          { cause: attempted.cause },
        );
      }
      await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** losses));
    }
  };
}

/** One value by the ready index: far cheaper than another claim that would come back empty as well. */
function anyReadySql(table: JobsTable): string {
  return `SELECT EXISTS (SELECT FROM ${table.jobs} WHERE state = 'r' AND queue = $1) AS ready`;
}

/**
 * The claim that locks its candidates with `lock` and does not pass those of others by. It sees the ready jobs of the
 * instant at which it began, and comes back empty when all of these were taken while it waited: so an empty answer is
 * given only when a look with a snapshot of its own finds nothing ready either.
 */
export function contendedClaim(
  table: JobsTable,
  lock: Exclude<RowLock, 'FOR UPDATE SKIP LOCKED'>,
): ClaimRows {
  const claim = lockingClaim(table, lock);
  const anyReady = prepared(anyReadySql(table));
  return persistentClaim(async (request) => {
    try {
      const rows = await claim(request);
      if (rows.length > 0) return { kind: 'claimed', rows };
    } catch (error) {
      if (lock === 'FOR UPDATE NOWAIT' && isLockConflict(error)) return { kind: 'lost', cause: error };
      throw error;
    }
    const answer = await request.connection.query<{ readonly ready: boolean }>(anyReady([request.queue]));
    return answer.rows[0]?.ready === true ? { kind: 'lost' } : { kind: 'claimed', rows: [] };
  });
}

function isLockConflict(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
}
