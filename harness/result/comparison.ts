// What does a bundle say of differences? The part of the schema that holds one verdict on one metric.

import { z } from 'zod';

const count = z.int().min(0);
const ratio = z.number().min(0);

const COMPARISON_VERDICTS = ['better', 'worse', 'equivalent', 'unstable', 'invalid', '~'] as const;

const sideSchema = z.strictObject({
  /** Of the bundle that the cells are from. */
  runId: z.string(),
  contender: z.string(),
  /** Valid repeats. */
  repeats: count,
  /** Absent when this side has no figure of the metric. */
  median: z.number().optional(),
  /** The figure of some repeat, and so the median, is a lower bound: jobs that had not ended count with their age. */
  lowerBound: z.literal(true).optional(),
});

/** One metric of two contenders in one scenario. Effects are head ÷ base − 1: 0.1 is 10 % more. */
export const comparisonSchema = z.strictObject({
  scenario: z.string(),
  /** Where the figure stands in a cell: `throughput.settledPerSec`, `latencyUs.pickup.p99`, `cost.walBytesPerJob`. */
  metric: z.string(),
  /** Metrics that are corrected for together. */
  family: z.enum(['performance', 'cost']),
  unit: z.string(),
  better: z.enum(['higher', 'lower']),
  base: sideSchema,
  head: sideSchema,
  /** `paired`: by the blocks of one run. `unpaired`: repeats of two runs, or too few blocks. */
  design: z.enum(['paired', 'unpaired']),
  /** `~`: these repeats do not tell. */
  verdict: z.enum(COMPARISON_VERDICTS),
  reason: z.string(),
  /** Of medians, as the three below. Absent when a side has no figure. */
  effect: z.number().optional(),
  /** 95 % bootstrap interval of the effect. */
  low: z.number().optional(),
  high: z.number().optional(),
  /** Which test: chosen by the number of repeats and the design alone. */
  test: z.string().optional(),
  /** Of that test, Holm-corrected within the family. */
  pAdjusted: z.number().min(0).max(1).optional(),
  /** What two sets of repeats of one and the same contender differ by, in 19 of 20 cases: no verdict below it. */
  noiseFloor: ratio.optional(),
  /** The smallest effect that so many repeats of this spread show four times out of five. */
  detectable: ratio.optional(),
  /** Effects below it are not worth a name. */
  minEffect: ratio,
});

export type Comparison = z.infer<typeof comparisonSchema>;
