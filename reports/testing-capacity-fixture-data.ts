// Which points, probes and answers do the synthetic bundles of capacity have?

import type {
  CapacityPlan,
  LatencySlo,
  Prediction,
  Probe,
  Scaling,
  Search,
} from '../harness/result/result.ts';

const LAMBDA = 62;
const SIGMA = 0.021;
const KAPPA = 0.00045;

/** The law that the points follow, jobs/s. */
export function law(handlers: number): number {
  return (LAMBDA * handlers) / (1 + SIGMA * (handlers - 1) + KAPPA * handlers * (handlers - 1));
}

export const SCALING_POINTS: readonly Omit<Scaling['points'][number], 'cell'>[] = [
  1, 2, 4, 6, 8, 12, 16, 20, 24, 32,
].map((handlers) => ({
  handlers,
  perSec: law(handlers) * (1 + 0.03 * Math.sin(handlers)),
  heldBack: handlers === 6 || handlers === 20,
}));

export const FIT: NonNullable<Scaling['fit']> = {
  lambdaPerSec: LAMBDA,
  sigma: SIGMA,
  kappa: KAPPA,
  relativeError: 0.021,
  peakHandlers: Math.sqrt((1 - SIGMA) / KAPPA),
  saidUpTo: 64,
  band: Array.from({ length: 70 }, (_, i) => ({
    handlers: i + 1,
    low: law(i + 1) * (1 - 0.02 - i / 300),
    perSec: law(i + 1),
    high: law(i + 1) * (1 + 0.02 + i / 300),
  })),
  quality: 'good',
};

export const SLO: LatencySlo = {
  of: 'pickup',
  percentile: 99,
  limitUs: 250_000,
  text: 'pickup.p99 < 250 ms',
};

type ProbeFacts = Omit<Probe, 'cell'>;

const probe = (
  ratePerSec: number,
  outcome: Probe['outcome'],
  ms: number | undefined,
  rest: Partial<ProbeFacts> = {},
): ProbeFacts => ({
  purpose: 'bracket',
  ratePerSec,
  seconds: 15,
  outcome,
  why: outcome === 'fail' ? ['pickup p99 above 250 ms in 4 of 5 sub-windows'] : [],
  ...(outcome === 'void'
    ? {}
    : {
        achievedShare: outcome === 'fail' ? 0.93 : 0.999,
        backlogPerSec: outcome === 'fail' ? { low: 21, high: 64 } : { low: -1.2, high: 1.6 },
        beyondShares: [[0.002, outcome === 'fail' ? 0.21 : 0.004]],
      }),
  ...(ms === undefined ? {} : { percentileUs: ms * 1e3 }),
  ...rest,
});

export const PROBES: readonly ProbeFacts[] = [
  probe(200, 'pass', 6),
  probe(400, 'pass', 9),
  probe(800, 'pass', 31),
  probe(1600, 'fail', 4_100),
  probe(3200, 'void', undefined, { why: ['the generator came 40 ms late'] }),
  probe(1130, 'fail', 900, { purpose: 'bisect' }),
  probe(950, 'pass', 120, { purpose: 'bisect' }),
  probe(1036, 'unclear', 240, {
    purpose: 'bisect',
    why: ['the slope of the backlog may be above 1 % of the rate, or below'],
  }),
  probe(1036, 'fail', 410, { purpose: 'repeat' }),
  probe(950, 'pass', 140, { purpose: 'confirm', seconds: 45 }),
  probe(1036, 'fail', undefined, { purpose: 'confirm', seconds: 45 }),
];

export const SEARCH_ANSWER: Search['answer'] = {
  state: 'bracketed',
  passPerSec: 950,
  failPerSec: 1036,
  passConfirmed: true,
  failConfirmed: true,
  limitedBy: ['pickup p99 above 250 ms'],
  text: 'skip-locked sustains at least 950 jobs/s with pickup.p99 < 250 ms, and less than 1 036.',
};

export const PREDICTIONS: readonly Prediction[] = [
  {
    what: 'throughput',
    at: '6 handlers',
    unit: 'jobs/s',
    predicted: law(6),
    measured: law(6) * 0.97,
    error: 1 / 0.97 - 1,
    goodWithin: 0.1,
    cells: ['closed-6'],
  },
  {
    what: 'throughput',
    at: '20 handlers',
    unit: 'jobs/s',
    predicted: law(20),
    measured: law(20) * 1.02,
    error: 1 / 1.02 - 1,
    goodWithin: 0.1,
    cells: ['closed-20'],
  },
  {
    what: 'pickup p99',
    at: '800 jobs/s',
    unit: 'us',
    predicted: 44_000,
    measured: 31_000,
    error: 44 / 31 - 1,
    goodWithin: 0.3,
    cells: ['probe-2'],
  },
  {
    what: 'drain time',
    at: '8 s outage at 600 jobs/s',
    unit: 's',
    predicted: 7.1,
    measured: 7.6,
    error: 7.1 / 7.6 - 1,
    goodWithin: 0.2,
    cells: ['outage'],
  },
];

