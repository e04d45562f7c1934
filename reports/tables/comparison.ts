// How does a comparison read? Verdict, effect with its interval, and what could have been seen at all.

import type { Comparison } from '../../harness/result.ts';
import { metricsOf } from '../compare/metrics.ts';
import { ABSENT, formatCount, formatDuration, formatNumber, formatShare, plural } from '../render/format.ts';
import type { Table, TableCell, Tone } from './table.ts';

/** All metrics of two contenders in one scenario. */
export type ComparedPair = {
  readonly scenario: string;
  readonly base: Comparison['base'];
  readonly head: Comparison['head'];
  readonly rows: readonly Comparison[];
};

/** Comparisons grouped by scenario and pair, in their own order. */
export function comparedPairs(comparisons: readonly Comparison[]): ComparedPair[] {
  const groups = new Map<string, Comparison[]>();
  for (const one of comparisons) {
    const { base, head } = one;
    const key = JSON.stringify([one.scenario, base.runId, base.contender, head.runId, head.contender]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap((rows) => {
    const [first] = rows;
    return first === undefined
      ? []
      : [{ scenario: first.scenario, base: first.base, head: first.head, rows }];
  });
}

const TONES: Readonly<Record<Comparison['verdict'], Tone>> = {
  better: 'good',
  worse: 'bad',
  equivalent: 'good',
  unstable: 'warn',
  invalid: 'warn',
  '~': 'plain',
};

export type PairVerdict = {
  readonly tone: Tone;
  /** A few words. */
  readonly short: string;
  /** One sentence: what got better, what got worse, or that nothing was found. */
  readonly text: string;
};

/** What the metrics of a pair come to. */
export function pairVerdict(pair: ComparedPair): PairVerdict {
  const named = (verdict: Comparison['verdict']): string[] =>
    pair.rows.filter((row) => row.verdict === verdict).map((row) => `${metricLabel(row)} ${effectText(row)}`);
  const [worse, better] = [named('worse'), named('better')];
  const invalid = pair.rows.filter((row) => row.verdict === 'invalid');
  if (invalid.length === pair.rows.length)
    return { tone: 'warn', short: 'invalid', text: `invalid: ${invalid[0]?.reason ?? 'no figures'}` };
  const parts = [
    ...(worse.length > 0 ? [`worse in ${worse.join(', ')}`] : []),
    ...(better.length > 0 ? [`better in ${better.join(', ')}`] : []),
  ];
  const counts = [
    ...(worse.length > 0 ? [`worse in ${worse.length}`] : []),
    ...(better.length > 0 ? [`better in ${better.length}`] : []),
  ];
  if (parts.length > 0) {
    const short = `${counts.join(', ')} of ${plural(pair.rows.length, 'metric')}`;
    return { tone: worse.length > 0 ? 'bad' : 'good', short, text: parts.join('; ') };
  }
  if (pair.rows.every((row) => row.verdict === '~' && row.pAdjusted === undefined))
    return {
      tone: 'plain',
      short: 'no verdict',
      text: `no verdict: ${pair.rows[0]?.reason ?? 'no figures'}`,
    };
  const equal = named('equivalent').length;
  const unstable = named('unstable').length;
  const rest = [
    ...(equal > 0 ? [`${equal} of ${plural(pair.rows.length, 'metric')} equivalent`] : []),
    ...(unstable > 0 ? [`${unstable} unstable`] : []),
  ];
  const text = `no difference found${rest.length > 0 ? ` (${rest.join(', ')})` : ''}`;
  return { tone: 'plain', short: 'no difference found', text };
}

/** The table of a pair. */
export function comparisonTable(pair: ComparedPair): Table {
  const design = pair.rows.some((row) => row.design === 'paired') ? 'paired by block' : 'unpaired';
  return {
    caption: `${pair.head.contender} against ${pair.base.contender}: ${pair.scenario}`,
    columns: [
      { label: 'Metric' },
      { label: 'Base', hint: `median of the repeats of ${pair.base.contender}`, numeric: true },
      { label: 'Head', hint: `median of the repeats of ${pair.head.contender}`, numeric: true },
      { label: 'Effect', hint: 'head against base', numeric: true },
      { label: '95 % interval', hint: 'bootstrap over repeats', numeric: true },
      {
        label: 'Noise floor',
        hint: 'what one contender differs from itself by, in 19 of 20 cases',
        numeric: true,
      },
      { label: 'Detectable', hint: 'what such repeats would have shown in 4 of 5 cases', numeric: true },
      {
        label: 'p',
        hint: 'permutation test, Holm-corrected within performance or within cost',
        numeric: true,
      },
      { label: 'Verdict' },
    ],
    rows: pair.rows.map((row) => ({ cells: cellsOf(row) })),
    notes: notesOf(pair, design),
  };
}

const CLAIM_FROM = 10;

function notesOf({ base, head, rows }: ComparedPair, design: string): string[] {
  const fewest = Math.min(base.repeats, head.repeats);
  const least = `${Number(((rows[0]?.minEffect ?? 0) * 100).toPrecision(3))} %`;
  return [
    `${plural(base.repeats, 'valid repeat')} of the base, ${formatCount(head.repeats)} of the head, ${design}. Effects below ${least} or below the noise floor get no name; “~” means that these repeats do not tell, not that there is no difference.`,
    ...(fewest < CLAIM_FROM ? ['5 repeats to look, 10 to claim.'] : []),
  ];
}

function cellsOf(row: Comparison): TableCell[] {
  const share = (value: number | undefined): TableCell =>
    value === undefined ? { text: ABSENT, hint: row.reason } : { text: formatShare(value) };
  return [
    { text: metricLabel(row), small: row.better === 'higher' ? 'more is better' : 'less is better' },
    valueCellOf(row, row.base.median),
    valueCellOf(row, row.head.median),
    row.effect === undefined ? { text: ABSENT, hint: row.reason } : { text: effectText(row) },
    { text: intervalText(row) },
    share(row.noiseFloor),
    share(row.detectable),
    row.pAdjusted === undefined
      ? { text: ABSENT, hint: row.reason }
      : { text: row.pAdjusted < 0.001 ? '< 0.001' : row.pAdjusted.toFixed(3) },
    { text: row.verdict, badge: true, tone: TONES[row.verdict], hint: row.reason },
  ];
}

function valueCellOf({ unit }: Comparison, value: number | undefined): TableCell {
  if (value === undefined) return { text: ABSENT, hint: 'no figure' };
  return unit === 'µs' ? { text: formatDuration(value) } : { text: formatNumber(value), small: unit };
}

/** `+12.3 %`, `−4.0 %`; a dash where there is no effect to tell. */
export function effectText({ effect }: Pick<Comparison, 'effect'>): string {
  return effect === undefined ? ABSENT : signed(effect);
}

/** `[−1.0 % … +3.2 %]`. */
export function intervalText({ low, high }: Pick<Comparison, 'low' | 'high'>): string {
  return low === undefined || high === undefined ? ABSENT : `[${signed(low)} … ${signed(high)}]`;
}

function signed(share: number): string {
  const percent = (Math.abs(share) * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0);
  return `${share < 0 ? '−' : '+'}${percent}\u202f%`;
}

/** What a metric is called in tables. */
export function metricLabel({ metric }: Pick<Comparison, 'metric'>): string {
  const known = ['drain', 'open loop', 'closed loop']
    .flatMap((model) => metricsOf(model))
    .find((one) => one.key === metric);
  return known?.label ?? metric;
}
