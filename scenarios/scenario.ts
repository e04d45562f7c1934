// What is a scenario? One question, with the workload and the phases that answer it. The schema of the data files.

import { z } from 'zod';
import { type Arrival, arrivalSchema, describeArrivals, misfit } from './arrival.ts';
import { describeTopology, topologySchema } from './topology.ts';

const seconds = z.number().positive().max(86_400);

const phaseSchema = z
  .strictObject({
    label: z.string().min(1).max(40),
    seconds,
    /** Whether jobs intended (open and closed loop) or settled (drain) in this phase count in the figures. */
    measured: z.boolean().default(true),
    /** Absent: nothing is enqueued in this phase. */
    arrival: arrivalSchema.optional(),
  })
  .superRefine((phase, context) => {
    const message = phase.arrival === undefined ? undefined : misfit(phase.arrival, phase.seconds);
    if (message !== undefined) context.addIssue({ code: 'custom', message, path: ['arrival'] });
  });

const faultSchema = z.discriminatedUnion('fault', [
  /** SIGKILL of one worker agent. */
  z.strictObject({ fault: z.literal('kill-worker'), atSeconds: seconds }),
  /** SIGSTOP of one worker agent, then SIGCONT. Longer than the lease, it makes a worker settle what is no longer its own. */
  z.strictObject({ fault: z.literal('stall-worker'), atSeconds: seconds, forSeconds: seconds }),
  /**
   * A transaction of somebody else's, on no table of the queue, stays open and idle, so that VACUUM may not remove what dies
   * meanwhile. `reader`: REPEATABLE READ with its snapshot taken; `writer`: with a transaction id of its own.
   */
  z.strictObject({
    fault: z.literal('hold-xmin'),
    atSeconds: seconds,
    forSeconds: seconds,
    by: z.enum(['reader', 'writer']).default('reader'),
  }),
  /**
   * The next job that is due is enqueued in a transaction that commits only after `forSeconds`; it keeps one of its
   * producer's connections. Open loop only; ends within the load.
   */
  z.strictObject({ fault: z.literal('late-commit'), atSeconds: seconds, forSeconds: seconds }),
  /**
   * A query on the standby that takes so long: a REPEATABLE READ transaction there with its snapshot taken. The primary hears
   * of it where the standby gives feedback.
   */
  z.strictObject({ fault: z.literal('standby-query'), atSeconds: seconds, forSeconds: seconds }),
  /**
   * The standby stops for good, as in a crash. Its slot stays behind with all that it holds: WAL, and with feedback the xmin
   * that the standby reported last. After `forSeconds`, or when the load has ended, somebody drops the slot.
   */
  z.strictObject({ fault: z.literal('lose-standby'), atSeconds: seconds, forSeconds: seconds.optional() }),
  /** A physical replication slot that nobody reads from keeps WAL, for `forSeconds`, or until the load has ended. */
  z.strictObject({ fault: z.literal('abandon-slot'), atSeconds: seconds, forSeconds: seconds.optional() }),
]);

const STANDBY_FAULTS: ReadonlySet<string> = new Set(['standby-query', 'lose-standby']);

/** An hour: a delay travels in the ledger as 32 bits of microseconds. */
const DELAY_MS_MAX = 3_600_000;

const shape = {
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be lower-case letters, digits and hyphens, 40 at most'),
  /** In one sentence, ending with a question mark. */
  question: z.string().min(1).max(300),
  /** Jobs that wait in the queue before the load starts. */
  preloadJobs: z.int().min(0).max(10_000_000).default(0),
  /** Size of a job's payload as JSON text, bytes. */
  payloadBytes: z.int().min(48).max(1_000_000).default(100),
  /** Priorities given to jobs in turn, by the order of their enqueue. */
  priorities: z.array(z.int().min(-32_768).max(32_767)).min(1).max(100).default([0]),
  /**
   * How long jobs are delayed, ms, given in turn by the order of their enqueue; 0 is due at once. The clock of a delayed job
   * starts when it is due. Preloaded jobs are delayed from the moment at which the preload began.
   */
  delays: z.array(z.number().min(0).max(DELAY_MS_MAX)).min(1).max(100).default([0]),
  producers: z
    .strictObject({ agents: z.int().min(1).max(16), connections: z.int().min(1).max(64) })
    .default({ agents: 1, connections: 4 }),
  /** `connections` are per agent; `handlerMs` is how long each job's work takes (waiting, not computing). */
  workers: z
    .strictObject({
      agents: z.int().min(1).max(16),
      connections: z.int().min(1).max(64),
      handlerMs: z.number().min(0).max(600_000).default(0),
    })
    .default({ agents: 1, connections: 8, handlerMs: 0 }),
  leaseMs: z.int().min(100).max(3_600_000).default(30_000),
  /** Head of the load that is left out of the figures, and stays visible on the timeline. */
  warmupSeconds: z.number().min(0).max(3_600).default(0.5),
  /**
   * Where the search for the end of the warm-up ends, when not at 0.4 of the first phase; as much as `warmupSeconds` leaves
   * out just that.
   */
  warmupCapSeconds: z.number().min(0).max(3_600).optional(),
  phases: z.array(phaseSchema).min(1).max(100),
  /** After the last phase: how long the queue may take to become empty. 0 ends the cell with the last phase. */
  settleWithinSeconds: z.number().min(0).max(3_600).default(0),
  faults: z.array(faultSchema).max(100).default([]),
  /** Absent: agents connect to the server itself, which has no standby. */
  topology: topologySchema.optional(),
};

