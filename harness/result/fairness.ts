// What does a bundle say of a contender's fairness? The part of the schema that compares declared with effective settings.

import { z } from 'zod';

/** Settings that the fairness check compares. */
export const FAIRNESS_SETTINGS = [
  'batch',
  'connections',
  'producerConnections',
  'otherConnections',
  'pollMs',
  'durability',
  'statementMode',
] as const;

/** One setting of one contender: what was declared, what was observed, and whether that is the same. */
export const fairnessSchema = z.strictObject({
  setting: z.enum(FAIRNESS_SETTINGS),
  /** Absent when nothing is declared. */
  declared: z.union([z.string(), z.number()]).optional(),
  /** As observed at the running system; absent when it could not be, and then `why` says why. */
  effective: z.union([z.string(), z.number()]).optional(),
  verdict: z.enum(['matches', 'differs', 'not observed', 'not declared']),
  why: z.string().optional(),
  note: z.string().optional(),
});

export type FairnessRow = z.infer<typeof fairnessSchema>;
export type FairnessSetting = (typeof FAIRNESS_SETTINGS)[number];
