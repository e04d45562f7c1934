// What is in a bundle? The versioned schema of result.json, samples.ndjson and plans.ndjson: all that reports may know.

import { z } from 'zod';
import { bystanderSampleSchema, bystanderSchema } from './bystander.ts';
import { capacitySchema } from './capacity.ts';
import { checkSchema } from './check.ts';
import { comparisonSchema } from './comparison.ts';
import { environmentSchema } from './environment.ts';
import { fairnessSchema } from './fairness.ts';
import { httpSchema } from './http.ts';
import { microRowSchema } from './micro.ts';
import { percentilesSchema } from './percentiles.ts';
import { expectationSchema, phaseFiguresSchema, recoverySchema } from './recovery.ts';
import { telemetrySchema } from './telemetry.ts';

export type { BystanderFigures } from './bystander.ts';
export type {
  Capacity,
  CapacityPlan,
  CapacityPurpose,
  LatencySlo,
  PlanAnswer,
  PlanQuestion,
  Prediction,
  Probe,
  ProbeOutcome,
  Scaling,
  Search,
  Slo,
  Sweep,
} from './capacity.ts';
export { type Baseline, type Check, type CheckedTree, limitSchema } from './check.ts';
export { type Comparison, comparisonSchema } from './comparison.ts';
export { type Environment, environmentSchema } from './environment.ts';
export type { HttpPart } from './http.ts';
export type { MicroFigures, MicroRow } from './micro.ts';
export { type Percentiles, percentilesSchema } from './percentiles.ts';
export type { ExpectationResult } from './recovery.ts';
export { type Plan, planSchema, type StorageReading, type Telemetry } from './telemetry.ts';

/** Raised when a reader of older bundles must change. */
export const SCHEMA_VERSION = 2;
/** Raised whenever numbers of older bundles stop being comparable. */
export const METHOD_VERSION = 4;

const count = z.int().min(0);
const ratio = z.number().min(0);

export const CONTRACT_CLASSES = ['job-queue', 'visibility-timeout', 'event-log', 'broker', 'null'] as const;