export const scenarioSchema = z
  .strictObject(shape)
  .refine((s) => s.preloadJobs > 0 || s.phases.some((p) => p.arrival !== undefined), {
    message: 'offers no jobs: give it preloadJobs, or a phase with an arrival',
  })
  .refine((s) => s.phases.some((p) => p.measured), {
    message: 'measures nothing: no phase has measured: true',
  })
  .refine((s) => s.faults.every((fault) => fault.atSeconds < totalSeconds(s)), {
    message: 'has a fault after the end of its load: lengthen a phase, or set atSeconds lower',
  })
  .refine((s) => !hasLateCommit(s) || (arrivalsOf(s).length > 0 && !isClosedLoop(s)), {
    message:
      'has a late-commit and no schedule whose jobs could commit late: give a phase an open-loop arrival',
  })
  .refine((s) => s.faults.every((f) => f.fault !== 'late-commit' || endOf(f) <= totalSeconds(s)), {
    message: 'has a late-commit that ends after its load: lengthen a phase, or set forSeconds lower',
  })
  .refine((s) => s.topology?.standby !== undefined || s.faults.every((f) => !STANDBY_FAULTS.has(f.fault)), {
    message: 'has a fault of a standby and no standby: give it topology.standby',
  })
  .refine((s) => s.faults.filter((f) => f.fault === 'lose-standby').length < 2, {
    message: 'loses its standby twice: leave one lose-standby out',
  })
  .refine((s) => s.topology?.pooler?.mode !== 'session' || s.topology.pooler.poolSize >= sessionsOf(s), {
    message:
      'has more connections than its pooler, which keeps one for each in session mode: give a poolSize of all connections of producers and workers, and three more for each agent',
  })
  .refine((s) => arrivalsOf(s).every((a) => (a.model === 'closed') === isClosedLoop(s)), {
    message:
      'mixes a closed loop with a schedule: make two scenarios of it, since their figures mean different things',
  })
  .refine((s) => s.warmupSeconds < totalSeconds(s), { message: 'has a warm-up as long as the whole load' })
  .refine((s) => s.warmupCapSeconds === undefined || s.warmupCapSeconds >= s.warmupSeconds, {
    message: 'has a warmupCapSeconds below its warmupSeconds: make it as long, or leave it out',
  });

/** A scenario, validated and with every default filled in. */
export type Scenario = z.output<typeof scenarioSchema>;
/** A scenario as its author writes it. */
export type ScenarioInput = z.input<typeof scenarioSchema>;
export type Fault = Scenario['faults'][number];

/** Every key that a scenario may hold at its top level, for hints at the nearest right one. */
export const SCENARIO_KEYS: readonly string[] = Object.keys(shape);

/** Types a scenario's data while it is written; validation happens when it is loaded. */
export function defineScenario(scenario: ScenarioInput): ScenarioInput {
  return scenario;
}

/** Length of the load, all phases together, in seconds. */
export function totalSeconds(scenario: { readonly phases: readonly { readonly seconds: number }[] }): number {
  return scenario.phases.reduce((sum, phase) => sum + phase.seconds, 0);
}

/** Of a scenario: spelt out, since its own type is made with what follows. */
type Phased = { readonly phases: readonly { readonly arrival?: Arrival | undefined }[] };

type Sessions = Readonly<
  Record<'workers' | 'producers', { readonly agents: number; readonly connections: number }>
>;

/** The arrivals of a scenario's phases, those that have one. */
export function arrivalsOf(scenario: Phased): Arrival[] {
  return scenario.phases.flatMap((phase) => phase.arrival ?? []);
}

function hasLateCommit({ faults }: { readonly faults: readonly { readonly fault: string }[] }): boolean {
  return faults.some(({ fault }) => fault === 'late-commit');
}

/** Those of a scenario's load that stay open, with a few for what workers do beside claiming. */
function sessionsOf({ workers, producers }: Sessions): number {
  return workers.agents * (workers.connections + 3) + producers.agents * producers.connections;
}

function endOf(fault: { readonly atSeconds: number; readonly forSeconds: number }): number {
  return fault.atSeconds + fault.forSeconds;
}

/** Whether jobs come from clients that wait for answers; a scenario has either those or a schedule. */
export function isClosedLoop(scenario: Phased): boolean {
  return scenario.phases.some((phase) => phase.arrival?.model === 'closed');
}

/**
 * The load model to be printed on every chart: `drain of a preloaded backlog, closed loop`, `open loop, poisson arrivals`,
 * `closed loop, 8 clients, think time 10 ms, …`; and what stands between the load and the server, or beside it.
 */
export function loadModel(scenario: Scenario): string {
  const arrivals = arrivalsOf(scenario);
  const delayed = scenario.delays.some((ms) => ms > 0) ? ', delayed jobs' : '';
  const around = describeTopology(scenario.topology);
  if (arrivals.length === 0) return `drain of a preloaded backlog, closed loop${delayed}${around}`;
  const preloaded = scenario.preloadJobs > 0 ? 'preloaded backlog + ' : '';
  const loop = isClosedLoop(scenario) ? 'closed loop' : 'open loop';
  return `${preloaded}${loop}, ${describeArrivals(arrivals)}${delayed}${around}`;
}
