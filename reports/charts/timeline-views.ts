// How are the small plots of a timeline built, one above the other on one time axis?

import type { Colour } from '../series.ts';
import { CPU, OTHER, type Strip, type Timeline } from '../timeline.ts';
import { MS_LABEL, SI_LABEL } from './chart.ts';
import { CPU_COLOUR, INK, OTHER_WAIT_COLOUR, WAIT_COLOURS } from './theme.ts';
import { FAULT_NAME_SIZE, hasFaults, type Scales, STRIP_WIDTH } from './timeline-data.ts';

const HEIGHT = 62;

/** The colour of the wait event at `index` of the timeline's events. */
export function waitColour(event: string, timeline: Timeline, index: number): Colour {
  if (event === CPU) return CPU_COLOUR;
  if (event === OTHER) return OTHER_WAIT_COLOUR;
  return WAIT_COLOURS[index - (timeline.events[0] === CPU ? 1 : 0)] ?? OTHER_WAIT_COLOUR;
}

type Line = (data: string, field: string, y: object, mark: object) => { readonly encoding: object };

/** The plots of what was read from the server, those that have anything to show. */
function serverViews(timeline: Timeline, scales: Scales, line: Line, linear: (top: number) => object) {
  const plot = (title: string, data: string, top: number | undefined, mark: object = {}) =>
    top === undefined ? [] : [view(title, timeline, [line(data, 'v', linear(top), mark)])];
  return [
    // PostgreSQL's backends report their statistics at most once a second; WAL and waits are read as they are.
    ...plot('Dead tuples (reported up to 1 s late)', 'dead', scales.dead),
    ...plot('WAL of the server, bytes/s', 'wal', scales.wal),
    ...plot('Oldest snapshot, transactions', 'xmin', scales.xmin),
    ...plot('Backends waiting for a lock', 'locks', scales.locks, { interpolate: 'step' }),
    ...(scales.waits === undefined
      ? []
      : [view('Backends by wait event', timeline, [waitLayer(timeline, linear(scales.waits))])]),
  ];
}

/** Two percentiles and the maximum, on a scale of decades. */
function latencyLayers(
  line: Line,
  decades: readonly number[],
  [p50, p99, max]: readonly [string, string, string],
) {
  const log = {
    scale: { type: 'log' as const, domain: [decades[0] ?? 1, decades.at(-1) ?? 10], nice: false },
    axis: {
      title: null,
      values: decades.filter((_, i) => decades.length < 5 || i % 2 === 0),
      labelExpr: MS_LABEL,
      domain: false,
      ticks: false,
    },
  };
  const dots = {
    type: 'point',
    filled: true,
    size: 7,
    opacity: 0.75,
    strokeWidth: 0,
    color: INK.reference.light,
  };
  return [
    line(max, 'v', log, dots),
    line(p50, 'v', log, { strokeWidth: 0.9 }),
    line(p99, 'v', log, { strokeWidth: 2 }),
  ];
}

/** Words in place of a course that was not seen. */
function silenceLayer() {
  return {
    data: { name: 'silence' },
    mark: { type: 'text' as const, fontSize: 11, color: INK.muted.light },
    encoding: { y: { value: HEIGHT / 2 }, text: { field: 'text' } },
  };
}

/** The plots of one strip, from top to bottom; the last one carries the labels of the time axis. */
export function timelineViews(strip: Strip, timeline: Timeline, scales: Scales) {
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
  const latencyViews = (
    title: string,
    decades: readonly number[],
    names: readonly [string, string, string],
  ) => (decades.length === 0 ? [] : [view(title, timeline, latencyLayers(line, decades, names))]);
  const all = [
    phaseView(timeline),
    ...(scales.faultLanes === 0 ? [] : [faultView(timeline, scales.faultLanes)]),
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
    ...latencyViews('Pickup p99 (bold), p50; response max (dots)', latency, ['p50', 'p99', 'max']),
    ...latencyViews(
      'Bystander p99 (bold), p50; max (dots)',
      strip.neighbour.length === 0 ? [] : scales.neighbour,
      ['neighbourP50', 'neighbourP99', 'neighbourMax'],
    ),
    ...(strip.silence === undefined
      ? serverViews(timeline, scales, line, linear)
      : [view('Server', timeline, [silenceLayer()])]),
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
      width: STRIP_WIDTH,
      height: HEIGHT,
      layer: [
        shade('phases', INK.phase.light, 1),
        shade('autovacuums', INK.vacuum.light, 1),
        shade('grey', INK.warmup.light, 0.75),
        ...(hasFaults(timeline) ? [shade('held', INK.fault.light, 0.07)] : []),
        // Layers of one view share their axis, so all of them must say the same of it.
        ...layers.map((layer) => ({
          ...layer,
          encoding: { x: xOf(timeline, 't', labels), ...layer.encoding },
        })),
        {
          data: { name: 'checkpoints' },
          mark: { type: 'rule' as const, color: INK.checkpoint.light, strokeDash: [1, 2], strokeWidth: 1.4 },
          encoding: { x: xOf(timeline, 't', labels) },
        },
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
    width: STRIP_WIDTH,
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

const LANE_HEIGHT = 12;

/** What broke and how long, each with its name, in lanes below the phases. */
function faultView(timeline: Timeline, lanes: number) {
  const x = { ...xOf(timeline, 'from', false), axis: null };
  const y = {
    field: 'lane',
    type: 'ordinal' as const,
    axis: null,
    scale: { domain: Array.from({ length: lanes }, (_, lane) => lane), paddingInner: 0.15, paddingOuter: 0 },
  };
  const text = { fontSize: FAULT_NAME_SIZE, color: INK.fault.light, baseline: 'middle' as const };
  return () => ({
    width: STRIP_WIDTH,
    height: LANE_HEIGHT * lanes,
    layer: [
      {
        data: { name: 'held' },
        mark: { type: 'bar' as const, color: INK.fault.light, opacity: 0.18 },
        encoding: { x, x2: { field: 'to' }, y },
      },
      {
        data: { name: 'held' },
        mark: { type: 'tick' as const, color: INK.fault.light, thickness: 1.6, bandSize: LANE_HEIGHT - 2 },
        encoding: { x, y },
      },
      {
        data: { name: 'faultNames' },
        mark: { type: 'text' as const, ...text, align: 'left' as const, dx: 4 },
        encoding: { x, y, text: { field: 'text' } },
      },
      {
        data: { name: 'faultNamesBefore' },
        mark: { type: 'text' as const, ...text, align: 'right' as const, dx: -4 },
        encoding: { x, y, text: { field: 'text' } },
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
