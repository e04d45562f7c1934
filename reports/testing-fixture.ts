// What would a run have left? Synthetic bundles for the tests of the reports: seeded, and like real ones in shape.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type Histogram, HistogramLogWriter } from 'hdr-histogram-js';
import {
  BUNDLE,
  type Cell,
  METHOD_VERSION,
  type Percentiles,
  type RunResult,
  resultSchema,
  type Sample,
  SCHEMA_VERSION,
} from '../harness/result/result.ts';
import { cellOf } from './testing-fixture-cell.ts';
import { type Contender, definitionOf, type Scenario, STANDARD } from './testing-fixture-data.ts';
import { throughFaults } from './testing-fixture-recovery.ts';

export type FixtureOptions = {
  readonly contenders?: readonly Contender[];
  readonly scenarios?: readonly Scenario[];
  readonly repeats?: number;
  readonly durable?: boolean;
  readonly complete?: boolean;
  readonly sharedMachine?: boolean;
  /** Last word on a cell before it is written: spoil it. */
  readonly amend?: (cell: Cell) => Cell;
  readonly amendResult?: (result: RunResult) => RunResult;
};

/** Writes a bundle into `dir`, which is created. The same options give the same bytes. */
export async function writeFixture(dir: string, options: FixtureOptions = {}): Promise<RunResult> {
  const random = generator(20_260_831);
  const contenders = options.contenders ?? STANDARD.contenders;
  const scenarios = options.scenarios ?? STANDARD.scenarios;
  await mkdir(path.join(dir, BUNDLE.histograms), { recursive: true });
  const cells: Cell[] = [];
  const lines: string[] = [];
  let order = 0;
  for (let repeat = 0; repeat < (options.repeats ?? 3); repeat += 1) {
    for (const scenario of scenarios) {
      for (const contender of contenders.toSorted(() => random() - 0.5)) {
        const made = makeCell(scenario, contender, repeat, order, random);
        order += 1;
        const cell = options.amend?.(made.cell) ?? made.cell;
        cells.push(cell);
        lines.push(...made.samples.map((sample) => JSON.stringify(sample)));
        await writeFile(path.join(dir, BUNDLE.histograms, `${cell.id}.hlog`), made.log);
      }
    }
  }
  const result = resultSchema.parse(resultOf(cells, scenarios, contenders, options));
  const amended = options.amendResult?.(result) ?? result;
  await writeFile(path.join(dir, BUNDLE.result), `${JSON.stringify(amended, null, 2)}\n`);
  await writeFile(path.join(dir, BUNDLE.samples), lines.map((line) => `${line}\n`).join(''));
  return amended;
}

