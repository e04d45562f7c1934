// What does a history say on a terminal?

import TextTable from 'cli-table3';
import { escapeTerminal } from '../render/escape.ts';
import { BORDERLESS, plain } from '../render/terminal-text.ts';
import type { HistorySeries } from './history.ts';
import { changesTable, historyHeadline } from './render.ts';

/** The headline, and the changes where there are any; without a line break at its end. */
export function historyTerminal(series: readonly HistorySeries[]): string {
  const { columns, rows } = changesTable(series);
  if (rows.length === 0) return historyHeadline(series);
  const table = new TextTable({
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
    head: columns.map(({ label }) => label),
    colAligns: columns.map(({ numeric }) => (numeric === true ? 'right' : 'left')),
  });
  // Names come from a file that others may write.
  for (const { cells } of rows) table.push(cells.map(({ text }) => escapeTerminal(plain(text))));
  return `${historyHeadline(series)}\n\n${table.toString()}`;
}
