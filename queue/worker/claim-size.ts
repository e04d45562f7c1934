// How many jobs does a runner ask for, and when?

/** Where a runner stands before a claim. */
export interface ClaimNeed {
  /** Jobs that it may take on, beside those in hand. */
  readonly free: number;
  /** Jobs that it may have in hand. */
  readonly target: number;
  readonly batch: number;
  /** Whether a handler could start at once and no job waits for it. */
  readonly starved: boolean;
}

/**
 * The size of the next claim, 0 for none. Whole batches while there is something to do, since a claim costs about the
 * same for one job as for many; whatever fits when a handler's place is empty. Statements differ by their limit, so
 * below a whole batch only powers of two are asked for, to keep them few.
 */
export function claimSize({ free, target, batch, starved }: ClaimNeed): number {
  if (free < 1 || (free < Math.min(batch, target) && !starved)) return 0;
  return free >= batch ? batch : 2 ** Math.floor(Math.log2(free));
}
