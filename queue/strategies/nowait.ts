// Strategy `nowait`: the reference's claim with NOWAIT instead of SKIP LOCKED. A control.
//
// What it is: skip-locked, but FOR UPDATE NOWAIT: a claim that meets a locked row fails (SQLSTATE 55P03), waits for a
//   random moment and tries again.
// Who uses it: DBOS, where a limit holds for all workers together and two of them must not count at once.
// Guarantees: those of skip-locked. A claim tries for up to 5 s and rejects then; it answers empty only when nothing is
//   ready.
// Where it breaks: the more claimers, the more of their statements are thrown away, each a failed transaction and a line
//   in the server's log; nobody's turn is assured, so the waits of the unlucky grow; a row that somebody else keeps locked
//   stops the whole queue for as long.

import type { StrategyFactory } from '../strategy.ts';
import { contendedClaim } from './shared/contended-claim.ts';
import { leaseStrategy } from './shared/lease-strategy.ts';
import type { JobsTable } from './shared/table.ts';

const claimOn = (table: JobsTable) => contendedClaim(table, 'FOR UPDATE NOWAIT');

/** FOR UPDATE NOWAIT with retries: what failing costs instead of skipping. */
export const nowait: StrategyFactory = {
  strategyName: 'nowait',
  summary: 'skip-locked with NOWAIT: a claim that meets a locked row fails and tries again',
  usedBy: 'DBOS, under a limit that all workers share',
  breaks: 'the more claimers, the more failed claims; one row that somebody keeps locked stops the queue',
  control: true,
  create: (options) => leaseStrategy('nowait', options, { batch: 1, prefetch: 0, settle: 'each' }, claimOn),
};
