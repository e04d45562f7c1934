// What does a check say on a terminal?

import TextTable from 'cli-table3';
import { escapeTerminal } from '../../render/escape.ts';
import { BORDERLESS, painter, plain, type TerminalOptions, wrapped } from '../../render/terminal-text.ts';
import type { Tone } from '../../tables/table.ts';
import type { CheckDocument } from '../document.ts';
import { checkTable } from './table.ts';

const CODES: Readonly<Record<Tone, number>> = { good: 32, warn: 33, bad: 31, plain: 0 };
const VERDICTS: Readonly<Record<CheckDocument['verdict'], number>> = {
  ...{ pass: 32, regression: 31, incorrect: 31, undecided: 33 },
};

/** Verdict, table, causes, warnings; without a line break at its end. */
export function checkTerminal(
  document: CheckDocument,
  options: Pick<TerminalOptions, 'colour' | 'width'>,
): string {
  const width = Math.max(60, Math.min(110, options.width));
  const paint = painter(options.colour);
  const text = (one: string, lead: string): string => wrapped(plain(one), width, lead);
  const { columns, rows } = checkTable(document);
  const table = new TextTable({
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    head: columns.map(({ label }) => label),
    colAligns: columns.map(({ numeric }) => (numeric === true ? 'right' : 'left')),
  });
  for (const { cells } of rows)
    table.push(
      cells.map((cell) =>
        paint(escapeTerminal(plain(cell.text)), cell.badge === true ? CODES[cell.tone ?? 'plain'] : 0),
      ),
    );
  return [
    paint(text(document.headline, ''), VERDICTS[document.verdict]),
    ...(rows.length === 0 ? [] : [table.toString()]),
    ...(document.causes.length === 0
      ? []
      : [
          [
            'Likely cause:',
            ...document.causes.map((cause) => text(`${cause.what}: ${cause.text}`, '  ')),
          ].join('\n'),
        ]),
    ...(document.warnings.length === 0
      ? []
      : [document.warnings.map((warning) => text(`warning: ${warning}`, '')).join('\n')]),
    text(
      `${document.blocks.valid} of ${document.blocks.measured} blocks valid, ${document.usedSeconds} s of ${document.budgetSeconds} s; again: ${document.reproduce}`,
      '',
    ),
  ].join('\n\n');
}
