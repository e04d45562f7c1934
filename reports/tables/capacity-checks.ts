// What does an engineer check of a capacity bundle? Probes, points and predictions, each with the cell that it stands on.

import type { Cell, Prediction, Probe, Scaling, Search } from '../../harness/result/result.ts';
import { uslAt } from '../../stats/usl.ts';
import { probeLatency } from '../capacity/probe-latency.ts';
import { coverageText, metricText, type Surface, type SurfacePoint } from '../capacity/surface.ts';
import type { Untried } from '../capacity/untried.ts';
import {
  askedText,
  isPoor,
  OUTCOME_SIGNS,
  poorTexts,
  predictedText,
  rateText,
  signedShare,
} from '../capacity/words.ts';
import {
  ABSENT,
  formatCount,
  formatDuration,
  formatNumber,
  formatRange,
  formatShare,
} from '../render/format.ts';
import { type Table, type TableCell, valueCell } from './table.ts';

/** Every prediction beside what was measured, and the models that could not be tried. */
export function predictionsTable(predictions: readonly Prediction[], untried: readonly Untried[]): Table {
  return {
    caption: 'Predictions against measurement',
    columns: [
      { label: 'What' },
      { label: 'At' },
      { label: 'Predicted', numeric: true },
      { label: 'Measured', numeric: true },
      { label: 'Error', numeric: true, hint: 'predicted ÷ measured − 1' },
      { label: 'Good within', numeric: true },
      { label: 'Model' },
      { label: 'Cells' },
    ],
    rows: [...predictions.map(predictionRow), ...untried.map(untriedRow)],
    notes: poorTexts(predictions),
  };
}

function predictionRow(one: Prediction): Table['rows'][number] {
  return {
    cells: [
      { text: one.what },
      { text: one.at },
      { text: predictedText(one, one.predicted) },
      { text: predictedText(one, one.measured) },
      { text: signedShare(one.error), tone: isPoor(one) ? 'bad' : 'plain' },
      { text: `±${formatShare(one.goodWithin)}` },
      isPoor(one) ? { text: 'POOR', tone: 'bad', badge: true } : { text: 'good', tone: 'good', badge: true },
      { text: one.cells.join(', ') || ABSENT },
    ],
  };
}

function untriedRow({ what, at, cells }: Untried): Table['rows'][number] {
  const none = { text: ABSENT };
  const state: TableCell = { text: 'not tried: its load was void', tone: 'warn' };
  return {
    cells: [
      { text: what },
      { text: at || ABSENT },
      ...[none, none, none, none],
      state,
      { text: cells.join(', ') },
    ],
  };
}

const NO_FIGURE = 'no figures, or too few samples for it';

/** Every probe in the order of the search. */
export function probesTable(search: Search, cells: readonly Cell[]): Table {
  const { probes, slo } = search;
  const shown = probeLatency(search, cells);
  const lower = shown !== undefined && shown.percentile !== shown.term.percentile ? shown : undefined;
  const latency = slo.find((term) => term.of !== 'deadTuples');
  const bloat = slo.some(({ of }) => of === 'deadTuples');
  const percentile = latency === undefined ? 'Percentile' : `${latency.of} p${latency.percentile}`;
  return {
    caption: 'Every probe, in the order of the search',
    columns: [
      { label: 'Rate' },
      { label: 'Load', hint: 'what for, and for how long' },
      { label: 'Outcome' },
      { label: percentile, numeric: true },
      ...(lower === undefined ? [] : [{ label: `${lower.term.of} p${lower.percentile}`, numeric: true }]),
      { label: 'Settled ÷ offered', numeric: true },
      { label: 'Backlog grows by, jobs/s', numeric: true, hint: 'interval of its slope' },
      {
        label: 'Worst share beyond',
        numeric: true,
        hint: 'of jobs beyond the limit, in the worst sub-window',
      },
      ...(bloat
        ? [{ label: 'Dead tuples grow by, 1/s', numeric: true, hint: 'interval of their growth' }]
        : []),
      {
        label: 'Little’s law',
        numeric: true,
        hint: 'jobs in the system ÷ (rate × time in it) − 1, of a pass',
      },
      { label: 'Why' },
      { label: 'Cell' },
    ],
    rows: probes.map((probe, i) => {
      const between = lower === undefined ? [] : [valueCell(lower.valuesUs[i], formatDuration, NO_FIGURE)];
      return { cells: probeCells(probe, between, bloat) };
    }),
    notes: [
      '● pass, ✕ fail, ◇ unclear: so long a load cannot tell. Void: it could not be offered or measured.',
    ],
  };
}

