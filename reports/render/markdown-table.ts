// How does a table become Markdown?

import type { Table, TableCell } from '../tables/table.ts';
import { escapeMarkdown } from './escape.ts';

/** A table as GitHub-flavoured Markdown: caption, rows, notes. */
export function markdownTable(table: Table): string {
  const width = table.columns.length;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = table.rows.map((row) => {
    const cells = row.cells.flatMap((cell) => [
      renderCell(cell),
      ...Array<string>((cell.span ?? 1) - 1).fill(''),
    ]);
    return line([...cells, ...Array<string>(Math.max(0, width - cells.length)).fill('')]);
  });
  return [
    `**${escapeMarkdown(table.caption)}**`,
    '',
    line(table.columns.map((column) => escapeMarkdown(column.label))),
    line(table.columns.map((column) => (column.numeric ? '--:' : ':--'))),
    ...rows,
    ...(table.notes.length > 0
      ? ['', table.notes.map((note) => `- ${escapeMarkdown(note)}`).join('\n')]
      : []),
  ].join('\n');
}

function renderCell(cell: TableCell): string {
  const text = escapeMarkdown(cell.text);
  const loud = cell.badge && cell.tone === 'bad' ? `**${text}**` : text;
  return cell.small ? `${loud} ${escapeMarkdown(cell.small)}` : loud;
}
