// The table of a check, as the terminal and Markdown show it.

import { formatBytes, formatDuration, formatNumber, formatShare } from '../../render/format.ts';
import type { Table, Tone } from '../../tables/table.ts';
import type { CheckDocument, CheckRow } from '../document.ts';

const TONES: Readonly<Record<CheckRow['verdict'], Tone>> = {
  worse: 'bad',
  better: 'good',
  same: 'plain',
  unstable: 'warn',
  '~': 'plain',
  'not judged': 'plain',
};

/** Worst first within what was counted and what was timed: what fails stands at the top. */
const ORDER: readonly CheckRow['verdict'][] = ['worse', 'unstable', 'better', '~', 'same', 'not judged'];

export function checkTable(document: CheckDocument): Table {
  const rows = document.rows.toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  const several = new Set(document.rows.map(({ contender }) => contender)).size > 1;
  return {
    caption: `${document.head.label} against ${document.base.label}`,
    columns: [
      ...(several ? [{ label: 'Contender' }] : []),
      { label: 'Scenario' },
      { label: 'Metric' },
      { label: 'Base', numeric: true },
      { label: 'Head', numeric: true },
      { label: 'Change', numeric: true },
      { label: 'Fails from', numeric: true },
      { label: 'Verdict' },
    ],
    rows: rows.map((row) => ({
      cells: [
        ...(several ? [{ text: row.contender }] : []),
        { text: row.scenario },
        { text: row.label },
        { text: amount(row.base, row.unit) },
        { text: amount(row.head, row.unit) },
        { text: changeText(row) },
        { text: row.limit === 0 ? '' : `${row.better === 'lower' ? '+' : '−'}${formatShare(row.limit)}` },
        { text: row.verdict, badge: row.verdict !== 'same' && row.verdict !== '~', tone: TONES[row.verdict] },
      ],
    })),
    notes: [
      'Base and Head are medians of the blocks, Change the median of their ratios. Worse: in the first blocks, and again in fresh ones. Counted figures (WAL, statements, buffers …) hardly depend on the machine; ± is the 95 % interval of those that were timed. ~: these blocks do not tell; unstable: it looked worse and was not so again, or is too noisy. Neither fails.',
    ],
  };
}

/** A figure in its unit. */
export function amount(value: number | undefined, unit: string): string {
  if (value === undefined) return '–';
  if (unit === 'µs') return formatDuration(value);
  if (unit === 'µs/job') return formatDuration(value);
  if (unit === 'B/job') return formatBytes(value);
  return formatNumber(value);
}

/** `+12 % (+8 to +15 %)`. */
export function changeText({ effect, low, high, base, head }: CheckRow): string {
  if (effect === undefined) return base === 0 && head !== 0 ? 'from 0' : '–';
  if (low === undefined || high === undefined) return signed(effect);
  return `${signed(effect)} (${signed(low)} to ${signed(high)})`;
}

function signed(share: number): string {
  if (Math.abs(share) < 0.0005) return '0 %';
  return `${share > 0 ? '+' : '−'}${formatShare(Math.abs(share))}`;
}
