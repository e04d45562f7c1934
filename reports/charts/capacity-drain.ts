// How long does the backlog of an outage last? Its course in one load, and the straight line that was predicted.

import type { TopLevelSpec } from 'vega-lite';
import type { Drain } from '../capacity/drains.ts';
import { CAPACITY_PANEL, isPoor, signedShare } from '../capacity/words.ts';
import { formatCount, formatSeconds } from '../render/format.ts';
import { SERIES_COLOURS } from '../series.ts';
import { baseSpec, type Chart, type LegendEntry, lineEntry, niceCeiling, SI_LABEL } from './chart.ts';
import { INK } from './theme.ts';

const BACKLOG = SERIES_COLOURS[0] ?? INK.text;

/** The charts of all outages, one each. */
export function drainCharts(drains: readonly Drain[], mark: string): Chart[] {
  return drains.map((drain, i) => ({
    id: `${CAPACITY_PANEL}-drain${i === 0 ? '' : `-${i + 1}`}`,
    kind: 'capacity',
    panel: CAPACITY_PANEL,
    title: `Backlog through the outage, cell ${drain.cell}`,
    subtitle: `${mark}jobs enqueued and not settled, by second${drain.outage === undefined ? '' : '; shaded: no worker worked'}`,
    description: describe(drain),
    legend: legendOf(drain),
    spec: spec(drain),
    hover: drain.backlog.map(({ t, jobs }) => ({
      t,
      jobs,
      tip: `${formatSeconds(t)}: ${formatCount(jobs)} jobs`,
    })),
    fluid: true,
  }));
}

function describe({ backlog, outage, predicted }: Drain): string {
  const most = backlog.reduce((found, one) => (one.jobs > found.jobs ? one : found), { t: 0, jobs: 0 });
  const last = backlog.at(-1);
  return [
    `At most ${formatCount(most.jobs)} jobs, at ${formatSeconds(most.t)}`,
    `${formatCount(last?.jobs ?? 0)} at the end, ${formatSeconds(last?.t ?? 0)}`,
    ...(outage === undefined
      ? []
      : [`outage from ${formatSeconds(outage.from)} to ${formatSeconds(outage.to)}`]),
    ...(predicted === undefined ? [] : [predictionText(predicted)]),
  ].join('; ');
}

function predictionText(predicted: NonNullable<Drain['predicted']>): string {
  return `predicted ${formatSeconds(predicted.predicted)}, measured ${formatSeconds(predicted.measured)} (${signedShare(predicted.error)}${isPoor(predicted) ? ', POOR' : ''})`;
}

function legendOf({ predicted }: Drain): LegendEntry[] {
  return [
    lineEntry('backlog', BACKLOG, []),
    ...(predicted === undefined ? [] : [lineEntry(`drain ${predictionText(predicted)}`, INK.fault, [6, 4])]),
  ];
}

/** From the backlog at the end of the outage down to none, in the time that was predicted. */
function lineOf({ backlog, outage, predicted }: Drain): { t: number; jobs: number }[] {
  if (outage === undefined || predicted === undefined || !(predicted.predicted > 0)) return [];
  const start = backlog.findLast(({ t }) => t <= outage.to) ?? backlog[0];
  if (start === undefined) return [];
  return [
    { t: outage.to, jobs: start.jobs },
    { t: outage.to + predicted.predicted, jobs: 0 },
  ];
}

function spec(drain: Drain): TopLevelSpec {
  const line = lineOf(drain);
  const { backlog, outage } = drain;
  const end = Math.max(...[...backlog, ...line].map(({ t }) => t));
  const top = niceCeiling(Math.max(1, ...backlog.map(({ jobs }) => jobs)) * 1.05);
  const x = {
    field: 't',
    type: 'quantitative' as const,
    scale: { domain: [0, end], nice: false },
    axis: { title: 'seconds from the start of the load', grid: false, labelFlush: false },
  };
  const y = {
    field: 'jobs',
    type: 'quantitative' as const,
    scale: { domain: [0, top], nice: false },
    axis: { title: null, domain: false, ticks: false, tickCount: 5, labelExpr: SI_LABEL },
  };
  return {
    ...baseSpec({
      backlog: [...backlog],
      line,
      outage: outage === undefined ? [] : [{ t: outage.from, to: outage.to, label: 'outage' }],
    }),
    width: 520,
    height: 220,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        data: { name: 'outage' },
        mark: { type: 'rect', color: INK.warmup.light, opacity: 0.55 },
        encoding: { x, x2: { field: 'to' } },
      },
      {
        data: { name: 'backlog' },
        mark: { type: 'area', color: BACKLOG.light, opacity: 0.16 },
        encoding: { x, y },
      },
      {
        data: { name: 'backlog' },
        mark: { type: 'line', color: BACKLOG.light, strokeWidth: 2 },
        encoding: { x, y },
      },
      {
        data: { name: 'line' },
        mark: { type: 'line', color: INK.fault.light, strokeWidth: 2, strokeDash: [6, 4] },
        encoding: { x, y },
      },
      {
        data: { name: 'outage' },
        mark: { type: 'text', align: 'left', dx: 4, fontSize: 11, color: INK.muted.light },
        encoding: { x, y: { value: 9 }, text: { field: 'label', type: 'nominal' } },
      },
      {
        data: { name: 'hover' },
        mark: { type: 'point', size: 120, opacity: 0, filled: true },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' } },
      },
    ],
  };
}