/** Mulberry32: a small generator with a seed, uniform in [0, 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type MadeCell = { cell: Cell; samples: Sample[]; log: string };

function makeCell(
  scenario: Scenario,
  contender: Contender,
  repeat: number,
  order: number,
  random: () => number,
): MadeCell {
  const id = `c${String(order).padStart(3, '0')}`;
  const luck = 0.96 + random() * 0.08;
  const rate = Math.min(contender.capacityPerSec * luck, scenario.offeredPerSec ?? Number.POSITIVE_INFINITY);
  const metrics = { pickup: [] as Histogram[], response: [] as Histogram[] };
  const samples: Sample[] = [];
  const extremes = { pickup: [Infinity, -Infinity, 0], response: [Infinity, -Infinity, 0] };
  let backlog = scenario.preload;
  let settledTotal = 0;
  for (let t = 1; t <= scenario.seconds; t += 1) {
    const down = scenario.outage !== undefined && t > scenario.outage[0] && t <= scenario.outage[1];
    const arrived = Math.round((scenario.offeredPerSec ?? 0) * (0.95 + random() * 0.1));
    const capacity = down ? 0 : contender.capacityPerSec * luck * (0.96 + random() * 0.08);
    const settled = Math.round(Math.min(backlog + arrived, capacity));
    const waitUs =
      (scenario.offeredPerSec === undefined ? (t - 0.5) * 1e6 : (backlog / Math.max(capacity, 500)) * 1e6) +
      contender.latencyUs;
    backlog += arrived - settled;
    settledTotal += settled;
    const interval = { pickup: histogram(), response: histogram() };
    for (let i = 0; i < settled; i += 1) {
      // A log-normal wait with a Pareto tail: what queues really show.
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      const tail = scenario.offeredPerSec === undefined ? 1 : Math.min(60, (1 - random()) ** -0.28);
      const pickup = waitUs * Math.exp(0.3 * normal) * tail;
      const response = pickup + 900 * Math.exp(0.4 * normal);
      for (const [metric, value] of [
        ['pickup', pickup],
        ['response', response],
      ] as const) {
        const us = Math.round(value);
        interval[metric].recordValue(us);
        const e = extremes[metric];
        extremes[metric] = [Math.min(e[0] ?? us, us), Math.max(e[1] ?? us, us), (e[2] ?? 0) + us];
      }
    }
    const measured = t > scenario.warmupSeconds;
    metrics.pickup.push(measured ? interval.pickup : histogram());
    metrics.response.push(measured ? interval.response : histogram());
    samples.push(
      loadSample(id, t, { arrived, settled, backlog }, interval),
      serverSample(id, t, contender, settledTotal, down, random),
      ...(scenario.bystanderPerSec === undefined
        ? []
        : [bystanderSample(id, t, scenario.bystanderPerSec, down)]),
    );
  }
  const latencyUs = {
    pickup: percentiles(metrics.pickup, extremes.pickup),
    response: percentiles(metrics.response, extremes.response),
  };
  const cell = cellOf(
    scenario,
    contender,
    { id, repeat, order, rate, settledTotal, backlog, latencyUs },
    random,
  );
  return { cell: { ...cell, ...throughFaults(scenario, samples) }, samples, log: logOf(metrics) };
}

function histogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 86_400e6,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  });
}

function loadSample(
  cell: string,
  t: number,
  { arrived, settled, backlog }: { arrived: number; settled: number; backlog: number },
  { pickup, response }: { pickup: Histogram; response: Histogram },
): Sample {
  const at = (h: Histogram, p: number) =>
    h.totalCount * (1 - p / 100) < 100 ? undefined : h.getValueAtPercentile(p);
  const entries = {
    pickupP50Us: at(pickup, 50),
    pickupP99Us: at(pickup, 99),
    responseP99Us: at(response, 99),
  };
  const quotable = Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
  const max = response.totalCount === 0 ? {} : { responseMaxUs: response.maxValue };
  return {
    kind: 'load',
    cell,
    t,
    seconds: 1,
    enqueued: arrived,
    claimed: settled,
    settled,
    backlog,
    ...quotable,
    ...max,
  };
}

function serverSample(
  cell: string,
  t: number,
  contender: Contender,
  settled: number,
  down: boolean,
  random: () => number,
): Sample {
  const vacuumed = Math.floor(t / 12) * 12;
  const dead = Math.round(contender.deadPerJob * settled * Math.max(0.04, (t - vacuumed) / Math.max(t, 1)));
  const waits: Record<string, number> = down
    ? { 'Client:ClientRead': 16 }
    : {
        CPU: Math.round(contender.busy * (0.7 + random() * 0.6)),
        'LWLock:WALWrite': Math.round(4 * random() + contender.commits * 2),
        'IO:WALSync': Math.round(2 * random() + contender.commits),
        'Client:ClientRead': Math.round(3 + random() * 3),
        ...(contender.class === 'job-queue' ? { 'Lock:transactionid': Math.round(random() * 2) } : {}),
        ...(random() < 0.1 ? { 'LWLock:BufferContent': 1, 'IO:DataFileExtend': 1 } : {}),
      };
  return {
    kind: 'server',
    cell,
    t,
    walBytes: settled * contender.walBytes,
    commits: settled,
    deadTuples: dead,
    waits,
  };
}

function bystanderSample(cell: string, t: number, count: number, down: boolean): Sample {
  const us = (down ? 9_000 : 900) * (1 + (t % 5) / 10);
  const quotable = { ...(count >= 200 ? { p50Us: us } : {}), ...(count >= 10_000 ? { p99Us: us * 3 } : {}) };
  return { kind: 'bystander', cell, t, seconds: 1, count, failed: 0, ...quotable, maxUs: us * 8 };
}

function percentiles(
  intervals: readonly Histogram[],
  [min = 0, max = 0, sum = 0]: readonly number[],
): Percentiles | undefined {
  const all = histogram();
  for (const one of intervals) all.add(one);
  if (all.totalCount === 0) return undefined;
  const at = (p: number) => (all.totalCount * (1 - p / 100) < 100 ? undefined : all.getValueAtPercentile(p));
  const quoted = { p50: at(50), p90: at(90), p95: at(95), p99: at(99), p999: at(99.9) };
  const present = Object.fromEntries(Object.entries(quoted).filter(([, value]) => value !== undefined));
  return { count: all.totalCount, min, mean: sum / all.totalCount, ...present, max };
}

function logOf(metrics: Readonly<Record<string, readonly Histogram[]>>): string {
  const parts: string[] = [];
  const writer = new HistogramLogWriter((text) => parts.push(text));
  writer.outputLogFormatVersion();
  writer.outputLegend();
  for (const [metric, intervals] of Object.entries(metrics)) {
    for (const [second, one] of intervals.entries()) {
      if (one.totalCount === 0) continue;
      one.tag = metric;
      writer.outputIntervalHistogram(one, second, second + 1, 1000);
    }
  }
  return parts.join('');
}

function resultOf(
  cells: readonly Cell[],
  scenarios: readonly Scenario[],
  contenders: readonly Contender[],
  { durable = true, complete = true, sharedMachine = true }: FixtureOptions,
): RunResult {
  return {
    schemaVersion: SCHEMA_VERSION,
    methodVersion: METHOD_VERSION,
    runId: '2026-08-31-14-05-fixture',
    seed: 42,
    startedAt: '2026-08-31T14:05:00.000Z',
    finishedAt: '2026-08-31T14:31:12.000Z',
    command: [
      'run',
      ...contenders.flatMap((one) => ['--contender', one.name]),
      '--repeats',
      '3',
      '--seed',
      '42',
    ],
    complete,
    environment: {
      ...STANDARD.environment,
      server: {
        ...STANDARD.environment.server,
        durable,
        settings: { ...STANDARD.environment.server.settings, fsync: durable ? 'on' : 'off' },
      },
      sharedMachine,
    },
    contenders: contenders.map((one) => one.name),
    scenarios: scenarios.map((one) => {
      const { name, question, loadModel } = one;
      return { name, question, loadModel, definition: definitionOf(one) };
    }),
    cells: [...cells],
    comparisons: [],
  };
}
