// What did a settled job cost the server? One small bar chart per resource, linear from zero.

import type { TopLevelSpec } from 'vega-lite';
import { formatNumber, formatRange } from '../render/format.ts';
import { COSTS, type CostKey, type Panel, type Row } from '../summary.ts';
import { baseSpec, type Chart, colourScale, niceCeiling, SHOWN, SI_LABEL } from './chart.ts';
import { fitText, INK } from './theme.ts';

const COLUMNS = 4;

/** The cost chart of a panel; `undefined` when no row has any cost. */
export function costChart(panel: Panel, subtitle: string): Chart | undefined {
  const rows = panel.rows.filter((row) => row.state === 'measured');
  const costs = COSTS.filter(({ key }) => rows.some((row) => row.cost[key].kind === 'measured'));
  if (rows.length === 0 || costs.length === 0) return undefined;
  const bars = costs.flatMap((cost) => rows.flatMap((row) => barOf(row, cost)));
  return {
    id: `${panel.id}-cost`,
    kind: 'cost',
    panel: panel.id,
    title: 'Cost per settled job',
    subtitle,
    description: `Bars from zero: median over repeats, with a line from the smallest to the largest. ${costs
      .map(({ key, label, unit }) => {
        const figures = bars.filter((bar) => bar.cost === key).map((bar) => `${bar.label} ${bar.text}`);
        return `${label}, ${unit}: ${figures.join(', ')}`;
      })
      .join('. ')}.`,
    legend: [],
    spec: spec(rows, costs, bars),
    hover: bars,
    fluid: false,
  };
}

type Bar = {
  cost: CostKey;
  series: string;
  label: string;
  value: number;
  low: number;
  high: number;
  text: string;
  tip: string;
};

function barOf(row: Row, cost: (typeof COSTS)[number]): Bar[] {
  const figure = row.cost[cost.key];
  if (figure.kind !== 'measured') return [];
  const { median, min, max } = figure.spread;
  const text = formatNumber(median);
  const tip = `${row.series.label}\n${cost.label}: ${text} ${formatRange(figure.spread, formatNumber)} ${cost.unit}`;
  return [
    {
      cost: cost.key,
      series: row.series.id,
      label: row.series.label,
      value: median,
      low: min,
      high: max,
      text,
      tip,
    },
  ];
}

type Cost = (typeof COSTS)[number];

function spec(rows: readonly Row[], costs: readonly Cost[], bars: readonly Bar[]): TopLevelSpec {
  return {
    ...baseSpec({ bars: bars.map(({ tip: _tip, ...bar }) => bar) }),
    columns: COLUMNS,
    spacing: { row: 18, column: 18 },
    concat: costs.map((cost, i) => costView(cost, i % COLUMNS === 0, rows, bars)),
  };
}

function axes({ key }: Cost, named: boolean, rows: readonly Row[], bars: readonly Bar[]) {
  const top = niceCeiling(Math.max(...bars.filter((bar) => bar.cost === key).map((bar) => bar.high)));
  const bare = { title: null, domain: false, ticks: false };
  return {
    x: {
      field: 'value',
      type: 'quantitative' as const,
      // Room at the right for the figure that stands behind its bar.
      scale: { domain: [0, top * 1.32], nice: false, zero: true },
      axis: { ...bare, values: [0, top / 2, top], labelExpr: SI_LABEL },
    },
    y: {
      field: 'label',
      type: 'nominal' as const,
      scale: { domain: rows.map((row) => row.series.label), paddingInner: 0.35, paddingOuter: 0.15 },
      axis: { ...bare, labels: named, labelColor: INK.text.light, labelLimit: 150, grid: false },
    },
  };
}

/** The bars of one resource; only the first column names them. */
function costView(cost: Cost, named: boolean, rows: readonly Row[], bars: readonly Bar[]) {
  const { x, y } = axes(cost, named, rows, bars);
  const scale = colourScale(rows.map((row) => row.series));
  const color = { field: 'series', type: 'nominal' as const, scale, legend: null };
  const own = { data: { name: 'bars' }, transform: [{ filter: `datum.cost === '${cost.key}' && ${SHOWN}` }] };
  const text = { type: 'text' as const, align: 'left' as const, dx: 4, fontSize: 10, color: INK.muted.light };
  return {
    title: fitText(`${cost.label}, ${cost.unit}`, 11, 190),
    width: 175,
    height: { step: 24 },
    layer: [
      { ...own, mark: { type: 'bar' as const, opacity: 0.85 }, encoding: { x, y, color } },
      {
        ...own,
        mark: { type: 'rule' as const, color: INK.text.light, strokeWidth: 1 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y },
      },
      { ...own, mark: text, encoding: { x: { ...x, field: 'high' }, y, text: { field: 'text' } } },
      {
        ...own,
        data: { name: 'hover' },
        mark: { type: 'bar' as const, opacity: 0 },
        encoding: { x: { ...x, field: 'high' }, y, tooltip: { field: 'tip', type: 'nominal' as const } },
      },
    ],
  };
}
