// The one chart of a check: how far each metric moved, its interval, and from where on it would have failed.

import type { TopLevelSpec } from 'vega-lite';
import { baseSpec, type Chart } from '../../charts/chart.ts';
import { INK, VERDICT_INK } from '../../charts/theme.ts';
import { drawChart, standaloneSvg } from '../../render/svg.ts';
import type { CheckDocument, CheckRow } from '../document.ts';
import { changeText } from './table.ts';

const ROWS = 24;
const WIDTH = 300;
/** Percent; what lies beyond is drawn at the edge, the table has it. */
const EDGE = 60;
const ORDER: readonly CheckRow['verdict'][] = ['worse', 'unstable', 'better', '~', 'same', 'not judged'];

/** `check.svg`: dark where the reader's system is. Rejects when nothing can be drawn as it should be. */
export async function checkSvg(document: CheckDocument): Promise<string> {
  const chart = checkChart(document);
  return standaloneSvg(chart, await drawChart(chart), document.verdict.toUpperCase());
}

type Bar = {
  readonly metric: string;
  readonly effect: number;
  readonly low: number;
  readonly high: number;
  readonly limit?: number;
  readonly ink: keyof typeof VERDICT_INK;
  readonly word: string;
};

function checkChart(document: CheckDocument): Chart {
  const bars = document.rows
    .filter(({ effect, base, head }) => effect !== undefined || (base === 0 && (head ?? 0) > 0))
    .toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict) || distance(b) - distance(a))
    .slice(0, ROWS)
    .map((row) => barOf(row, document));
  return {
    id: 'check',
    kind: 'effects',
    panel: 'check',
    title: 'change from base to head',
    subtitle: `${document.head.label} against ${document.base.label}: medians of ${document.blocks.valid} blocks; ${document.environment.server}${document.environment.durable ? '' : '; NOT DURABLE'}`,
    description: bars.map(({ metric, word }) => `${metric}: ${word}`).join('; '),
    legend: [
      ...(['worse', 'better', 'equivalent', 'undecided'] as const).map((name) => ({
        label: NAMES[name],
        colour: VERDICT_INK[name],
        mark: { kind: 'area' as const },
      })),
      { label: 'fails from here on', colour: INK.fault, mark: { kind: 'line', dash: [] } },
    ],
    spec: spec(bars),
    hover: [],
    fluid: false,
  };
}

const NAMES = {
  worse: 'worse',
  better: 'better',
  equivalent: 'the same',
  undecided: 'unstable, or no telling',
};

function barOf(row: CheckRow, { rows }: CheckDocument): Bar {
  const several = new Set(rows.map(({ contender }) => contender)).size > 1;
  const { effect, low = effect, high = effect, limit, better, verdict } = row;
  const cut = (share: number | undefined): number =>
    Math.max(-EDGE, Math.min(EDGE, share === undefined ? EDGE : share * 100));
  const ink =
    verdict === 'worse' || verdict === 'better' ? verdict : verdict === 'same' ? 'equivalent' : 'undecided';
  return {
    metric: `${several ? `${row.contender} · ` : ''}${row.scenario} · ${row.label}`,
    ...{ effect: cut(effect), low: cut(low), high: cut(high), ink },
    ...(limit === 0 ? {} : { limit: cut(better === 'lower' ? limit : -limit) }),
    word: `${changeText(row)}${verdict === 'same' || verdict === '~' ? '' : `, ${verdict}`}`,
  };
}

function distance({ effect = EDGE }: CheckRow): number {
  return Math.abs(effect);
}

function spec(bars: readonly Bar[]): TopLevelSpec {
  const ends = bars.flatMap(({ low, high, limit = 0 }) => [low, high, limit]);
  const reach = Math.min(EDGE, Math.max(12, ...ends.map(Math.abs)) * 1.1);
  const x = {
    field: 'effect',
    type: 'quantitative' as const,
    scale: { domain: [-reach, reach], nice: false, clamp: true },
    axis: {
      title: 'head against base, %',
      domain: false,
      ticks: false,
      tickCount: 7,
      labelExpr: "format(datum.value, '+~g')",
    },
  };
  const y = {
    field: 'metric',
    type: 'nominal' as const,
    scale: { domain: bars.map(({ metric }) => metric), paddingOuter: 0.1 },
    axis: {
      ...{ title: null, ticks: false, domain: false, grid: false, labelLimit: 320 },
      ...{ labelColor: INK.text.light, labelFontSize: 12 },
    },
  };
  const words = Object.keys(VERDICT_INK) as (keyof typeof VERDICT_INK)[];
  const color = {
    ...{ field: 'ink', type: 'nominal' as const, legend: null },
    scale: { domain: words, range: words.map((word) => VERDICT_INK[word].light) },
  };
  const own = { data: { name: 'bars' } };
  return {
    ...baseSpec({
      bars: bars.map(({ limit: _limit, ...bar }) => bar),
      limits: bars.flatMap(({ metric, limit }) => (limit === undefined ? [] : [{ metric, limit }])),
      zero: [{ effect: 0 }],
    }),
    width: WIDTH,
    height: Math.max(1, bars.length) * 22,
    // The words beside the plot are outside of its width.
    autosize: { type: 'pad', contains: 'padding' },
    layer: [
      { data: { name: 'zero' }, mark: { type: 'rule', color: INK.reference.light }, encoding: { x } },
      {
        data: { name: 'limits' },
        mark: { type: 'tick', thickness: 2, size: 14, color: INK.fault.light },
        encoding: { x: { ...x, field: 'limit' }, y },
      },
      {
        ...own,
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color },
      },
      { ...own, mark: { type: 'point', filled: true, size: 60, opacity: 1 }, encoding: { x, y, color } },
      {
        ...own,
        mark: { type: 'text', align: 'left', fontSize: 11, color: INK.muted.light },
        encoding: { x: { value: WIDTH + 10 }, y, text: { field: 'word', type: 'nominal' } },
      },
    ],
  };
}
