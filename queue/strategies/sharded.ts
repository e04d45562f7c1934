// Strategy `sharded`: the jobs of a queue lie in lanes, and each lane has one claimer at a time.
//
// What it is: the reference's table with a lane drawn from each job's id; a claim closes a lane with an advisory lock
//   that its transaction holds, takes the lane's first jobs, and goes on to the next lane until it has what it wants. No
//   claimer walks over rows that another one has locked. Lease, settle and upkeep are the reference's.
// Who uses it: pgqueuer and Awa shard their claims in the like way.
// Guarantees: at least once; order of priority, then enqueue within a lane, and none between lanes: a job of high
//   priority goes before the others of its lane, and waits until a claimer comes round to that; timed leases, a crash
//   costs an attempt. A claim answers with nothing only when no lane that it could close had jobs; a lane with jobs that
//   is closed it waits for, so that no worker goes to sleep beside a full queue.
// Where it breaks: with few claimers the lanes only cost; a claim that is larger than what a lane holds goes through
//   many; more claimers than lanes wait for each other's commits; a claimer that cannot hand its answer over, as to a
//   client that was stopped, keeps its lane closed; what is skip-locked's, two dead row versions per job, stays.

import type { Connection } from '../drivers/driver.ts';
import type { ClaimStrategy, StrategyFactory, StrategyOptions, WorkerSession } from '../strategy.ts';
import { bulkIntoJobs } from './shared/bulk.ts';
import { deadLettersOn } from './shared/dead-letters.ts';
import { enqueueInto } from './shared/enqueue.ts';
import { readContents, readStats } from './shared/inspect.ts';
import { installs } from './shared/installs.ts';
import { LANE_OF_ID, laneClaims, lanesInstallation } from './shared/lane-claim.ts';
import { leaseStatements, openLeaseSession } from './shared/lease-claim.ts';
import { PRIORITIES } from './shared/lease-strategy.ts';
import { cancellationOn, inspectionOn } from './shared/single-jobs.ts';
import { JOBS_RELATIONS, type JobsTable, jobsTable } from './shared/table.ts';
import { delayOn, reapExpired } from './shared/upkeep.ts';

/** Sessions of the reference whose claim goes by lanes. */
function laneSessions(table: JobsTable) {
  const statements = leaseStatements(table);
  const claimsOf = laneClaims(table);
  return async (connection: Connection, workerId: string): Promise<WorkerSession> => {
    const session = await openLeaseSession(statements, connection, workerId);
    return {
      // Named one by one: whatever else the session of the reference can do would claim without the lanes' locks.
      claim: claimsOf(connection, workerId),
      settle: (outcomes) => session.settle(outcomes),
      ...(session.heartbeat === undefined ? {} : { heartbeat: session.heartbeat }),
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  };
}

function create(options: StrategyOptions): ClaimStrategy {
  const table: JobsTable = { ...jobsTable(options), lane: LANE_OF_ID };
  return {
    name: 'sharded',
    workerDefaults: { batch: 1, prefetch: 0, settle: 'each' },
    guarantees: {
      delivery: 'at-least-once',
      order: 'none',
      lease: 'timed',
      crashCountsAttempt: true,
      transactionPooler: true,
    },
    relations: JOBS_RELATIONS,
    priorities: PRIORITIES,
    delay: delayOn(table),
    ...installs(lanesInstallation(table)),
    enqueue: enqueueInto(table),
    bulk: bulkIntoJobs(table),
    openWorker: laneSessions(table),
    reap: (db, limit) => reapExpired(db, table, limit),
    stats: (db, queue) => readStats(db, table, queue),
    contents: (db, afterId, limit) => readContents(db, table, afterId, limit),
    inspection: inspectionOn(table),
    cancellation: cancellationOn(table),
    deadLetters: deadLettersOn(table),
  };
}

/** Sixteen lanes, one claimer at a time in each. */
export const sharded: StrategyFactory = {
  strategyName: 'sharded',
  summary:
    'skip-locked in 16 lanes: one claimer at a time per lane, by an advisory lock that its claim holds',
  usedBy: 'pgqueuer, Awa',
  breaks:
    'priority and order hold within a lane only; lanes cost where claimers are few; more claimers than lanes wait',
  create,
};
