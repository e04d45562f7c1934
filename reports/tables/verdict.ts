// Who did how well in a scenario, and may one believe it?

import { shortReasons, voidLines } from '../reasons.ts';
import { formatNumber, formatRatio, plural, timeUnit, type Unit } from '../render/format.ts';
import {
  type Figure,
  isBounded,
  type Latency,
  type Panel,
  type Percentile,
  type Row,
  worst,
} from '../summary.ts';
import { boundedCell, type Column, figureCell, type Table, type TableCell } from './table.ts';

type LatencyColumn = { readonly metric: Latency; readonly which: Percentile; readonly label: string };

/** The latencies that a panel is judged by. In a drain nothing arrives: only the time in hand says something. */
function latencyColumns(panel: Panel): readonly LatencyColumn[] {
  if (panel.drain) {
    return [
      { metric: 'service', which: 'p50', label: 'Service p50' },
      { metric: 'service', which: 'p99', label: 'Service p99' },
      { metric: 'service', which: 'max', label: 'Service max' },
    ];
  }
  return [
    { metric: 'pickup', which: 'p50', label: 'Pickup p50' },
    { metric: 'pickup', which: 'p99', label: 'Pickup p99' },
    { metric: 'response', which: 'p99', label: 'Response p99' },
    { metric: 'response', which: 'max', label: 'Response max' },
  ];
}

/** The verdict table of a panel. */
export function verdictTable(panel: Panel): Table {
  const baseline = panel.rows[0]?.series.label ?? 'the first';
  const latencies = latencyColumns(panel).map((column) => ({
    ...column,
    unit: columnUnit(panel, column.metric, column.which),
  }));
  const columns: Column[] = [
    { label: 'Contender' },
    { label: 'Settled jobs/s', numeric: true },
    { label: '× baseline', hint: `settled jobs/s against ${baseline}, paired by block`, numeric: true },
    ...latencies.map(({ label, which, unit }) => ({
      label: `${label}, ${unit.label}`,
      ...(which === 'max' ? { hint: 'the largest over all repeats' } : {}),
      numeric: true,
    })),
    { label: 'WAL B/job', numeric: true },
    { label: 'Commits/job', numeric: true },
    { label: 'Correctness' },
    { label: 'Generator' },
    { label: 'Repeats', hint: 'valid of all', numeric: true },
  ];
  const width = latencies.length + OTHER_FIGURES;
  return {
    caption: `Verdicts: ${panel.scenario}${panel.oneOfSeveral ? ` (${panel.contractClass})` : ''}`,
    columns,
    rows: panel.rows.map((row, i) => ({
      series: row.series,
      cells: [
        { text: row.series.label, ...(i === 0 ? { small: 'baseline' } : {}) },
        ...(row.state === 'measured' ? figures(row, i === 0, latencies) : [withheld(row, width)]),
        correctness(row),
        generator(row),
        { text: `${row.valid.length}/${row.valid.length + row.invalid.length + row.incorrect.length}` },
      ],
    })),
    notes: notes(panel),
  };
}

function columnUnit(panel: Panel, metric: Latency, which: Percentile): Unit {
  return timeUnit(
    panel.rows.flatMap((row) => {
      const figure: Figure = row.latency[metric][which];
      return figure.kind === 'measured' ? [figure.spread.median] : [];
    }),
  );
}

function figures(
  row: Row,
  isBaseline: boolean,
  latencies: readonly (LatencyColumn & { readonly unit: Unit })[],
): TableCell[] {
  const inUnit = (unit: Unit) => (valueUs: number) => formatNumber(valueUs / unit.divisor);
  return [
    figureCell(row.settledPerSec, formatNumber),
    isBaseline ? { text: '1', hint: 'the baseline' } : figureCell(row.ratio, formatRatio),
    ...latencies.map(({ metric, which, unit }) => {
      const figure = row.latency[metric][which];
      if (which !== 'max') return figureCell(figure, inUnit(unit));
      const valueUs = worst(figure);
      const max = valueUs === undefined ? undefined : { valueUs, bound: isBounded(figure) };
      return boundedCell(max, inUnit(unit));
    }),
    figureCell(row.cost.walBytesPerJob, formatNumber),
    figureCell(row.cost.commitsPerJob, formatNumber),
  ];
}

