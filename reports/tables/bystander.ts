// What did the queue do to somebody else's transactions on the same server, phase by phase?

import type { Histogram } from 'hdr-histogram-js';
import type { BystanderFigures, Cell, Percentiles } from '../../harness/result/result.ts';
import { spread } from '../../stats/spread.ts';
import { boundFromUs, isBound } from '../bounds.ts';
import type { Bundle } from '../bundle.ts';
import { mergeHistograms } from '../hlog.ts';
import { formatCount, formatNumber, timeUnit } from '../render/format.ts';
import type { Figure, Panel, Row } from '../summary.ts';
import { figureCell, type Table, type TableRow } from './table.ts';

type Phase = BystanderFigures['phases'][number];
type Histograms = Bundle['bystanderHistograms'];

const PERCENTILES = ['p50', 'p95', 'p99'] as const;
const PERCENT = { p50: 50, p95: 95, p99: 99 } as const;
const QUOTABLE_BEYOND = 100;
const FEW = 'fewer than 100 samples lie beyond this percentile';
const NONE = 'nothing was due in this phase';

/** One phase of a row, over its repeats. */
type Line = {
  readonly row: Row;
  readonly label: string;
  readonly phases: readonly Phase[];
  readonly latency: Readonly<Record<(typeof PERCENTILES)[number] | 'max', Figure>>;
};

/** A line for each phase of each contender; `undefined` where no measured cell has a bystander. */
export function bystanderTable(panel: Panel, histograms: Histograms): Table | undefined {
  const lines = panel.rows.flatMap((row) => linesOf(row, histograms));
  if (lines.length === 0) return undefined;
  const unit = timeUnit(
    lines.flatMap(({ latency }) =>
      Object.values(latency).flatMap((one) => (one.kind === 'measured' ? [one.spread.median] : [])),
    ),
  );
  const inUnit = (valueUs: number) => formatNumber(valueUs / unit.divisor);
  return {
    caption: `Bystander, somebody else's transactions on the same server: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      { label: 'Phase' },
      ...[...PERCENTILES, 'max'].map((name) => ({ label: `${name}, ${unit.label}`, numeric: true })),
      { label: 'Done/s', numeric: true },
      { label: 'Offered/s', numeric: true },
      { label: 'Failed', hint: 'of all repeats', numeric: true },
      { label: 'Unfinished', hint: 'of all repeats, when the load was over', numeric: true },
    ],
    rows: lines.map((line) => rowOf(line, inUnit)),
    notes: notesOf(panel),
  };
}

function rowOf({ row, label, phases, latency }: Line, inUnit: (valueUs: number) => string): TableRow {
  const total = (read: (phase: Phase) => number) => ({
    text: formatCount(phases.reduce((sum, phase) => sum + read(phase), 0)),
  });
  const rate = (read: (phase: Phase) => number | undefined) => {
    const found = spread(phases.flatMap((phase) => read(phase) ?? []));
    return figureCell(
      found === undefined ? { kind: 'absent', why: NONE } : { kind: 'measured', spread: found },
      formatNumber,
    );
  };
  return {
    series: row.series,
    cells: [
      { text: row.series.label },
      { text: label },
      ...PERCENTILES.map((name) => figureCell(latency[name], inUnit)),
      figureCell(latency.max, inUnit),
      rate((phase) => phase.donePerSec),
      rate((phase) => phase.offeredPerSec),
      total((phase) => phase.failed),
      total((phase) => phase.unfinished),
    ],
  };
}

function linesOf(row: Row, histograms: Histograms): Line[] {
  const cells = row.measured.filter((cell) => cell.bystander !== undefined);
  const [first] = cells;
  return (first?.bystander?.phases ?? []).map(({ label }, i) => {
    const phases = cells.flatMap((cell) => cell.bystander?.phases[i] ?? []);
    const merged = mergeHistograms(cells.flatMap((cell) => histograms.get(cell.id)?.[i] ?? []));
    const latency = (name: (typeof PERCENTILES)[number]) => percentile(phases, merged, name);
    return {
      row,
      label,
      phases,
      latency: { p50: latency('p50'), p95: latency('p95'), p99: latency('p99'), max: longest(phases) },
    };
  });
}

/** As for the queue's own latencies: the repeats' own where each may quote one, else that of all samples merged. */
function percentile(
  phases: readonly Phase[],
  merged: Histogram | undefined,
  name: (typeof PERCENTILES)[number],
): Figure {
  const samples = phases.map((phase) => phase.latencyUs);
  const own = samples.flatMap((one) => one?.[name] ?? []);
  const found = own.length === phases.length ? spread(own) : undefined;
  if (found !== undefined) return measured(found, samples, (one) => isBound(one, one?.[name] ?? Number.NaN));
  if (merged === undefined) return { kind: 'absent', why: NONE };
  const beyond = Math.floor(merged.totalCount * (1 - PERCENT[name] / 100) + 1e-9);
  if (beyond < QUOTABLE_BEYOND) return { kind: 'absent', why: FEW };
  const valueUs = merged.getValueAtPercentile(PERCENT[name]);
  const one = { n: 1, median: valueUs, min: valueUs, max: valueUs };
  return measured(one, samples, () => valueUs >= boundFromUs(samples));
}

/** The worst of all repeats: the median of maxima would hide it. */
function longest(phases: readonly Phase[]): Figure {
  const samples = phases.flatMap((phase) => phase.latencyUs ?? []);
  const valueUs = Math.max(...samples.map((one) => one.max));
  if (samples.length === 0) return { kind: 'absent', why: NONE };
  return measured({ n: 1, median: valueUs, min: valueUs, max: valueUs }, samples, (one) =>
    isBound(one, valueUs),
  );
}

function measured(
  found: Extract<Figure, { kind: 'measured' }>['spread'],
  samples: readonly (Percentiles | undefined)[],
  bound: (one: Percentiles | undefined) => boolean,
): Figure {
  return { kind: 'measured', spread: found, ...(samples.some(bound) ? { bound: true } : {}) };
}

function notesOf(panel: Panel): string[] {
  const cells: Cell[] = panel.rows.flatMap((row) => [...row.measured]);
  const errors = cells.flatMap((cell) => Object.entries(cell.bystander?.errors ?? {}));
  const told = new Map<string, number>();
  for (const [error, times] of errors) told.set(error, (told.get(error) ?? 0) + times);
  return [
    'Short read-and-write transactions, sent on a schedule of their own that waits for nobody. Latency runs from the intended instant to the answer to COMMIT, the wait for a session included; a phase holds what was intended in it, without the warm-up.',
    'What failed or had not ended when the load was over counts with its age: a lower bound. Costs that the server counts for all together are not told.',
    ...(told.size === 0
      ? []
      : [
          `Failed with: ${[...told].map(([error, times]) => `${error} (${formatCount(times)})`).join('; ')}.`,
        ]),
  ];
}
