// What is a strategy on the shared table whose claim writes a timed lease, apart from how its worker is set?

import type { ClaimStrategy, StrategyOptions, WorkerDefaults } from '../../strategy.ts';
import { bulkIntoJobs } from './bulk.ts';
import { deadLettersOn } from './dead-letters.ts';
import { enqueueInto } from './enqueue.ts';
import { readContents, readStats } from './inspect.ts';
import { installs } from './installs.ts';
import { type ClaimRows, leaseStatements, lockingClaim, openLeaseSession } from './lease-claim.ts';
import { cancellationOn, inspectionOn } from './single-jobs.ts';
import { JOBS_RELATIONS, type JobsTable, jobsTable, jobsTableInstallation } from './table.ts';
import { delayOn, reapExpired } from './upkeep.ts';

/** Range of the column `priority`, a smallint. */
export const PRIORITIES = { min: -32_768, max: 32_767 } as const;

/** Builds such a strategy, which claims as `claimOn` says: by rows that nobody else has locked when it says nothing. */
export function leaseStrategy(
  name: string,
  options: StrategyOptions,
  workerDefaults: WorkerDefaults,
  claimOn: (table: JobsTable) => ClaimRows = lockingClaim,
): ClaimStrategy {
  const table = jobsTable(options);
  const statements = leaseStatements(table, claimOn(table));
  return {
    name,
    workerDefaults,
    guarantees: {
      delivery: 'at-least-once',
      order: 'priority-then-enqueue',
      lease: 'timed',
      crashCountsAttempt: true,
      transactionPooler: true,
    },
    relations: JOBS_RELATIONS,
    priorities: PRIORITIES,
    delay: delayOn(table),
    ...installs(jobsTableInstallation(table)),
    enqueue: enqueueInto(table),
    bulk: bulkIntoJobs(table),
    openWorker: (connection, workerId) => openLeaseSession(statements, connection, workerId),
    reap: (db, limit) => reapExpired(db, table, limit),
    stats: (db, queue) => readStats(db, table, queue),
    contents: (db, afterId, limit) => readContents(db, table, afterId, limit),
    inspection: inspectionOn(table),
    cancellation: cancellationOn(table),
    deadLetters: deadLettersOn(table),
  };
}
