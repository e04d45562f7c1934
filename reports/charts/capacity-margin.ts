// How far apart are what is asked and what is safe? Bars of one length scale: rates asked, and the limits.

import type { TopLevelSpec } from 'vega-lite';
import type { CapacityPlan } from '../../harness/result/result.ts';
import { askedText, CAPACITY_PANEL, LIMIT_NAMES, rateText, signedShare } from '../capacity/words.ts';
import { formatNumber } from '../render/format.ts';
import { baseSpec, type Chart, SI_LABEL } from './chart.ts';
import { INK, VERDICT_INK } from './theme.ts';

const KINDS = {
  asked: { label: 'asked', colour: INK.reference },
  enough: { label: 'limit at or above the peak', colour: VERDICT_INK.better },
  short: { label: 'limit below the peak', colour: VERDICT_INK.worse },
} as const;
type Kind = keyof typeof KINDS;
type Bar = { label: string; perSec: number; kind: Kind; text: string; tip: string };

/** The chart of a plan's margin; it needs no limit to show what is asked. */
export function marginChart({ question, answer }: CapacityPlan, mark: string): Chart {
  const bars = [...askedBars(question, answer.peakPerSec), ...limitBars(answer)];
  const kinds = (['asked', 'enough', 'short'] as const).filter((kind) =>
    bars.some((bar) => bar.kind === kind),
  );
  return {
    id: `${CAPACITY_PANEL}-margin`,
    kind: 'capacity',
    panel: CAPACITY_PANEL,
    title: 'The margin: what is asked, and what limits it',
    subtitle: `${mark}jobs/s; the line is the peak rate asked`,
    description: `${bars.map(({ tip }) => tip).join('; ')}.`,
    legend: kinds.map((kind) => ({ ...KINDS[kind], mark: { kind: 'area' } })),
    spec: spec(bars, answer.peakPerSec),
    hover: bars,
    fluid: true,
  };
}

function askedBars({ ratePerSec, peakFactor, later }: CapacityPlan['question'], peakPerSec: number): Bar[] {
  const bar = (label: string, perSec: number): Bar => ({
    label,
    perSec,
    kind: 'asked',
    text: formatNumber(perSec),
    tip: `${label}: ${rateText(perSec)}`,
  });
  return [
    bar('Average asked', ratePerSec),
    bar('Peak asked', peakPerSec),
    ...(later === undefined
      ? []
      : [bar(`Peak in ${askedText(later.months)} months`, later.ratePerSec * peakFactor)]),
  ];
}

function limitBars({ limits, peakPerSec, limitedBy }: CapacityPlan['answer']): Bar[] {
  return limits.flatMap(({ by, perSec }): Bar[] => {
    if (perSec === undefined) return [];
    const label = `${LIMIT_NAMES[by]} limit${by === limitedBy ? ', least' : ''}`;
    const margin = signedShare(perSec / peakPerSec - 1);
    return [
      {
        label,
        perSec,
        kind: perSec < peakPerSec ? 'short' : 'enough',
        text: formatNumber(perSec),
        tip: `${label}: ${rateText(perSec)}, ${margin} against the peak`,
      },
    ];
  });
}

function spec(bars: readonly Bar[], peakPerSec: number): TopLevelSpec {
  // Room for the words behind the longest bar.
  const top = Math.max(...bars.map(({ perSec }) => perSec)) * 1.25;
  const scale = { domain: [0, top], nice: false };
  const y = {
    field: 'label',
    type: 'nominal' as const,
    sort: null,
    scale: { domain: bars.map(({ label }) => label), paddingInner: 0.35, paddingOuter: 0.15 },
    axis: { title: null, ticks: false, domain: false, grid: false, labelColor: INK.text.light },
  };
  const x = {
    field: 'perSec',
    type: 'quantitative' as const,
    scale,
    axis: { title: null, domain: false, ticks: false, tickCount: 5, labelExpr: SI_LABEL },
  };
  const kinds = Object.keys(KINDS) as Kind[];
  const color = {
    field: 'kind',
    type: 'nominal' as const,
    scale: { domain: kinds, range: kinds.map((kind) => KINDS[kind].colour.light) },
    legend: null,
  };
  const own = { data: { name: 'bars' } };
  return {
    ...baseSpec({ bars: bars.map(({ tip: _tip, ...bar }) => bar), peak: [{ perSec: peakPerSec }] }),
    width: 520,
    height: bars.length * 27 + 30,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      { ...own, mark: { type: 'bar', cornerRadiusEnd: 2, opacity: 0.9 }, encoding: { x, y, color } },
      {
        data: { name: 'peak' },
        mark: { type: 'rule', strokeWidth: 1.5, strokeDash: [4, 3], color: INK.text.light },
        encoding: { x },
      },
      {
        ...own,
        mark: {
          type: 'text',
          align: 'left',
          dx: 6,
          fontSize: 11,
          fontWeight: 600,
          color: INK.text.light,
          // The line of the peak may pass behind the words.
          stroke: null,
        },
        encoding: { x, y, text: { field: 'text', type: 'nominal' } },
      },
      {
        data: { name: 'hover' },
        mark: { type: 'bar', opacity: 0 },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' } },
      },
    ],
  };
}
