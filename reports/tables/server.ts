// What did the server do during the load, and how did it leave the contender's tables and indexes?

import type { StorageReading, Telemetry } from '../../harness/result/result.ts';
import { spread } from '../../stats/spread.ts';
import { ABSENT, formatBytes, formatCount, formatNumber, formatShare } from '../render/format.ts';
import { type Panel, type Row, typicalCell } from '../summary.ts';
import { figureCell, type Table, type TableCell, type TableRow } from './table.ts';

/** Smaller relations say nothing of bloat. */
const SMALLEST_BYTES = 64 * 1024;
const RELATIONS_SHOWN = 6;
const STATEMENTS_SHOWN = 5;

/** The tables of a panel that have anything to say. */
export function serverTables(panel: Panel): Table[] {
  const rows = panel.rows.filter((row) => row.measured.some((cell) => cell.telemetry !== undefined));
  if (rows.length === 0) return [];
  return [activityTable(panel, rows), statementTable(panel, rows), storageTable(panel, rows)].filter(
    (table) => table.rows.length > 0,
  );
}

type Read = (telemetry: Telemetry) => number | undefined;

const COLUMNS: readonly { label: string; hint?: string; read: Read; write: (value: number) => string }[] = [
  { label: 'WAL', hint: 'of the whole server', read: (t) => t.wal?.bytes, write: formatBytes },
  { label: 'WAL fsyncs', read: (t) => t.wal?.fsyncs, write: formatCount },
  {
    label: 'Checkpoints',
    hint: 'begun, by time, volume or request',
    read: (t) => t.checkpoints && t.checkpoints.timed + t.checkpoints.requested,
    write: formatCount,
  },
  {
    label: 'Autovacuums',
    hint: "of the contender's tables",
    read: (t) => t.vacuum?.autovacuums,
    write: formatCount,
  },
  {
    label: 'Waiting for a lock',
    hint: 'most backends in one reading',
    read: (t) => t.lockWaits?.mostWaiting,
    write: formatCount,
  },
  {
    label: 'of these for a row',
    hint: 'most backends in one reading',
    read: (t) => t.lockWaits?.mostForRows,
    write: formatCount,
  },
  {
    label: 'Sampler busy, at most',
    hint: 'its round trips ÷ length of the load',
    read: (t) => t.samplerBusyShare,
    write: formatShare,
  },
  {
    label: 'Sampler CPU',
    hint: 'CPU time of its backend ÷ length of the load, to one clock tick of 10 ms',
    read: (t) => t.samplerCpuShare,
    write: formatShare,
  },
];

