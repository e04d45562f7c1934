// Strategy `advisory`: claim by session advisory lock, without a write.
//
// What it is: a claim walks the ready jobs in order and tries the advisory lock of each; what it gets is leased for as
//   long as the connection lives. The row stays as it is until the job is settled.
// Who uses it: Que, row by row as here; GoodJob's way is advisory-candidates.
// Guarantees: at least once; order of priority, then enqueue; a dead session frees its jobs at once, and its crash
//   costs no attempt, since attempts are counted when a job fails.
// Where it breaks: held jobs stay at the head of the ready index, and every claim walks past them, so claims get dearer
//   with the jobs in flight; a lock belongs to a server connection, so no pooler in transaction mode; a hung worker that
//   keeps its connection keeps its jobs; locks live in shared memory, bounded by max_locks_per_transaction.

import type { StrategyFactory } from '../strategy.ts';
import { type LockSearch, tryLock } from './shared/advisory-sql.ts';
import { advisoryStrategy } from './shared/advisory-strategy.ts';
import type { JobsTable } from './shared/table.ts';

/**
 * A recursive query that steps from one row to the next by keyset, and tries one lock at each step. Its LIMIT ends it:
 * no row is looked at beyond the last one that was wanted.
 */
const walk: LockSearch = {
  routine: 'claim_by_lock',
  find: (table: JobsTable) => `
    WITH RECURSIVE walk AS (
      SELECT first.priority, first.id, ${tryLock(table, 'first.id')} AS got
      FROM (
        SELECT job.priority, job.id
        FROM ${table.jobs} AS job
        WHERE job.state = 'r' AND job.queue = wanted_queue AND job.id <> ALL (held)
        ORDER BY job.priority, job.id
        LIMIT 1
      ) AS first
      UNION ALL
      SELECT next.priority, next.id, ${tryLock(table, 'next.id')}
      FROM walk
      CROSS JOIN LATERAL (
        SELECT job.priority, job.id
        FROM ${table.jobs} AS job
        WHERE job.state = 'r' AND job.queue = wanted_queue AND job.id <> ALL (held)
          AND (job.priority, job.id) > (walk.priority, walk.id)
        ORDER BY job.priority, job.id
        LIMIT 1
      ) AS next
    )
    SELECT coalesce(array_agg(id), '{}') INTO locked
    FROM (SELECT walk.id FROM walk WHERE walk.got LIMIT wanted) AS mine;
    EXIT WHEN locked = '{}';`,
};

/** Session advisory locks, one job per claim. */
export const advisory: StrategyFactory = {
  strategyName: 'advisory',
  summary: 'claims by session advisory lock, row by row, without writing',
  usedBy: 'Que',
  breaks: 'claims walk past the jobs in flight; no pooler in transaction mode; a hung worker keeps its jobs',
  create: (options) => advisoryStrategy('advisory', options, walk),
};
