// What does a bundle keep of the bystander: somebody else's transactions on the server that the queue shares?

import { z } from 'zod';
import { percentilesSchema } from './percentiles.ts';

const count = z.int().min(0);
const amount = z.number().min(0);

/** Of a stretch of the load. Rates are per second of it, and absent where it had none. */
const figures = {
  seconds: amount,
  /** Transactions that were intended in it, and those of them that failed or had not ended when the load was over. */
  offered: count,
  failed: count,
  unfinished: count,
  offeredPerSec: amount.optional(),
  /** Committed in it, whenever they were intended. */
  donePerSec: amount.optional(),
  /**
   * Of those that were intended in it, from the intended instant to the answer to COMMIT. One that failed or had not ended
   * counts with its age at the end of the load.
   */
  latencyUs: percentilesSchema.optional(),
};

export const bystanderSchema = z.strictObject({
  ratePerSec: amount,
  connections: z.int().min(1),
  rows: z.int().min(1),
  /** All, in the order of `window.phases`, less `warmupSeconds`; of 0 s what lay within those, or behind the end of a drain. */
  phases: z.array(z.strictObject({ label: z.string(), ...figures })),
  /** The whole load, warm-up included. */
  whole: z.strictObject(figures),
  /** How many transactions failed, by SQLSTATE or system code and message. */
  errors: z.record(z.string(), count),
  /** Their COMMIT was sent and its answer never heard; `committed` of them are in the database. They count as failed. */
  unknown: z.strictObject({ count, committed: count }),
  /** Sessions that broke, and attempts to open another in their place that failed. */
  lostSessions: count,
  failedConnects: count,
  generator: z.strictObject({
    eventLoopP99Us: amount,
    stalledShare: amount,
    cpuShare: amount,
    /** Handed over − intended, before any wait for a session; of however few transactions. */
    lagP99Us: amount,
    lagMaxUs: amount,
    /** Handed over more than 10 ms late, or never. */
    lateShare: amount,
  }),
});

/** A second of the bystander's: what ended in it. `t` is its end, in seconds from the start of the load. */
export const bystanderSampleSchema = z.strictObject({
  kind: z.literal('bystander'),
  cell: z.string(),
  t: z.number(),
  seconds: z.number(),
  /** Committed, and failed. */
  count,
  failed: count,
  /** Of those that committed; absent with fewer than 100 samples beyond, `maxUs` where none did. */
  p50Us: z.number().optional(),
  p99Us: z.number().optional(),
  maxUs: z.number().optional(),
});

export type BystanderFigures = z.infer<typeof bystanderSchema>;
