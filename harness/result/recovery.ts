// What does a bundle say of phases, faults and expectations? The part of the schema that tells how a queue came through.

import { z } from 'zod';
import { percentilesSchema } from './percentiles.ts';

const count = z.int().min(0);
const amount = z.number().min(0);

/** One phase, less what the warm-up and the end of a drain take of it; in the order of `window.phases`, all of them or none. */
export const phaseFiguresSchema = z.strictObject({
  label: z.string(),
  /** 0 for a phase that lay within the warm-up, or behind the end of a drain: then nothing else is told. */
  seconds: amount,
  /** Jobs due in this phase and sent; absent in a drain. */
  offeredPerSec: amount.optional(),
  /** Jobs that were acked in this phase. */
  settledPerSec: amount.optional(),
  /**
   * Of the jobs that were due in this phase, whenever they were picked up: a job that a fault kept waiting is that phase's harm,
   * and not the next one's. In a drain of those of `preload.delayed` alone, and absent without such.
   */
  pickupUs: percentilesSchema.optional(),
  /** Largest number of jobs that had got in and were neither acked nor dead-lettered. */
  backlogMax: count.optional(),
});

/**
 * How a queue came through the faults of its scenario; `recoveryOf` defines each figure. Of valid cells with faults. What was lost,
 * duplicated and redelivered is in `audit`.
 */
export const recoverySchema = z.strictObject({
  /** Of the load: the first fault's instant, and the last one's end as applied. */
  faultsFromSeconds: amount,
  faultsToSeconds: amount,
  baseline: z.strictObject({
    settledPerSec: amount,
    seconds: amount,
    /** Absent in a drain. */
    backlogMax: count.optional(),
  }),
  /** From the first fault to the end of the last, one second at least. */
  during: z.strictObject({
    settledPerSec: amount,
    seconds: amount,
    /** Settled ÷ what a queue as good as in the baseline would have settled; absent when that is fewer than ten jobs. */
    share: amount.optional(),
  }),
  /** Length of the load after the last fault, 0 when it had fewer than ten jobs to do. Below 1 recovery cannot be seen, and `regainedSeconds` is absent for that. */
  observedSeconds: amount,
  /** From the last fault's end until 95 % of the baseline were settled again; absent: never while the load went on. */
  regainedSeconds: amount.optional(),
  /** From the last fault's end until no more jobs waited, in the queue or on their way to it, than at most in the baseline; absent: never, or a drain. */
  drainSeconds: amount.optional(),
  /** Largest backlog from the first fault on; absent in a drain. */
  backlogPeak: count.optional(),
});

/** One expectation of the scenario. `untold`: its figure is absent or only a bound, or the cell is void; `why` says which. */
export const expectationSchema = z.strictObject({
  /** As the scenario has it. */
  text: z.string(),
  state: z.enum(['met', 'failed', 'untold']),
  /** What was found, and what it was held against, both in the figure's unit. */
  actual: z.number().optional(),
  limit: z.number().optional(),
  /** The same for people: `3.2 ms, where 1 ms was the limit`. */
  found: z.string().optional(),
  why: z.string().optional(),
});

export type PhaseFigures = z.infer<typeof phaseFiguresSchema>;
export type Recovery = z.infer<typeof recoverySchema>;
export type ExpectationResult = z.infer<typeof expectationSchema>;
