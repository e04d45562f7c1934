// How does a run unfold? Throughput, backlog, latency, dead tuples and waits above each other, one strip per contender.

import type { TopLevelSpec } from 'vega-lite';
import { formatCount, formatDuration, formatNumber, formatSeconds } from '../render/format.ts';
import { type Bucket, CPU, OTHER, type Reading, type Strip, type Timeline } from '../timeline.ts';
import { baseSpec, type Chart, decades, type LegendEntry, MS_LABEL, niceCeiling, SI_LABEL } from './chart.ts';
import { CPU_COLOUR, estimateTextWidth, INK, OTHER_WAIT_COLOUR, WAIT_COLOURS } from './theme.ts';

const WIDTH = 340;
const HEIGHT = 62;

/** One chart per contender, all with the same axes. */
export function timelineCharts(panelId: string, timeline: Timeline, subtitle: string): Chart[] {
  const scales = scalesOf(timeline);
  return timeline.strips.map((strip, i) => {
    const { series } = strip.row;
    const data = dataOf(strip, timeline);
    return {
      id: `${panelId}-timeline-${i + 1}`,
      kind: 'timeline',
      panel: panelId,
      title: series.label,
      subtitle: `repeat ${strip.cell.repeat}, the median of ${strip.row.measured.length} by settled/s · ${subtitle}`,
      description: describe(strip),
      legend: waitLegend(timeline),
      spec: {
        ...baseSpec(data),
        spacing: 16,
        vconcat: views(strip, timeline, scales),
      } as TopLevelSpec,
      hover: strip.buckets.map((bucket) => hoverOf(bucket, strip, timeline)),
      only: series,
      fluid: true,
    };
  });
}

/** Legend of the stacked waits, which the strips of a panel share. */
export function waitLegend(timeline: Timeline): LegendEntry[] {
  return timeline.events.map((event, i) => ({
    label: event === CPU ? 'CPU (waits for nothing)' : event,
    colour: { ...waitColour(event, timeline, i) },
    mark: { kind: 'area' },
  }));
}

function waitColour(event: string, timeline: Timeline, index: number) {
  if (event === CPU) return CPU_COLOUR;
  if (event === OTHER) return OTHER_WAIT_COLOUR;
  return WAIT_COLOURS[index - (timeline.events[0] === CPU ? 1 : 0)] ?? OTHER_WAIT_COLOUR;
}

function describe({ row, cell, buckets }: Strip): string {
  const peak = Math.max(...buckets.map((bucket) => bucket.backlog));
  const phases = cell.window.phases.map(
    (p) => `${p.label} ${formatNumber(p.fromSeconds)}–${formatNumber(p.toSeconds)} s`,
  );
  const faults = cell.window.faults.map((fault) => `${fault.label} at ${formatNumber(fault.atSeconds)} s`);
  return [
    `${row.series.label}, repeat ${cell.repeat}, over ${formatSeconds(cell.window.totalSeconds)}`,
    `largest backlog ${formatCount(peak)}`,
    ...(phases.length > 0 ? [`phases: ${phases.join(', ')}`] : []),
    ...(faults.length > 0 ? [`faults: ${faults.join(', ')}`] : []),
  ].join('; ');
}

type Scales = {
  rate: number;
  backlog: number;
  latency: number[];
  dead: number | undefined;
  waits: number | undefined;
};

function scalesOf({ strips }: Timeline): Scales {
  const buckets = strips.flatMap((strip) => strip.buckets);
  const readings = strips.flatMap((strip) => strip.readings);
  const latencies = buckets
    .flatMap((b) => [b.pickupP50Us ?? [], b.pickupP99Us ?? [], b.responseMaxUs ?? []].flat())
    .map(toMs);
  const dead = readings.flatMap((reading) => reading.deadTuples ?? []);
  const waits = readings.map((reading) => reading.waits.reduce((sum, backends) => sum + backends, 0));
  return {
    rate: niceCeiling(Math.max(...buckets.flatMap((b) => [b.settledPerSec, b.enqueuedPerSec]))),
    backlog: niceCeiling(Math.max(...buckets.map((b) => b.backlog))),
    latency: latencies.length === 0 ? [] : decades(Math.min(...latencies), Math.max(...latencies)),
    dead: dead.length === 0 ? undefined : niceCeiling(Math.max(...dead)),
    waits: Math.max(0, ...waits) === 0 ? undefined : niceCeiling(Math.max(...waits)),
  };
}

const toMs = (us: number): number => Math.max(us, 1) / 1000;
const round = (value: number): number => Number(value.toPrecision(5));

