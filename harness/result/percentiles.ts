// How does a bundle tell latencies? The part of the schema that holds the percentiles of one histogram.

import { z } from 'zod';

const count = z.int().min(0);

/** Percentiles in microseconds; one with fewer than 100 samples beyond it is absent. `min` may be negative, `max` is always exact. */
export const percentilesSchema = z.strictObject({
  count: z.int().min(1),
  min: z.number(),
  mean: z.number(),
  p50: z.number().optional(),
  p90: z.number().optional(),
  p95: z.number().optional(),
  p99: z.number().optional(),
  p999: z.number().optional(),
  max: z.number(),
  /** Of these samples: jobs that had not ended, or had never got in, when the cell did. Each counts with its age. */
  unfinished: count.optional(),
  /** The least of those ages: percentiles from here on, like the maximum, are lower bounds. */
  unfinishedFromUs: z.number().optional(),
});

export type Percentiles = z.infer<typeof percentilesSchema>;
