// Strategy `range-lease`: claim the next numbers of a log with one small row, and write no job.
//
// What it is: jobs of a queue and priority are a log; a claim moves the log's cursor over the next n and writes one lease
//   that names the first and the last of them; a settle ends the lease and deletes the range. Nothing of a job is
//   written between its insert and its delete, whatever n is.
// Who uses it: nobody as it is. PgQ moves a cursor over a log, for consumers of batches; the leases, retries and
//   priorities of single jobs are ours.
// Guarantees: at least once; order of priority, then enqueue; a dead worker's range returns, in its place, when its lease
//   expires, and the fence keeps its late settle from counting. A job that commits late is taken next, and stalls nobody.
// Where it breaks: the claimers of one queue and priority take turns for a fraction of a millisecond, and until its commit where a
//   claim passes over numbers that are not there yet, so many claimers of single jobs gain less than large claims, and a
//   claimer that is stopped while megabytes of such an answer are on their way to it stops the others; one lease covers a
//   claim, so one long job keeps the lease of its neighbours (their settles are their own); every priority in use is a lane
//   with sequences of its own, so a handful suits it better than thousands.

import type { StrategyFactory } from '../strategy.ts';
import { rangeStrategy } from './shared/range/strategy.ts';

/** Leases of ranges; settled ranges are deleted. */
export const rangeLease: StrategyFactory = {
  strategyName: 'range-lease',
  summary: 'appends jobs to a log; a claim moves its cursor and leases the range with one row',
  usedBy: "nobody as it is; the cursor is PgQ's",
  breaks:
    'claimers of one queue and priority take turns, so it gains by large claims; made for few priorities in use at once',
  create: (options) =>
    rangeStrategy(
      {
        name: 'range-lease',
        rotates: false,
        workerDefaults: { batch: 500, prefetch: 500, settle: 'batched' },
      },
      options,
    ),
};
