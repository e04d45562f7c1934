// At which rate does the latency pass its limit? Every probe by rate, the SLO's line, and the interval of the answer.

import type { TopLevelSpec } from 'vega-lite';
import type { LatencySlo, Probe, ProbeOutcome, Search } from '../../harness/result/result.ts';
import { median } from '../../stats/spread.ts';
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
export function searchChart(search: Search, mark: string): Chart | undefined {
  const term = search.slo.find((one): one is LatencySlo => one.of !== 'deadTuples');
  const quoted = search.probes.filter(({ percentileUs }) => (percentileUs ?? 0) > 0);
  if (term === undefined || quoted.length === 0) return undefined;
  const present = OUTCOMES.filter((outcome) => search.probes.some((probe) => probe.outcome === outcome));
  const unquoted = search.probes.length - quoted.length;
  const { passPerSec, failPerSec } = search.answer;
  const ends =
    passPerSec !== undefined && failPerSec !== undefined
      ? `; shaded: between ${rateText(passPerSec)}, which passed, and ${rateText(failPerSec)}, which failed`
      : '';
  return {
    id: `${CAPACITY_PANEL}-search`,
    kind: 'capacity',
    panel: CAPACITY_PANEL,
    title: `${term.of} p${term.percentile} by offered rate: ${search.contender}`,
    subtitle: `${mark}open loop · ${plural(search.probes.length, 'probe')}, a fresh database each${ends}${unquoted === 0 ? '' : ` · on the floor: ${plural(unquoted, 'probe')} without this percentile`}`,
    description: `${search.answer.text} ${search.probes.map(tipOf).join('; ')}`.replaceAll('\n', ', '),
    legend: present.map(legendEntry),
    spec: spec(search, term),
    hover: rowsOf(search, term).map(({ rate, ms, tip }) => ({ rate, ms, tip })),
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

function tipOf({ ratePerSec, outcome, percentileUs, seconds, why, purpose }: Probe): string {
  const wait = percentileUs === undefined ? 'no percentile' : formatDuration(percentileUs);
  return [
    `${rateText(ratePerSec)}: ${outcome}, ${wait}`,
    `${purpose}, ${formatSeconds(seconds)}`,
    ...why.slice(0, 2),
  ].join('\n');
}

function ticksOf({ probes }: Search, { limitUs }: LatencySlo): number[] {
  const values = [limitUs, ...probes.flatMap(({ percentileUs }) => percentileUs ?? [])]
    .filter((value) => value > 0)
    .map((value) => value / 1e3);
  return decades(Math.min(...values), Math.max(...values));
}

/** Probes without the percentile stand on a floor below all that was quoted. */
function floorOf(search: Search, term: LatencySlo): number {
  return (ticksOf(search, term)[0] ?? 1) / 3;
}

function rowsOf(search: Search, term: LatencySlo) {
  const floor = floorOf(search, term);
  return search.probes
    .filter(({ ratePerSec }) => ratePerSec > 0)
    .map((probe) => ({
      rate: probe.ratePerSec,
      ms: (probe.percentileUs ?? 0) > 0 ? (probe.percentileUs ?? 0) / 1e3 : floor,
      outcome: probe.outcome,
      tip: tipOf(probe),
    }));
}

/** The course through the medians at each rate; broken where no probe at a rate has a figure. */
function courseOf({ probes }: Search): { rate: number; ms: number; part: number }[] {
  const rates = [...new Set(probes.map(({ ratePerSec }) => ratePerSec))].toSorted((a, b) => a - b);
  let part = 0;
  return rates.flatMap((rate) => {
    const values = probes
      .filter(({ ratePerSec, outcome }) => ratePerSec === rate && outcome !== 'void')
      .flatMap(({ percentileUs }) => percentileUs ?? []);
    const us = median(values);
    if (us !== undefined && us > 0) return [{ rate, ms: us / 1e3, part }];
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

function spec(search: Search, term: LatencySlo): TopLevelSpec {
  const rows = rowsOf(search, term);
  const ticks = ticksOf(search, term);
  const floor = floorOf(search, term);
  const low = rows.some(({ ms }) => ms === floor) ? floor : (ticks[0] ?? 1);
  const { passPerSec, failPerSec } = search.answer;
  const x = rateAxis(rows.map(({ rate }) => rate));
  const y = {
    field: 'ms',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [low, ticks.at(-1) ?? 10], nice: false },
    axis: {
      title: null,
      values: low === floor ? [low, ...ticks] : ticks,
      labelExpr: `datum.value < ${ticks[0] ?? 1} ? 'no figure' : ${MS_LABEL}`,
      domain: false,
      ticks: false,
    },
  };
  const between =
    passPerSec === undefined || failPerSec === undefined || !(failPerSec > passPerSec)
      ? []
      : [{ rate: passPerSec, to: failPerSec }];
  const ends = [passPerSec, failPerSec].flatMap((rate) => (rate === undefined ? [] : [{ rate }]));
  const byOutcome = { field: 'outcome', type: 'nominal' as const, legend: null };
  const range = OUTCOMES.map((outcome) => STYLES[outcome].colour.light);
  const shapes = OUTCOMES.map((outcome) => GLYPHS[STYLES[outcome].glyph]);
  return {
    ...baseSpec({
      probes: rows.map(({ tip: _tip, ...row }) => row),
      course: courseOf(search),
      between,
      ends,
      limit: [{ ms: term.limitUs / 1e3, label: `SLO ${formatDuration(term.limitUs)}` }],
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
        mark: { type: 'rule', color: INK.text.light, strokeWidth: 1.5, strokeDash: [6, 3] },
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
          fontWeight: 600,
          color: INK.text.light,
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
