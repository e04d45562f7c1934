// What does a check say? The document that every format is made from, and that --json prints.

import { z } from 'zod';

const amount = z.number().min(0);

/** Raised when a reader of older documents must change. */
export const CHECK_SCHEMA_VERSION = 1;

const sideSchema = z.strictObject({
  kind: z.enum(['tree', 'ref', 'version', 'bundle']),
  label: z.string(),
  commit: z.string().optional(),
  changed: z.boolean().optional(),
  dependencies: z.string().optional(),
});

const rowSchema = z.strictObject({
  contender: z.string(),
  scenario: z.string(),
  /** Where the figure stands in a cell: `cost.walBytesPerJob`. */
  metric: z.string(),
  label: z.string(),
  unit: z.string(),
  kind: z.enum(['hard', 'soft']),
  better: z.enum(['higher', 'lower']),
  /** Medians of the valid blocks. */
  base: amount.optional(),
  head: amount.optional(),
  blocks: z.int().min(0),
  /** Median of the blocks' head ÷ base − 1; absent from zero. */
  effect: z.number().optional(),
  /** 95 % interval of it; of soft metrics alone, as the noise floor. */
  low: z.number().optional(),
  high: z.number().optional(),
  noiseFloor: amount.optional(),
  /** The smallest worsening that fails, as a share. */
  limit: amount,
  /** `worse` is confirmed on fresh blocks. `not judged`: shown only. */
  verdict: z.enum(['worse', 'better', 'same', 'unstable', '~', 'not judged']),
  reason: z.string(),
});

const causeSchema = z.strictObject({
  contender: z.string(),
  /** What changed: an object of the schema, a statement, a plan, how a statement is sent; or that nothing of these did. */
  what: z.enum(['schema', 'statement', 'plan', 'prepared', 'waits', 'client']),
  text: z.string(),
});

export const checkDocumentSchema = z.strictObject({
  checkSchemaVersion: z.literal(CHECK_SCHEMA_VERSION),
  /**
   * `pass`: nothing that matters is worse. `regression`: something is, for sure. `incorrect`: a job was lost, duplicated or
   * reordered. `undecided`: too little could be measured.
   */
  verdict: z.enum(['pass', 'regression', 'incorrect', 'undecided']),
  /** In one line. */
  headline: z.string(),
  base: sideSchema,
  head: sideSchema,
  runId: z.string(),
  seed: z.int().min(0),
  startedAt: z.string(),
  methodVersion: z.int(),
  budgetSeconds: amount,
  usedSeconds: amount,
  /** Measured whole, and those of them in which every cell was valid. */
  blocks: z.strictObject({ measured: z.int().min(0), valid: z.int().min(0) }),
  environment: z.strictObject({
    cpuModel: z.string(),
    cores: z.int(),
    os: z.string(),
    node: z.string(),
    server: z.string(),
    durable: z.boolean(),
  }),
  rows: z.array(rowSchema),
  causes: z.array(causeSchema),
  /** Worth knowing, no ground to fail. */
  warnings: z.array(z.string()),
  /** The command that measures the same again. */
  reproduce: z.string(),
});

export type CheckDocument = z.infer<typeof checkDocumentSchema>;
export type CheckRow = CheckDocument['rows'][number];
export type Cause = CheckDocument['causes'][number];
