// What does each operation take by itself? Medians at a glance, then every figure, and what was not offered or not believed.

import type { MicroFigures, MicroRow, RunResult } from '../../harness/result/result.ts';
import { ABSENT, formatCount, formatNumber, formatShare, plural } from '../render/format.ts';
import { type Column, type Table, type TableCell, valueCell } from './table.ts';

/** Rows of one operation on so many jobs. */
export type MicroGroup = { readonly title: string; readonly rows: readonly MicroRow[] };

const FEW = 'fewer than 100 samples lie beyond this percentile';
/** As the groups' notes put it, and the chart. */
export const MICRO_NOTE =
  'Median of one whole operation in µs, and in brackets the smallest and the largest median of a round: a difference that lies within these is no difference. One operation at a time, no other load. Depth: jobs that are ready when it begins, never fewer than it takes.';

/** Operations on a queue, in the order of the bundle. */
export function microGroups(rows: readonly MicroRow[]): MicroGroup[] {
  const groups = Map.groupBy(
    rows.filter(onQueue),
    ({ operation, size, unit }) => `${operation}, ${plural(size, oneOf(unit))}`,
  );
  return [...groups].map(([title, own]) => ({ title, rows: own }));
}

function onQueue({ driver }: MicroRow): boolean {
  return driver !== undefined;
}

function oneOf(unit: string): string {
  return unit.replace(/s$/, '');
}

/** One table per operation, strategies by driver and depth; behind them one of the program's own parts. */
export function microTables({ micro = [] }: RunResult): Table[] {
  const parts = micro.filter((row) => !onQueue(row));
  return [...microGroups(micro).map(glanceTable), ...(parts.length === 0 ? [] : [partsTable(parts)])];
}

/** The same operations with all of their figures. */
export function microDetails({ micro = [] }: RunResult): Table[] {
  return microGroups(micro).map(({ title, rows }) => ({
    caption: `${title}: all figures`,
    columns: [
      { label: 'Strategy' },
      { label: 'Driver' },
      { label: 'Depth', numeric: true },
      ...FIGURES.map(({ label, hint }) => ({
        label,
        numeric: true,
        ...(hint === undefined ? {} : { hint }),
      })),
    ],
    rows: rows.map((row) => ({
      cells: [
        { text: row.strategy ?? ABSENT },
        { text: row.driver ?? ABSENT },
        valueCell(row.depth, formatCount),
        ...figureCells(row),
      ],
    })),
    notes: [],
  }));
}

function glanceTable({ title, rows }: MicroGroup): Table {
  const places = [...new Set(rows.map(placeOf))];
  const strategies = [...new Set(rows.map(({ strategy }) => strategy))];
  return {
    caption: title,
    columns: [
      { label: 'Strategy' },
      ...places.map((label) => ({ label, numeric: true, hint: 'driver, and jobs that are ready' })),
    ],
    rows: strategies.map((strategy) => ({
      cells: [
        { text: strategy ?? ABSENT },
        ...places.map((place) =>
          medianCell(rows.find((row) => row.strategy === strategy && placeOf(row) === place)),
        ),
      ],
    })),
    notes: [...absentNotes(rows), ...voidNotes(rows)],
  };
}

/** `pg, 1 000`. */
function placeOf({ driver, depth }: MicroRow): string {
  return [driver ?? ABSENT, ...(depth === undefined ? [] : [formatCount(depth)])].join(', ');
}

function medianCell(row: MicroRow | undefined): TableCell {
  if (row === undefined) return { text: ABSENT, hint: 'not run' };
  const without = stateCell(row);
  if (without !== undefined) return without;
  const { figures } = row;
  if (figures === undefined) return { text: ABSENT };
  return { text: formatNumber(figures.p50Us), small: roundsRange(figures) };
}

