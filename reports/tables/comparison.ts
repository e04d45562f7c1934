// How does a comparison read? Verdict, effect with its interval, and what could have been seen at all.

import type { Comparison } from '../../harness/result/result.ts';
import { metricsOf } from '../compare/metrics.ts';
import {
  ABSENT,
  formatCount,
  formatDuration,
  formatNumber,
  formatRatio,
  formatShare,
  plural,
} from '../render/format.ts';
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

/** What the metrics of a pair come to. Where nothing was shown, neither a difference nor its absence, there is no verdict. */
export function pairVerdict(pair: ComparedPair): PairVerdict {
  const { rows } = pair;
  const having = (verdict: Comparison['verdict']): Comparison[] =>
    rows.filter((row) => row.verdict === verdict);
  const named = (list: readonly Comparison[]): string =>
    list.map((row) => `${metricLabel(row)} ${effectText(row)}`).join(', ');
  const invalid = having('invalid');
  if (invalid.length === rows.length)
    return {
      tone: 'warn',
      short: 'invalid',
      text: `invalid: ${invalid[0] === undefined ? 'no figures' : reasonText(invalid[0])}`,
    };
  const gaps = unjudged(rows).map((gap) => `not judged: ${gap}`);
  const [worse, better, equal] = [having('worse'), having('better'), having('equivalent')];
  const counts = [
    ...(worse.length > 0 ? [`worse in ${worse.length}`] : []),
    ...(better.length > 0 ? [`better in ${better.length}`] : []),
  ];
  if (counts.length > 0) {
    const parts = [
      ...(worse.length > 0 ? [`worse in ${named(worse)}`] : []),
      ...(better.length > 0 ? [`better in ${named(better)}`] : []),
    ];
    return {
      tone: worse.length > 0 ? 'bad' : 'good',
      short: `${counts.join(', ')} of ${plural(rows.length, 'metric')}`,
      text: [...parts, ...gaps].join('; '),
    };
  }
  const unstable = having('unstable').length;
  const rest = [
    ...(equal.length > 0 ? [`${equal.length} of ${plural(rows.length, 'metric')} equivalent`] : []),
    ...(unstable > 0 ? [`${unstable} unstable`] : []),
  ];
  if (equal.length > 0) {
    const text = [`no difference found (${rest.join(', ')})`, ...gaps].join('; ');
    return { tone: 'plain', short: 'no difference found', text };
  }
  const tested = rows.filter((row) => row.pAdjusted !== undefined).length;
  const nothing = `of ${plural(tested, 'metric')} tested, these repeats show neither a difference nor its absence${unstable > 0 ? ` (${unstable} unstable)` : ''}`;
  // With one reason for all, the names of the metrics add nothing.
  const reasons = [...new Set(rows.map(reasonText))];
  const why = tested > 0 ? [nothing, ...gaps] : reasons.length === 1 ? reasons : gaps;
  return { tone: 'plain', short: 'no verdict', text: `no verdict: ${why.join('; ')}` };
}

/** `Pickup p95, Pickup p99 (a lower bound: …)`: metrics that no test was made of, by reason. */
function unjudged(rows: readonly Comparison[]): string[] {
  const gaps = rows.filter(
    (row) => row.pAdjusted === undefined && (row.verdict === '~' || row.verdict === 'invalid'),
  );
  return byReason(gaps).map(([reason, labels]) => {
    const which = labels.length === rows.length ? 'all metrics' : labels.join(', ');
    return `${which} (${reason})`;
  });
}

/** `Pickup p95, Pickup p99: a noise floor of …`: metrics that are too noisy, by reason. */
export function unstableLines({ rows }: ComparedPair): string[] {
  const unstable = rows.filter((row) => row.verdict === 'unstable');
  return byReason(unstable).map(([reason, labels]) => `${labels.join(', ')}: ${reason}`);
}

function byReason(rows: readonly Comparison[]): [reason: string, labels: string[]][] {
  const groups = new Map<string, string[]>();
  for (const row of rows) {
    const reason = reasonText(row);
    groups.set(reason, [...(groups.get(reason) ?? []), metricLabel(row)]);
  }
  return [...groups];
}

/** `base 1, head 2 repeats`: how many valid ones each side has. */
export function repeatsText({ base, head }: ComparedPair): string {
  return `base ${formatCount(base.repeats)}, head ${plural(head.repeats, 'repeat')}`;
}

/**
 * How the effects of a pair are made, since they need not be the ratio of the two figures beside them. Absent where there is
 * no effect.
 */