function dataOf({ cell, buckets, readings }: Strip, timeline: Timeline) {
  const middle = (bucket: Bucket): number => round((bucket.from + bucket.to) / 2);
  const latency = (read: (bucket: Bucket) => number | undefined) =>
    buckets.flatMap((bucket) => {
      const us = read(bucket);
      return us === undefined ? [] : [{ t: middle(bucket), v: toMs(us) }];
    });
  const { window } = cell;
  return {
    load: buckets.map((b) => ({
      t: middle(b),
      settled: round(b.settledPerSec),
      enqueued: round(b.enqueuedPerSec),
      backlog: b.backlog,
    })),
    p50: latency((bucket) => bucket.pickupP50Us),
    p99: latency((bucket) => bucket.pickupP99Us),
    max: latency((bucket) => bucket.responseMaxUs),
    dead: readings.flatMap((r) => (r.deadTuples === undefined ? [] : [{ t: round(r.t), v: r.deadTuples }])),
    waits: readings.flatMap((reading) => stack(reading)),
    grey: greyStretches(cell.window, timeline.seconds),
    phases: window.phases
      .map((phase, i) => ({ from: phase.fromSeconds, to: phase.toSeconds, odd: i % 2 === 1 }))
      .filter((p) => p.odd),
    names: phaseNames(cell.window, timeline.seconds),
    faults: window.faults.map((fault) => ({ t: fault.atSeconds })),
  };
}

function stack(reading: Reading): { t: number; e: number; y: number; y2: number }[] {
  let below = 0;
  return reading.waits.map((backends, e) => {
    const y = below;
    below += backends;
    return { t: round(reading.t), e, y: round(y), y2: round(below) };
  });
}

/** What the figures leave out: the warm-up, phases that are not measured, and the time after the end of this cell's load. */
function greyStretches({ warmupSeconds, phases, totalSeconds }: Strip['cell']['window'], until: number) {
  const unmeasured = phases
    .filter((phase) => !phase.measured)
    .map((p) => ({ from: p.fromSeconds, to: p.toSeconds }));
  const tail = totalSeconds < until - 1e-9 ? [{ from: totalSeconds, to: until }] : [];
  return [...(warmupSeconds > 0 ? [{ from: 0, to: warmupSeconds }] : []), ...unmeasured, ...tail];
}

/** Names of phases that fit into their own stretch; the others are in the chart's description and table. */
function phaseNames({ phases }: Strip['cell']['window'], seconds: number) {
  return phases
    .map((phase) => ({
      t: phase.fromSeconds,
      text: phase.label,
      share: (phase.toSeconds - phase.fromSeconds) / seconds,
    }))
    .filter(({ text, share }) => estimateTextWidth(text, 9.5) + 4 < share * WIDTH)
    .map(({ t, text }) => ({ from: t, text }));
}

function hoverOf(
  bucket: Bucket,
  { row, readings }: Strip,
  { events, drain }: Timeline,
): Record<string, unknown> {
  const wait = drain ? 'backlog wait' : 'pickup';
  const reading = readings.findLast((one) => one.t <= bucket.to + 1e-9);
  const line = (name: string, us: number | undefined) =>
    us === undefined ? [] : [`${name} ${formatDuration(us)}`];
  const waits =
    reading?.waits.flatMap((n, i) => (n > 0 ? [`  ${events[i] ?? OTHER} ${formatNumber(n)}`] : [])) ?? [];
  return {
    from: bucket.from,
    to: bucket.to,
    tip: [
      `${row.series.label} · ${formatNumber(bucket.from)}–${formatNumber(bucket.to)} s`,
      `settled ${formatNumber(bucket.settledPerSec)}/s, enqueued ${formatNumber(bucket.enqueuedPerSec)}/s`,
      `backlog ${formatCount(bucket.backlog)}`,
      ...line(`${wait} p50`, bucket.pickupP50Us),
      ...line(`${wait} p99`, bucket.pickupP99Us),
      ...line('response max', bucket.responseMaxUs),
      ...(reading?.deadTuples === undefined ? [] : [`dead tuples ${formatCount(reading.deadTuples)}`]),
      ...(waits.length === 0 ? [] : ['backends:', ...waits]),
    ].join('\n'),
  };
}

