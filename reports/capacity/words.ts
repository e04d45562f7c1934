// How are outcomes, limits and errors of a capacity bundle said, alike on the page, in Markdown and on a terminal?

import type { CapacityPlan, Prediction, ProbeOutcome, Slo } from '../../harness/result/result.ts';
import { formatCount, formatDuration, formatNumber, formatSeconds, formatShare } from '../render/format.ts';
import type { Tone } from '../tables/table.ts';

/** Under which the report keeps its charts of capacity. */
export const CAPACITY_PANEL = 'capacity';

/** The outcome of a probe as a sign and a tone; the word always stands beside. */
export const OUTCOME_SIGNS: Readonly<Record<ProbeOutcome, { readonly sign: string; readonly tone: Tone }>> = {
  pass: { sign: '●', tone: 'good' },
  fail: { sign: '✕', tone: 'bad' },
  unclear: { sign: '◇', tone: 'warn' },
  void: { sign: '·', tone: 'plain' },
};

/** The limits of a plan in the order of the page. */
export const LIMIT_NAMES = { slo: 'SLO', recovery: 'Recovery', bloat: 'Bloat' } as const;

/** `1 240 jobs/s`, which never breaks. */
export function rateText(perSec: number): string {
  return `${formatNumber(perSec)}\u202fjobs/s`;
}

/** A number that somebody asked for, as it was asked: `40`, `1.8`, `12 000`. */
export function askedText(value: number): string {
  return Number.isInteger(value) ? formatCount(value) : String(Number(value.toPrecision(6)));
}

/** All terms of an SLO in one line. */
export function sloText(slo: readonly Slo[]): string {
  return slo.map(({ text }) => text).join(' and ');
}

/** `+12.3 %`, `−4.00 %`. */
export function signedShare(share: number): string {
  return `${share > 0 ? '+' : ''}${formatShare(share)}`;
}

/** A figure of a model in its unit. */
export function predictedText({ unit }: Pick<Prediction, 'unit'>, value: number): string {
  if (unit === 'us') return formatDuration(value);
  return unit === 's' ? formatSeconds(value) : rateText(value);
}

/** Whether what was measured lies beyond what the model counts as good. */
export function isPoor({ error, goodWithin }: Prediction): boolean {
  return !(Math.abs(error) <= goodWithin);
}

/** One sentence for each prediction that missed. */
export function poorTexts(predictions: readonly Prediction[]): string[] {
  return predictions
    .filter(isPoor)
    .map(
      ({ what, at, error, goodWithin }) =>
        `POOR: ${what} at ${at} was predicted ${formatShare(Math.abs(error))} too ${error > 0 ? 'high' : 'low'} (good: within ${formatShare(goodWithin)}).`,
    );
}

/** Whether a plan says no, and not only that too little is known. */
export function isPlainNo({
  possible,
  undecided,
}: Pick<CapacityPlan['answer'], 'possible' | 'undecided'>): boolean {
  return !possible && undecided.length === 0;
}
