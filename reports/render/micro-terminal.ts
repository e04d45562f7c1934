// What does a run of micro-benchmarks say on a terminal, in at most 100 columns?

import TextTable from 'cli-table3';
import type { RunResult } from '../../harness/result/result.ts';
import { MICRO_NOTE, microTables } from '../tables/micro.ts';
import type { Table } from '../tables/table.ts';
import { escapeTerminal } from './escape.ts';
import { BORDERLESS, type Paint, painter, plain, type TerminalOptions, wrapped } from './terminal-text.ts';

/** A table per operation, without a line break at its end; empty where there are none. */
export function microTerminal(result: RunResult, options: Pick<TerminalOptions, 'colour' | 'width'>): string {
  if (result.micro === undefined) return '';
  const width = Math.max(60, Math.min(100, options.width));
  const paint = painter(options.colour);
  const tables = microTables(result).map((table) => block(table, width, paint));
  return [wrapped(plain(MICRO_NOTE), width, ''), ...tables].join('\n\n');
}

function block(table: Table, width: number, paint: Paint): string {
  const whole = lines(table, true);
  // Too wide with the ranges: the report has them.
  const shown = whole.every((line) => line.length <= width) ? whole : lines(table, false);
  const [head = '', ...rest] = shown.map((line) => [...line].slice(0, width).join('').trimEnd());
  return [
    paint(escapeTerminal(plain(table.caption)), 1),
    paint(head, 2),
    ...rest,
    ...table.notes.map((note) => wrapped(plain(note), width, '! ')),
  ].join('\n');
}

function lines({ columns, rows }: Table, ranges: boolean): string[] {
  const text = (word: string): string => escapeTerminal(plain(word));
  const drawn = new TextTable({
    head: columns.map(({ label }) => text(label)),
    colAligns: columns.map(({ numeric }) => (numeric === true ? 'right' : 'left')),
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
  });
  for (const { cells } of rows)
    drawn.push(cells.map((cell) => text(ranges && cell.small ? `${cell.text} ${cell.small}` : cell.text)));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}
