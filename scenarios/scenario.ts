// What is a scenario? One question, with the workload and the phases that answer it. The schema of the data files.

import { z } from 'zod';
import { type Arrival, arrivalSchema, misfit } from './arrival.ts';
import { readExpectation } from './expect.ts';
import { type Fault, faultSchema, isOfNetwork, replacements, scheduledFaults } from './fault.ts';
import { jobSchema } from './job.ts';
import {
  limitsSchema,
  neighboursSchema,
  preloadSchema,
  producersSchema,
  SCENARIO_GROUPS,
  SERVER_NEEDS,
} from './parts.ts';
import { topologySchema } from './topology.ts';

export { type Fault, type ScheduledFault, scheduledFaults } from './fault.ts';

const seconds = z.number().positive().max(86_400);
/** Their claimers are told apart by 16 bits of the ledger. */
const WORKER_AGENTS_MAX = 16;

const phaseSchema = z
  .strictObject({
    label: z.string().min(1).max(40),
    seconds,
    /** Whether jobs intended (open and closed loop) or settled (drain) in this phase count in the figures. */
    measured: z.boolean().default(true),
    /** Absent: nothing is enqueued in this phase. */
    arrival: arrivalSchema.optional(),
    /** What breaks in this phase. */
    faults: z.array(faultSchema).max(100).default([]),
  })
  .superRefine((phase, context) => {
    const message = phase.arrival === undefined ? undefined : misfit(phase.arrival, phase.seconds);
    if (message !== undefined) context.addIssue({ code: 'custom', message, path: ['arrival'] });
    for (const [i, { fault, afterSeconds }] of phase.faults.entries()) {
      if (afterSeconds < phase.seconds) continue;
      const late = `${fault} comes after the end of its phase: lengthen the phase, or lower afterSeconds`;
      context.addIssue({ code: 'custom', message: late, path: ['faults', i] });
    }
  });

const shape = {
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be lower-case letters, digits and hyphens, 40 at most'),
  /** In one sentence, ending with a question mark. */
  question: z.string().min(1).max(300),
  /** Where `list` shows it. */
  group: z.enum(SCENARIO_GROUPS).default('own'),
  /** Of arrivals and of what jobs draw, unless the run is given one; default: drawn for each run. */
  seed: z
    .int()
    .min(0)
    .max(2 ** 48)
    .optional(),
  preload: preloadSchema.prefault({}),
  job: jobSchema.prefault({}),
  producers: producersSchema.prefault({}),
  /** `connections` are per agent. */
  workers: z
    .strictObject({ agents: z.int().min(1).max(WORKER_AGENTS_MAX), connections: z.int().min(1).max(64) })
    .default({ agents: 1, connections: 8 }),
  /** Limits of the queue, set before the load: handlers that may start in a time, be at work at once, and of one concurrency key. */
  limits: limitsSchema.optional(),
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
  /** Absent: agents connect to the server itself, which has no standby. */
  topology: topologySchema.optional(),
  neighbours: neighboursSchema.optional(),
  /**
   * What the server must allow at least, such as `max_connections: 1200`. A server that claimbench starts is given as much; any
   * other is asked, and refused when it allows less.
   */
  serverNeeds: z.partialRecord(z.enum(SERVER_NEEDS), z.int().min(1).max(100_000)).default({}),
  /** What must hold of each cell: `pickup.p99 < 50 ms`, `lost = 0`, `recovery.settled >= 0.95 x clean.settled`. One that does not ends a run with exit code 99. */
  expect: z.array(z.string().min(1).max(200)).max(50).default([]),
  /** What `--scale smoke` puts in place of the keys above: a form that is over within ten seconds and asserts the same. */
  smoke: z.record(z.string(), z.unknown()).optional(),
};

