// How do jobs arrive? The arrival models that a phase may have, and what is said of them.

import { z } from 'zod';

const SHARE = /^(\d*\.?\d+) +of +([a-z][a-z0-9-]*)$/;

/** A share in words, `0.7 of drain`; undefined for what is none. */
export function readShare(text: string): { readonly share: number; readonly of: string } | undefined {
  const [, share, of] = SHARE.exec(text) ?? [];
  return share === undefined || of === undefined ? undefined : { share: Number(share), of };
}

const share = z.strictObject({ share: z.number().positive().max(10), of: z.string() });
/** The same in words: `0.7 of drain`. */
const shareText = z
  .string()
  .regex(SHARE, 'must be jobs per second, or a share such as 0.7 of drain')
  .transform((text) => readShare(text) ?? z.NEVER);
const RATE_MAX = 1_000_000;

/** A rate in jobs per second, or a share of what the same contender settled per second in another scenario of the run. */
const rateSchema = z.union([z.number().positive().max(RATE_MAX), share, shareText]);
/** The same where a rate may be zero for a while. */
const rateOrZeroSchema = z.union([z.number().min(0).max(RATE_MAX), share, shareText]);
export type Rate = z.output<typeof rateOrZeroSchema>;

/** Gaps between jobs: exponential, as of many independent sources, or all alike. */
const spacing = z.enum(['poisson', 'uniform']).default('poisson');

/** Jobs that one trace may hold: they are kept in memory, and sent to the producers before the load. */
export const TRACE_JOBS_MAX = 1_000_000;

/** One job of a trace. `at` is in seconds from the start of the phase, at speed 1; the rest is the scenario's where absent. */
export const traceJobSchema = z.strictObject({
  at: z.number().min(0).max(86_400),
  priority: z.int().min(-32_768).max(32_767).optional(),
  payloadBytes: z.int().min(48).max(1_000_000).optional(),
});
export type TraceJob = z.output<typeof traceJobSchema>;

/** A constant rate. Open loop, as are all but `closed`: the schedule never waits for the system under test. */
const poisson = z.strictObject({ model: z.literal('poisson'), ratePerSec: rateSchema });
const uniform = z.strictObject({ model: z.literal('uniform'), ratePerSec: rateSchema });

/** A rate that changes in a straight line over the whole phase. */
const ramp = z
  .strictObject({
    model: z.literal('ramp'),
    fromPerSec: rateOrZeroSchema,
    toPerSec: rateOrZeroSchema,
    spacing,
  })
  .refine((a) => a.fromPerSec !== 0 || a.toPerSec !== 0, {
    message: 'a ramp from 0 to 0 offers no jobs: give toPerSec',
    path: ['toPerSec'],
  });

/**
 * One rate after another. Without `seconds` the steps divide the phase equally; with them, they begin again when they
 * end before the phase does: two steps make a rate that bursts again and again.
 */
const steps = z
  .strictObject({
    model: z.literal('steps'),
    steps: z
      .array(z.strictObject({ ratePerSec: rateOrZeroSchema, seconds: z.number().min(0.01).optional() }))
      .min(1)
      .max(1_000),
    spacing,
  })
  .refine((a) => new Set(a.steps.map((s) => s.seconds === undefined)).size === 1, {
    message: 'give seconds to every step, or to none: then they are equally long',
    path: ['steps'],
  })
  .refine((a) => a.steps.some((s) => s.ratePerSec !== 0), {
    message: 'steps of rate 0 alone offer no jobs',
    path: ['steps'],
  });

/** Clumps of `jobs` that are due at one instant: the first half an interval into the phase, then one each interval. */
const burst = z
  .strictObject({
    model: z.literal('burst'),
    jobs: z.int().min(1).max(1_000_000),
    everySeconds: z.number().positive().max(86_400).optional(),
    /** In place of `everySeconds`: the mean rate, from which the interval follows. */
    ratePerSec: rateSchema.optional(),
  })
  .refine((a) => (a.everySeconds === undefined) !== (a.ratePerSec === undefined), {
    message: 'give everySeconds, or ratePerSec (the mean rate), and not both',
    path: ['everySeconds'],
  });

/** What happened elsewhere, once more: from a file of the user's, or written into the scenario as `jobs`, ascending. */
const trace = z
  .strictObject({
    model: z.literal('trace'),
    /** Relative to the scenario's file. One job a line: seconds, or `{"at": seconds, "priority": …, "payloadBytes": …}`. */
    file: z.string().min(1).optional(),
    jobs: z.array(traceJobSchema).min(1).max(TRACE_JOBS_MAX).optional(),
    /** 2 replays in half the time. */
    speed: z.number().positive().max(1_000).default(1),
  })
  .refine((a) => (a.file === undefined) !== (a.jobs === undefined), {
    message: 'a trace has its jobs from one place: give file, or jobs',
    path: ['file'],
  })
  .refine((a) => (a.jobs ?? []).every((job, i, all) => i === 0 || job.at >= (all[i - 1]?.at ?? 0)), {
    message: 'a job comes before the one above it: sort jobs by at',
    path: ['jobs'],
  });

