// What does a bundle say of single operations? The part of the schema that holds one row of the micro-benchmarks.

import { z } from 'zod';

const count = z.int().min(0);
const microseconds = z.number().min(0);

/** Of all samples of a row, warm-up left out. Times are of one whole operation, however many jobs it carries. */
const figuresSchema = z.strictObject({
  samples: z.int().min(1),
  minUs: microseconds,
  meanUs: microseconds,
  p50Us: microseconds,
  /** Absent with fewer than 100 samples beyond it. */
  p99Us: microseconds.optional(),
  /** Operations per second at the median time: 1,000,000 ÷ p50Us. Absent where the clock was too coarse for a median. */
  opsPerSec: z.number().min(0).optional(),
  /** Half the width of the mean's 95 % interval ÷ the mean, as if samples were independent; absent for a single sample. */
  relativeMargin: z.number().min(0).optional(),
  /** Each round by itself, in their order: what lies between their medians is drift. */
  rounds: z.array(z.strictObject({ samples: z.int().min(1), p50Us: microseconds })).min(1),
});

/** One operation of one strategy through one driver at one depth; or of a part of the program that needs no database. */
export const microRowSchema = z.strictObject({
  /** `enqueue`, `claim`, `settle`, …. */
  operation: z.string(),
  /** What one operation carries: jobs, or whatever `unit` says. */
  size: z.int().min(1),
  unit: z.string(),
  strategy: z.string().optional(),
  driver: z.string().optional(),
  /** Jobs that wait beside those of the operation. */
  depth: count.optional(),
  state: z.enum(['measured', 'void', 'not offered']),
  /** Why there are no figures; absent in a measured row. */
  reason: z.string().optional(),
  /** Of a measured row alone. */
  figures: figuresSchema.optional(),
});

export type MicroRow = z.infer<typeof microRowSchema>;
export type MicroFigures = z.infer<typeof figuresSchema>;
