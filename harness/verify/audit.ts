// What does the checker count, and which counts void a cell?

import type { Promises } from '../contender.ts';
import type { Cell } from '../result/result.ts';

/** Every count. */
export type Audit = Cell['audit'];
export type JobCounts = Cell['jobs'];

/** The counts that are faults; of the last two only where the contender promises that order. The others are told, and allowed. */
export const FAULTS = [
  ...(['lost', 'duplicateClaims', 'overClaims', 'earlyHandOuts', 'stuck', 'duplicateSettlements'] as const),
  ...(['acceptedStaleSettles', 'unclaimedSettles', 'settledButPresent', 'unexpected', 'starved'] as const),
  ...(['ackedFailures', 'unexplainedDeadLetters', 'uniqueViolations', 'limitViolations'] as const),
  ...(['ordersWithoutJobs', 'jobsWithoutOrder'] as const),
  ...(['orderViolations', 'priorityInversions'] as const),
] as const satisfies readonly (keyof Audit)[];

/** What voids a cell, one sentence each, and empty for a correct one. */
export function violations(audit: Audit, jobs: JobCounts, promises: Promises): string[] {
  const found: string[] = [];
  const say = (count: number, what: string): void => {
    if (count > 0) found.push(`${counted(count, 'job')} ${what}`);
  };
  say(audit.lost, 'lost: enqueued, never settled, and gone from the database');
  say(audit.duplicateClaims, 'handed out twice within one lease');
  say(audit.overClaims, 'handed out beyond what the claim had asked for');
  say(audit.earlyHandOuts, 'handed out earlier than asked for');
  say(audit.stuck, 'left under a lease that nobody holds and that should have ended');
  say(audit.duplicateSettlements, 'settled twice with effect');
  say(audit.acceptedStaleSettles, 'settled under a stale lease, and the settle was accepted');
  say(audit.unclaimedSettles, 'settled with effect by a session that had not claimed it');
  say(audit.settledButPresent, 'settled, and still in the database');
  say(audit.unexpected, 'handed out or stored without having been offered');
  if (promises.order !== 'none') say(audit.orderViolations, `handed out against the order ${promises.order}`);
  if (promises.order === 'priority-then-enqueue')
    say(audit.priorityInversions, 'handed out after a job of lower priority');
  say(
    audit.starved,
    'starved: ready for over a second, and passed over by an idle worker that asked for jobs',
  );
  say(audit.ackedFailures, 'acked by an attempt whose handler had thrown');
  say(audit.unexplainedDeadLetters, 'made a dead letter before every attempt was used up');
  say(audit.uniqueViolations, 'in the queue beside an unfinished job of the same unique key');
  say(audit.limitViolations, 'started beyond the limits of the queue');
  if (audit.ordersWithoutJobs > 0)
    found.push(
      `${counted(audit.ordersWithoutJobs, 'order')} committed without all the jobs of their transaction`,
    );
  say(audit.jobsWithoutOrder, 'enqueued though the order of their transaction was not committed');
  const accounted =
    jobs.settled + jobs.retried + jobs.deadLettered + jobs.skipped + jobs.failed + jobs.inFlight + audit.lost;
  if (accounted !== jobs.offered)
    found.push(`the books do not balance: ${jobs.offered} offered, ${accounted} accounted for`);
  return found;
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? `${what} was` : `${what}s were`}`;
}

/** All counts at zero. */
export function emptyAudit(): Audit {
  return {
    lost: 0,
    duplicateClaims: 0,
    overClaims: 0,
    earlyHandOuts: 0,
    stuck: 0,
    duplicateSettlements: 0,
    unexpected: 0,
    recovered: 0,
    orderViolations: 0,
    priorityInversions: 0,
    staleSettles: 0,
    acceptedStaleSettles: 0,
    settledButPresent: 0,
    unclaimedSettles: 0,
    starved: 0,
    redelivered: 0,
    ackedFailures: 0,
    unexplainedDeadLetters: 0,
    uniqueViolations: 0,
    limitViolations: 0,
    ordersWithoutJobs: 0,
    jobsWithoutOrder: 0,
  };
}

/** All counts at zero. */
export function emptyJobs(): JobCounts {
  return {
    offered: 0,
    enqueued: 0,
    settled: 0,
    retried: 0,
    deadLettered: 0,
    skipped: 0,
    failed: 0,
    inFlight: 0,
  };
}