export function effectNote({ base, head, rows }: ComparedPair): string | undefined {
  const row = rows.find((one) => one.effect !== undefined);
  if (row === undefined) return undefined;
  if (row.design === 'paired')
    return 'Effect: median of the ratios within blocks, as “× base” in the report; base and head are medians over all repeats.';
  // The middle two of an even number are averaged: as logarithms in an effect, plainly in a median that is shown.
  const even = [base, head].some((side) => side.repeats % 2 === 0);
  const how = `Effect: ratio of the medians of logarithms; base and head are plain medians${even ? ', so another mean of the middle two' : ''}.`;
  return base.runId === head.runId
    ? `${how} “× base” in the report is the median of ratios of the blocks that have both.`
    : how;
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
      { label: 'Effect', hint: 'head against base; how it is made is said below', numeric: true },
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

function notesOf(pair: ComparedPair, design: string): string[] {
  const { base, head, rows } = pair;
  const effect = effectNote(pair);
  const fewest = Math.min(base.repeats, head.repeats);
  const least = `${Number(((rows[0]?.minEffect ?? 0) * 100).toPrecision(3))} %`;
  return [
    `${plural(base.repeats, 'valid repeat')} of the base, ${formatCount(head.repeats)} of the head, ${design}. Effects below ${least} or below the noise floor get no name; “~” means that these repeats do not tell, not that there is no difference.`,
    ...(effect === undefined ? [] : [effect]),
    ...unjudged(rows).map((gap) => `Not judged: ${gap}.`),
    ...(fewest < CLAIM_FROM ? ['5 repeats to look, 10 to claim.'] : []),
  ];
}

function cellsOf(row: Comparison): TableCell[] {
  const share = (value: number | undefined): TableCell =>
    value === undefined ? { text: ABSENT, hint: reasonText(row) } : { text: shareText(value) };
  return [
    { text: metricLabel(row), small: row.better === 'higher' ? 'more is better' : 'less is better' },
    valueCellOf(row, row.base),
    valueCellOf(row, row.head),
    row.effect === undefined ? { text: ABSENT, hint: reasonText(row) } : { text: effectText(row) },
    { text: intervalText(row) },
    share(row.noiseFloor),
    share(row.detectable),
    row.pAdjusted === undefined
      ? { text: ABSENT, hint: reasonText(row) }
      : { text: row.pAdjusted < 0.001 ? '< 0.001' : row.pAdjusted.toFixed(3) },
    { text: row.verdict, badge: true, tone: TONES[row.verdict], hint: reasonText(row) },
  ];
}

function valueCellOf({ unit }: Comparison, side: Comparison['base']): TableCell {
  if (side.median === undefined) return { text: ABSENT, hint: 'no figure' };
  const text = `${atLeast(side)}${unit === 'µs' ? formatDuration(side.median) : formatNumber(side.median)}`;
  return {
    text,
    ...(unit === 'µs' ? {} : { small: unit }),
    ...(side.lowerBound === true
      ? { hint: 'a lower bound: jobs that had not ended count with their age' }
      : {}),
  };
}

/** What stands before a figure that is a lower bound. */
export function atLeast({ lowerBound }: Comparison['base']): string {
  return lowerBound === true ? '≥ ' : '';
}

/** `+12.3 %`, `−4.0 %`; a dash where there is no effect to tell. */
export function effectText({ effect }: Pick<Comparison, 'effect'>): string {
  return effect === undefined ? ABSENT : signed(effect);
}

/** `[−1.0 % … +3.2 %]`. */
export function intervalText({ low, high }: Pick<Comparison, 'low' | 'high'>): string {
  return low === undefined || high === undefined ? ABSENT : `[${signed(low)} … ${signed(high)}]`;
}

/** From here on percentages run away: +1150 % is ×12.5. */
const FACTOR_ABOVE = 10;

function signed(share: number): string {
  if (share > FACTOR_ABOVE) return factorOf(share);
  const percent = (Math.abs(share) * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0);
  return `${share < 0 ? '−' : '+'}${percent}\u202f%`;
}

/** A noise floor or a detectable effect: `12.3 %`, and `×12.5` for more than 1000 %. */
export function shareText(share: number): string {
  return share > FACTOR_ABOVE ? factorOf(share) : formatShare(share);
}

function factorOf(share: number): string {
  return `×${formatRatio(1 + share)}`;
}

/** A row's reason, with factors in place of percentages that run away. */
function reasonText({ reason }: Pick<Comparison, 'reason'>): string {
  return reason.replaceAll(/(\d+(?:\.\d+)?(?:e\+\d+)?) %/g, (text, percent: string) =>
    Number(percent) / 100 > FACTOR_ABOVE ? `×${Number((1 + Number(percent) / 100).toPrecision(2))}` : text,
  );
}

/** What a metric is called in tables. */
export function metricLabel({ metric }: Pick<Comparison, 'metric'>): string {
  const known = ['drain', 'open loop', 'closed loop']
    .flatMap((model) => metricsOf(model))
    .find((one) => one.key === metric);
  return known?.label ?? metric;
}
