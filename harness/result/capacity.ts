// What does a bundle say of capacity? The parts of the schema that hold a search, a sweep, the models and a plan.

import { z } from 'zod';

const count = z.int().min(0);
const ratio = z.number().min(0);
const seconds = z.number().min(0);
const interval = z.strictObject({ low: z.number(), high: z.number() });

/** What a probe must hold: a percentile of a latency, or how fast dead tuples may become more. */
export const sloSchema = z.discriminatedUnion('of', [
  z.strictObject({
    of: z.enum(['enqueue', 'pickup', 'service', 'response']),
    /** 50 … 99.9: the share of jobs, in percent, that may not take longer. */
    percentile: z.number().min(50).max(99.9),
    limitUs: z.number().positive(),
    /** As it was asked for: `pickup.p99 < 250 ms`. */
    text: z.string(),
  }),
  z.strictObject({ of: z.literal('deadTuples'), limitPerSec: z.number().positive(), text: z.string() }),
]);

/** `unclear`: neither can be told from so long a load. `void`: the generator or the environment could not carry it. */
export const PROBE_OUTCOMES = ['pass', 'fail', 'unclear', 'void'] as const;

/** One load at one rate, and what it says of that rate. */
export const probeSchema = z.strictObject({
  /** Id of its cell. */
  cell: z.string(),
  purpose: z.enum(['bracket', 'bisect', 'repeat', 'confirm']),
  ratePerSec: ratio,
  /** Length of the load. */
  seconds,
  outcome: z.enum(PROBE_OUTCOMES),
  /** What speaks against it, in words; empty for a pass. */
  why: z.array(z.string()),
  /** Settled ÷ offered, in the measured window. This and the next two are absent without figures. */
  achievedShare: ratio.optional(),
  /** Interval of the slope of the backlog, jobs/s. */
  backlogPerSec: interval.optional(),
  /** In the order of the SLO's terms: the share of jobs beyond the limit, in each sub-window; empty for dead tuples. */
  beyondShares: z.array(z.array(ratio)).optional(),
  /** Of the latency of the SLO's first such term; absent where it could not be quoted. */
  percentileUs: ratio.optional(),
  /** Interval of the growth of dead tuples, 1/s; absent where the SLO does not ask. */
  deadTuplesPerSec: interval.optional(),
  /** Mean jobs in the system ÷ (rate × mean time in it) − 1, of a pass; `kept`: as near to 0 as can be told. Absent with too few looks at the backlog. */
  little: z.strictObject({ error: z.number(), kept: z.boolean() }).optional(),
});

/** The highest rate that is sustainable under an SLO: at least `passPerSec`, below `failPerSec`. */
export const searchSchema = z.strictObject({
  contender: z.string(),
  slo: z.array(sloSchema).min(1),
  /** The search ends when `failPerSec` ÷ `passPerSec` is no more than 1 + this. */
  resolution: z.number().positive(),
  /** For how long somebody else's snapshot was held in each probe; absent for not at all. */
  heldXmin: z.boolean(),
  probes: z.array(probeSchema),
  answer: z.strictObject({
    /**
     * `bracketed`: both ends are there. `no fail`: it held the highest rate that was tried. `no pass`: it held none. `unmeasurable`: above the pass
     * no probe could be measured. `interrupted`: the probes or the time were used up before.
     */
    state: z.enum(['bracketed', 'no fail', 'no pass', 'unmeasurable', 'interrupted']),
    /** Highest rate that passed, jobs/s. */
    passPerSec: ratio.optional(),
    /** Lowest rate that failed, jobs/s. */
    failPerSec: ratio.optional(),
    /** Whether a longer load said the same of that end. */
    passConfirmed: z.boolean(),
    failConfirmed: z.boolean(),
    /** What the lowest fail failed by. */
    limitedBy: z.array(z.string()),
    /** In one sentence. */
    text: z.string(),
  }),
});

/** One point of a grid, and its repeats. */
const sweepPointSchema = z.strictObject({
  /** By axis. */
  at: z.record(z.string(), z.union([z.number(), z.string()])),
  /** Ids of its cells; those that are not yet measured are not there. */
  cells: z.array(z.string()),
});

/** A contender over a grid. */
export const sweepSchema = z.strictObject({
  contender: z.string(),
  axes: z.array(
    z.strictObject({ name: z.string(), values: z.array(z.union([z.number(), z.string()])).min(1) }),
  ),
  repeats: z.int().min(1),
  /** `drain`: as fast as it goes. `open`: at a rate. */
  load: z.enum(['drain', 'open']),
  points: z.array(sweepPointSchema),
  /** The words from which an interrupted sweep goes on. */
  words: z.record(z.string(), z.unknown()),
});

