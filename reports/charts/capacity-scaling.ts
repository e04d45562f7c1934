// How does throughput grow with handlers at work? Points, the fitted law with its band, and no word beyond what may be said.

import type { TopLevelSpec } from 'vega-lite';
import type { Scaling } from '../../harness/result/result.ts';
import { CAPACITY_PANEL, rateText } from '../capacity/words.ts';
import { formatCount, formatNumber, plural } from '../render/format.ts';
import { SERIES_COLOURS } from '../series.ts';
import { baseSpec, type Chart, GLYPHS, type LegendEntry, lineEntry, niceCeiling, SI_LABEL } from './chart.ts';
import { HEAT, INK, VERDICT_INK } from './theme.ts';

const LAW = SERIES_COLOURS[0] ?? INK.text;
const HELD = SERIES_COLOURS[1] ?? INK.text;
const BAND = HEAT[1] ?? INK.grid;

/** The chart of a scaling law, or of its points alone where none was fitted; `undefined` without points. */
export function scalingChart(
  scaling: Scaling,
  recommendedHandlers: number | undefined,
  mark: string,
): Chart | undefined {
  const { points, fit, contender, refused } = scaling;
  if (points.length === 0) return undefined;
  const held = points.filter(({ heldBack }) => heldBack).length;
  return {
    id: `${CAPACITY_PANEL}-scaling`,
    kind: 'capacity',
    panel: CAPACITY_PANEL,
    title: `Settled jobs/s by handlers at work: ${contender}`,
    subtitle: `${mark}closed loop · ${plural(points.length, 'point')}, ${formatCount(held)} held back${fit === undefined ? ' · NO FIT' : fit.quality === 'poor' ? ' · POOR FIT' : fit.quality === 'untried' ? ' · FIT NOT TRIED' : ''}${fit?.peakHandlers === undefined ? '' : ' · the peak is an annotation: the SLO decides'}`,
    description: describe(scaling, refused),
    legend: legendOf(scaling, held),
    spec: spec(scaling, recommendedHandlers),
    hover: hoverOf(scaling),
    fluid: true,
  };
}

function describe({ points, fit }: Scaling, refused: string | undefined): string {
  const measured = points
    .map(
      ({ handlers, perSec, heldBack, setAside }) =>
        `${formatCount(handlers)} handlers ${rateText(perSec)}${heldBack ? ' (held back)' : setAside ? ' (set aside)' : ''}`,
    )
    .join(', ');
  if (fit === undefined) return `Measured: ${measured}. No law: ${refused ?? 'none was fitted'}`;
  return `Measured: ${measured}. The law is drawn with its 95 % band up to ${plural(fit.saidUpTo, 'handler')}, dashed beyond the most that were measured`;
}

function legendOf({ points, fit }: Scaling, held: number): LegendEntry[] {
  return [
    {
      label: fit === undefined ? 'measured' : 'measured, fitted',
      colour: LAW,
      mark: { kind: 'glyph', glyph: 'circle', hollow: false },
    },
    ...(held === 0
      ? []
      : [
          {
            label: 'held back, to try the law',
            colour: HELD,
            mark: { kind: 'glyph', glyph: 'diamond', hollow: true },
          } as const,
        ]),
    ...(points.some(({ setAside }) => setAside)
      ? [
          {
            label: 'set aside: two others disagree',
            colour: LAW,
            mark: { kind: 'glyph', glyph: 'circle', hollow: true },
          } as const,
        ]
      : []),
    ...(fit === undefined
      ? []
      : [
          lineEntry('the law', LAW, []),
          lineEntry('beyond what was measured', LAW, [5, 4]),
          { label: '95 % band', colour: BAND, mark: { kind: 'area' } } as const,
        ]),
  ];
}

function hoverOf({ points, fit }: Scaling) {
  return [
    ...points.map(({ handlers, perSec, heldBack, setAside }) => ({
      handlers,
      perSec,
      tip: `${plural(handlers, 'handler')}: ${rateText(perSec)}${heldBack ? '\nheld back from the fit' : setAside ? '\nset aside: two others disagree' : ''}`,
    })),
    ...bandOf(fit).map(({ handlers, low, perSec, high }) => ({
      handlers,
      perSec,
      tip: `${plural(handlers, 'handler')} by the law: ${rateText(perSec)}\n95 %: ${formatNumber(low)} to ${formatNumber(high)}`,
    })),
  ];
}

/** Nothing beyond what may be said. */
function bandOf(fit: Scaling['fit']): NonNullable<Scaling['fit']>['band'] {
  return fit === undefined ? [] : fit.band.filter(({ handlers }) => handlers <= fit.saidUpTo);
}