/** What stands in place of the figures of a row that has none. */
function stateCell({ state, reason }: MicroRow): TableCell | undefined {
  if (state === 'measured') return undefined;
  const hint = reason === undefined ? {} : { hint: reason };
  return state === 'void'
    ? { text: 'void', tone: 'bad', badge: true, ...hint }
    : { text: 'not offered', ...hint };
}

function roundsRange({ rounds }: MicroFigures): string {
  const medians = rounds.map(({ p50Us }) => p50Us);
  if (medians.length < 2) return '[one round]';
  return `[${formatNumber(Math.min(...medians))}–${formatNumber(Math.max(...medians))}]`;
}

type FigureColumn = Column & { readonly cell: (figures: MicroFigures, row: MicroRow) => TableCell };

const FIGURES: readonly FigureColumn[] = [
  { label: 'Samples', cell: ({ samples }) => ({ text: formatCount(samples) }) },
  {
    label: 'p50, µs',
    hint: 'of all rounds; in brackets the medians of single rounds',
    cell: (figures) => ({ text: formatNumber(figures.p50Us), small: roundsRange(figures) }),
  },
  { label: 'p99, µs', cell: ({ p99Us }) => valueCell(p99Us, formatNumber, FEW) },
  { label: 'Least, µs', cell: ({ minUs }) => ({ text: formatNumber(minUs) }) },
  {
    label: 'Mean, µs',
    hint: '± half the width of its 95 % interval, as if samples were independent',
    cell: ({ meanUs, relativeMargin }) => ({
      text: formatNumber(meanUs),
      ...(relativeMargin === undefined ? {} : { small: `±${formatShare(relativeMargin)}` }),
    }),
  },
  {
    label: 'Operations/s',
    hint: '1 s ÷ the median',
    cell: ({ opsPerSec }) => valueCell(opsPerSec, formatNumber, 'the clock is too coarse'),
  },
  {
    label: 'Per job or part, µs',
    hint: 'the median ÷ what one operation carries',
    cell: ({ p50Us }, { size }) => ({ text: formatNumber(p50Us / size) }),
  },
];

function figureCells(row: MicroRow): TableCell[] {
  const without = stateCell(row);
  const { figures } = row;
  if (without === undefined && figures !== undefined) return FIGURES.map(({ cell }) => cell(figures, row));
  return [{ ...(without ?? { text: ABSENT }) }, ...FIGURES.slice(1).map(() => ({ text: ABSENT }))];
}

function partsTable(rows: readonly MicroRow[]): Table {
  return {
    caption: 'Parts of the program, without a database',
    columns: [
      { label: 'Part' },
      { label: 'In one sample' },
      ...FIGURES.map(({ label, hint }) => ({
        label,
        numeric: true,
        ...(hint === undefined ? {} : { hint }),
      })),
    ],
    rows: rows.map((row) => ({
      cells: [
        { text: row.strategy === undefined ? row.operation : `${row.operation}: ${row.strategy}` },
        { text: plural(row.size, oneOf(row.unit)).replace('strategie', 'strategy') },
        ...figureCells(row),
      ],
    })),
    notes: voidNotes(rows),
  };
}

/** One sentence for each reason, with the strategies that give it. */
function absentNotes(rows: readonly MicroRow[]): string[] {
  const absent = rows.filter(({ state }) => state === 'not offered');
  const reasons = Map.groupBy(absent, ({ reason }) => reason ?? 'no reason given');
  return [...reasons].map(
    ([reason, own]) =>
      `Not offered by ${[...new Set(own.flatMap(({ strategy }) => strategy ?? []))].join(', ')}: ${reason}.`,
  );
}

function voidNotes(rows: readonly MicroRow[]): string[] {
  return rows
    .filter(({ state }) => state === 'void')
    .map(
      (row) =>
        `Void: ${[row.strategy ?? row.operation, ...(onQueue(row) ? [placeOf(row)] : [])].join(', ')}: ${row.reason ?? 'no reason given'}.`,
    );
}
