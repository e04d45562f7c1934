// How many jobs per second did each contender settle? A point per repeat, a bar at their median, from zero.

import type { TopLevelSpec } from 'vega-lite';
import { formatNumber, formatRange } from '../render/format.ts';
import type { Panel, Row } from '../summary.ts';
import { baseSpec, type Chart, colourScale, niceCeiling, SHOWN, SI_LABEL, shapeScale } from './chart.ts';
import { INK } from './theme.ts';

/** The throughput chart of a panel; `undefined` when no row has figures. */
export function throughputChart(panel: Panel, subtitle: string): Chart | undefined {
  const rows = panel.rows.filter((row) => row.settledPerSec.kind === 'measured');
  if (rows.length === 0) return undefined;
  const points = rows.flatMap(pointsOf);
  const medians = rows.flatMap((row) => {
    if (row.settledPerSec.kind !== 'measured') return [];
    const { median } = row.settledPerSec.spread;
    return [{ series: row.series.id, label: row.series.label, value: median, text: formatNumber(median) }];
  });
  const offered = points.flatMap((point) => point.offered ?? []);
  const domain: [number, number] = [
    0,
    niceCeiling(Math.max(...points.map((p) => p.value), ...offered) * 1.04),
  ];
  return {
    id: `${panel.id}-throughput`,
    kind: 'throughput',
    panel: panel.id,
    title: 'Settled jobs per second',
    subtitle,
    description: `Settled jobs per second, one point per repeat and a bar at the median. ${medians
      .map((one) => `${one.label}: ${one.text}`)
      .join('; ')}.`,
    legend: [],
    spec: spec(rows, points, medians, offered.length > 0 ? Math.max(...offered) : undefined, domain),
    hover: points.map(({ series, label, value, tip }) => ({ series, label, value, tip })),
    fluid: true,
  };
}

type Point = { series: string; label: string; value: number; offered: number | undefined; tip: string };

function pointsOf(row: Row): Point[] {
  return row.measured.flatMap((cell) => {
    const value = cell.throughput?.settledPerSec;
    if (value === undefined || row.settledPerSec.kind !== 'measured') return [];
    const { spread } = row.settledPerSec;
    const tip = [
      row.series.label,
      `repeat ${cell.repeat}: ${formatNumber(value)} jobs/s`,
      `median of ${spread.n}: ${formatNumber(spread.median)} ${formatRange(spread, formatNumber)}`,
    ].join('\n');
    return [
      { series: row.series.id, label: row.series.label, value, offered: cell.throughput?.offeredPerSec, tip },
    ];
  });
}

function spec(
  rows: readonly Row[],
  points: readonly Point[],
  medians: readonly Record<string, unknown>[],
  offered: number | undefined,
  domain: [number, number],
): TopLevelSpec {
  const series = rows.map((row) => row.series);
  const y = {
    field: 'label',
    type: 'nominal' as const,
    scale: { domain: series.map((one) => one.label), paddingOuter: 0.1 },
    axis: {
      title: null,
      labelColor: INK.text.light,
      labelFontSize: 12,
      ticks: false,
      domain: false,
      grid: false,
    },
  };
  const x = {
    field: 'value',
    type: 'quantitative' as const,
    scale: { domain, nice: false },
    axis: { title: 'jobs/s', labelExpr: SI_LABEL, tickCount: 5, domain: false, ticks: false },
  };
  const color = { field: 'series', type: 'nominal' as const, scale: colourScale(series), legend: null };
  const shown = [{ filter: SHOWN }];
  const tip = { field: 'tip', type: 'nominal' as const };
  return {
    ...baseSpec({
      points: points.map(({ series, label, value }) => ({ series, label, value })),
      medians,
      offered: offered === undefined ? [] : [{ value: offered, text: 'offered' }],
    }),
    width: 420,
    height: Math.max(2, rows.length) * 38,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        data: { name: 'offered' },
        mark: { type: 'rule', color: INK.reference.light, strokeDash: [3, 3] },
        encoding: { x },
      },
      {
        data: { name: 'offered' },
        mark: {
          type: 'text',
          color: INK.muted.light,
          align: 'right',
          dx: -5,
          y: 2,
          baseline: 'top',
          fontSize: 10,
        },
        encoding: { x, text: { field: 'text' } },
      },
      {
        data: { name: 'medians' },
        transform: shown,
        mark: { type: 'bar', height: 18, opacity: 0.18 },
        encoding: { x, y, color },
      },
      {
        data: { name: 'medians' },
        transform: shown,
        mark: { type: 'tick', thickness: 2.5, size: 24 },
        encoding: { x, y, color },
      },
      {
        data: { name: 'points' },
        transform: shown,
        mark: {
          type: 'point',
          filled: true,
          size: 42,
          opacity: 0.85,
          stroke: INK.paper.light,
          strokeWidth: 0.7,
        },
        encoding: {
          x,
          y,
          color,
          shape: { field: 'series', type: 'nominal', scale: shapeScale(series), legend: null },
        },
      },
      {
        data: { name: 'hover' },
        transform: shown,
        mark: { type: 'point', size: 260, opacity: 0, filled: true },
        encoding: { x, y, tooltip: tip },
      },
    ],
  };
}
