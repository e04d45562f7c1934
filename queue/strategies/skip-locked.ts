// Strategy `skip-locked`: claim by UPDATE of rows found with FOR UPDATE SKIP LOCKED. The reference.
//
// What it is: one table; a claim locks the first ready rows that nobody else has locked, marks them leased and commits;
//   an ack deletes the row. No lock and no transaction lives while the job runs.
// Who uses it: the common shape of today's libraries, among them pg-boss, River, Oban and graphile-worker.
// Guarantees: at least once; order of priority, then enqueue; a dead worker's jobs return when their lease expires, and
//   the fence keeps its late settle from counting.
// Where it breaks: two dead row versions and three index entries per job, so a transaction that holds back VACUUM slows
//   every claim; claimers walk over each other's locked rows, so claims get dearer with claimers × batch; one commit
//   per claim and one per ack bound it by the speed of fsync.

import type { StrategyFactory } from '../strategy.ts';
import { leaseStrategy } from './shared/lease-strategy.ts';

/** The reference strategy: one job per claim, settled alone. */
export const skipLocked: StrategyFactory = {
  strategyName: 'skip-locked',
  summary: 'claims by UPDATE with FOR UPDATE SKIP LOCKED, one by one: the reference',
  usedBy: 'pg-boss, River, Oban, graphile-worker',
  breaks:
    'two dead row versions per job, so a held-back VACUUM slows claims; one commit per claim and per ack',
  create: (options) => leaseStrategy('skip-locked', options, { batch: 1, prefetch: 0, settle: 'each' }),
};