const contenderSchema = z.strictObject({
  /** As given on the command line: `skip-locked`, `batch?batch=500`. */
  name: z.string(),
  class: z.enum(CONTRACT_CLASSES),
  strategy: z.string().optional(),
  wakeup: z.string().optional(),
  driver: z.string().optional(),
  /** Declared jobs per claim. */
  batch: z.int().min(1),
  /** What the contender says of itself, and what the scenario gives it. Absent in a cell that was not measured. */
  declared: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** Read back or observed: jobs per non-empty claim, connections, poll interval, durability, versions. */
  effective: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

const jobsSchema = z.strictObject({
  /** Preloaded jobs, and jobs that the schedule intended; in a closed loop those that the clients sent. */
  offered: count,
  /** Confirmed by the system under test. */
  enqueued: count,
  /** Acked once or more. */
  settled: count,
  /** Waiting for another attempt when the cell ended. */
  retried: count,
  deadLettered: count,
  /** Intended, but not sent: the cell ended first. */
  skipped: count,
  /** The enqueue failed, or its outcome is unknown and the job never turned up. */
  failed: count,
  /** Of `failed`: turned away as asked: by backpressure, with the word to come again, or since another job holds the unique key. Absent where none was. */
  rejected: count.optional(),
  /** Of `failed`: enqueued in a transaction that was rolled back on purpose. Absent where none was. */
  rolledBack: count.optional(),
  /** Enqueued and still waiting, delayed or leased when the cell ended. */
  inFlight: count,
});

const auditSchema = z.strictObject({
  /** Enqueued for sure, never settled, and gone from the database. */
  lost: count,
  /** Handed out again while an earlier claim still held its lease. */
  duplicateClaims: count,
  /** Acked or dead-lettered with effect more than once. */
  duplicateSettlements: count,
  /** Handed out beyond what their claims asked for. */
  overClaims: count,
  /** Delayed, and handed out before they were due, by more than the clocks' uncertainty. */
  earlyHandOuts: count,
  /** Still under a lease when every worker had stopped cleanly, or any lease must have ended: nobody would get them. */
  stuck: count,
  /** Handed out or stored without having been offered. */
  unexpected: count,
  /** Enqueue of unknown outcome, and the job turned up. */
  recovered: count,
  orderViolations: count,
  priorityInversions: count,
  /** Settles that the system refused as stale: the fence at work, not an error. */
  staleSettles: count,
  /** Settles that were accepted although the lease had gone to somebody else. */
  acceptedStaleSettles: count,
  /** Acked or dead-lettered with effect, and still in the database as ready, delayed or leased. */
  settledButPresent: count,
  /** Settled with effect by a session that had not claimed it. */
  unclaimedSettles: count,
  /** Ready for over a second, and passed over by a session that held nothing and was given nothing. */
  starved: count,
  /** Handed out again after the lease had run out or its holder had died: what at-least-once allows. */
  redelivered: count,
  /** Acked with effect by an attempt whose handler had thrown on purpose. */
  ackedFailures: count.default(0),
  /** Dead letters that have not been tried as often as they may be. */
  unexplainedDeadLetters: count.default(0),
  /** In the queue together with another unfinished job of their unique key. */
  uniqueViolations: count.default(0),
  /** Handlers that started beyond what the limits of the queue allow. */
  limitViolations: count.default(0),
  /** Orders of an application that were committed without all the jobs of their transaction. */
  ordersWithoutJobs: count.default(0),
  /** Jobs that exist though their order was not committed. */
  jobsWithoutOrder: count.default(0),
});

const costSchema = z.strictObject({
  /** WAL bytes per settled job, full-page images included. */
  walBytesPerJob: ratio.optional(),
  walFullPageImageShare: ratio.optional(),
  commitsPerJob: ratio.optional(),
  /** Waits for the server: statements that an agent sent together count as one. */
  roundTripsPerJob: ratio.optional(),
  /** Shared buffers touched (hit + read). */
  buffersPerJob: ratio.optional(),
  deadTuplesPerJob: ratio.optional(),
  hotUpdateRatio: ratio.optional(),
  /** Rows that scans of the contender's tables gave, and rows fetched from them by way of an index. */
  rowsReadPerJob: ratio.optional(),
  statementsPerJob: ratio.optional(),
  /** Times that a statement was planned; where the server counts that (`pg_stat_statements.track_planning`). */
  plansPerJob: ratio.optional(),
  /** Calls of functions, a trigger's among them; where the server counts that (`track_functions`). */
  functionCallsPerJob: ratio.optional(),
  serverCpuUsPerJob: ratio.optional(),
  /** CPU time of the agents, of the harness in them too, over the load. */
  clientCpuUsPerJob: ratio.optional(),
  /** The same for the preload, per enqueued job. */
  preloadWalBytesPerJob: ratio.optional(),
});

const generatorSchema = z.strictObject({
  /** Worst agent: 99th percentile of how late a 1 ms timer fires. */
  eventLoopP99Us: z.number().optional(),
  /** Worst agent: its longest stall. */
  eventLoopMaxUs: z.number().optional(),
  /** Worst agent: share of the load during which its event loop stood still for more than 20 ms at a stretch. */
  stalledShare: ratio.optional(),
  /** Worst agent: share of one core. */
  cpuShare: ratio.optional(),
  /** Enqueue start − intended; absent in a closed loop. */
  lagP99Us: z.number().optional(),
  lagMaxUs: z.number().optional(),
  /** Worst agent: share of the window spent in garbage collection. */
  gcShare: ratio.optional(),
  /** What as many worker agents, no more than they have cores, would reach against the null contender on this machine, with claims of the same size, jobs/s. */
  ceilingPerSec: ratio.optional(),
  /** Share of the enqueues that had to wait in the producer for one of its connections. */
  poolWaitShare: ratio.optional(),
  /** The agent whose clock was furthest from the coordinator's: how far, before or after the load, and how sure that is (±). */
  clockOffsetUs: z.number().optional(),
  clockUncertaintyUs: ratio.optional(),
  /** Above a fifth of the ceiling, or a worker agent that keeps its core busy: the generator may be the bound. */
  generatorBound: z.boolean(),
  /** Peak resident memory of all agents and the coordinator together, bytes. */
  peakRssBytes: count,
});

const latencySchema = z.strictObject({
  enqueue: percentilesSchema.optional(),
  pickup: percentilesSchema.optional(),
  service: percentilesSchema.optional(),
  response: percentilesSchema.optional(),
  generatorLag: percentilesSchema.optional(),
});

/** Instants in seconds from the start of the load. */
const windowSchema = z.strictObject({
  /** In words: `drain of a preloaded backlog, closed loop`, `open loop, poisson arrivals`, `closed loop, 8 clients, …`. Printed on every chart. */
  loadModel: z.string(),
  /** `burst` when measured for less than two checkpoints and a few autovacuum passes, else `steady-state`. */
  kind: z.enum(['burst', 'steady-state']),
  /** Left out at the head of the load: found between a floor and a cap. */
  warmupSeconds: ratio,
  /** How it was found; absent where nothing was measured. `found` false: no steady part began before the cap. */
  warmUp: z.strictObject({ floorSeconds: ratio, capSeconds: ratio, found: z.boolean() }).optional(),
  measuredSeconds: ratio,
  totalSeconds: ratio,
  phases: z.array(
    z.strictObject({ label: z.string(), fromSeconds: ratio, toSeconds: ratio, measured: z.boolean() }),
  ),
  faults: z.array(z.strictObject({ label: z.string(), atSeconds: ratio })),
});

export const cellSchema = z.strictObject({
  id: z.string(),
  block: count,
  order: count,
  repeat: count,
  scenario: z.string(),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  contender: contenderSchema,
  /** Declared against effective; absent in a cell that was not measured. */
  fairness: z.array(fairnessSchema).optional(),
  verdict: z.enum(['valid', 'invalid', 'incorrect']),
  reasons: z.array(z.string()),
  /** Worth knowing, no ground to void the cell: generator-bound, fewer samples, missing privileges. */
  notes: z.array(z.string()),
  window: windowSchema,
  jobs: jobsSchema,
  /** Absent in an incorrect cell, as is every figure below it but `audit`. */
  throughput: z
    .strictObject({
      offeredPerSec: ratio.optional(),
      enqueuedPerSec: ratio.optional(),
      settledPerSec: ratio,
      /** Of a drain: jobs settled in the last third of the window ÷ in the first. Far from 1 the rate is not a lasting one. */
      lastToFirstThird: ratio.optional(),
    })
    .optional(),
  latencyUs: latencySchema.optional(),
  /** Figures per phase; absent in an incorrect cell, and where nothing was measured. */
  phases: z.array(phaseFiguresSchema).optional(),
  /** Absent without faults, in a cell that is not valid, and where there is no baseline: a note says why. */
  recovery: recoverySchema.optional(),
  /** In the order of the scenario; absent where it expects nothing. */
  expectations: z.array(expectationSchema).optional(),
  /** Only of a load over HTTP; absent in an incorrect cell. */
  http: httpSchema.optional(),
  audit: auditSchema,
  cost: costSchema.optional(),
  generator: generatorSchema,
  /** Of somebody else's transactions on the same server; absent where the scenario has none. */
  bystander: bystanderSchema.optional(),
  /** Absent for a contender without a database, and in a cell that was not measured. */
  telemetry: telemetrySchema.optional(),
});

export const resultSchema = z.strictObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  methodVersion: z.int().min(1),
  runId: z.string(),
  seed: z.int().min(0),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** Words of the command line after `claimbench`, passwords taken out. */
  command: z.array(z.string()),
  /** False after Ctrl-C, or when a server was lost: the cells are those that had finished. */
  complete: z.boolean(),
  /** Servers that ended, or were out of reach, in mid-run: their later cells are invalid, or missing when no server was left. */
  lostServers: z
    .array(
      z.strictObject({
        /** As `environment.servers` labels it; absent in a run of one server. */
        label: z.string().optional(),
        description: z.string(),
        /** Of the whole run, when it was lost. */
        finishedCells: count,
        reason: z.string(),
      }),
    )
    .optional(),
  environment: environmentSchema,
  /** Names in the order of the command line; the first is the baseline. */
  contenders: z.array(z.string()),
  /** What each of these names stands for, where a run has several servers: a contender on one of them. */
  matrix: z.array(z.strictObject({ name: z.string(), contender: z.string(), server: z.string() })).optional(),
  scenarios: z.array(
    z.strictObject({
      name: z.string(),
      question: z.string(),
      loadModel: z.string(),
      /** As declared, defaults filled in, before shares of rates are resolved; a trace's jobs by number and digest. */
      definition: z.record(z.string(), z.unknown()),
    }),
  ),
  cells: z.array(cellSchema),
  /** Every contender against the first, per scenario. */
  comparisons: z.array(comparisonSchema),
  /** Single operations, timed one at a time; absent in a run of scenarios. */
  micro: z.array(microRowSchema).optional(),
  /** Of a search, a sweep or a plan; absent in a run of scenarios. */
  capacity: capacitySchema.optional(),
  /** Of a check; absent in any other run. */
  check: checkSchema.optional(),
});

