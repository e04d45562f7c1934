// At which rate does the latency pass its limit? Every probe by rate, the SLO's line, and the interval of the answer.

import type { TopLevelSpec } from 'vega-lite';
import type { Cell, Probe, ProbeOutcome, Search } from '../../harness/result/result.ts';
import { median } from '../../stats/spread.ts';
import { type ProbeLatency, probeLatency } from '../capacity/probe-latency.ts';
import { CAPACITY_PANEL, rateText } from '../capacity/words.ts';
import { formatDuration, formatSeconds, plural } from '../render/format.ts';
import type { Colour } from '../series.ts';
import {
  baseSpec,
  type Chart,
  decades,
  GLYPHS,
  type Glyph,
  type LegendEntry,
  MS_LABEL,
  niceCeiling,
  SI_LABEL,
} from './chart.ts';
import { INK, VERDICT_INK } from './theme.ts';

const STYLES = {
  pass: { colour: VERDICT_INK.better, glyph: 'circle' },
  fail: { colour: VERDICT_INK.worse, glyph: 'cross' },
  unclear: { colour: VERDICT_INK.equivalent, glyph: 'diamond' },
  void: { colour: INK.reference, glyph: 'triangle' },
} as const satisfies Record<ProbeOutcome, { colour: Colour; glyph: Glyph }>;
const OUTCOMES = Object.keys(STYLES) as ProbeOutcome[];
/** From so many times the lowest rate on the axis of rates is logarithmic. */
const WIDE = 15;

/** The chart of a search; `undefined` where the SLO names no latency, or no probe was quoted. */
export function searchChart(search: Search, cells: readonly Cell[], mark: string): Chart | undefined {
  const shown = probeLatency(search, cells);
  if (shown === undefined) return undefined;
  const { term, percentile, valuesUs } = shown;
  const present = OUTCOMES.filter((outcome) => search.probes.some((probe) => probe.outcome === outcome));
  const unquoted = valuesUs.filter((value) => value === undefined).length;
  const lower = percentile !== term.percentile;
  const { passPerSec, failPerSec } = search.answer;
  const notes = [
    `${mark}open loop · ${plural(search.probes.length, 'probe')}, a fresh database each`,
    ...(lower
      ? [
          `too few jobs in a probe for p${term.percentile}, which the outcomes follow: the faint line is its limit, not that of p${percentile}`,
        ]
      : []),
    ...(passPerSec !== undefined && failPerSec !== undefined
      ? [`shaded: between ${rateText(passPerSec)}, which passed, and ${rateText(failPerSec)}, which failed`]
      : []),
    ...(unquoted === 0 ? [] : [`on the floor: ${plural(unquoted, 'probe')} without this percentile`]),
  ];
  const rows = rowsOf(search, shown);
  return {
    id: `${CAPACITY_PANEL}-search`,
    kind: 'capacity',
    panel: CAPACITY_PANEL,
    title: `${term.of} p${percentile}${lower ? ` (the SLO is about p${term.percentile})` : ''} by offered rate: ${search.contender}`,
    subtitle: notes.join(' · '),
    description: `${search.answer.text} ${rows.map(({ tip }) => tip).join('; ')}`.replaceAll('\n', ', '),
    legend: present.map(legendEntry),
    spec: spec(search, shown, rows),
    hover: rows.map(({ rate, ms, tip }) => ({ rate, ms, tip })),
    fluid: true,
  };
}

function legendEntry(outcome: ProbeOutcome): LegendEntry {
  const { colour, glyph } = STYLES[outcome];
  return {
    label: outcome === 'void' ? 'void: not measurable' : outcome,
    colour,
    mark: { kind: 'glyph', glyph, hollow: false },
  };
}

function tipOf({ ratePerSec, outcome, seconds, why, purpose }: Probe, us: number | undefined): string {
  return [
    `${rateText(ratePerSec)}: ${outcome}, ${us === undefined ? 'no percentile' : formatDuration(us)}`,
    `${purpose}, ${formatSeconds(seconds)}`,
    ...why.slice(0, 2),
  ].join('\n');
}

function ticksOf({ term, valuesUs }: ProbeLatency): number[] {
  const values = [term.limitUs, ...valuesUs.flatMap((value) => value ?? [])].map((value) => value / 1e3);
  return decades(Math.min(...values), Math.max(...values));
}

type Row = { rate: number; ms: number; floored: boolean; outcome: ProbeOutcome; tip: string };

/** Probes without the percentile stand on a floor below all that was quoted. */
function rowsOf({ probes }: Search, shown: ProbeLatency): Row[] {
  const floor = (ticksOf(shown)[0] ?? 1) / 3;
  return probes.flatMap((probe, i) => {
    const us = shown.valuesUs[i];
    if (!(probe.ratePerSec > 0)) return [];
    return [
      {
        rate: probe.ratePerSec,
        ms: us === undefined ? floor : us / 1e3,
        floored: us === undefined,
        outcome: probe.outcome,
        tip: tipOf(probe, us),
      },
    ];
  });
}

