// How are latencies distributed up to the last percentile that may be quoted, and what was the worst?

import type { TopLevelSpec } from 'vega-lite';
import { atLeast } from '../bounds.ts';
import type { Bundle, CurveMetric } from '../bundle.ts';
import { type Curve, type CurvePoint, curveOf } from '../curves.ts';
import { formatCount, formatDuration } from '../render/format.ts';
import type { Series } from '../series.ts';
import type { Panel } from '../summary.ts';
import {
  baseSpec,
  type Chart,
  colourScale,
  dashScale,
  decades,
  MS_LABEL,
  SHOWN,
  seriesLegend,
  shapeScale,
} from './chart.ts';

const TITLES: Readonly<Record<CurveMetric, string>> = {
  pickup: 'Pickup: intended → claimed',
  response: 'Response: intended → settled',
  service: 'Service: claimed → settled',
};

/** The HDR chart of one metric; `undefined` when no row has samples. */
export function latencyChart(
  bundle: Bundle,
  panel: Panel,
  metric: CurveMetric,
  subtitle: string,
): Chart | undefined {
  const curves = panel.rows.flatMap((row) => curveOf(bundle, row, metric) ?? []);
  if (curves.length === 0) return undefined;
  const series = curves.map((curve) => curve.row.series);
  return {
    id: `${panel.id}-${metric}`,
    kind: 'latency',
    panel: panel.id,
    title: TITLES[metric],
    subtitle,
    description: `Latency by percentile on logarithmic axes, one line per contender, all repeats added up. ${curves
      .map((curve) => describe(curve))
      .join('; ')}.`,
    legend: seriesLegend(series),
    spec: spec(curves, series),
    hover: curves.flatMap(hoverOf),
    fluid: true,
  };
}

function durationOf(curve: Curve, { valueUs }: CurvePoint): string {
  return atLeast(valueUs >= curve.boundFromUs, formatDuration(valueUs));
}

function describe(curve: Curve): string {
  const median = curve.points.find((point) => point.x === 2);
  const half = median === undefined ? '' : `median ${durationOf(curve, median)}, `;
  return `${curve.row.series.label}: ${half}maximum ${durationOf(curve, curve.max)} of ${formatCount(curve.count)}`;
}

/** `50 %`, `99.9 %`: as many digits as tell it from 100 %. */
function percentLabel(x: number): string {
  const q = 100 * (1 - 1 / x);
  return `${Number(q.toFixed(Math.max(1, Math.ceil(Math.log10(x)) - 1)))} %`;
}

// A value of zero has no place on a log axis; half a microsecond stands below all that the clock can tell apart.
const toMs = (valueUs: number): number => Math.max(valueUs, 0.5) / 1000;

function hoverOf(curve: Curve): Record<string, unknown>[] {
  const { id, label } = curve.row.series;
  const name = (x: number, text: string) => ({ series: id, x, tip: `${label}\n${text}` });
  return [
    ...curve.points.map((p) => ({
      ...name(p.x, `${percentLabel(p.x)} within ${durationOf(curve, p)}`),
      ms: toMs(p.valueUs),
    })),
    {
      ...name(curve.max.x, `maximum of ${formatCount(curve.count)}: ${durationOf(curve, curve.max)}`),
      ms: toMs(curve.max.valueUs),
    },
  ];
}

/** The data sources of the chart, by name. */
function dataOf(curves: readonly Curve[]) {
  const rows = <T>(read: (curve: Curve) => readonly T[]) =>
    curves.flatMap((curve) => read(curve).map((row) => ({ series: curve.row.series.id, ...row })));
  const point = ({ x, valueUs }: CurvePoint) => ({ x: round(x), ms: toMs(valueUs) });
  return {
    lines: rows((curve) => curve.points.map(point)),
    bands: rows((curve) =>
      curve.band.map((b) => ({ x: round(b.x), low: toMs(b.lowUs), high: toMs(b.highUs) })),
    ),
    ends: rows((curve) => curve.points.slice(-1).map(point)),
    maxima: rows((curve) => [{ x: curve.max.x, ms: toMs(curve.max.valueUs) }]),
  };
}

function axes({ lines, maxima }: ReturnType<typeof dataOf>) {
  const values = [...lines, ...maxima].map((row) => row.ms);
  const yTicks = decades(Math.min(...values), Math.max(...values));
  const xTop = Math.max(...maxima.map((row) => row.x)) * 1.3;
  const xTicks = [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].filter((x) => x <= xTop);
  const title = 'percentile of jobs; hollow point: the maximum';
  return {
    x: {
      field: 'x',
      type: 'quantitative' as const,
      scale: { type: 'log' as const, domain: [1, xTop], nice: false },
      axis: { title, values: xTicks, labelExpr: X_LABEL, domain: false, labelFlush: false },
    },
    y: {
      field: 'ms',
      type: 'quantitative' as const,
      scale: { type: 'log' as const, domain: [yTicks[0] ?? 1, yTicks.at(-1) ?? 10], nice: false },
      axis: { title: null, values: yTicks, labelExpr: MS_LABEL, domain: false, ticks: false },
    },
  };
}

function spec(curves: readonly Curve[], series: readonly Series[]): TopLevelSpec {
  const data = dataOf(curves);
  const { x, y } = axes(data);
  const bySeries = { field: 'series', type: 'nominal' as const, legend: null };
  const color = { ...bySeries, scale: colourScale(series) };
  const shape = { ...bySeries, scale: shapeScale(series) };
  const strokeDash = { ...bySeries, scale: dashScale(series) };
  const shown = [{ filter: SHOWN }];
  const hollow = { type: 'point' as const, filled: false, size: 55, strokeWidth: 1.7, opacity: 1 };
  const solid = { type: 'point' as const, filled: true, size: 45, opacity: 1 };
  return {
    ...baseSpec(data),
    width: 420,
    height: 230,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        data: { name: 'bands' },
        transform: shown,
        mark: { type: 'area', opacity: 0.13 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
      },
      {
        data: { name: 'lines' },
        transform: shown,
        mark: { type: 'line', strokeWidth: 2 },
        encoding: { x, y, color, strokeDash },
      },
      { data: { name: 'ends' }, transform: shown, mark: solid, encoding: { x, y, color, shape } },
      { data: { name: 'maxima' }, transform: shown, mark: hollow, encoding: { x, y, color, shape } },
      {
        data: { name: 'hover' },
        transform: shown,
        mark: { type: 'point', filled: true, size: 140, opacity: 0 },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' } },
      },
    ],
  };
}

const X_LABEL =
  "datum.value <= 1 ? '0' : datum.value <= 2 ? '50%' : datum.value <= 10 ? '90%' : datum.value <= 100 ? '99%' : " +
  "datum.value <= 1000 ? '99.9%' : datum.value <= 1e4 ? '99.99%' : datum.value <= 1e5 ? '99.999%' : '99.9999%'";

const round = (x: number): number => Number(x.toPrecision(6));