/**
 * Clients that each enqueue a job, wait until the enqueue is confirmed, think, and enqueue the next. They wait neither for
 * the job's claim nor for its settlement. A slow system is thus offered less: that is what a closed loop means.
 */
const closed = z.strictObject({
  model: z.literal('closed'),
  clients: z.int().min(1).max(10_000),
  /** From the answer to the next job; the mean, when `think` is exponential. */
  thinkMs: z.number().min(0).max(600_000).default(0),
  think: z.enum(['constant', 'exponential']).default('constant'),
  /** Of all clients together in this phase: room is kept for them. Clients that use it up void the cell. */
  maxJobs: z.int().min(1).max(10_000_000).default(1_000_000),
});

export const arrivalSchema = z.discriminatedUnion('model', [
  poisson,
  uniform,
  ramp,
  steps,
  burst,
  trace,
  closed,
]);

/** How jobs arrive in one phase. */
export type Arrival = z.output<typeof arrivalSchema>;

/** Every rate of an arrival as written; none for those that have no rate to set: a trace and a closed loop. */
export function ratesOf(arrival: Arrival): readonly Rate[] {
  if (arrival.model === 'trace' || arrival.model === 'closed') return [];
  if (arrival.model === 'ramp') return [arrival.fromPerSec, arrival.toPerSec];
  if (arrival.model === 'steps') return arrival.steps.map((step) => step.ratePerSec);
  if (arrival.model === 'burst') return [arrival.ratePerSec ?? arrival.jobs / (arrival.everySeconds ?? 1)];
  return [arrival.ratePerSec];
}

/** The same arrival at other rates. A burst keeps the size of its clumps, and changes their interval. */
export function mapRates(arrival: Arrival, to: (rate: Rate) => Rate): Arrival {
  if (arrival.model === 'trace' || arrival.model === 'closed') return arrival;
  if (arrival.model === 'ramp')
    return { ...arrival, fromPerSec: to(arrival.fromPerSec), toPerSec: to(arrival.toPerSec) };
  if (arrival.model === 'steps')
    return { ...arrival, steps: arrival.steps.map((s) => ({ ...s, ratePerSec: to(s.ratePerSec) })) };
  if (arrival.model === 'burst') {
    const { everySeconds, ratePerSec, ...rest } = arrival;
    const mean = ratePerSec ?? arrival.jobs / (everySeconds ?? 1);
    const other = to(mean);
    return other === mean ? arrival : { ...rest, ratePerSec: other };
  }
  return { ...arrival, ratePerSec: to(arrival.ratePerSec) };
}

/** What is wrong with an arrival in a phase of this length; absent when it fits. */
export function misfit(arrival: Arrival, phaseSeconds: number): string | undefined {
  // A factor of --duration may leave a rounding error.
  const longest = phaseSeconds * (1 + 1e-9);
  if (arrival.model === 'steps') {
    const seconds = arrival.steps.reduce((sum, step) => sum + (step.seconds ?? 0), 0);
    if (seconds > longest)
      return `its steps last ${brief(seconds)} s, and the phase ${brief(phaseSeconds)} s: lengthen the phase, or shorten the steps`;
  }
  if (arrival.model === 'trace') {
    const last = (arrival.jobs?.at(-1)?.at ?? 0) / arrival.speed;
    if (last >= phaseSeconds)
      return `the last job of its trace is due after ${brief(last)} s, and the phase ends after ${brief(phaseSeconds)} s: lengthen the phase, or raise speed`;
  }
  if (arrival.model === 'burst' && arrival.everySeconds !== undefined && arrival.everySeconds > 2 * longest)
    return `its first clump is due after ${brief(arrival.everySeconds / 2)} s, and the phase ends after ${brief(phaseSeconds)} s: lengthen the phase, or lower everySeconds`;
  return undefined;
}

function brief(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

/** The model in words, without rates: those may differ from contender to contender. */
export function describeArrivals(arrivals: readonly Arrival[]): string {
  const plain = new Set<string>();
  const others = new Set<string>();
  for (const arrival of arrivals) {
    if (arrival.model === 'poisson' || arrival.model === 'uniform') plain.add(arrival.model);
    else others.add(describe(arrival));
  }
  const first = plain.size === 0 ? [] : [`${[...plain].sort().join(' + ')} arrivals`];
  return [...first, ...[...others].sort()].join(' + ');
}

function describe(arrival: Exclude<Arrival, { model: 'poisson' | 'uniform' }>): string {
  if (arrival.model === 'ramp') return `ramp of ${arrival.spacing} arrivals`;
  if (arrival.model === 'steps') return `steps of ${arrival.spacing} arrivals`;
  if (arrival.model === 'burst') return `clumps of ${arrival.jobs} jobs at once`;
  if (arrival.model === 'trace')
    return arrival.speed === 1 ? 'replay of a trace' : `replay of a trace at ${arrival.speed} × its speed`;
  const clients = arrival.clients === 1 ? '1 client' : `${arrival.clients} clients`;
  const think =
    arrival.thinkMs === 0
      ? 'no think time'
      : `${arrival.think === 'constant' ? '' : 'exponential '}think time ${arrival.thinkMs} ms${arrival.think === 'constant' ? '' : ' on average'}`;
  return `${clients}, ${think}, the next job after the last enqueue was confirmed`;
}