const question: CapacityPlan['question'] = {
  ratePerSec: 400,
  peakFactor: 1.8,
  later: { ratePerSec: 620, months: 18 },
  jobMs: 40,
  handler: { kind: 'lognormal', meanMs: 40 },
  payloadBytes: 400,
  slo: [SLO],
  outage: { seconds: 600, recoverSeconds: 1_800 },
  bloatSeconds: 900,
  connections: 60,
  contender: 'skip-locked',
};

const possible: CapacityPlan['answer'] = {
  possible: true,
  confirmed: true,
  headline:
    'Yes: run 4 workers with 8 handlers each. They carry the peak of 720 jobs/s with 21 % to spare; the outage of 10 min is worked off in 26 min.',
  undecided: [],
  nearest: [],
  recommended: {
    contender: 'skip-locked',
    strategy: 'skip-locked',
    wakeup: 'notify',
    batch: 10,
    workers: 4,
    sessions: 2,
    concurrency: 4,
    handlers: 32,
    connections: 12,
  },
  peakPerSec: 720,
  limits: [
    { by: 'slo', perSec: 950, text: 'pickup.p99 < 250 ms held at 950 jobs/s and failed at 1 036' },
    { by: 'recovery', perSec: 871, text: 'above this the backlog of 10 min would last longer than 30 min' },
    { by: 'bloat', perSec: 900, text: 'held with a snapshot open for 15 min' },
  ],
  safePerSec: 871,
  limitedBy: 'recovery',
  headroom: 871 / 720 - 1,
  usedUpOn: '2027-08-02',
  drain: {
    outageSeconds: 600,
    backlogJobs: 432_000,
    drainSeconds: 1_560,
    recoverSeconds: 1_800,
    capacityPerSec: 997,
  },
  costs: {
    walBytesPerDay: 40_800_000_000,
    walBytesPerJob: 1_180,
    commitsPerSec: 460,
    diskBytesOfBacklog: 310_000_000,
    serverCpuSecondsPer1000Jobs: 0.41,
  },
  breaksFirst:
    'Beyond 871 jobs/s an outage of 10 min is no longer worked off in time: it shows as a backlog that falls too slowly.',
  partitions: [
    { databases: 1, perSec: 871 },
    { databases: 2, perSec: 1_742, measuredPerSec: 1_611 },
    { databases: 4, perSec: 3_484 },
  ],
  assumptions: [
    'Arrivals are independent of each other (Poisson).',
    'The server of production is as fast as the one that was measured.',
  ],
  risks: ['A transaction open for longer than 15 min slows claims further: watch the oldest snapshot.'],
};

export const PLAN: Readonly<Record<'possible' | 'impossible', CapacityPlan>> = {
  possible: { question, answer: possible },
  impossible: {
    question: { ...question, ratePerSec: 4_000 },
    answer: {
      possible: false,
      confirmed: false,
      headline: 'Not as asked: no number of workers carried the peak of 7 200 jobs/s on this server.',
      undecided: [],
      nearest: ['871 jobs/s with the same SLO', '1 036 jobs/s with pickup.p99 < 900 ms'],
      peakPerSec: 7_200,
      limits: [
        { by: 'slo', perSec: 950, text: 'pickup.p99 < 250 ms held at 950 jobs/s and failed at 1 036' },
        { by: 'recovery', text: 'no rate that was asked leaves room to work off a backlog' },
      ],
      safePerSec: 950,
      limitedBy: 'slo',
      headroom: 950 / 7_200 - 1,
      costs: {},
      breaksFirst: 'Beyond 950 jobs/s jobs wait for a free handler: it shows as pickup p99 that rises.',
      partitions: [{ databases: 8, perSec: 7_600 }],
      assumptions: [],
      risks: [],
    },
  },
};

type Axis = { readonly name: string; readonly values: readonly (number | string)[] };

export const SWEEP_AXES: Readonly<Record<'sweep' | 'cube' | 'line' | 'waits', readonly Axis[]>> = {
  sweep: [
    { name: 'workers', values: [1, 2, 4, 8, 16] },
    { name: 'batch', values: [1, 10, 100] },
  ],
  cube: [
    { name: 'workers', values: [1, 4, 16] },
    { name: 'batch', values: [1, 100] },
    { name: 'shared_buffers', values: ['128MB', '1GB', '4GB'] },
  ],
  line: [{ name: 'workers', values: [1, 2, 4, 8, 16, 32] }],
  waits: [
    { name: 'workers', values: [1, 2, 4] },
    { name: 'payload', values: [100, 1_000] },
  ],
};