/** The course through the medians at each rate; broken where no probe at a rate has a figure. */
function courseOf(rows: readonly Row[]): { rate: number; ms: number; part: number }[] {
  const rates = [...new Set(rows.map(({ rate }) => rate))].toSorted((a, b) => a - b);
  let part = 0;
  return rates.flatMap((rate) => {
    const ms = median(rows.filter((row) => row.rate === rate && !row.floored).map((row) => row.ms));
    if (ms !== undefined) return [{ rate, ms, part }];
    part += 1;
    return [];
  });
}

function rateAxis(rates: readonly number[]) {
  const [low, high] = [Math.min(...rates), Math.max(...rates)];
  const wide = high / low > WIDE;
  const scale = wide
    ? { type: 'log' as const, domain: [low / 1.2, high * 1.2], nice: false }
    : { type: 'linear' as const, domain: [0, niceCeiling(high * 1.02)], nice: false };
  return {
    field: 'rate',
    type: 'quantitative' as const,
    scale,
    axis: {
      title: `offered jobs/s${wide ? ', logarithmic' : ''}`,
      grid: false,
      labelExpr: SI_LABEL,
      ...(wide ? { values: steps(low / 1.2, high * 1.2) } : { tickCount: 7 }),
    },
  };
}

/** 1, 2 and 5 times powers of ten within the ends. */
function steps(low: number, high: number): number[] {
  return decades(low, high)
    .flatMap((power) => [power, 2 * power, 5 * power])
    .filter((value) => value >= low && value <= high);
}

function spec(search: Search, shown: ProbeLatency, rows: readonly Row[]): TopLevelSpec {
  const { term, percentile } = shown;
  const lower = percentile !== term.percentile;
  // A limit of another percentile than that of the dots: points below it need not hold the SLO.
  const limitInk = lower ? INK.muted.light : INK.text.light;
  const ticks = ticksOf(shown);
  const floor = rows.find(({ floored }) => floored)?.ms;
  const { passPerSec, failPerSec } = search.answer;
  const x = rateAxis(rows.map(({ rate }) => rate));
  const y = {
    field: 'ms',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [floor ?? ticks[0] ?? 1, ticks.at(-1) ?? 10], nice: false },
    axis: {
      title: null,
      values: floor === undefined ? ticks : [floor, ...ticks],
      labelExpr: `datum.value < ${ticks[0] ?? 1} ? 'no figure' : ${MS_LABEL}`,
      domain: false,
      ticks: false,
    },
  };
  const between =
    passPerSec === undefined || failPerSec === undefined || !(passPerSec > 0 && failPerSec > passPerSec)
      ? []
      : [{ rate: passPerSec, to: failPerSec }];
  // Zero has no place on a logarithmic axis.
  const ends = [passPerSec, failPerSec].flatMap((rate) => ((rate ?? 0) > 0 ? [{ rate }] : []));
  const byOutcome = { field: 'outcome', type: 'nominal' as const, legend: null };
  const range = OUTCOMES.map((outcome) => STYLES[outcome].colour.light);
  const shapes = OUTCOMES.map((outcome) => GLYPHS[STYLES[outcome].glyph]);
  return {
    ...baseSpec({
      probes: rows.map(({ rate, ms, outcome }) => ({ rate, ms, outcome })),
      course: courseOf(rows),
      between,
      ends,
      limit: [
        {
          ms: term.limitUs / 1e3,
          label: `SLO ${lower ? `of p${term.percentile}, not p${percentile}: ` : ''}${formatDuration(term.limitUs)}`,
        },
      ],
    }),
    width: 520,
    height: 260,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        data: { name: 'between' },
        mark: { type: 'rect', color: INK.fault.light, opacity: 0.12 },
        encoding: { x, x2: { field: 'to' } },
      },
      {
        data: { name: 'ends' },
        mark: { type: 'rule', color: INK.fault.light, strokeWidth: 1, strokeDash: [2, 3] },
        encoding: { x },
      },
      {
        data: { name: 'limit' },
        mark: lower
          ? { type: 'rule', color: limitInk, strokeWidth: 1, strokeDash: [2, 4], opacity: 0.6 }
          : { type: 'rule', color: limitInk, strokeWidth: 1.5, strokeDash: [6, 3] },
        encoding: { y },
      },
      {
        data: { name: 'limit' },
        mark: {
          type: 'text',
          align: 'left',
          dx: 4,
          dy: -7,
          fontSize: 11,
          fontWeight: lower ? 400 : 600,
          color: limitInk,
        },
        encoding: { x: { value: 0 }, y, text: { field: 'label', type: 'nominal' } },
      },
      {
        data: { name: 'course' },
        mark: { type: 'line', strokeWidth: 1.2, color: INK.axis.light },
        encoding: { x, y, detail: { field: 'part', type: 'nominal' } },
      },
      {
        data: { name: 'probes' },
        mark: { type: 'point', filled: true, size: 70, opacity: 0.95 },
        encoding: {
          x,
          y,
          color: { ...byOutcome, scale: { domain: OUTCOMES, range } },
          shape: { ...byOutcome, scale: { domain: OUTCOMES, range: shapes } },
        },
      },
      {
        data: { name: 'hover' },
        mark: { type: 'point', size: 160, opacity: 0, filled: true },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' } },
      },
    ],
  };
}
