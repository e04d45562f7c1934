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
 * A cursor over the ready index, one lock tried per row that it yields: no lock is tried beyond the last job that was
 * wanted. A recursive query that searches the index anew for each row, as Que's does, costs four times as much per row.
 */
const walk: LockSearch = {
  routine: 'claim_by_lock',
  declare: `candidate_priority smallint;
  candidate_id bigint;`,
  find: (table: JobsTable) => `
    locked := '{}';
    FOR candidate_priority, candidate_id IN
      SELECT job.priority, job.id
      FROM ${table.jobs} AS job
      WHERE job.state = 'r' AND job.queue = wanted_queue AND job.id <> ALL (held)
        AND (job.priority, job.id) > (last_priority, last_id)
      ORDER BY job.priority, job.id
    LOOP
      EXIT WHEN cardinality(locked) >= wanted;
      IF ${tryLock(table, 'candidate_id')} THEN
        locked := locked || candidate_id;
        last_priority := candidate_priority;
        last_id := candidate_id;
      END IF;
    END LOOP;
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