function activityTable(panel: Panel, rows: readonly Row[]): Table {
  const told = rows.flatMap((row) => row.measured.flatMap((cell) => cell.telemetry ?? []));
  const missing = [...new Set(told.flatMap((telemetry) => telemetry.missing))];
  return {
    caption: `What the server did: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      ...COLUMNS.map(({ label, hint }) => ({
        label,
        numeric: true,
        ...(hint === undefined ? {} : { hint }),
      })),
      { label: 'Server CPU by process' },
    ],
    rows: rows.map((row) => ({
      series: row.series,
      cells: [
        { text: row.series.label },
        ...COLUMNS.map(({ read, write }) => {
          const found = spread(
            row.measured.flatMap((cell) => (cell.telemetry && read(cell.telemetry)) ?? []),
          );
          return figureCell(
            found ? { kind: 'measured', spread: found } : { kind: 'absent', why: 'not measured' },
            write,
          );
        }),
        { text: cpuOf(typicalCell(row)?.telemetry?.cpuUs) },
      ],
    })),
    notes: [
      'Over the whole load, warm-up included. CPU is that of the typical repeat; what ended between two readings is mostly sessions of the load.',
      ...(told.some((telemetry) => !telemetry.sampling)
        ? ['Sampling was off (--no-sampling) in some cells.']
        : []),
      ...missing.map((one) => `Missing: ${one}`),
    ],
  };
}

/** `client backend 82 %, walwriter 3 %`, those of a percent or more. A share stays in the line of its process. */
function cpuOf(cpuUs: Telemetry['cpuUs']): string {
  const total = Object.values(cpuUs ?? {}).reduce((sum, us) => sum + us, 0);
  const parts = Object.entries(cpuUs ?? {}).filter(([, us]) => us >= total / 100);
  return parts.length === 0
    ? ABSENT
    : parts.map(([kind, us]) => `${kind}\u00a0${formatShare(us / total)}`).join(', ');
}

function statementTable(panel: Panel, rows: readonly Row[]): Table {
  return {
    caption: `Statements by time on the server: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      { label: 'Statement' },
      { label: 'Share of time', numeric: true },
      { label: 'Calls', numeric: true },
      { label: 'Mean, µs', numeric: true },
      { label: 'Rows per call', numeric: true },
      { label: 'WAL per call, B', numeric: true },
      { label: 'Buffers per call', numeric: true },
    ],
    rows: rows.flatMap((row) =>
      (typicalCell(row)?.telemetry?.statements ?? []).slice(0, STATEMENTS_SHOWN).map((one) => ({
        series: row.series,
        cells: [
          { text: row.series.label },
          { text: one.statement },
          { text: formatShare(one.timeShare) },
          { text: formatCount(one.calls) },
          { text: formatNumber(one.meanUs) },
          ...[one.rows, one.walBytes, one.buffers].map((sum) => ({ text: formatNumber(sum / one.calls) })),
        ],
      })),
    ),
    notes: [
      'From pg_stat_statements, in the typical repeat; the COMMIT of a statement on its own is not in its time.',
    ],
  };
}

function storageTable(panel: Panel, rows: readonly Row[]): Table {
  return {
    caption: `Tables and indexes before and after: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      { label: 'Relation' },
      { label: 'Size', hint: 'before → after', numeric: true },
      { label: 'Dead, % of it', hint: 'before → after', numeric: true },
      { label: 'Free, % of it', hint: 'before → after', numeric: true },
      { label: 'Leaf density, %', hint: 'of a B-tree, before → after', numeric: true },
    ],
    rows: rows.flatMap((row) => storageRows(row)),
    notes: [
      'From pgstattuple in the typical repeat, outside the load. Rows that were deleted and vacuumed away are free space; those not yet vacuumed are dead.',
    ],
  };
}

function storageRows(row: Row): TableRow[] {
  const storage = typicalCell(row)?.telemetry?.storage ?? [];
  const largest = (name: string) =>
    Math.max(...storage.filter((one) => one.relation === name).map((one) => one.bytes));
  const names = [...new Set(storage.map((one) => one.relation))]
    .filter((name) => largest(name) >= SMALLEST_BYTES)
    .toSorted((a, b) => largest(b) - largest(a))
    .slice(0, RELATIONS_SHOWN);
  return names.map((name) => {
    const before = storage.find((one) => one.relation === name && one.when === 'before');
    const after = storage.find((one) => one.relation === name && one.when === 'after');
    const pair = (
      read: (one: StorageReading) => number | undefined,
      write: (value: number) => string,
    ): TableCell => {
      const [from, to] = [before && read(before), after && read(after)];
      if (from === undefined && to === undefined) {
        return { text: ABSENT, hint: after?.skipped ?? before?.skipped ?? 'does not apply' };
      }
      return { text: [from, to].map((value) => (value === undefined ? ABSENT : write(value))).join(' → ') };
    };
    const percent = (value: number) => formatNumber(value);
    return {
      series: row.series,
      cells: [
        { text: row.series.label },
        { text: `${name}${(after ?? before)?.kind === 'index' ? ' (index)' : ''}` },
        pair((one) => one.bytes, formatBytes),
        pair((one) => one.deadPercent, percent),
        pair((one) => one.freePercent, percent),
        pair((one) => one.leafDensityPercent, percent),
      ],
    };
  });
}
