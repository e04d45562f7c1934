// Which strategy takes how long for a job of each operation? One small dot plot per operation, on logarithmic axes.

import type { TopLevelSpec } from 'vega-lite';
import type { MicroRow, RunResult } from '../../harness/result/result.ts';
import { formatCount, formatNumber } from '../render/format.ts';
import { SERIES_COLOURS, type Series } from '../series.ts';
import { type MicroGroup, microGroups } from '../tables/micro.ts';
import {
  baseSpec,
  type Chart,
  colourScale,
  decades,
  SHOWN,
  SI_LABEL,
  seriesLegend,
  shapeScale,
} from './chart.ts';
import { fitText, INK } from './theme.ts';

/** Under which the report keeps the chart and its section. */
export const MICRO_PANEL = 'micro';

const COLUMNS = 3;
const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'cross'] as const;

/** The chart of all operations on a queue; `undefined` when none was measured. */
export function microChart(result: RunResult, mark: string): Chart | undefined {
  const rows =
    result.micro?.filter(({ state, driver }) => state === 'measured' && driver !== undefined) ?? [];
  const series = seriesOf(rows);
  const groups = microGroups(rows);
  const dots = groups.flatMap((group) => group.rows.flatMap((row) => dotsOf(group, row, series)));
  if (dots.length === 0) return undefined;
  return {
    id: `${MICRO_PANEL}-operations`,
    kind: 'micro',
    panel: MICRO_PANEL,
    title: 'Median time per job of each operation',
    subtitle: `${mark}one operation at a time, no other load · µs per job, logarithmic; a line from the smallest to the largest round`,
    description: groups
      .map(({ title }) => {
        const figures = dots
          .filter((dot) => dot.operation === title)
          .map((dot) => `${dot.label} ${dot.text}`);
        return `${title}, µs per job: ${figures.join(', ')}`;
      })
      .join('. '),
    legend: seriesLegend(series),
    spec: spec(groups, dots, series),
    hover: dots,
    fluid: false,
  };
}

/** Drivers have a colour each, depths a shape. */
function seriesOf(rows: readonly MicroRow[]): Series[] {
  const drivers = [...new Set(rows.map(({ driver }) => driver))];
  const depths = [...new Set(rows.map(({ depth }) => depth))];
  return drivers.flatMap((driver, i) =>
    depths.flatMap((depth, j): Series[] => {
      const colour = SERIES_COLOURS[i % SERIES_COLOURS.length];
      const shape = SHAPES[j % SHAPES.length];
      if (colour === undefined || shape === undefined) return [];
      const contender = contenderOf({ driver, depth });
      return [{ id: `m${i}-${j}`, label: contender, contender, colour, shape, dash: [] }];
    }),
  );
}

function contenderOf({ driver, depth }: Pick<MicroRow, 'driver' | 'depth'>): string {
  return `${driver ?? ''}, ${formatCount(depth ?? 0)} ready`;
}

type Dot = {
  operation: string;
  series: string;
  label: string;
  value: number;
  low: number;
  high: number;
  text: string;
  tip: string;
};

function dotsOf(group: MicroGroup, row: MicroRow, series: readonly Series[]): Dot[] {
  const { figures, size, strategy = '' } = row;
  const own = series.find(({ contender }) => contender === contenderOf(row));
  // Zero has no place on a logarithmic axis.
  if (figures === undefined || own === undefined || !(figures.p50Us > 0)) return [];
  const rounds = figures.rounds.map(({ p50Us }) => p50Us / size).filter((value) => value > 0);
  const value = figures.p50Us / size;
  const text = formatNumber(value);
  return [
    {
      operation: group.title,
      series: own.id,
      label: strategy,
      value,
      low: Math.min(value, ...rounds),
      high: Math.max(value, ...rounds),
      text,
      tip: `${strategy}, ${own.label}\n${group.title}: ${text} µs per job`,
    },
  ];
}

function spec(groups: readonly MicroGroup[], dots: readonly Dot[], series: readonly Series[]): TopLevelSpec {
  const labels = [...new Set(dots.map(({ label }) => label))];
  return {
    ...baseSpec({ dots: dots.map(({ tip: _tip, ...dot }) => dot) }),
    columns: COLUMNS,
    spacing: { row: 18, column: 18 },
    concat: groups
      .filter(({ title }) => dots.some(({ operation }) => operation === title))
      .map(({ title }, i) => view(title, i % COLUMNS === 0, labels, dots, series)),
  };
}

function view(
  title: string,
  named: boolean,
  labels: readonly string[],
  dots: readonly Dot[],
  series: readonly Series[],
) {
  const own = dots.filter(({ operation }) => operation === title);
  const ticks = decades(Math.min(...own.map(({ low }) => low)), Math.max(...own.map(({ high }) => high)));
  const bare = { title: null, domain: false, ticks: false };
  const x = {
    field: 'value',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [ticks[0] ?? 1, ticks.at(-1) ?? 10], nice: false },
    axis: { ...bare, values: ticks, labelExpr: SI_LABEL },
  };
  const y = {
    field: 'label',
    type: 'nominal' as const,
    scale: { domain: [...labels] },
    axis: { ...bare, labels: named, labelColor: INK.text.light, labelLimit: 150, grid: true },
  };
  const bySeries = { field: 'series', type: 'nominal' as const, legend: null };
  const color = { ...bySeries, scale: colourScale(series) };
  const shape = { ...bySeries, scale: shapeScale(series) };
  const data = {
    data: { name: 'dots' },
    transform: [{ filter: `datum.operation === ${JSON.stringify(title)} && ${SHOWN}` }],
  };
  const dot = { type: 'point' as const, filled: true, size: 36, opacity: 0.85 };
  return {
    title: fitText(`${title}, µs per job`, 11, 230),
    width: 220,
    height: { step: 16 },
    layer: [
      {
        ...data,
        mark: { type: 'rule' as const, strokeWidth: 1, opacity: 0.6 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color },
      },
      { ...data, mark: dot, encoding: { x, y, color, shape } },
      {
        ...data,
        data: { name: 'hover' },
        mark: { type: 'point' as const, size: 140, opacity: 0, filled: true },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' as const } },
      },
    ],
  };
}
