// How did each contender do on each version of PostgreSQL? The figures of a panel, versions side by side.

import type { Cell, RunResult } from '../../harness/result/result.ts';
import { pairedRatio } from '../../stats/spread.ts';
import { isBound } from '../bounds.ts';
import { formatRatio } from '../render/format.ts';
import { placeOf, serversOf } from '../servers.ts';
import type { Figure, Panel, Row } from '../summary.ts';
import { columnOf } from './glance.ts';
import { figureCell, type Table, type TableCell } from './table.ts';

/**
 * A line per contender, a column per version: settled jobs/s in a drain, else response p50 with the p99. Behind them each version
 * against the first, paired by block. Absent in a run of one server.
 */
export function versionsTable(panel: Panel, result: RunResult): Table | undefined {
  if (result.matrix === undefined) return undefined;
  const labels = serversOf(result.environment).map(({ label = '', version }) => ({ label, version }));
  const [first, ...others] = labels;
  if (first === undefined) return undefined;
  const column = columnOf(panel);
  const places = panel.rows.map((row) => ({ row, place: placeOf(result, row.series.contender) }));
  const contenders = [...new Set(places.flatMap(({ place }) => place?.contender ?? []))];
  const rowOf = (contender: string, label: string): Row | undefined =>
    places.find(({ place }) => place?.contender === contender && place.server === label)?.row;
  return {
    caption: `By version of PostgreSQL: ${column.label}`,
    columns: [
      { label: 'Contender' },
      ...labels.map(({ label, version }) => ({ label, hint: `PostgreSQL ${version}`, numeric: true })),
      ...others.map(({ label }) => ({
        label: `${label} ÷ ${first.label}`,
        hint: `${column.label}, paired by block`,
        numeric: true,
      })),
    ],
    rows: contenders.map((contender) => ({
      cells: [
        { text: contender },
        ...labels.map(({ label }): TableCell => {
          const row = rowOf(contender, label);
          return row === undefined ? { text: '–', hint: 'not run' } : column.cell(row);
        }),
        ...others.map(({ label }) =>
          figureCell(ratioOf(panel, rowOf(contender, label), rowOf(contender, first.label)), formatRatio),
        ),
      ],
    })),
    notes: [
      `Ratios are medians over the blocks that have both versions: what was seen. ${panel.drain ? `Above 1 a version settled more than ${first.label}.` : `Below 1 a version answered sooner than ${first.label}.`} Whether it is more than noise is said below.`,
      ...(panel.differing.includes('ratePerSec')
        ? [
            'The offered rate is a share of what each row reaches, so versions are shown each at its own load.',
          ]
        : []),
    ],
  };
}

function ratioOf(panel: Panel, row: Row | undefined, base: Row | undefined): Figure {
  const ratios = pairedRatio(byBlock(panel, row), byBlock(panel, base));
  if (ratios !== undefined) return { kind: 'measured', spread: ratios };
  return { kind: 'absent', why: 'no block in which both versions have this figure' };
}

/** The figure that the columns show, as the repeats had it. */
function byBlock(panel: Panel, row: Row | undefined): Map<number, number> {
  const read = ({ throughput, latencyUs }: Cell): number | undefined => {
    if (panel.drain) return throughput?.settledPerSec;
    const p50 = latencyUs?.response?.p50;
    // A ratio of lower bounds bounds nothing.
    return p50 === undefined || isBound(latencyUs?.response, p50) ? undefined : p50;
  };
  return new Map(
    (row?.measured ?? []).flatMap((cell) => {
      const value = read(cell);
      return value === undefined ? [] : [[cell.block, value] as const];
    }),
  );
}
