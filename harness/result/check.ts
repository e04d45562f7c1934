// What does a bundle say of a check? The part of the schema that holds the two sides and the rules; all else is in the cells.

import { z } from 'zod';
import { environmentSchema } from './environment.ts';

const amount = z.number().min(0);

/** One side of a check: which code, and where it came from. */
const treeSchema = z.strictObject({
  /** `tree`: a working tree or a folder. `ref`: a commit. `version`: a published package. `bundle`: cells of an earlier run. */
  kind: z.enum(['tree', 'ref', 'version', 'bundle']),
  /** As it was asked for, or what it is called: `HEAD`, `origin/main`, `the working tree`. */
  label: z.string(),
  /** The commit's full name; of a working tree the one it stands on. Absent where there is no repository. */
  commit: z.string().optional(),
  /** Whether files differ from that commit. */
  changed: z.boolean().optional(),
  /** How its dependencies were had: installed, or shared since both sides lock the same ones. */
  dependencies: z.string().optional(),
});

/** Figures of an earlier bundle, in place of a base that is measured. */
const baselineSchema = z.strictObject({
  runId: z.string(),
  startedAt: z.iso.datetime(),
  environment: environmentSchema,
  /** Of the valid cells; one for each. */
  figures: z.array(
    z.strictObject({
      contender: z.string(),
      scenario: z.string(),
      metric: z.string(),
      values: z.array(amount).min(1),
    }),
  ),
});

/** How one metric is judged: its limit as a share, or not at all. */
export const limitSchema = z.union([z.number().gt(0).lt(1), z.literal('off')]);

export const checkSchema = z.strictObject({
  /** Absent where the head alone was measured. */
  base: treeSchema.optional(),
  head: treeSchema,
  /** Names of the contenders as given; in cells each stands with ` @base` or ` @head` behind it. */
  contenders: z.array(z.string()),
  /** Contenders that one side alone has: they were not measured. */
  unmatched: z.array(z.strictObject({ contender: z.string(), only: z.enum(['base', 'head']) })),
  /** Limits apart from the defaults, by metric. */
  limits: z.record(z.string(), limitSchema),
  /** Of soft metrics that have none of their own, as a share. */
  minEffect: z.number().gt(0).lt(1),
  budgetSeconds: amount,
  /** Absent: the base was measured in this run, or there is none. */
  baseline: baselineSchema.optional(),
  /** The head alone was measured, to be a baseline: nothing is judged. */
  record: z.literal(true).optional(),
});

export type Check = z.infer<typeof checkSchema>;
export type Baseline = z.infer<typeof baselineSchema>;
export type CheckedTree = z.infer<typeof treeSchema>;
