// Strategy `blocking`: the reference's claim without SKIP LOCKED. A control.
//
// What it is: skip-locked, but FOR UPDATE alone: a claimer that meets a locked row waits until its holder commits, looks at
//   the row again, finds it leased, and goes on to the next. So claimers stand in line at the head of the queue.
// Who uses it: queues from before PostgreSQL 9.5, which has brought SKIP LOCKED, and hand-written ones that lack it.
// Guarantees: those of skip-locked. A claim still sees the ready jobs of the instant at which it began to wait: when all
//   of these were taken it looks again, so that it answers empty only when nothing is ready.
// Where it breaks: claims run one after another, each as long as a commit, whatever the number of claimers; a row that
//   somebody else keeps locked, for a look at it, say, stops the whole queue for as long.

import type { StrategyFactory } from '../strategy.ts';
import { contendedClaim } from './shared/contended-claim.ts';
import { leaseStrategy } from './shared/lease-strategy.ts';
import type { JobsTable } from './shared/table.ts';

const claimOn = (table: JobsTable) => contendedClaim(table, 'FOR UPDATE');

/** FOR UPDATE that waits: what SKIP LOCKED saves. */
export const blocking: StrategyFactory = {
  strategyName: 'blocking',
  summary: 'skip-locked without SKIP LOCKED: claimers stand in line for the first row',
  usedBy: 'queues from before PostgreSQL 9.5',
  breaks: 'claims run one after another; one row that somebody keeps locked stops the queue',
  control: true,
  create: (options) => leaseStrategy('blocking', options, { batch: 1, prefetch: 0, settle: 'each' }, claimOn),
};
