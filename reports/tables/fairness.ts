// Does each contender run with the settings that it declares? Declared beside effective, one column per setting.

import { FAIRNESS_SETTINGS } from '../../harness/result/result.ts';
import { type Compared, comparedOf, SETTING_LABELS } from '../fairness.ts';
import { ABSENT, formatCount, plural } from '../render/format.ts';
import type { Panel } from '../summary.ts';
import type { Table, TableCell } from './table.ts';

/** The fairness check of a panel; `undefined` when no cell holds one. */
export function declaredTable(panel: Panel): Table | undefined {
  const rows = panel.rows.map((row) => ({ row, compared: comparedOf(row) }));
  const settings = FAIRNESS_SETTINGS.filter((setting) =>
    rows.some(({ compared }) => compared.some((one) => one.setting === setting)),
  );
  if (settings.length === 0) return undefined;
  return {
    caption: `Declared and effective: ${panel.scenario}`,
    columns: [{ label: 'Contender' }, ...settings.map((setting) => ({ label: SETTING_LABELS[setting] }))],
    rows: rows.map(({ row, compared }) => ({
      series: row.series,
      cells: [
        { text: row.series.label },
        ...settings.map((setting) => settingCell(compared.find((one) => one.setting === setting))),
      ],
    })),
    notes: [
      `Declared → observed at the running system: median over repeats. ${ABSENT}: not observed there, or not declared.`,
      'Poll: only faster than declared is a mismatch. Producer and other sessions: what is declared is the most there may be.',
      ...rows.flatMap(({ row, compared }) =>
        compared
          .filter((one) => one.verdict === 'differs')
          .map((one) => `${row.series.label}, ${SETTING_LABELS[one.setting].toLowerCase()}: ${told(one)}`),
      ),
      ...unseen(rows.flatMap(({ compared }) => compared)),
    ],
  };
}

function settingCell(one: Compared | undefined): TableCell {
  if (one === undefined) return { text: ABSENT, hint: 'does not apply' };
  const text = `${one.declared ?? ABSENT} → ${one.effective ?? ABSENT}`;
  const hint = [one.verdict, ...one.remarks].join('; ');
  if (one.verdict !== 'differs') return { text, hint };
  return { text, small: 'differs', hint, tone: one.setting === 'durability' ? 'bad' : 'warn', badge: true };
}

function told(one: Compared): string {
  const times = `differs in ${formatCount(one.differing)} of ${plural(one.repeats, 'repeat')}`;
  return `${times}${one.remarks.length === 0 ? '' : `; ${one.remarks.join('; ')}`}.`;
}

/** Why settings were not observed, each reason once. */
function unseen(all: readonly Compared[]): string[] {
  const reasons = all
    .filter((one) => one.verdict === 'not observed')
    .flatMap((one) => one.remarks.map((why) => `${SETTING_LABELS[one.setting]} not observed: ${why}.`));
  return [...new Set(reasons)];
}