/** What a model said, beside what was measured. */
export const predictionSchema = z.strictObject({
  /** `throughput`, `pickup p99`, `drain time`, …. */
  what: z.string(),
  /** Under which circumstances: `12 handlers`, `640 jobs/s`. */
  at: z.string(),
  unit: z.enum(['jobs/s', 'us', 's']),
  predicted: z.number(),
  measured: z.number(),
  /** predicted ÷ measured − 1. */
  error: z.number(),
  /** Within what the model counts as good: the size of the error, 0 … 1. */
  goodWithin: z.number().positive(),
  cells: z.array(z.string()),
});

/** Throughput as a law of the number of handlers at work: X(N) = λN ÷ (1 + σ(N − 1) + κN(N − 1)). */
export const scalingSchema = z.strictObject({
  contender: z.string(),
  /** All points, those held back included. */
  points: z.array(
    z.strictObject({
      handlers: z.int().min(1),
      perSec: ratio,
      cell: z.string(),
      /** Kept from the fit, to try it. */
      heldBack: z.boolean(),
      /** Not fitted: of three repeats the one that is more than a tenth off two that agree. */
      setAside: z.literal(true).optional(),
    }),
  ),
  /** Absent where there was none: `refused` says why. */
  fit: z
    .strictObject({
      /** Of one handler, jobs/s. */
      lambdaPerSec: ratio,
      sigma: ratio,
      kappa: ratio,
      /** Root mean square of law ÷ measured − 1, over the points that were fitted. */
      relativeError: ratio,
      /** Where the law has its maximum; absent where it has none, or beyond what may be said. An annotation: no limit. */
      peakHandlers: ratio.optional(),
      /** Nothing is said of more handlers than this: twice the most that were measured. */
      saidUpTo: z.int().min(1),
      /** Share of the law's throughput that is lost for each job per second that comes meanwhile; absent where no load told it. */
      lostPerArrival: ratio.optional(),
      /** The same with what may be chance: limits count with it. */
      mayLosePerArrival: ratio.optional(),
      /** Bootstrap, 95 %. */
      band: z.array(z.strictObject({ handlers: z.int().min(1), low: ratio, perSec: ratio, high: ratio })),
      /** `untried`: it fits its own points, and levels that were held back are lacking. */
      quality: z.enum(['good', 'poor', 'untried']),
    })
    .optional(),
  refused: z.string().optional(),
});

/** What limits the rate, and to what. */
const limitSchema = z.strictObject({
  by: z.enum(['slo', 'recovery', 'bloat']),
  /** Absent where nothing limits it, or nobody asked: `text` says which. */
  perSec: ratio.optional(),
  text: z.string(),
});

/** The question of a plan, every default filled in. */
export const planQuestionSchema = z.strictObject({
  /** Jobs per second on average. */
  ratePerSec: z.number().positive(),
  /** Peak ÷ average. */
  peakFactor: z.number().min(1),
  /** The rate in so many months; absent where it is not to grow. */
  later: z
    .strictObject({ ratePerSec: z.number().positive(), months: z.number().positive().max(600) })
    .optional(),
  /** Mean time of a handler, ms, and its distribution as a scenario has it. */
  jobMs: ratio,
  handler: z.record(z.string(), z.unknown()),
  payloadBytes: z.int().min(48),
  slo: z.array(sloSchema).min(1),
  /** For so long no worker works; the backlog is to be gone `recoverSeconds` after. */
  outage: z.strictObject({ seconds, recoverSeconds: z.number().positive() }).optional(),
  /** For so long a transaction of somebody else's may stay open. */
  bloatSeconds: z.number().positive().optional(),
  /** What the queue may take of max_connections. */
  connections: z.int().min(1).optional(),
  /** Transactions per second of somebody else's on the same server while it is measured. */
  otherLoadPerSec: z.number().positive().optional(),
  contender: z.string(),
});