function marksOf({ fit }: Scaling, recommended: number | undefined, end: number) {
  const mark = (handlers: number, label: string, place: number, ink: string) => ({
    handlers,
    label,
    place,
    ink,
    left: handlers > end * 0.6,
  });
  const peak = fit?.peakHandlers;
  return [
    ...(peak === undefined || peak > end ? [] : [mark(peak, `peak ≈ ${formatNumber(peak)}`, 8, 'peak')]),
    ...(recommended === undefined || recommended > end
      ? []
      : [mark(recommended, `recommended ${formatCount(recommended)}`, 24, 'recommended')]),
  ];
}

function spec(scaling: Scaling, recommended: number | undefined): TopLevelSpec {
  const { points, fit } = scaling;
  const band = bandOf(fit);
  const most = Math.max(...points.map(({ handlers }) => handlers));
  const end = fit?.saidUpTo ?? most;
  const highest = Math.max(...points.map(({ perSec }) => perSec), ...band.map(({ perSec }) => perSec));
  // A band that runs away is cut: it must not press the points to the floor.
  const widest = Math.max(0, ...band.map(({ high }) => high));
  const top = niceCeiling(Math.max(highest * 1.12, Math.min(highest * 1.5, widest)));
  const x = {
    field: 'handlers',
    type: 'quantitative' as const,
    scale: { domain: [0, end], nice: false },
    axis: {
      title: 'handlers at work',
      grid: false,
      tickMinStep: 1,
      tickCount: 9,
      labelFlush: false,
      format: 'd',
    },
  };
  const y = {
    field: 'perSec',
    type: 'quantitative' as const,
    scale: { domain: [0, top], nice: false },
    axis: { title: null, domain: false, ticks: false, tickCount: 6, labelExpr: SI_LABEL },
  };
  const line = { type: 'line' as const, strokeWidth: 2, color: LAW.light, clip: true };
  const measured = { data: { name: 'points' } };
  const at = { data: { name: 'marks' } };
  const label = { type: 'text' as const, fontSize: 11, color: INK.text.light };
  const words = {
    x,
    y: { field: 'place', type: 'quantitative' as const, scale: null, axis: null },
    text: { field: 'label', type: 'nominal' as const },
  };
  return {
    ...baseSpec({
      band: [...band],
      points: points.map(({ handlers, perSec, heldBack, setAside = false }) => ({
        ...{ handlers, perSec, heldBack, setAside },
      })),
      marks: marksOf(scaling, recommended, end),
    }),
    width: 520,
    height: 260,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        data: { name: 'band' },
        mark: { type: 'area', color: BAND.light, opacity: 0.75, clip: true },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' } },
      },
      {
        data: { name: 'band' },
        transform: [{ filter: `datum.handlers <= ${most}` }],
        mark: line,
        encoding: { x, y },
      },
      {
        data: { name: 'band' },
        transform: [{ filter: `datum.handlers >= ${most}` }],
        mark: { ...line, strokeDash: [5, 4] },
        encoding: { x, y },
      },
      {
        ...at,
        mark: { type: 'rule', strokeDash: [3, 3], strokeWidth: 1 },
        encoding: {
          x,
          color: {
            field: 'ink',
            type: 'nominal',
            scale: {
              domain: ['peak', 'recommended'],
              range: [INK.reference.light, VERDICT_INK.better.light],
            },
            legend: null,
          },
        },
      },
      {
        ...at,
        transform: [{ filter: '!datum.left' }],
        mark: { ...label, align: 'left', dx: 5 },
        encoding: words,
      },
      {
        ...at,
        transform: [{ filter: 'datum.left' }],
        mark: { ...label, align: 'right', dx: -5 },
        encoding: words,
      },
      {
        ...measured,
        transform: [{ filter: '!datum.heldBack && !datum.setAside' }],
        mark: { type: 'point', filled: true, shape: 'circle', size: 55, opacity: 1, color: LAW.light },
        encoding: { x, y },
      },
      {
        ...measured,
        transform: [{ filter: 'datum.heldBack' }],
        mark: {
          type: 'point',
          filled: false,
          shape: GLYPHS.diamond,
          size: 80,
          strokeWidth: 2,
          opacity: 1,
          color: HELD.light,
        },
        encoding: { x, y },
      },
      {
        ...measured,
        transform: [{ filter: 'datum.setAside' }],
        mark: { type: 'point', filled: false, shape: 'circle', size: 55, opacity: 1, color: LAW.light },
        encoding: { x, y },
      },
      {
        data: { name: 'hover' },
        mark: { type: 'point', size: 160, opacity: 0, filled: true },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' } },
      },
    ],
  };
}