function views(strip: Strip, timeline: Timeline, scales: Scales) {
  const colour = strip.row.series.colour.light;
  const line = (data: string, field: string, y: object, mark: object) => ({
    data: { name: data },
    mark: { type: 'line' as const, color: colour, strokeWidth: 1.6, ...mark },
    encoding: { y: { field, type: 'quantitative' as const, ...y } },
  });
  const linear = (top: number) => ({
    scale: { domain: [0, top], nice: false },
    axis: { title: null, values: [0, top / 2, top], labelExpr: SI_LABEL, domain: false, ticks: false },
  });
  const { latency } = scales;
  const log = {
    scale: { type: 'log' as const, domain: [latency[0] ?? 1, latency.at(-1) ?? 10], nice: false },
    axis: {
      title: null,
      values: latency.filter((_, i) => latency.length < 5 || i % 2 === 0),
      labelExpr: MS_LABEL,
      domain: false,
      ticks: false,
    },
  };
  const all = [
    phaseView(timeline),
    view('Jobs/s: settled (bold), enqueued (grey)', timeline, [
      line('load', 'enqueued', linear(scales.rate), { color: INK.reference.light, strokeWidth: 1.2 }),
      line('load', 'settled', linear(scales.rate), {}),
    ]),
    view('Backlog, jobs', timeline, [
      line('load', 'backlog', linear(scales.backlog), {
        type: 'area',
        opacity: 0.25,
        line: false,
        strokeWidth: 0,
      }),
      line('load', 'backlog', linear(scales.backlog), {}),
    ]),
    ...(latency.length === 0
      ? []
      : [
          view(
            `${timeline.drain ? 'Backlog wait' : 'Pickup'} p99 (bold), p50; response max (dots)`,
            timeline,
            [
              line('max', 'v', log, {
                type: 'point',
                filled: true,
                size: 7,
                opacity: 0.75,
                strokeWidth: 0,
                color: INK.reference.light,
              }),
              line('p50', 'v', log, { strokeWidth: 0.9 }),
              line('p99', 'v', log, { strokeWidth: 2 }),
            ],
          ),
        ]),
    ...(scales.dead === undefined
      ? []
      : [view('Dead tuples', timeline, [line('dead', 'v', linear(scales.dead), {})])]),
    ...(scales.waits === undefined
      ? []
      : [view('Backends by wait event', timeline, [waitLayer(timeline, linear(scales.waits))])]),
  ];
  const last = all.length - 1;
  return all.map((make, i) => make(i === last));
}

const xOf = (timeline: Timeline, field: string, labels: boolean) => ({
  field,
  type: 'quantitative' as const,
  scale: { domain: [0, timeline.seconds], nice: false },
  axis: {
    title: labels ? 'seconds from the start of the load' : null,
    labels,
    ticks: labels,
    domain: true,
    grid: false,
    tickCount: 6,
    labelExpr: "format(datum.value, '~r')",
  },
});

/** One small view: shades below, its own layers, faults and the tooltip's columns above. */
function view(title: string, timeline: Timeline, layers: readonly { readonly encoding: object }[]) {
  return (labels: boolean) => {
    const x = xOf(timeline, 'from', labels);
    const shade = (name: string, color: string, opacity: number) => ({
      data: { name },
      mark: { type: 'rect' as const, color, opacity },
      encoding: { x, x2: { field: 'to' } },
    });
    return {
      title,
      width: WIDTH,
      height: HEIGHT,
      layer: [
        shade('phases', INK.phase.light, 1),
        shade('grey', INK.warmup.light, 0.75),
        // Layers of one view share their axis, so all of them must say the same of it.
        ...layers.map((layer) => ({
          ...layer,
          encoding: { x: xOf(timeline, 't', labels), ...layer.encoding },
        })),
        {
          data: { name: 'faults' },
          mark: { type: 'rule' as const, color: INK.fault.light, strokeDash: [3, 2], strokeWidth: 1.4 },
          encoding: { x: xOf(timeline, 't', labels) },
        },
        {
          data: { name: 'hover' },
          mark: { type: 'rect' as const, opacity: 0 },
          encoding: { x, x2: { field: 'to' }, tooltip: { field: 'tip', type: 'nominal' as const } },
        },
      ],
    };
  };
}

/** Names of the phases, in a band of their own above the lines that they would hide. */
function phaseView(timeline: Timeline) {
  const x = { ...xOf(timeline, 'from', false), axis: null };
  const label = {
    align: 'left' as const,
    baseline: 'middle' as const,
    dx: 3,
    fontSize: 9.5,
    color: INK.muted.light,
  };
  return () => ({
    width: WIDTH,
    height: 14,
    layer: [
      {
        data: { name: 'phases' },
        mark: { type: 'rect' as const, color: INK.phase.light, opacity: 1 },
        encoding: { x, x2: { field: 'to' } },
      },
      {
        data: { name: 'names' },
        mark: { type: 'text' as const, ...label },
        encoding: { x, text: { field: 'text' } },
      },
    ],
  });
}

function waitLayer(timeline: Timeline, y: object) {
  const colours = timeline.events.map((event, i) => waitColour(event, timeline, i).light);
  return {
    data: { name: 'waits' },
    mark: { type: 'area' as const, interpolate: 'step' as const, opacity: 1 },
    encoding: {
      y: { field: 'y', type: 'quantitative' as const, stack: null, ...y },
      y2: { field: 'y2' },
      color: {
        field: 'e',
        type: 'nominal' as const,
        scale: { domain: timeline.events.map((_, i) => i), range: colours },
        legend: null,
      },
    },
  };
}
