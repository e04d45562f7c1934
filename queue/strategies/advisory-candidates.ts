// Strategy `advisory-candidates`: claim by session advisory lock, out of a list of candidates.
//
// What it is: a claim lists the first 1,000 ready jobs and tries the advisory lock of each until it has what it wants; the
//   lease, the settle and the tables are those of advisory. Only when all of a list is taken is the next one made.
// Who uses it: GoodJob, which makes one list and no second.
// Guarantees: those of advisory.
// Where it breaks: a claim reads the whole list, be it for one job, so that it costs the same however few it wants, and a
//   deep backlog always makes the list full; beside that as advisory: jobs in flight stay at the head of the list; no
//   pooler in transaction mode; a hung worker that keeps its connection keeps its jobs.

import type { StrategyFactory } from '../strategy.ts';
import { type LockSearch, tryLock } from './shared/advisory-sql.ts';
import { advisoryStrategy } from './shared/advisory-strategy.ts';
import type { JobsTable } from './shared/table.ts';

/** Jobs on a list. */
const CANDIDATES = 1_000;

/**
 * - The list is MATERIALIZED, so that nothing reads it by another plan than in its order; a lock is tried as the row comes
 *   out of it, once, and LIMIT takes no row more than it passes on: what is locked is returned. In the WHERE of the scan
 *   itself a lock might be tried twice, or before the rest of the condition (good_job #1735).
 * - A list that is all taken by others says nothing of the jobs behind it: an empty answer would send the worker to sleep
 *   beside a full queue. The next list begins where it ended, and the search ends with a list that is not full.
 */
const candidates: LockSearch = {
  routine: 'claim_by_candidates',
  declare: 'all_taken boolean;',
  find: (table: JobsTable) => `
    WITH candidate AS MATERIALIZED (
      SELECT job.priority, job.id
      FROM ${table.jobs} AS job
      WHERE job.state = 'r' AND job.queue = wanted_queue AND job.id <> ALL (held)
        AND (job.priority, job.id) > (last_priority, last_id)
      ORDER BY job.priority, job.id
      LIMIT ${CANDIDATES}
    ), mine AS MATERIALIZED (
      SELECT candidate.priority, candidate.id
      FROM candidate
      WHERE ${tryLock(table, 'candidate.id')}
      LIMIT wanted
    ), place AS MATERIALIZED (
      SELECT found.priority, found.id, false AS taken
      FROM (SELECT mine.priority, mine.id FROM mine ORDER BY mine.priority DESC, mine.id DESC LIMIT 1) AS found
      UNION ALL
      SELECT full_list.priority, full_list.id, true
      FROM (
        SELECT candidate.priority, candidate.id
        FROM candidate
        WHERE NOT EXISTS (SELECT FROM mine)
        OFFSET ${CANDIDATES - 1}
      ) AS full_list
    )
    SELECT
      (SELECT coalesce(array_agg(mine.id), '{}') FROM mine),
      coalesce((SELECT place.priority FROM place), last_priority),
      coalesce((SELECT place.id FROM place), last_id),
      EXISTS (SELECT FROM place WHERE place.taken)
    INTO locked, last_priority, last_id, all_taken;
    CONTINUE WHEN all_taken;
    EXIT WHEN locked = '{}';`,
};

/** Session advisory locks out of a list of candidates, one job per claim. */
export const advisoryCandidates: StrategyFactory = {
  strategyName: 'advisory-candidates',
  summary: 'claims by session advisory lock, tried on a list of the first 1,000 ready jobs, without writing',
  usedBy: 'GoodJob',
  breaks:
    'a claim reads a whole list, be it for one job; no pooler in transaction mode; a hung worker keeps its jobs',
  create: (options) => advisoryStrategy('advisory-candidates', options, candidates),
};