/** Jobs/s, ratio, WAL and commits. */
const OTHER_FIGURES = 4;

function withheld(row: Row, span: number): TableCell {
  const cells = row.state === 'incorrect' ? row.incorrect : row.invalid;
  const all = cells.flatMap((cell) => cell.reasons);
  const reasons = row.state === 'incorrect' ? [...new Set(all)].join('; ') : shortReasons(all);
  const lead =
    row.state === 'incorrect'
      ? `No figures: ${plural(row.incorrect.length, 'repeat')} incorrect`
      : 'No figures: no valid repeat';
  return {
    text: reasons === '' ? lead : `${lead}. ${reasons}`,
    tone: row.state === 'incorrect' ? 'bad' : 'warn',
    span,
  };
}

/** Whether every job of every repeat was accounted for, as a badge. */
export function correctness(row: Row): TableCell {
  if (row.incorrect.length > 0)
    return { text: 'INCORRECT', tone: 'bad', badge: true, hint: 'see the audit below' };
  return {
    text: 'correct',
    tone: 'good',
    badge: true,
    hint: 'every job reconciled between ledger and database',
  };
}

function generator(row: Row): TableCell {
  const cells = row.measured.length > 0 ? row.measured : [...row.invalid, ...row.incorrect];
  if (row.invalid.length > 0) {
    const hint = [...new Set(row.invalid.flatMap((cell) => cell.reasons))].join('; ');
    return { text: `${row.invalid.length} invalid`, tone: 'warn', badge: true, hint };
  }
  if (cells.some((cell) => cell.generator.generatorBound)) {
    return {
      text: 'bound',
      tone: 'warn',
      badge: true,
      hint: 'above a fifth of the null contender’s rate, or a worker agent that fills its core: the generator may be the limit',
    };
  }
  if (cells.some((cell) => cell.generator.ceilingPerSec === undefined)) {
    return {
      text: 'honest, no ceiling',
      badge: true,
      hint: 'within the limits of the audit; no ceiling could be measured, so generator-bound is not judged',
    };
  }
  return {
    text: 'honest',
    tone: 'good',
    badge: true,
    hint: 'within the limits of the audit, and below a fifth of its ceiling',
  };
}

/** One value for several repeats. */
function isMerged(row: Row, { metric, which }: LatencyColumn): boolean {
  const figure = row.latency[metric][which];
  return which !== 'max' && row.measured.length > 1 && figure.kind === 'measured' && figure.spread.n === 1;
}

function notes(panel: Panel): string[] {
  const counts = panel.rows.filter((row) => row.state === 'measured').map((row) => row.measured.length);
  const fewest = Math.min(...counts);
  const found: string[] = [];
  if (counts.length > 0) {
    const standing =
      fewest < 5
        ? `${plural(fewest, 'repeat')} can show no difference: 5 to look, 10 to claim.`
        : fewest < 10
          ? `With ${plural(fewest, 'repeat')} one may look; a claim takes 10.`
          : '';
    found.push(
      `Brackets hold the smallest and the largest repeat: spread, not an interval of confidence. ${standing}`.trim(),
    );
  }
  found.push(
    panel.drain
      ? 'In a drain nothing arrives, so there is no pickup and no response: service is the time from claim to settle.'
      : 'In an open loop settled jobs/s can only follow the offered rate: judge by latency and cost.',
  );
  if (panel.rows.some((row) => latencyColumns(panel).some((one) => isMerged(row, one))))
    found.push(
      'A percentile without brackets is that of all repeats’ samples together: single repeats have too few to quote it.',
    );
  if (
    panel.rows.some((row) =>
      latencyColumns(panel).some((one) => isBounded(row.latency[one.metric][one.which])),
    )
  ) {
    found.push(
      'With ≥ a latency is a lower bound: jobs that had not ended, or had never got in, count with their age.',
    );
  }
  if (panel.differing.includes('ratePerSec')) {
    found.push(
      'The offered rate differs between contenders (see the settings in force): latencies compare them each at its own load.',
    );
  }
  for (const row of panel.rows) {
    if (row.state !== 'measured') continue;
    for (const line of voidLines(row.invalid)) found.push(`${row.series.label}, ${line}. Left out.`);
  }
  return found;
}
