// Strategy `ring`: range leases over three tables that take turns and are truncated.
//
// What it is: as range-lease, but a settle only ends the lease: the jobs stay where they are until all of their table is
//   settled, and TRUNCATE takes them at once. No job is ever updated or deleted one by one (but what fails), so there is
//   nothing to vacuum, and a transaction that holds back VACUUM slows nothing.
// Who uses it: PgQ and PgQue rotate like this; theirs is a log for consumers of batches.
// Guarantees: those of range-lease.
// Where it breaks: a table is kept as long as its oldest job, so one job of hours keeps everything behind it on disk; a
//   long transaction that has read a table of the queue keeps it from being truncated; where settles come one by one
//   instead of by the claim, they are deletes again.

import type { StrategyFactory } from '../strategy.ts';
import { rangeStrategy } from './shared/range/strategy.ts';

/** Leases of ranges; settled tables are truncated. */
export const ring: StrategyFactory = {
  strategyName: 'ring',
  summary: 'range-lease over three tables that take turns: settled jobs leave by TRUNCATE',
  usedBy: "nobody as it is; the rotation is PgQ's and PgQue's",
  breaks: 'a table stays as long as its oldest job; settles one by one are deletes again',
  create: (options) =>
    rangeStrategy(
      { name: 'ring', rotates: true, workerDefaults: { batch: 500, prefetch: 500, settle: 'batched' } },
      options,
    ),
};
