// Did each contender run as it declared? All repeats of a row together, setting by setting.

import { FAIRNESS_SETTINGS, type FairnessRow, type FairnessSetting } from '../harness/result/result.ts';
import { median } from '../stats/spread.ts';
import { formatCount, formatNumber, plural } from './render/format.ts';
import type { Panel, Row } from './summary.ts';

/** A setting of one contender over all its repeats. */
export type Compared = {
  readonly setting: FairnessSetting;
  /** `undefined` when nothing is declared. */
  readonly declared: string | undefined;
  /** `undefined` when no repeat could tell. */
  readonly effective: string | undefined;
  /** `differs` as soon as one repeat does. */
  readonly verdict: FairnessRow['verdict'];
  /** How many repeats differ, of how many. */
  readonly differing: number;
  /** Whether a number that differs is smaller than declared. */
  readonly below: boolean;
  readonly repeats: number;
  /** What the repeats say of it, each sentence once: those that differ alone, where any does. */
  readonly remarks: readonly string[];
};

/** What the settings are called. */
export const SETTING_LABELS: Readonly<Record<FairnessSetting, string>> = {
  batch: 'Jobs per claim',
  connections: 'Worker sessions',
  producerConnections: 'Producer sessions',
  otherConnections: 'Other sessions',
  pollMs: 'Poll, ms',
  durability: 'Durability',
  statementMode: 'Statements',
};

/** The settings that were compared for a row, in the order of the tables. Cells of every verdict count. */
export function comparedOf(row: Row): Compared[] {
  const cells = [...row.valid, ...row.invalid, ...row.incorrect];
  return FAIRNESS_SETTINGS.flatMap((setting) => {
    const found = cells.flatMap((cell) => (cell.fairness ?? []).filter((one) => one.setting === setting));
    return found.length === 0 ? [] : [together(setting, found)];
  });
}

function together(setting: FairnessSetting, found: readonly FairnessRow[]): Compared {
  const differing = found.filter((one) => one.verdict === 'differs');
  const telling = differing.length > 0 ? differing : found.filter((one) => one.effective !== undefined);
  const remarked = telling.length > 0 ? telling : found;
  return {
    setting,
    declared: textOf(found.flatMap((one) => one.declared ?? [])),
    effective: textOf(telling.flatMap((one) => one.effective ?? [])),
    verdict: (differing[0] ?? telling[0] ?? found[0])?.verdict ?? 'not observed',
    differing: differing.length,
    below: differing.some((one) => Number(one.effective) < Number(one.declared)),
    repeats: found.length,
    remarks: [...new Set(remarked.flatMap((one) => one.note ?? one.why ?? []))],
  };
}

/** The median of numbers; words as they are, each once. */
function textOf(values: readonly (string | number)[]): string | undefined {
  if (values.length === 0) return undefined;
  const numbers = values.filter((value) => typeof value === 'number');
  const middle = numbers.length === values.length ? median(numbers) : undefined;
  if (middle === undefined) return [...new Set(values.map(String))].join(', ');
  return Number.isInteger(middle) ? formatCount(middle) : formatNumber(middle);
}

/** Whether a repeat of the row was less durable than its server. Its figures are no match for those of durable ones. */
export function isWeakened(row: Row): boolean {
  return comparedOf(row).some((one) => one.setting === 'durability' && one.verdict === 'differs');
}

/** `NOT DURABLE: a, b · ` for the charts of a panel; empty when all its measured rows are durable. */
export function durabilityMark(panel: Panel): string {
  const weakened = panel.rows.filter((row) => row.state === 'measured' && isWeakened(row));
  return weakened.length === 0 ? '' : `NOT DURABLE: ${weakened.map((row) => row.series.label).join(', ')} · `;
}

export type Mismatch = { readonly tone: 'bad' | 'warn'; readonly title: string; readonly text: string };

/** A finding for every setting that differs, durability first. */
export function mismatchesOf(panel: Panel): Mismatch[] {
  const found = panel.rows.flatMap((row) =>
    comparedOf(row)
      .filter((one) => one.verdict === 'differs')
      .map((one) => mismatch(row.series.label, panel.scenario, one)),
  );
  return found.toSorted((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
}

function mismatch(label: string, scenario: string, one: Compared): Mismatch {
  const where = `in ${scenario}`;
  const times = `${formatCount(one.differing)} of ${plural(one.repeats, 'repeat')}`;
  const remark = one.remarks[0] === undefined ? '' : `: ${one.remarks[0]}`;
  const compared = `Declared ${one.declared ?? 'nothing'}, observed ${one.effective ?? 'nothing'} (${times})${remark}.`;
  if (one.setting === 'durability') {
    return {
      tone: 'bad',
      title: `${label} is not durable ${where}`,
      text: `${compared} A crash would lose work that it had confirmed: its figures are not comparable with those of a durable contender.`,
    };
  }
  const title =
    one.setting === 'batch'
      ? `${label} claims ${one.below ? 'less' : 'more'} than it declares ${where}`
      : `${label} does not run as declared ${where}: ${SETTING_LABELS[one.setting].toLowerCase()}`;
  return { tone: 'warn', title, text: compared };
}
