// What is a scenario made of beside its jobs and phases: what lies ready, who enqueues, who else is there?

import { z } from 'zod';

/** In the order of `list`. */
export const SCENARIO_GROUPS = [
  'load',
  'shape',
  'mvcc',
  'crash',
  'network',
  'neighbours',
  'presets',
  'own',
] as const;

/** Settings of a server that a scenario may need to be high enough. */
export const SERVER_NEEDS = [
  'max_connections',
  'max_prepared_transactions',
  'max_replication_slots',
] as const;

export const preloadSchema = z.strictObject({
  /** Jobs that wait in the queue before the load starts. */
  ready: z.int().min(0).max(10_000_000).default(0),
  /** Beside them, jobs that are all due at one instant of the load. */
  delayed: z
    .strictObject({ jobs: z.int().min(1).max(10_000_000), dueAtSeconds: z.number().min(0).max(86_400) })
    .optional(),
  /** Jobs that were done before the load, and that the queue keeps (its retention is on). */
  finished: z.int().min(0).max(10_000_000).default(0),
  /** Whether the planner knows of them: false analyses the empty tables, before they are filled. */
  analysed: z.boolean().default(true),
});

export const producersSchema = z.strictObject({
  agents: z.int().min(1).max(16).default(1),
  /** Per agent. */
  connections: z.int().min(1).max(64).default(4),
  /** Jobs that are due at one instant are enqueued by one call, so many at most; absent: each by its own. */
  bulk: z.int().min(2).max(10_000).optional(),
  /**
   * Each arrival is a transaction of an application's: it writes a row of its own and enqueues so many jobs with it, then
   * commits, or rolls back for this share of them. No row without its jobs and no job without its row, or the cell is incorrect.
   */
  transaction: z
    .strictObject({ jobs: z.int().min(1).max(100), rollbackShare: z.number().min(0).max(1).default(0) })
    .optional(),
  /** Jobs come over HTTP: a front enqueues them, and answers 429 with Retry-After while more than `backlogLimit` jobs wait. */
  http: z
    .strictObject({
      backlogLimit: z.int().min(1).max(10_000_000).default(1_000_000),
      retryAfterSeconds: z.int().min(1).max(3_600).default(1),
    })
    .optional(),
});

export const neighboursSchema = z.strictObject({
  /** Short transactions of somebody else's on the same server, like those of pgbench, sent on schedule through the whole load. */
  bystander: z.strictObject({
    ratePerSec: z.number().positive().max(10_000),
    connections: z.int().min(1).max(64).default(4),
    rows: z.int().min(100).max(10_000_000).default(100_000),
  }),
});

export const limitsSchema = z.strictObject({
  rate: z
    .strictObject({ jobs: z.int().min(1).max(1_000_000), periodMs: z.int().min(100).max(86_400_000) })
    .optional(),
  concurrency: z.int().min(1).max(1_000_000).optional(),
  concurrencyPerKey: z.int().min(1).max(1_000_000).optional(),
});
