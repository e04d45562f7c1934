// Strategy `visibility-timeout`: one column says when a job may be claimed, be it waiting or leased.
//
// What it is: one table; a claim takes the jobs whose `visible_at` has come and moves it to the end of the lease; an
//   ack deletes, a retry moves the column again. No state, no promotion: a job whose instant has come is ready by itself.
// Who uses it: pgmq; Amazon SQS has made the idea known. pgmq keeps a table per queue and walks by message id, past
//   whatever is hidden; here one index leads by queue and instant, so that hidden jobs lie behind what a claim reads.
// Guarantees: at least once; no order, though jobs that never waited come in the order of the transactions that
//   enqueued them: a retry comes by its instant, not in its old place; a dead worker's jobs are visible again when
//   their lease ends, and the fence keeps its late settle from counting.
// Where it breaks: each claim and each heartbeat rewrites the index entry that claims walk by, so no update is HOT and a
//   transaction that holds back VACUUM leaves the dead ones at the head of every walk; leased jobs stay in that index;
//   no priorities; with thousands of queues the look for expired leases, once per quarter of a lease, steps through all.

import { prepared } from '../sql.ts';
import type { ClaimStrategy, StrategyFactory, StrategyOptions } from '../strategy.ts';
import { deadLetterStore } from './shared/dead-letters.ts';
import { enqueueWith } from './shared/enqueue.ts';
import { contentsWith, statsWith } from './shared/inspect.ts';
import { installs } from './shared/installs.ts';
import { claimBy, type LeaseStatements, openLeaseSession } from './shared/lease-claim.ts';
import { ackMany, ackOne, settleWith } from './shared/settle.ts';
import { cancellationWith, inspectionWith } from './shared/single-jobs.ts';
import { type JobsTable, jobsTable } from './shared/table.ts';
import { delayWith, reapWith } from './shared/upkeep.ts';
import { findSql, removalSql, reviveSql } from './shared/visibility-single.ts';
import {
  claimSql,
  contentsSql,
  dueSql,
  enqueueTexts,
  extendSql,
  reapSql,
  settleSql,
  statsSql,
  VISIBILITY_RELATIONS,
  visibilityInstallation,
} from './shared/visibility-sql.ts';

/** The fence grows with every hand-over: whoever has the present one holds the job, or was the last to. */
const OWNED = 'job.fence = outcome.fence';

function visibilityStatements(table: JobsTable): LeaseStatements {
  return {
    claim: claimBy((limit) => claimSql(table, limit)),
    extend: prepared(extendSql(table)),
    settle: settleWith({
      ackOne: ackOne(table, { owned: OWNED }),
      ackMany: ackMany(table, { owned: OWNED }),
      mixed: settleSql(table, OWNED),
      fence: (outcome) => Number(outcome.job.lease.fencingToken),
    }),
  };
}

function create(options: StrategyOptions): ClaimStrategy {
  const table = jobsTable(options);
  const statements = visibilityStatements(table);
  return {
    name: 'visibility-timeout',
    workerDefaults: { batch: 1, prefetch: 0, settle: 'each' },
    guarantees: {
      delivery: 'at-least-once',
      order: 'none',
      lease: 'timed',
      crashCountsAttempt: true,
      transactionPooler: true,
    },
    relations: VISIBILITY_RELATIONS,
    delay: delayWith(() => dueSql(table)),
    ...installs(visibilityInstallation(table)),
    enqueue: enqueueWith(enqueueTexts(table)),
    openWorker: (connection, workerId) => openLeaseSession(statements, connection, workerId),
    reap: (db, limit) => reapWith(db, (most) => reapSql(table, most), limit),
    stats: (db, queue) => statsWith(db, statsSql(table), queue),
    contents: (db, afterId, limit) => contentsWith(db, contentsSql(table), afterId, limit),
    inspection: inspectionWith(findSql(table), table.dead),
    cancellation: cancellationWith((lock) => removalSql(table, lock)),
    deadLetters: deadLetterStore(table.dead, reviveSql(table)),
  };
}

/** One column for schedule and lease. */
export const visibilityTimeout: StrategyFactory = {
  strategyName: 'visibility-timeout',
  summary: 'one column is schedule and lease: a claim hides a job until its lease ends',
  contract: 'visibility-timeout',
  usedBy: 'pgmq, Amazon SQS',
  breaks:
    'each claim and heartbeat rewrites the index that claims walk, so a held-back VACUUM slows them; no priorities, no order',
  create,
};
