// How many jobs does a runner ask for, and when?

import type { WorkerDefaults } from '../strategy.ts';

/** Where a runner stands before a claim. */
export interface ClaimNeed {
  /** Jobs that it may take on, beside those in hand, without exceeding its concurrency and prefetch. */
  readonly free: number;
  readonly batch: number;
  /** Whether a handler could start at once and no job waits for it. */
  readonly starved: boolean;
}

/**
 * The size of the next claim: a whole batch, or 0 for none. A claim costs about the same for one job as for many, and
 * statements differ by their limit, so that one size keeps them few. A starved runner asks whatever its prefetch is:
 * that only says how far ahead of the handlers it may claim.
 */
export function claimSize({ free, batch, starved }: ClaimNeed): number {
  return starved || free >= batch ? batch : 0;
}

/** As many batches ahead as the strategy's own default; one that is given only `batch` goes on claiming ahead by whole ones. */
export function defaultPrefetch(usual: WorkerDefaults, batch: number): number {
  return Math.round((usual.prefetch / usual.batch) * batch);
}
