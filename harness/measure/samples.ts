// Where does each latency of a cell go? Into the histogram of its metric, and into the log of its second.

import type { Cell } from '../result/result.ts';
import { LatencyHistogram } from './histogram.ts';

const METRICS = ['enqueue', 'pickup', 'service', 'response', 'generatorLag'] as const;
type Metric = (typeof METRICS)[number];

/** The latencies of one cell. */
export class Samples {
  readonly #endUs: number;
  readonly #log: IntervalLog;
  readonly #total = new Map<Metric, LatencyHistogram>(METRICS.map((m) => [m, new LatencyHistogram()]));

  /** `endUs` is when the cell was over, of whose samples the first second begins at `startUs`. */
  constructor(startUs: number, endUs: number) {
    this.#endUs = endUs;
    this.#log = new IntervalLog(startUs);
  }

  /** One that was over at `atUs`. */
  record(metric: Metric, valueUs: number, atUs: number): void {
    this.#total.get(metric)?.record(valueUs);
    this.#log.add(metric, valueUs, atUs);
  }

  /** One that began at `fromUs` and had not ended when the cell did: its age, which it exceeds. */
  recordAge(metric: Metric, fromUs: number): void {
    const ageUs = this.#endUs - fromUs;
    this.#total.get(metric)?.recordUnfinished(ageUs);
    this.#log.add(metric, ageUs, this.#endUs);
  }

  /** How many were below zero. */
  get negative(): number {
    return [...this.#total.values()].reduce((sum, h) => sum + h.negative, 0);
  }

  /** Of however few samples, for the audit's limits only; 0 without any. */
  unquotable(metric: Metric, percent: number): number {
    return this.#total.get(metric)?.unquotable(percent) ?? 0;
  }

  latencies(): NonNullable<Cell['latencyUs']> {
    const found = METRICS.flatMap((metric) => {
      const percentiles = this.#total.get(metric)?.percentiles();
      return percentiles === undefined ? [] : [[metric, percentiles] as const];
    });
    return Object.fromEntries(found);
  }

  /** Lines of the interval log, without its head. */
  lines(): string[] {
    return this.#log.lines();
  }
}

/**
 * Histograms of one second each, per metric. The values are kept until the lines are made, one histogram at a time: at
 * more than 100 kB each, those of a long run would not fit in memory together.
 */
class IntervalLog {
  readonly #startUs: number;
  readonly #intervals = new Map<Metric, Map<number, number[]>>();

  constructor(startUs: number) {
    this.#startUs = startUs;
  }

  add(metric: Metric, valueUs: number, atUs: number): void {
    const second = Math.max(0, Math.floor((atUs - this.#startUs) / 1e6));
    let seconds = this.#intervals.get(metric);
    if (seconds === undefined) {
      seconds = new Map();
      this.#intervals.set(metric, seconds);
    }
    const values = seconds.get(second);
    if (values === undefined) seconds.set(second, [valueUs]);
    else values.push(valueUs);
  }

  lines(): string[] {
    const histogram = new LatencyHistogram();
    return METRICS.flatMap((metric) =>
      [...(this.#intervals.get(metric) ?? [])]
        .sort(([x], [y]) => x - y)
        .map(([second, values]) => {
          histogram.reset();
          for (const value of values) histogram.record(value);
          return histogram.logLine(metric, second, 1);
        }),
    );
  }
}

/** The head of an interval log whose values are microseconds. */
export const LOG_HEAD =
  '#[Histogram log format version 1.3]\n"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n';