/** The answer to a capacity question. Times in seconds, rates in jobs/s. */
export const planAnswerSchema = z.strictObject({
  /** Shown to be: false where it cannot be told as well. */
  possible: z.boolean(),
  /** The SLO was seen to hold in a longer load as well, at the rate that is its limit. */
  confirmed: z.boolean().default(false),
  /** The answer in a sentence or two, for who reads nothing else. */
  headline: z.string(),
  /** Why it cannot be told whether it can be had, though nothing says that it cannot; empty where it can be told. */
  undecided: z.array(z.string()).default([]),
  /** What could be had instead; empty where the wish can be had. */
  nearest: z.array(z.string()),
  /** Absent where nothing could be recommended. */
  recommended: z
    .strictObject({
      contender: z.string(),
      strategy: z.string(),
      wakeup: z.string(),
      batch: z.int().min(1),
      workers: z.int().min(1),
      /** Of each worker: those that claim. */
      sessions: z.int().min(1),
      /** Of each session. */
      concurrency: z.int().min(1),
      /** workers × sessions × concurrency. */
      handlers: z.int().min(1),
      /** All of them, producers' left out. */
      connections: z.int().min(1),
    })
    .optional(),
  /** Average × peak factor. */
  peakPerSec: ratio,
  /** Those that were asked for. */
  limits: z.array(limitSchema),
  /** The least of the limits; absent where none is known. */
  safePerSec: ratio.optional(),
  limitedBy: z.enum(['slo', 'recovery', 'bloat']).optional(),
  /** Safe ÷ peak − 1: negative where it is not enough. */
  headroom: z.number().optional(),
  /** No higher rate could be told to fail: the safe rate is the least that is safe. */
  openEnded: z.literal(true).optional(),
  /** Day on which the headroom is used up; absent without growth. */
  usedUpOn: z.iso.date().optional(),
  /** Of the peak rate, with the workers that are recommended. */
  drain: z
    .strictObject({
      outageSeconds: seconds,
      backlogJobs: count,
      /** λD ÷ (μ − λ); absent where the backlog would never be gone. */
      drainSeconds: seconds.optional(),
      recoverSeconds: seconds,
      /** μ: what the workers settle when there is always work. */
      capacityPerSec: ratio,
    })
    .optional(),
  /** At the average rate. Absent is what was not measured. */
  costs: z.strictObject({
    walBytesPerDay: ratio.optional(),
    walBytesPerJob: ratio.optional(),
    commitsPerSec: ratio.optional(),
    diskBytesOfBacklog: ratio.optional(),
    serverCpuSecondsPer1000Jobs: ratio.optional(),
    serverCores: ratio.optional(),
  }),
  /** What gives way first as the rate rises, and by what one would notice. */
  breaksFirst: z.string(),
  /** What the queue over k databases would carry, by the law of one. */
  partitions: z.array(
    z.strictObject({ databases: z.int().min(1), perSec: ratio, measuredPerSec: ratio.optional() }),
  ),
  assumptions: z.array(z.string()),
  risks: z.array(z.string()),
});

export const planSchema = z.strictObject({
  question: planQuestionSchema,
  answer: planAnswerSchema,
});

/** Why a cell of a capacity bundle was measured. */
export const CAPACITY_PURPOSES = [
  'closed',
  'held back',
  'probe',
  'catch-up',
  'outage',
  'bloat',
  'light',
  'check',
  'partition',
] as const;

/** Which cells were measured for what, and what was made of them. */
export const capacitySchema = z.strictObject({
  cells: z.array(
    z.strictObject({
      id: z.string(),
      purpose: z.enum(CAPACITY_PURPOSES),
      /** Handlers at work at once. */
      handlers: z.int().min(1).optional(),
    }),
  ),
  sweep: sweepSchema.optional(),
  search: searchSchema.optional(),
  scaling: scalingSchema.optional(),
  predictions: z.array(predictionSchema).optional(),
  plan: planSchema.optional(),
  /** The question is not that of the command that measured: it was asked of that bundle afterwards. */
  askedAfter: z.literal(true).optional(),
});

export type Slo = z.infer<typeof sloSchema>;
export type LatencySlo = Exclude<Slo, { of: 'deadTuples' }>;
export type ProbeOutcome = (typeof PROBE_OUTCOMES)[number];
export type Probe = z.infer<typeof probeSchema>;
export type Search = z.infer<typeof searchSchema>;
export type Sweep = z.infer<typeof sweepSchema>;
export type Scaling = z.infer<typeof scalingSchema>;
export type Prediction = z.infer<typeof predictionSchema>;
export type CapacityPlan = z.infer<typeof planSchema>;
export type PlanQuestion = z.infer<typeof planQuestionSchema>;
export type PlanAnswer = z.infer<typeof planAnswerSchema>;
export type Capacity = z.infer<typeof capacitySchema>;
export type CapacityPurpose = (typeof CAPACITY_PURPOSES)[number];