export const scenarioSchema = z
  .strictObject(shape)
  .refine((s) => preloadedJobs(s) > 0 || s.phases.some((p) => p.arrival !== undefined), {
    message: 'offers no jobs: give it preload.ready, or a phase with an arrival',
  })
  .refine((s) => s.phases.some((p) => p.measured), {
    message: 'measures nothing: no phase has measured: true',
  })
  .refine((s) => !hasFault(s, 'late-commit') || (arrivalsOf(s).length > 0 && !isClosedLoop(s)), {
    message:
      'has a late-commit and no schedule whose jobs could commit late: give a phase an open-loop arrival',
  })
  .refine((s) => scheduledFaults(s).every((f) => f.fault !== 'late-commit' || endOf(f) <= totalSeconds(s)), {
    message: 'has a late-commit that ends after its load: lengthen a phase, or set forSeconds lower',
  })
  .refine(
    (s) =>
      s.topology?.standby !== undefined || !(hasFault(s, 'standby-query') || hasFault(s, 'lose-standby')),
    { message: 'has a fault of a standby and no standby: give it topology.standby' },
  )
  .refine((s) => scheduledFaults(s).filter((f) => f.fault === 'lose-standby').length < 2, {
    message: 'loses its standby twice: leave one lose-standby out',
  })
  .refine((s) => !scheduledFaults(s).some(isIdle), {
    message: 'has a slow-network that slows nothing: give it delayMs, jitterMs or bytesPerSec',
  })
  .refine((s) => (s.preload.delayed?.dueAtSeconds ?? 0) < totalSeconds(s), {
    message: 'has delayed jobs that are due after its load: lengthen a phase, or set dueAtSeconds lower',
  })
  .refine((s) => s.preload.delayed === undefined || s.job.delays.every((ms) => ms === 0), {
    message: 'delays jobs in two ways: leave preload.delayed out, or job.delays',
  })
  .refine((s) => s.producers.transaction === undefined || (arrivalsOf(s).length > 0 && !isClosedLoop(s)), {
    message: 'has transactions of producers and no schedule for them: give a phase an open-loop arrival',
  })
  .refine((s) => [s.producers.bulk, s.producers.transaction, s.producers.http].filter(Boolean).length < 2, {
    message: 'enqueues in two ways: leave all but one of producers.bulk, transaction and http out',
  })
  .refine((s) => !keyedFault(s) || s.job.keys !== undefined, {
    message: 'slows the jobs of a key, and its jobs have none: give it job.keys',
  })
  .refine((s) => s.workers.agents + replacements(s) <= WORKER_AGENTS_MAX, {
    message: `kills more workers than can be replaced: ${WORKER_AGENTS_MAX} worker agents at most, with those that stand by`,
  })
  .refine((s) => s.producers.http === undefined || (s.job.keys === undefined && s.job.unique === undefined), {
    message:
      'has jobs with keys over HTTP, where a front hands no keys on: leave job.keys and job.unique out',
  })
  .refine((s) => s.producers.transaction === undefined || s.job.unique?.policy !== 'ignore', {
    message:
      'has transactions some of whose jobs may be ignored as duplicates: give job.unique the policy reject',
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
  })
  .superRefine((s, context) => {
    const labels = s.phases.map((phase) => phase.label);
    for (const [i, text] of s.expect.entries()) {
      const read = readExpectation(text, labels);
      const missing = 'misreading' in read ? undefined : read.about.find((part) => !tells(s, part));
      const issue =
        'misreading' in read
          ? read.misreading
          : missing === undefined
            ? undefined
            : { problem: `'${text}' is about ${NEEDED[missing]}` };
      if (issue === undefined) continue;
      const { problem: message, ...params } = issue;
      context.addIssue({ code: 'custom', message, params, path: ['expect', i] });
    }
  });

/** A scenario, validated and with every default filled in. */
export type Scenario = z.output<typeof scenarioSchema>;
type Written = Omit<z.input<typeof scenarioSchema>, 'smoke'>;
/** A scenario as its author writes it. */
export type ScenarioInput = Written & { smoke?: Partial<Omit<Written, 'name' | 'question' | 'group'>> };

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

type Faulty = Parameters<typeof scheduledFaults>[0];

/** Where figures of these are absent, and why. */
const NEEDED = {
  recovery: 'recovery, and no phase has a fault',
  bystander: 'a bystander, and there is none: give the scenario neighbours.bystander',
  http: 'HTTP, and no job comes over it: give the scenario producers.http',
} as const;

function tells(
  scenario: Faulty & { readonly neighbours?: unknown; readonly producers: { readonly http?: unknown } },
  part: keyof typeof NEEDED,
): boolean {
  if (part === 'recovery') return scheduledFaults(scenario).length > 0;
  return (part === 'bystander' ? scenario.neighbours : scenario.producers.http) !== undefined;
}

function hasFault(scenario: Faulty, fault: Fault['fault']): boolean {
  return scheduledFaults(scenario).some((f) => f.fault === fault);
}

function isIdle(fault: Fault): boolean {
  return (
    fault.fault === 'slow-network' &&
    fault.delayMs === 0 &&
    fault.jitterMs === 0 &&
    fault.bytesPerSec === undefined
  );
}

function keyedFault(scenario: Faulty): boolean {
  return scheduledFaults(scenario).some((f) => f.fault === 'slow-handlers' && f.key !== undefined);
}

/** Whether a proxy stands between the agents and what they connect to. */
export function hasProxy(scenario: Faulty): boolean {
  return scheduledFaults(scenario).some(isOfNetwork);
}

/** Jobs that the queue holds when the load starts: ready ones first, then delayed ones. */
export function preloadedJobs({
  preload,
}: {
  readonly preload: { readonly ready: number; readonly delayed?: { readonly jobs: number } | undefined };
}): number {
  return preload.ready + (preload.delayed?.jobs ?? 0);
}

/** Those of a scenario's load that stay open, with a few for what workers do beside claiming. */
function sessionsOf({ workers, producers }: Sessions): number {
  return workers.agents * (workers.connections + 3) + producers.agents * producers.connections;
}

function endOf(fault: { readonly atSeconds: number; readonly forSeconds?: number | undefined }): number {
  return fault.atSeconds + (fault.forSeconds ?? 0);
}

/** Whether jobs come from clients that wait for answers; a scenario has either those or a schedule. */
export function isClosedLoop(scenario: Phased): boolean {
  return scenario.phases.some((phase) => phase.arrival?.model === 'closed');
}
