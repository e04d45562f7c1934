// What does a terminal say of callers over HTTP and of a bystander? Lines below the table of a scenario that has them.

import type { Panel } from '../summary.ts';
import { bystanderTable } from '../tables/bystander.ts';
import { httpTable } from '../tables/http.ts';
import type { Table } from '../tables/table.ts';
import { plain, wrapped } from './terminal-text.ts';

const HTTP = ['201', '429', '201 p50, ms', '201 p99, ms', '201 max, ms'] as const;

/** None for a scenario without either. The report has the tables in full. */
export function othersLines(panel: Panel, width: number): string[] {
  return [...httpLines(httpTable(panel)), ...bystanderLines(bystanderTable(panel, new Map()))].map((line) =>
    wrapped(plain(line), width, '  '),
  );
}

function httpLines(table: Table | undefined): string[] {
  return (table?.rows ?? []).map(({ cells }) => {
    const said = HTTP.map((label) => {
      const column = table?.columns.findIndex((one) => one.label === label) ?? -1;
      return `${label} ${cells[column]?.text ?? '–'}`;
    });
    return `${cells[0]?.text ?? ''}, HTTP answers: ${said.join('; ')}`;
  });
}

/** A line for each contender: the phases one after another. */
function bystanderLines(table: Table | undefined): string[] {
  const [, , p50, , p99, max] = table?.columns ?? [];
  const labels = [p50, p99, max].map((column) => column?.label ?? '');
  const unit = labels[0]?.split(', ')[1] ?? '';
  const byContender = Map.groupBy(table?.rows ?? [], ({ cells }) => cells[0]?.text ?? '');
  return [...byContender].map(([contender, rows]) => {
    const phases = rows.map(({ cells }) => {
      const [, phase, half, , most, longest] = cells.map(({ text }) => text);
      return `${phase} ${half} / ${most} / ${longest}`;
    });
    return `${contender}, bystander p50 / p99 / max ${unit}: ${phases.join('; ')}`;
  });
}
