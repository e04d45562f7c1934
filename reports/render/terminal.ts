// What does a run say when it ends? One line per contender in at most 100 columns, then what was not believed.

import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import type { RunResult } from '../../harness/result/result.ts';
import { atLeast, worstLag } from '../bounds.ts';
import { isWeakened } from '../fairness.ts';
import { findingsOf, overallVerdict } from '../findings.ts';
import { voidLines } from '../reasons.ts';
import { panelName } from '../report.ts';
import { type Figure, type Latency, type Panel, type Percentile, type Row, summarise } from '../summary.ts';
import { escapeTerminal } from './escape.ts';
import {
  ABSENT,
  formatDuration,
  formatNumber,
  formatRange,
  formatRatio,
  timeUnit,
  type Unit,
} from './format.ts';
import { othersLines } from './terminal-others.ts';
import { survivalBlocks } from './terminal-survival.ts';
import { BORDERLESS, type Paint, painter, plain, type TerminalOptions, wrapped } from './terminal-text.ts';

export type { TerminalOptions } from './terminal-text.ts';

/** The table that ends `claimbench run`, without a line break at its end. */
export function terminalTable(result: RunResult, options: TerminalOptions): string {
  const width = Math.max(60, Math.min(100, options.width));
  const paint = painter(options.colour);
  const panels = summarise(result, options.histograms);
  const verdict = overallVerdict(result);
  const blocks = panels.map((panel) => panelBlock(panel, width, paint));
  const code = verdict.tone === 'good' ? 32 : verdict.tone === 'bad' ? 31 : 33;
  const findings = findingsOf(result, panels).map((one) =>
    wrapped(`${one.title}. ${one.text}`, width, one.tone === 'bad' ? '✗ ' : '! '),
  );
  const survival = survivalBlocks(result, width, paint);
  return [...survival, ...blocks, [paint(verdict.text, code), ...findings].join('\n')].join('\n\n');
}

function panelBlock(panel: Panel, width: number, paint: Paint): string {
  const [wait, total] = latenciesOf(panel);
  const unitOf = (metric: Latency, which: readonly Percentile[]) =>
    timeUnit(
      panel.rows.flatMap((row) =>
        which.flatMap((one) => {
          const figure = row.latency[metric][one];
          return figure.kind === 'measured' ? [figure.spread.median] : [];
        }),
      ),
    );
  const pickup = unitOf(wait.metric, ['p50', 'p99']);
  const response = unitOf(total.metric, [total.which]);
  const head = [
    '',
    'settled/s',
    '× base',
    `${wait.label} p50/p99 ${pickup.label}`,
    `${total.label} ${response.label}`,
    'WAL B',
    'commits',
    'verdict',
  ];
  const rows = panel.rows.map((row, i) => rowCells(panel, row, i === 0, pickup, response, paint));
  const { first, rest } = tableLines(head, rows, width);
  return [
    paint(cut(escapeTerminal(panelName(panel)), width), 1),
    paint(cut(escapeTerminal(panel.load), width), 2),
    paint(first, 2),
    ...rest,
    ...lagLine(panel, paint),
    ...othersLines(panel, width),
    ...rowNotes(panel, width),
  ].join('\n');
}

/** Columns that a narrow terminal goes without, the first first: commits, WAL, the second latency. The report has them. */
const DISPENSABLE = [6, 5, 4];

/**
 * The head of a table and its lines, each within `width`. A name that the figures leave no room for stands on a line of its own,
 * above them: cut, two contenders could look like one.
 */
function tableLines(head: readonly string[], rows: readonly (readonly string[])[], width: number) {
  const lengths = head.map((text, i) =>
    Math.max(text.length, ...rows.map((row) => stripVTControlCharacters(row[i] ?? '').length)),
  );
  const widthOf = (columns: readonly number[]): number =>
    columns.reduce((sum, column) => sum + (lengths[column] ?? 0) + 2, 0) - 2;
  let figures = head.map((_, i) => i).slice(1);
  for (const dispensable of DISPENSABLE)
    if (widthOf(figures) > width - INDENT) figures = figures.filter((column) => column !== dispensable);
  const besides = (lengths[0] ?? 0) + 2 + widthOf(figures) <= width;
  const table = new Table({
    head: [besides ? '' : ' '.repeat(INDENT - 2), ...figures.map((column) => head[column] ?? '')],
    colAligns: ['left', ...figures.map((column) => (column === head.length - 1 ? 'left' : 'right'))],
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
  });
  for (const row of rows)
    table.push([besides ? (row[0] ?? '') : '', ...figures.map((column) => row[column] ?? '')]);
  const [first = '', ...rest] = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  if (besides) return { first, rest };
  return { first, rest: rest.flatMap((line, i) => [cut(rows[i]?.[0] ?? '', width), line]) };
}

