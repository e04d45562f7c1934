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

function spec(
  rows: readonly Row[],
  costs: readonly (typeof COSTS)[number][],
  bars: readonly Bar[],
): TopLevelSpec {
  const series = rows.map((row) => row.series);
  const labels = series.map((one) => one.label);
  const color = { field: 'series', type: 'nominal' as const, scale: colourScale(series), legend: null };
  // Both levels name their filter, so that `hidden` reaches the bars of every small chart.
  const views = costs.map(({ key, label, unit }, i) => {
    const ofThis = bars.filter((bar) => bar.cost === key);
    const top = niceCeiling(Math.max(...ofThis.map((bar) => bar.high)));
    const only = [{ filter: `datum.cost === '${key}' && ${SHOWN}` }];
    const y = {
      field: 'label',
      type: 'nominal' as const,
      scale: { domain: labels, paddingInner: 0.35, paddingOuter: 0.15 },
      axis: {
        title: null,
        labels: i % COLUMNS === 0,
        labelColor: INK.text.light,
        labelLimit: 150,
        ticks: false,
        domain: false,
        grid: false,
      },
    };
    const x = {
      field: 'value',
      type: 'quantitative' as const,
      // Room at the right for the figure that stands behind its bar.
      scale: { domain: [0, top * 1.32], nice: false, zero: true },
      axis: { title: null, values: [0, top / 2, top], labelExpr: SI_LABEL, domain: false, ticks: false },
    };
    return {
      title: fitText(`${label}, ${unit}`, 11, 190),
      width: 175,
      height: { step: 24 },
      layer: [
        {
          data: { name: 'bars' },
          transform: only,
          mark: { type: 'bar' as const, opacity: 0.85 },
          encoding: { x, y, color },
        },
        {
          data: { name: 'bars' },
          transform: only,
          mark: { type: 'rule' as const, color: INK.text.light, strokeWidth: 1 },
          encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y },
        },
        {
          data: { name: 'bars' },
          transform: only,
          mark: {
            type: 'text' as const,
            align: 'left' as const,
            dx: 4,
            fontSize: 10,
            color: INK.muted.light,
          },
          encoding: { x: { ...x, field: 'high' }, y, text: { field: 'text' } },
        },
        {
          data: { name: 'hover' },
          transform: only,
          mark: { type: 'bar' as const, opacity: 0 },
          encoding: { x: { ...x, field: 'high' }, y, tooltip: { field: 'tip', type: 'nominal' as const } },
        },
      ],
    };
  });
  return {
    ...baseSpec({ bars: bars.map(({ tip: _tip, ...bar }) => bar) }),
    columns: COLUMNS,
    spacing: { row: 18, column: 18 },
    concat: views,
  };
}
