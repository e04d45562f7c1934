// What is the one figure of every scenario? The report's first table, one per contract class.

import { atLeast } from '../bounds.ts';
import { formatNumber, timeUnit } from '../render/format.ts';
import type { Panel, Row } from '../summary.ts';
import { figureCell, type Table, type TableCell } from './table.ts';

/**
 * One table per contract class: contenders by scenario; settled jobs/s in a drain, else response p50 and p99. None for a single
 * scenario, whose verdict says it all.
 */
export function glanceTables(panels: readonly Panel[]): Table[] {
  if (new Set(panels.map((panel) => panel.scenario)).size === 1) return [];
  const classes = [...new Set(panels.map((panel) => panel.contractClass))];
  return classes.map((contractClass) => {
    const own = panels.filter((panel) => panel.contractClass === contractClass);
    const series = [...new Set(own.flatMap((panel) => panel.rows.map((row) => row.series)))].toSorted(
      (a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)),
    );
    const writers = own.map(columnOf);
    return {
      caption: `At a glance: ${contractClass}${classes.length > 1 ? ', ranked apart from other contract classes' : ''}`,
      columns: [
        { label: 'Contender' },
        ...writers.map(({ label, hint }) => ({ label, hint, numeric: true })),
      ],
      rows: series.map((one) => ({
        series: one,
        cells: [
          { text: one.label },
          ...own.map((panel, i): TableCell => {
            const row = panel.rows.find((candidate) => candidate.series === one);
            return row === undefined
              ? { text: '–', hint: 'not run' }
              : (writers[i]?.cell(row) ?? { text: '–' });
          }),
        ],
      })),
      notes: [],
    };
  });
}

/** The one figure of a panel: what it is, and each row's. */
export function columnOf(panel: Panel): { label: string; hint: string; cell: (row: Row) => TableCell } {
  const state = (row: Row): TableCell | undefined => {
    if (row.state === 'incorrect') return { text: 'INCORRECT', tone: 'bad', badge: true };
    return row.state === 'invalid' ? { text: 'invalid', tone: 'warn', badge: true } : undefined;
  };
  if (panel.drain) {
    return {
      label: `${panel.scenario}: settled jobs/s`,
      hint: panel.question,
      cell: (row) => state(row) ?? figureCell(row.settledPerSec, formatNumber),
    };
  }
  const medians = panel.rows.flatMap(({ latency: { response } }) =>
    [response.p50, response.p99].flatMap((one) => (one.kind === 'measured' ? [one.spread.median] : [])),
  );
  const unit = timeUnit(medians);
  const write = (us: number): string => formatNumber(us / unit.divisor);
  return {
    label: `${panel.scenario}: response p50, ${unit.label}`,
    hint: `${panel.question} The p99 stands below, where there are samples enough.`,
    cell: (row) => {
      const { p50, p99 } = row.latency.response;
      const tail =
        p99.kind === 'measured' ? `p99 ${atLeast(p99.bound, write(p99.spread.median))}` : `p99: ${p99.why}`;
      return state(row) ?? { ...figureCell(p50, write), small: tail };
    },
  };
}