/** Of figures below a name. */
const INDENT = 4;

type Shown = { readonly metric: Latency; readonly which: Percentile; readonly label: string };

/** The two latency columns: how soon a job is picked up and done, or, in a drain, how long it is in hand. */
function latenciesOf(panel: Panel): readonly [Shown, Shown] {
  return panel.drain
    ? [
        { metric: 'service', which: 'p50', label: 'service' },
        { metric: 'service', which: 'max', label: 'max' },
      ]
    : [
        { metric: 'pickup', which: 'p50', label: 'pickup' },
        { metric: 'response', which: 'p99', label: 'resp. p99' },
      ];
}

function cut(text: string, width: number): string {
  return [...text].length <= width ? text : `${[...text].slice(0, width - 1).join('')}…`;
}

function rowCells(
  panel: Panel,
  row: Row,
  isBaseline: boolean,
  pickup: Unit,
  response: Unit,
  paint: Paint,
): string[] {
  const [wait, total] = latenciesOf(panel);
  const all = row.valid.length + row.invalid.length + row.incorrect.length;
  const name = escapeTerminal(row.series.label);
  if (row.state !== 'measured') {
    const word = row.state === 'incorrect' ? paint('INCORRECT', 31) : paint('invalid', 33);
    return [name, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, word];
  }
  const middle = (figure: Figure, write: (value: number) => string): string =>
    figure.kind === 'measured' ? atLeast(figure.bound, plain(write(figure.spread.median))) : ABSENT;
  // Of maxima there is one, and no middle.
  const largest = (figure: Figure, write: (value: number) => string): string =>
    figure.kind === 'measured' ? atLeast(figure.bound, plain(write(figure.spread.max))) : ABSENT;
  const inUnit = (unit: Unit) => (us: number) => formatNumber(us / unit.divisor);
  const { settledPerSec } = row;
  const range =
    settledPerSec.kind === 'measured' ? plain(formatRange(settledPerSec.spread, formatNumber)) : '';
  const bound = row.measured.some((cell) => cell.generator.generatorBound);
  const verdict =
    row.measured.length < all
      ? paint(`${row.measured.length}/${all} valid`, 33)
      : isWeakened(row)
        ? paint('not durable', 31)
        : bound
          ? paint('gen.-bound', 33)
          : paint('valid', 32);
  return [
    name,
    `${middle(settledPerSec, formatNumber)} ${range}`.trim(),
    isBaseline ? '1' : middle(row.ratio, formatRatio),
    `${middle(row.latency[wait.metric].p50, inUnit(pickup))} / ${middle(row.latency[wait.metric].p99, inUnit(pickup))}`,
    (total.which === 'max' ? largest : middle)(row.latency[total.metric][total.which], inUnit(response)),
    middle(row.cost.walBytesPerJob, formatNumber),
    middle(row.cost.commitsPerJob, formatNumber),
    verdict,
  ];
}

/** The generator's own lateness, of the worst cell; none where nothing is scheduled. */
function lagLine(panel: Panel, paint: Paint): string[] {
  const cells = panel.rows.flatMap((row) => [...row.valid, ...row.invalid]);
  const worst = (which: 'p50' | 'p99' | 'max'): string => {
    const found = worstLag(cells, which);
    return found === undefined ? ABSENT : atLeast(found.bound, plain(formatDuration(found.valueUs)));
  };
  if (cells.every((cell) => cell.generator.lagMaxUs === undefined)) return [];
  const said = (['p50', 'p99', 'max'] as const).map((which) => `${which} ${worst(which)}`);
  return [paint(`generator lag, worst cell: ${said.join(', ')}`, 2)];
}

function rowNotes(panel: Panel, width: number): string[] {
  return panel.rows.flatMap((row) =>
    voidLines([...row.invalid, ...row.incorrect]).map((line) =>
      wrapped(`${row.series.label}, ${line}`, width, '  '),
    ),
  );
}
