// How is a snapshot written for a scraper? In the text format of Prometheus or in OpenMetrics.

import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import { BOUNDS_SECONDS, type Buckets, LATENCIES } from './buckets.ts';
import type { PairReading, Snapshot } from './live-metrics.ts';
import { METRICS, type MetricInfo } from './names.ts';

export type Format = 'prometheus' | 'openmetrics';

/** The value of `Content-Type`. */
export function contentTypeOf(format: Format): string {
  return format === 'openmetrics' ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
}

/**
 * The snapshot as text. Its registry is made anew each time: one that is asked for both formats in turn would lose the
 * `_total` of its counters.
 */
export async function expose(snapshot: Snapshot, format: Format, version: string): Promise<string> {
  const registry = registryOf(format);
  const options = (info: MetricInfo) => ({
    name: info.name,
    help: info.help,
    labelNames: [...info.labels],
    registers: [registry],
  });
  for (const step of ['offered', 'enqueued', 'claimed', 'settled'] as const) {
    const counter = new Counter(options(METRICS[step]));
    for (const pair of snapshot.pairs) counter.inc(labelsOf(pair), pair.jobs[step]);
  }
  const backlog = new Gauge(options(METRICS.backlog));
  for (const latency of LATENCIES) {
    const histogram = new CountedHistogram(options(METRICS[latency]));
    for (const pair of snapshot.pairs) histogram.set(labelsOf(pair), pair.latencies[latency]);
  }
  const findings = new Counter(options(METRICS.findings));
  const cells = new Counter(options(METRICS.cells));
  for (const pair of snapshot.pairs) {
    for (const [kind, count] of pair.findings)
      findings.inc({ ...labelsOf(pair), kind: snakeCase(kind) }, count);
    for (const [verdict, count] of pair.cells) cells.inc({ ...labelsOf(pair), verdict }, count);
  }
  const cell = new Gauge(options(METRICS.cell));
  if (snapshot.current !== undefined) {
    const { plan, stage, backlog: jobs } = snapshot.current;
    const labels = { scenario: plan.scenario.name, contender: plan.contender.name };
    cell.set({ ...labels, repeat: String(plan.repeat), stage }, 1);
    if (jobs !== undefined) backlog.set(labels, jobs);
  }
  new Gauge(options(METRICS.build)).set({ version, node: process.versions.node }, 1);
  return await registry.metrics();
}

function registryOf(format: Format): Registry | Registry<OpenMetricsContentType> {
  if (format === 'prometheus') return new Registry();
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

type PairLabels = Readonly<Record<'scenario' | 'contender', string>>;

function labelsOf({ scenario, contender }: PairReading): PairLabels {
  return { scenario, contender };
}

/** As labels are written: `duplicateClaims` → `duplicate_claims`. */
function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

interface Line {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sharedLabels: PairLabels;
  readonly value: number;
}

/** A histogram whose buckets were counted elsewhere; the library's own is filled one value at a time. */
class CountedHistogram extends Histogram<string> {
  readonly #info: { readonly name: string; readonly help: string };
  readonly #lines: Line[] = [];

  constructor(options: ConstructorParameters<typeof Histogram<string>>[0]) {
    super(options);
    this.#info = { name: options.name, help: options.help };
  }

  /** None is written of a pair without a single sample: in a drain there is no pickup. */
  set(sharedLabels: PairLabels, { counts, sumUs }: Buckets): void {
    const { name } = this.#info;
    let count = 0;
    const buckets = counts.map((inside, i): Line => {
      count += inside;
      return { metricName: `${name}_bucket`, labels: { le: le(i) }, sharedLabels, value: count };
    });
    if (count === 0) return;
    this.#lines.push(
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sumUs / 1e6 },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
    );
  }

  /** What the registry asks for when it writes. */
  async getForPromString() {
    return { ...this.#info, type: 'histogram', values: this.#lines };
  }
}

/** OpenMetrics wants a bound to look like a number with a fraction: `1.0`. */
function le(bucket: number): string {
  const bound = BOUNDS_SECONDS[bucket];
  if (bound === undefined) return '+Inf';
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}
