// What does a bundle keep of the server beside the figures? Telemetry of a cell, and the plans its statements ran with.

import { z } from 'zod';

const count = z.int().min(0);
const amount = z.number().min(0);

/** One table, index or TOAST table of the contender, before or after the load. Shares in percent of the relation's bytes. */
const storageSchema = z.strictObject({
  relation: z.string(),
  kind: z.enum(['table', 'index', 'toast', 'materialized view']),
  when: z.enum(['before', 'after']),
  bytes: count,
  /** Live rows; of an index, absent. */
  tuples: amount.optional(),
  deadTuples: amount.optional(),
  deadPercent: amount.optional(),
  freePercent: amount.optional(),
  /** Of a B-tree's leaf pages, percent: how full they are, and how many do not follow their neighbour on disk. */
  leafDensityPercent: amount.optional(),
  leafFragmentationPercent: amount.optional(),
  /** Pages of a B-tree that hold nothing any more. */
  emptyPages: count.optional(),
  /** Why it is no more than a size: too large to be read, no pgstattuple, another kind of index. */
  skipped: z.string().optional(),
});

const ioSchema = z.strictObject({
  /** As pg_stat_io names them: `client backend`, `relation`, `normal`. */
  backend: z.string(),
  object: z.string(),
  context: z.string(),
  reads: count,
  writes: count,
  extends: count,
  hits: count,
  evictions: count,
  fsyncs: count,
});

const statementSchema = z.strictObject({
  /** As pg_stat_statements normalises it, on one line, cut. */
  statement: z.string(),
  calls: count,
  /** Of the execution on the server, without planning and the way there. */
  meanUs: amount,
  /** Of the execution time of all statements of the load, 0 … 1. */
  timeShare: amount,
  rows: count,
  /** Times that it was planned; where the server counts that (`pg_stat_statements.track_planning`). */
  plans: count.optional(),
  walBytes: amount,
  /** Shared buffers hit and read. */
  buffers: amount,
});

/**
 * What the server did during one cell's load, and what watching it cost. The parts that are absent could not be read:
 * `missing` says why. Nothing in here decides a verdict.
 */
export const telemetrySchema = z.strictObject({
  /** False after `--no-sampling`: nothing was read during the load, and no plan was captured. */
  sampling: z.boolean(),
  readings: count,
  /** Upper bound, from round trips: share of the load during which the sampler's backend may have been busy. */
  samplerBusyShare: amount.optional(),
  /** CPU time of the sampler's backend ÷ length of the load; where the server's processes are visible. */
  samplerCpuShare: amount.optional(),
  missing: z.array(z.string()),
  /** Of the whole server. */
  wal: z
    .strictObject({
      records: count,
      bytes: amount,
      fullPageImages: count,
      /** Times that WAL was written because its buffers were full. */
      buffersFull: count,
      writes: count.optional(),
      fsyncs: count.optional(),
    })
    .optional(),
  /** Of the whole server. Begun in the load, by time and on request or by WAL volume. */
  checkpoints: z
    .strictObject({
      timed: count,
      requested: count,
      /** Finished; PostgreSQL 18 and later. */
      done: count.optional(),
      buffersWritten: count,
      writeMs: amount,
      syncMs: amount,
    })
    .optional(),
  /** Of the contender's tables. */
  vacuum: z.strictObject({ autovacuums: count, autoanalyzes: count, vacuums: count }).optional(),
  io: z.array(ioSchema).optional(),
  /** The most expensive first. */
  statements: z.array(statementSchema).optional(),
  /** Over the readings: backends that waited for a heavyweight lock, and those among them that waited for a row. */
  lockWaits: z
    .strictObject({ readings: count, mostWaiting: count, meanWaiting: amount, mostForRows: count })
    .optional(),
  /** CPU time of server processes over the load by kind, µs, as their titles name them; `ended` is what cannot be told apart. */
  cpuUs: z.record(z.string(), amount).optional(),
  storage: z.array(storageSchema),
  /** Columns, options, indexes, triggers, constraints and functions of the contender's schema, a line each. */
  objects: z.array(z.string()).optional(),
});

/** One line of plans.ndjson: a plan of one shape that a statement ran with in a cell, and when. */
export const planSchema = z.strictObject({
  cell: z.string(),
  role: z.enum(['producer', 'worker']),
  /** Its first words, on one line. */
  statement: z.string(),
  /** Its whole text, cut at a bound. */
  query: z.string(),
  /**
   * `auto_explain`: sent by the server from the session that ran it. `explained afterwards`: asked for after the load in
   * a session of the harness with the same planner settings, as a generic plan.
   */
  how: z.enum(['auto_explain', 'explained afterwards']),
  /** Plans of this shape that were seen: a sample, not a number of executions. 0 when explained afterwards. */
  seen: count,
  /** From the start of the load; absent when explained afterwards. */
  firstSeconds: z.number().optional(),
  lastSeconds: z.number().optional(),
  /** The first one of the shape, with the planner's estimates. */
  plan: z.string(),
});

export type Telemetry = z.infer<typeof telemetrySchema>;
export type StorageReading = z.infer<typeof storageSchema>;
export type Plan = z.infer<typeof planSchema>;
