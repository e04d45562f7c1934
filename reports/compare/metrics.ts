// Which figures of two contenders are set beside each other, and which way is better?

import type { Cell, Comparison, Percentiles } from '../../harness/result/result.ts';
import { isBound } from '../bounds.ts';

/** One figure that every valid cell of a kind of load may have. */
export type Metric = {
  /** Where it stands in a cell. */
  readonly key: string;
  readonly label: string;
  readonly family: Comparison['family'];
  readonly unit: string;
  readonly better: Comparison['better'];
  readonly read: (cell: Cell) => number | undefined;
  /** The samples behind it; of latencies alone. */
  readonly samples?: (cell: Cell) => Percentiles | undefined;
};

const throughput: Metric = {
  key: 'throughput.settledPerSec',
  label: 'Settled',
  family: 'performance',
  unit: 'jobs/s',
  better: 'higher',
  read: (cell) => cell.throughput?.settledPerSec,
};

type Latency = keyof NonNullable<Cell['latencyUs']>;
type Percentile = 'p50' | 'p95' | 'p99';

function latency(kind: Latency, which: Percentile): Metric {
  return {
    key: `latencyUs.${kind}.${which}`,
    label: `${kind[0]?.toUpperCase()}${kind.slice(1)} ${which}`,
    family: 'performance',
    unit: 'µs',
    better: 'lower',
    read: (cell) => cell.latencyUs?.[kind]?.[which],
    samples: (cell) => cell.latencyUs?.[kind],
  };
}

/** Whether a cell's figure is a lower bound: jobs that had not ended count with their age, and it is as high as the least. */
export function isLowerBound(metric: Metric, cell: Cell): boolean {
  const value = metric.read(cell);
  return value !== undefined && isBound(metric.samples?.(cell), value);
}

/** Whether jobs were left over in a cell to which jobs arrive; a drain's backlog is meant to outlast it. */
export function fellBehind(cell: Cell): boolean {
  if (isDrain(cell.window.loadModel)) return false;
  const left = Object.values(cell.latencyUs ?? {}).some((one) => (one?.unfinished ?? 0) > 0);
  return left || cell.jobs.inFlight > 0;
}

function cost(key: keyof NonNullable<Cell['cost']>, label: string, unit: string): Metric {
  return {
    key: `cost.${key}`,
    label,
    family: 'cost',
    unit,
    better: 'lower',
    read: (cell) => cell.cost?.[key],
  };
}

// Six a family at most: with five repeats on each side the smallest p that a permutation can have is 2/252, and six
// times that, after Holm, is still below 0.05. One metric more, and five repeats could never show anything.
const DRAIN: readonly Metric[] = [throughput, latency('service', 'p50'), latency('service', 'p99')];
const OPEN_LOOP: readonly Metric[] = [
  latency('pickup', 'p50'),
  latency('pickup', 'p95'),
  latency('pickup', 'p99'),
  latency('response', 'p50'),
  latency('response', 'p95'),
  latency('response', 'p99'),
];
const CLIENTS: readonly Metric[] = [throughput, ...OPEN_LOOP.slice(3)];
// Settled jobs/s say what an overloaded queue can carry; they take the place of the percentile that tells least besides.
const OVERLOADED: readonly Metric[] = [
  throughput,
  ...OPEN_LOOP.filter((metric) => metric.key !== 'latencyUs.pickup.p95'),
];
const COSTS: readonly Metric[] = [
  cost('walBytesPerJob', 'WAL', 'B/job'),
  cost('commitsPerJob', 'Commits', 'per job'),
  cost('roundTripsPerJob', 'Round trips', 'per job'),
  cost('buffersPerJob', 'Buffers', 'per job'),
  cost('deadTuplesPerJob', 'Dead tuples', 'per job'),
  cost('serverCpuUsPerJob', 'Server CPU', 'µs/job'),
];

/**
 * The metrics of a load model, as cells name it. In an open loop settled jobs/s only follow what was offered, and tell
 * nothing until a side falls `behind`; in a drain nothing arrives, so there is no pickup.
 */
export function metricsOf(loadModel: string, behind = false): readonly Metric[] {
  if (isDrain(loadModel)) return [...DRAIN, ...COSTS];
  if (!loadModel.includes('open loop')) return [...CLIENTS, ...COSTS];
  return [...(behind ? OVERLOADED : OPEN_LOOP), ...COSTS];
}

function isDrain(loadModel: string): boolean {
  return loadModel.startsWith('drain');
}
