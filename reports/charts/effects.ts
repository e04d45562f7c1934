// How large is each effect, and how large would it have to be? Intervals on one axis, the noise floor behind them.

import type { TopLevelSpec } from 'vega-lite';
import type { Comparison } from '../../harness/result/result.ts';
import {
  type ComparedPair,
  effectText,
  intervalText,
  metricLabel,
  pairVerdict,
} from '../tables/comparison.ts';
import { baseSpec, type Chart } from './chart.ts';
import { INK, VERDICT_INK } from './theme.ts';

/** The chart of a pair; `undefined` when no metric has an effect to draw. `id` is unique in its document. */
export function effectsChart(
  pair: ComparedPair,
  id: string,
  panel: string,
  subtitle: string,
): Chart | undefined {
  const rows = pair.rows.flatMap(rowOf);
  if (rows.length === 0) return undefined;
  return {
    id,
    kind: 'effects',
    panel,
    title: 'Effects with their intervals; grey: the noise floor',
    subtitle,
    description: `${pairVerdict(pair).text}. ${rows.map(({ tip }) => tip.replaceAll('\n', ', ')).join('; ')}.`,
    legend: (['better', 'worse', 'equivalent', 'undecided'] as const).map((word) => ({
      label: word === 'undecided' ? 'no telling, or unstable' : word,
      colour: VERDICT_INK[word],
      mark: { kind: 'area' },
    })),
    spec: spec(rows),
    hover: rows,
    fluid: true,
  };
}

type EffectRow = {
  metric: string;
  effect: number;
  low: number;
  high: number;
  floorLow: number;
  floorHigh: number;
  ink: keyof typeof VERDICT_INK;
  tip: string;
};

/** Percent; ends beyond the axis are cut to it, the table has them. */
const AXIS_LIMIT = 300;

function rowOf(row: Comparison): EffectRow[] {
  const { effect, low, high } = row;
  if (effect === undefined || low === undefined || high === undefined) return [];
  const floor = (row.noiseFloor ?? 0) * 100;
  const cut = (share: number): number => Math.max(-100, Math.min(AXIS_LIMIT, share * 100));
  const ink =
    row.verdict === 'better' || row.verdict === 'worse' || row.verdict === 'equivalent'
      ? row.verdict
      : 'undecided';
  return [
    {
      metric: metricLabel(row),
      effect: cut(effect),
      low: cut(low),
      high: cut(high),
      floorLow: -floor,
      floorHigh: floor,
      ink,
      tip: `${metricLabel(row)}: ${row.verdict}\n${effectText(row)} ${intervalText(row)}\n${row.reason}`,
    },
  ];
}

function spec(rows: readonly EffectRow[]): TopLevelSpec {
  const ends = rows.flatMap((row) => [row.low, row.high, row.floorLow, row.floorHigh]);
  const reach = { low: Math.min(-5, ...ends), high: Math.max(5, ...ends) };
  const room = (reach.high - reach.low) * 0.05;
  const x = {
    field: 'effect',
    type: 'quantitative' as const,
    scale: {
      domain: [Math.max(-100, reach.low - room), Math.min(AXIS_LIMIT, reach.high + room)],
      nice: false,
    },
    axis: {
      title: 'head against base, %',
      domain: false,
      ticks: false,
      tickCount: 6,
      labelExpr: "format(datum.value, '+~g')",
    },
  };
  const y = {
    field: 'metric',
    type: 'nominal' as const,
    scale: { domain: rows.map((row) => row.metric), paddingOuter: 0.1 },
    axis: {
      title: null,
      ticks: false,
      domain: false,
      grid: false,
      labelColor: INK.text.light,
      labelFontSize: 12,
    },
  };
  const words = Object.keys(VERDICT_INK) as (keyof typeof VERDICT_INK)[];
  const color = {
    field: 'ink',
    type: 'nominal' as const,
    scale: { domain: words, range: words.map((word) => VERDICT_INK[word].light) },
    legend: null,
  };
  const own = { data: { name: 'effects' } };
  return {
    ...baseSpec({ effects: rows.map(({ tip: _tip, ...row }) => row), zero: [{ effect: 0 }] }),
    width: 420,
    height: rows.length * 24,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        ...own,
        mark: { type: 'bar', color: INK.warmup.light, height: 18, opacity: 0.75 },
        encoding: { x: { ...x, field: 'floorLow' }, x2: { field: 'floorHigh' }, y },
      },
      { data: { name: 'zero' }, mark: { type: 'rule', color: INK.reference.light }, encoding: { x } },
      {
        ...own,
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color },
      },
      { ...own, mark: { type: 'point', filled: true, size: 70, opacity: 1 }, encoding: { x, y, color } },
      {
        data: { name: 'hover' },
        mark: { type: 'bar', opacity: 0, height: 20 },
        encoding: {
          x: { ...x, field: 'low' },
          x2: { field: 'high' },
          y,
          tooltip: { field: 'tip', type: 'nominal' },
        },
      },
    ],
  };
}