function probeCells(probe: Probe, lower: readonly TableCell[], bloat: boolean): TableCell[] {
  const { sign, tone } = OUTCOME_SIGNS[probe.outcome];
  const beyond = probe.beyondShares?.flat() ?? [];
  return [
    { text: rateText(probe.ratePerSec) },
    { text: probe.purpose, small: `${askedText(probe.seconds)}\u202fs` },
    { text: `${sign} ${probe.outcome}`, tone, badge: true },
    valueCell(probe.percentileUs, formatDuration, NO_FIGURE),
    ...lower,
    valueCell(probe.achievedShare, formatShare, NO_FIGURE),
    intervalCell(probe.backlogPerSec),
    valueCell(beyond.length === 0 ? undefined : Math.max(...beyond), formatShare, NO_FIGURE),
    ...(bloat ? [intervalCell(probe.deadTuplesPerSec)] : []),
    littleCell(probe),
    { text: probe.why.join('; ') || ABSENT },
    { text: probe.cell },
  ];
}

function littleCell({ little }: Probe): TableCell {
  if (little === undefined) return { text: ABSENT, hint: 'no pass, or too few looks at the backlog' };
  return { text: signedShare(little.error), ...(little.kept ? {} : { tone: 'bad' as const }) };
}

function intervalCell(interval: Probe['backlogPerSec' | 'deadTuplesPerSec']): TableCell {
  if (interval === undefined) return { text: ABSENT, hint: NO_FIGURE };
  return { text: `${formatNumber(interval.low)} … ${formatNumber(interval.high)}` };
}

/** Every point of the scaling law, those held back marked. */
export function scalingTable({ points, fit }: Scaling): Table {
  return {
    caption: 'Throughput by handlers at work',
    columns: [
      { label: 'Handlers' },
      { label: 'Measured', numeric: true },
      { label: 'By the law', numeric: true },
      { label: 'Error', numeric: true, hint: 'law ÷ measured − 1' },
      { label: 'Part in the fit' },
      { label: 'Cell' },
    ],
    rows: points.map((point) => {
      const { handlers, perSec, cell } = point;
      const law = fit === undefined ? undefined : uslAt(fit, handlers);
      return {
        cells: [
          { text: formatCount(handlers) },
          { text: rateText(perSec) },
          valueCell(law, rateText, 'there is no fit'),
          valueCell(law === undefined || perSec === 0 ? undefined : law / perSec - 1, signedShare),
          { text: fit === undefined ? 'no fit' : partOf(point) },
          { text: cell },
        ],
      };
    }),
    notes: points.some(({ setAside }) => setAside)
      ? [
          'Set aside: where two repeats are more than 10 % apart a third is measured, and one that two others disagree with is not fitted.',
        ]
      : [],
  };
}

function partOf({ heldBack, setAside }: Scaling['points'][number]): string {
  if (setAside) return 'set aside';
  return heldBack ? 'held back, to try it' : 'fitted';
}

/** Every point of a sweep. */
export function surfaceTable(surface: Surface): Table {
  const write = surface.metric === 'us' ? formatDuration : formatNumber;
  const figure = (point: SurfacePoint): TableCell =>
    point.state === 'measured'
      ? {
          text: `${point.bound ? '≥ ' : ''}${write(point.figure.median)}`,
          small: formatRange(point.figure, write),
        }
      : { text: ABSENT, hint: point.why };
  return {
    caption: `Every point: ${coverageText(surface)}`,
    columns: [
      ...surface.axes.map(({ name }) => ({ label: name })),
      { label: metricText(surface), numeric: true },
      { label: 'State' },
      { label: 'Cells' },
    ],
    rows: surface.points.map((point) => ({
      cells: [
        ...point.at.map((value) => ({ text: String(value) })),
        figure(point),
        point.state === 'measured'
          ? measuredCell(point, surface)
          : { text: `${point.state}: ${point.why}`, tone: point.state === 'incorrect' ? 'bad' : 'warn' },
        { text: point.cells.join(', ') || ABSENT },
      ],
    })),
    notes: ['The median of the valid repeats, and their range.'],
  };
}

function measuredCell(point: SurfacePoint, { best }: Surface): TableCell {
  const text = point === best ? 'measured, the best' : 'measured';
  return point.durable
    ? { text }
    : {
        text: `${text}, NOT DURABLE`,
        tone: 'bad',
        hint: 'a crash could cost settled work: no match for durable points',
      };
}
