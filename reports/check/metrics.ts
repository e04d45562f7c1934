// Which figures does a check judge, how hard, and from which change on?

import type { Cell, Check, Plan } from '../../harness/result/result.ts';
import type { GateMetric } from '../../stats/gate.ts';
import { wholeTablePlans } from '../plans.ts';

/** A figure of a cell, and how a check looks at it. */
export type CheckMetric = {
  /** Where it stands in a cell: what limits name it by. */
  readonly path: string;
  readonly label: string;
  readonly unit: string;
  readonly kind: GateMetric['kind'];
  readonly better: GateMetric['better'];
  /** As a share; absent: that of all soft metrics. */
  readonly limit?: number;
  /** In its unit. */
  readonly least?: number;
  readonly read: (cell: Cell, plans: readonly Plan[]) => number | undefined;
};

type CostName = keyof NonNullable<Cell['cost']>;

function cost(
  name: CostName,
  label: string,
  unit: string,
  more: Pick<CheckMetric, 'limit' | 'least'> & Partial<Pick<CheckMetric, 'kind' | 'better'>>,
): CheckMetric {
  return {
    ...{ path: `cost.${name}`, label, unit, kind: 'hard', better: 'lower' },
    ...more,
    read: (cell) => cell.cost?.[name],
  };
}

function latency(of: keyof NonNullable<Cell['latencyUs']>, which: 'p50' | 'p90', label: string): CheckMetric {
  return {
    ...{
      path: `latencyUs.${of}.${which}`,
      label: `${label} ${which}`,
      unit: 'µs',
      kind: 'soft',
      better: 'lower',
    },
    read: (cell) => cell.latencyUs?.[of]?.[which],
  };
}

/** What the server and the client did for a job: counted, not timed. */
const COUNTS: readonly CheckMetric[] = [
  cost('walBytesPerJob', 'WAL', 'B/job', { limit: 0.05, least: 4 }),
  cost('commitsPerJob', 'Commits', 'per job', { limit: 0.1, least: 0.002 }),
  cost('roundTripsPerJob', 'Round trips', 'per job', { limit: 0.1, least: 0.002 }),
  cost('statementsPerJob', 'Statements', 'per job', { limit: 0.1, least: 0.002 }),
  cost('plansPerJob', 'Plans made', 'per job', { limit: 0.1, least: 0.01 }),
  cost('functionCallsPerJob', 'Function calls', 'per job', { limit: 0.1, least: 0.01 }),
  cost('buffersPerJob', 'Buffers', 'per job', { limit: 0.1, least: 0.05 }),
  cost('rowsReadPerJob', 'Rows read', 'per job', { limit: 0.1, least: 0.05 }),
  cost('deadTuplesPerJob', 'Dead tuples', 'per job', { limit: 0.1, least: 0.01 }),
  cost('hotUpdateRatio', 'HOT updates', 'share', { limit: 0.1, least: 0.05, better: 'higher' }),
];

/** One more is what matters, whatever its cost was with these many jobs: it grows with the backlog. */
const PLANS: CheckMetric = {
  ...{
    path: 'plans.wholeTable',
    label: 'Whole tables read or sorted',
    unit: 'statements',
    kind: 'hard',
    better: 'lower',
  },
  ...{ limit: 0.1, least: 0.5 },
  read: (_cell, plans) => (plans.length === 0 ? undefined : wholeTablePlans(plans).size),
};

/** CPU time depends on the machine, and within one run less than any wall-clock time. */
const CPU: readonly CheckMetric[] = [
  cost('clientCpuUsPerJob', 'Client CPU', 'µs/job', { limit: 0.05, kind: 'soft' }),
  cost('serverCpuUsPerJob', 'Server CPU', 'µs/job', { kind: 'soft' }),
];

const THROUGHPUT: CheckMetric = {
  ...{ path: 'throughput.settledPerSec', label: 'Settled', unit: 'jobs/s', kind: 'soft', better: 'higher' },
  read: (cell) => cell.throughput?.settledPerSec,
};

const LATENCIES: readonly CheckMetric[] = [
  latency('enqueue', 'p50', 'Enqueue'),
  latency('pickup', 'p50', 'Pickup'),
  latency('pickup', 'p90', 'Pickup'),
  latency('response', 'p90', 'Response'),
];

/** Every metric that a limit may name. */
export const CHECK_METRICS: readonly CheckMetric[] = [...COUNTS, PLANS, ...CPU, THROUGHPUT, ...LATENCIES];

/**
 * Those of a load, as cells name it, in the order of tables. Jobs per second only follow what arrives in an open loop, and a
 * job of a drained backlog was picked up when its turn came.
 */
export function checkMetricsOf(loadModel: string): readonly CheckMetric[] {
  if (loadModel.startsWith('drain')) return [...COUNTS, PLANS, ...CPU, THROUGHPUT];
  if (loadModel.includes('open loop')) return [...COUNTS, PLANS, ...CPU, ...LATENCIES];
  return [...COUNTS, PLANS, ...CPU, THROUGHPUT, ...LATENCIES.filter(({ path }) => !path.includes('pickup'))];
}

/** The limit of a metric, as a share; undefined where it is not to be judged. */
export function limitOf(
  metric: CheckMetric,
  { limits, minEffect }: Pick<Check, 'limits' | 'minEffect'>,
): number | undefined {
  const own = limits[metric.path];
  if (own === 'off') return undefined;
  return own ?? metric.limit ?? minEffect;
}
