// How did a load over HTTP go: what was answered, how soon, and what did the front need?

import type { Cell, HttpPart, Percentiles } from '../../harness/result/result.ts';
import { spread } from '../../stats/spread.ts';
import { formatCount, formatNumber, formatShare } from '../render/format.ts';
import type { Figure, Panel, Row } from '../summary.ts';
import { type Column, figureCell, type Table, type TableCell } from './table.ts';

type Answers = NonNullable<HttpPart['answers']>;
type Front = NonNullable<HttpPart['front']>;

const ANSWERS: readonly (readonly [keyof Answers, string])[] = [
  ['created', '201'],
  ['tooMany', '429'],
  ['otherClientErrors', 'Other 4xx'],
  ['serverErrors', '5xx'],
  ['timeouts', 'Timed out'],
  ['brokenConnections', 'Broken off'],
];

const LATENCIES: readonly (readonly [keyof HttpPart['latencyUs'], string, string])[] = [
  ['accepted', '201', 'from the intended instant to the answer 201'],
  ['service', 'sent → 201', 'from the instant at which the request left to the answer 201'],
  ['rejected', '429', 'from the intended instant to the answer 429'],
];

/** The table of a panel whose jobs came over HTTP; undefined for any other. */
export function httpTable(panel: Panel): Table | undefined {
  const rows = panel.rows.filter((row) => row.measured.some((cell) => cell.http !== undefined));
  if (rows.length === 0) return undefined;
  const limit = rows[0]?.measured.find((cell) => cell.http !== undefined)?.http;
  return {
    caption: `Over HTTP: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      ...ANSWERS.map(
        ([, label]): Column => ({ label, hint: 'posts, sum over valid repeats', numeric: true }),
      ),
      { label: '429 share', numeric: true },
      ...LATENCIES.flatMap(([, label, hint]) =>
        (['p50', 'p99', 'max'] as const).map(
          (of): Column => ({ label: `${label} ${of}, ms`, hint, numeric: true }),
        ),
      ),
      { label: 'Front CPU', hint: 'share of one core', numeric: true },
      { label: 'Backlog peak', hint: 'the most jobs that a reading of the front found', numeric: true },
      { label: 'Backlog reading, ms', hint: 'mean; what knowing the backlog costs', numeric: true },
    ],
    rows: rows.map((row) => ({
      series: row.series,
      cells: [{ text: row.series.label }, ...answerCells(row), ...latencyCells(row), ...frontCells(row)],
    })),
    notes: [
      `The front answers 429 with Retry-After: ${limit?.retryAfterSeconds ?? 1} from a backlog of ${formatCount(limit?.backlogLimit ?? 0)} jobs on. A job that was turned away has had its answer: it is not lost, and it is in neither pickup nor response.`,
      'Latencies are median [smallest–largest] over repeats, of measured jobs. The front is part of what is measured: a busy one limits the load and voids nothing.',
    ],
  };
}

function answerCells(row: Row): TableCell[] {
  const answers = row.measured.map((cell) => cell.http?.answers);
  const known = answers.flatMap((one) => one ?? []);
  if (known.length < answers.length || known.length === 0) {
    const hint = 'a producer did not live to tell';
    return [...ANSWERS, 'share'].map(() => ({ text: '–', hint }));
  }
  const sum = (key: keyof Answers): number => known.reduce((total, one) => total + one[key], 0);
  const all = ANSWERS.reduce((total, [key]) => total + sum(key), 0);
  const lacking = sum('withoutRetryAfter');
  return [
    ...ANSWERS.map(([key]) => ({
      text: formatCount(sum(key)),
      ...(key === 'tooMany' && lacking > 0 ? { hint: `${formatCount(lacking)} without Retry-After` } : {}),
    })),
    { text: all === 0 ? '–' : formatShare(sum('tooMany') / all) },
  ];
}

function latencyCells(row: Row): TableCell[] {
  return LATENCIES.flatMap(([key]) =>
    (['p50', 'p99', 'max'] as const).map((of) =>
      figureCell(
        figureOf(row, (http) => percentileOf(http.latencyUs[key], of), reason(row, key)),
        (us) => formatNumber(us / 1000),
      ),
    ),
  );
}

function percentileOf(told: Percentiles | undefined, of: 'p50' | 'p99' | 'max'): number | undefined {
  return told?.[of];
}

function reason(row: Row, key: keyof HttpPart['latencyUs']): string {
  const some = row.measured.some((cell) => cell.http?.latencyUs[key] !== undefined);
  return some ? 'fewer than 100 samples beyond it' : 'no such answer';
}

function frontCells(row: Row): TableCell[] {
  const of = (key: keyof Front): TableCell =>
    figureCell(
      figureOf(row, (http) => http.front?.[key], 'the front did not live to tell'),
      key === 'cpuShare' ? formatShare : formatNumber,
    );
  return [of('cpuShare'), of('backlogPeak'), of('meanReadingMs')];
}

function figureOf(row: Row, read: (http: HttpPart) => number | undefined, why: string): Figure {
  const values = row.measured.flatMap((cell: Cell) => {
    const value = cell.http === undefined ? undefined : read(cell.http);
    return value === undefined ? [] : [value];
  });
  const found = spread(values);
  return found === undefined ? { kind: 'absent', why } : { kind: 'measured', spread: found };
}
