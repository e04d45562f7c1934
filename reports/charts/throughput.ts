// How many jobs per second did each contender settle? A point per repeat, a bar at their median, from zero.

import type { TopLevelSpec } from 'vega-lite';
import { median } from '../../stats/spread.ts';
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
    return [{ series: row.series.id, label: row.series.label, value: row.settledPerSec.spread.median }];
  });
  const offered = offeredTo(rows);
  const domain: [number, number] = [
    0,
    niceCeiling(Math.max(...[...points, ...offered].map((one) => one.value)) * 1.04),
  ];
  return {
    id: `${panel.id}-throughput`,
    kind: 'throughput',
    panel: panel.id,
    title: 'Settled jobs per second',
    subtitle,
    description: `Settled jobs per second, one point per repeat and a bar at the median. ${medians
      .map((one) => `${one.label}: ${formatNumber(one.value)}`)
      .join('; ')}.`,
    legend: [],
    spec: spec(rows, points, medians, offered, domain),
    hover: points,
    fluid: true,
  };
}

type Point = { series: string; label: string; value: number; tip: string };

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
    return [{ series: row.series.id, label: row.series.label, value, tip }];
  });
}

type Median = { series: string; label: string; value: number };

/** What was offered to each row; the text stands at the first one only, where it explains all. */
function offeredTo(rows: readonly Row[]): { label: string; value: number; text: string }[] {
  return rows
    .flatMap((row) => {
      const value = median(row.measured.flatMap((cell) => cell.throughput?.offeredPerSec ?? []));
      return value === undefined ? [] : [{ label: row.series.label, value }];
    })
    .map((row, i) => ({ ...row, text: i === 0 ? 'offered' : '' }));
}

function spec(
  rows: readonly Row[],
  points: readonly Point[],
  medians: readonly Median[],
  offered: readonly { label: string; value: number; text: string }[],
  domain: [number, number],
): TopLevelSpec {
  const series = rows.map((row) => row.series);
  const { x, y } = axes(
    series.map((one) => one.label),
    domain,
  );
  const color = { field: 'series', type: 'nominal' as const, scale: colourScale(series), legend: null };
  const shape = { field: 'series', type: 'nominal' as const, scale: shapeScale(series), legend: null };
  const shown = [{ filter: SHOWN }];
  const rule = { type: 'tick' as const, color: INK.reference.light, thickness: 1.5, size: 36, opacity: 1 };
  const word = {
    type: 'text' as const,
    color: INK.muted.light,
    align: 'left' as const,
    dx: 5,
    dy: -12,
    fontSize: 10,
  };
  const dot = {
    type: 'point' as const,
    filled: true,
    size: 42,
    opacity: 0.85,
    stroke: INK.paper.light,
    strokeWidth: 0.7,
  };
  return {
    ...baseSpec({ points: points.map(({ tip: _tip, ...point }) => point), medians, offered }),
    width: 420,
    height: Math.max(2, rows.length) * 38,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        data: { name: 'medians' },
        transform: shown,
        mark: { type: 'bar', height: 18, opacity: 0.18 },
        encoding: { x, y, color },
      },
      { data: { name: 'offered' }, mark: rule, encoding: { x, y } },
      { data: { name: 'offered' }, mark: word, encoding: { x, y, text: { field: 'text' } } },
      {
        data: { name: 'medians' },
        transform: shown,
        mark: { type: 'tick', thickness: 2.5, size: 24 },
        encoding: { x, y, color },
      },
      { data: { name: 'points' }, transform: shown, mark: dot, encoding: { x, y, color, shape } },
      {
        data: { name: 'hover' },
        transform: shown,
        mark: { type: 'point', size: 260, opacity: 0, filled: true },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' } },
      },
    ],
  };
}

function axes(labels: string[], domain: [number, number]) {
  const bare = { ticks: false, domain: false };
  return {
    x: {
      field: 'value',
      type: 'quantitative' as const,
      scale: { domain, nice: false },
      axis: { ...bare, title: 'jobs/s', labelExpr: SI_LABEL, tickCount: 5 },
    },
    y: {
      field: 'label',
      type: 'nominal' as const,
      scale: { domain: labels, paddingOuter: 0.1 },
      axis: { ...bare, title: null, labelColor: INK.text.light, labelFontSize: 12, grid: false },
    },
  };
}
