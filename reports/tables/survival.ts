// How is it shown which contender came through which scenario? One line per scenario, one column per contender.

import type { RunResult } from '../../harness/result/result.ts';
import { formatShare, plural } from '../render/format.ts';
import type { Series } from '../series.ts';
import { type Outcome, type Survival, survivalOf } from '../survival.ts';
import type { Table, TableCell, Tone } from './table.ts';

const TONES: Readonly<Record<Outcome['kind'], Tone>> = {
  survived: 'good',
  degraded: 'warn',
  untold: 'warn',
  void: 'plain',
  failed: 'bad',
};

const REASON_LENGTH = 60;

/** `undefined` for a run whose scenarios have no faults. */
export function survivalTable(result: RunResult): Table | undefined {
  const rows = survivalOf(result);
  if (rows.length === 0) return undefined;
  const series = [...new Set(rows.flatMap(({ cells }) => cells.map((cell) => cell.series)))].toSorted(
    (x, y) => Number(x.id.slice(1)) - Number(y.id.slice(1)),
  );
  return {
    caption: 'Who came through what',
    columns: [{ label: 'Scenario' }, ...series.map((one) => ({ label: one.label, series: one }))],
    rows: rows.map(({ scenario, question, cells }) => ({
      cells: [{ text: scenario, hint: question }, ...series.map((one) => cellOf(one, cells))],
    })),
    notes: [
      'The worst of the repeats. Survived: at 95 % of the baseline or more while the faults lasted, or, in a scenario without faults, all that it expects held; degraded: below it, and back at 95 % afterwards; failed: a job was lost or duplicated, an expectation did not hold, or the baseline was not regained.',
      'Degraded to 62 %: while the faults lasted, the queue settled 62 % of what it would have settled had it stayed as good as before the first one. Back after 2 s: from the end of the last fault until 95 % of the baseline were regained.',
    ],
  };
}

function cellOf(series: Series, cells: readonly Survival[]): TableCell {
  const survival = cells.find((one) => one.series === series);
  if (survival === undefined) return { text: '–', hint: 'not run' };
  const { kind, why } = survival.outcome;
  const small = detailOf(survival);
  return {
    text: outcomeText(survival.outcome),
    tone: TONES[kind],
    badge: true,
    ...(small === '' ? {} : { small }),
    ...(why === '' ? {} : { hint: why }),
  };
}

/** `survived`, `degraded to 62 %`, `failed`, `void`, `untold`. */
export function outcomeText({ kind, share }: Outcome): string {
  return kind === 'degraded' && share !== undefined ? `degraded to ${formatShare(share)}` : kind;
}

/** `back at once`, `back after 1.2 s`; empty where nothing broke, or nothing came back. */
export function returnText({ regainedSeconds }: Outcome): string {
  if (regainedSeconds === undefined) return '';
  return regainedSeconds === 0 ? 'back at once' : `back after ${regainedSeconds.toFixed(1)} s`;
}

/** `of 3 repeats`, `2 of 3 repeats, 1 void`. */
export function repeatsText({ like, repeats, void: voided, outcome }: Survival): string {
  const said = like === repeats ? plural(repeats, 'repeat') : `${like} of ${plural(repeats, 'repeat')}`;
  return voided === 0 || outcome.kind === 'void' ? said : `${said}, ${voided} void`;
}

function detailOf(survival: Survival): string {
  const { outcome } = survival;
  const why =
    outcome.why.length > REASON_LENGTH ? `${outcome.why.slice(0, REASON_LENGTH - 1)}…` : outcome.why;
  return [returnText(outcome), why, repeatsText(survival)].filter((text) => text !== '').join('; ');
}