/**
 * One line of samples.ndjson: a bucket of a cell's timeline (`kind: "load"`, from the ledger), a reading of the
 * server (`kind: "server"`, from the sampler) or a second of the neighbour's (`kind: "bystander"`). `t` is in seconds from the start of the load, the end of the bucket.
 */
export const sampleSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('load'),
    cell: z.string(),
    t: z.number(),
    seconds: z.number(),
    enqueued: count,
    claimed: count,
    settled: count,
    /** Enqueued and neither acked nor dead-lettered at `t`. */
    backlog: count,
    pickupP50Us: z.number().optional(),
    pickupP99Us: z.number().optional(),
    responseP50Us: z.number().optional(),
    responseP99Us: z.number().optional(),
    responseMaxUs: z.number().optional(),
  }),
  z.strictObject({
    kind: z.literal('server'),
    cell: z.string(),
    t: z.number(),
    walBytes: z.number().optional(),
    commits: z.number().optional(),
    deadTuples: z.number().optional(),
    liveTuples: z.number().optional(),
    xminAge: z.number().optional(),
    /** Who holds the horizon, where it is worth a word: `backend <application>`, `standby …`, `slot …`, `prepared …`. */
    xminHolder: z.string().optional(),
    /** WAL that the replication slot furthest behind keeps from being removed, bytes; absent where there is no slot. */
    retainedWalBytes: z.number().optional(),
    /** Backends of the database that wait for a heavyweight lock, and those among them that wait for a row. */
    lockWaiters: z.number().optional(),
    rowLockWaiters: z.number().optional(),
    /** Autovacuum workers in the database; they are not in `waits`. */
    autovacuumWorkers: z.number().optional(),
    /** Begun on the server since the first reading. */
    checkpoints: z.number().optional(),
    /** Every few readings. Locks held on the contender's relations, by mode. */
    locksHeld: z.record(z.string(), z.number()).optional(),
    /** Every few readings. How full the queue of NOTIFY is, 0 … 1. */
    notifyQueueShare: z.number().optional(),
    /** Every few readings. Vacuums at work: `jobs: scanning heap 40 %`. */
    vacuums: z.array(z.string()).optional(),
    /** Backends by wait event at this instant, such as `LWLock:WALWrite`; `CPU` for a running backend that waits for nothing. */
    waits: z.record(z.string(), z.number()),
  }),
  bystanderSampleSchema,
]);

export type ContractClass = (typeof CONTRACT_CLASSES)[number];
export type Cell = z.infer<typeof cellSchema>;
export type RunResult = z.infer<typeof resultSchema>;
export type Sample = z.infer<typeof sampleSchema>;

export { FAIRNESS_SETTINGS, type FairnessRow, type FairnessSetting } from './fairness.ts';

/** Files of a bundle, relative to its folder. */
export const BUNDLE = {
  result: 'result.json',
  samples: 'samples.ndjson',
  plans: 'plans.ndjson',
  histograms: 'histograms',
  html: 'report.html',
  markdown: 'report.md',
  charts: 'charts',
} as const;
