// What does a terminal say of who came through what? A line for each scenario and contender, in at most its width.

import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import type { RunResult } from '../../harness/result/result.ts';
import { type Outcome, type Survival, type SurvivalRow, survivalOf } from '../survival.ts';
import { outcomeText, repeatsText, returnText } from '../tables/survival.ts';
import { escapeTerminal } from './escape.ts';
import { BORDERLESS, type Paint, plain, wrapped } from './terminal-text.ts';

const CODES: Readonly<Record<Outcome['kind'], number>> = {
  survived: 32,
  degraded: 33,
  untold: 33,
  void: 33,
  failed: 31,
};

/** None for a run whose scenarios have no faults. */
export function survivalBlocks(result: RunResult, width: number, paint: Paint): string[] {
  const rows = survivalOf(result);
  return rows.length === 0
    ? []
    : [[paint('Who came through what', 1), ...rows.map((row) => block(row, width, paint))].join('\n')];
}

/** The scenario, its contenders, and behind each that did not survive the reason. */
function block({ scenario, cells }: SurvivalRow, width: number, paint: Paint): string {
  const table = new Table({
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 2, 'padding-right': 0, compact: true },
  });
  for (const survival of cells) {
    const { outcome, series } = survival;
    table.push([
      escapeTerminal(series.label),
      paint(plain(outcomeText(outcome)), CODES[outcome.kind]),
      returnText(outcome),
      plain(repeatsText(survival)),
    ]);
  }
  const lines = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  const narrow = lines.some((line) => stripVTControlCharacters(line).length > width);
  const said = cells.flatMap((survival, i) => [
    narrow ? stacked(survival, width) : (lines[i] ?? ''),
    ...(survival.outcome.why === '' ? [] : [wrapped(survival.outcome.why, width, '      ')]),
  ]);
  return [escapeTerminal(scenario), ...said].join('\n');
}

/** The name on a line of its own, above the rest. */
function stacked(survival: Survival, width: number): string {
  const { outcome, series } = survival;
  const parts = [outcomeText(outcome), returnText(outcome), repeatsText(survival)].map(plain);
  return [
    wrapped(series.label, width, '  '),
    wrapped(parts.filter((part) => part !== '').join(', '), width, '    '),
  ].join('\n');
}
