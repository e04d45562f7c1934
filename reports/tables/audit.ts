// Was every job accounted for, and could the generator carry the load?

import type { Cell } from '../../harness/result/result.ts';
import { worstLag } from '../bounds.ts';
import { formatBytes, formatCount, formatDuration, formatShare } from '../render/format.ts';
import type { Panel, Row } from '../summary.ts';
import type { Table, TableCell } from './table.ts';
import { boundedCell, sideBySide, valueCell } from './table.ts';
import { correctness } from './verdict.ts';

const cellsOf = (row: Row): Cell[] => [...row.valid, ...row.invalid, ...row.incorrect];

const JOBS = [
  ['settled', 'Settled'],
  ['retried', 'Retrying'],
  ['deadLettered', 'Dead-lettered'],
  ['skipped', 'Skipped'],
  ['failed', 'Failed'],
  ['inFlight', 'In flight'],
] as const;

/** offered = settled + retrying + dead-lettered + skipped + failed + in flight, over all repeats whatever their verdict. */
export function accountingTable(panel: Panel): Table {
  return {
    caption: `Where every offered job ended, sum over all repeats: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      { label: 'Offered', numeric: true },
      ...JOBS.map(([, label], i) => ({ label: `${i === 0 ? '=' : '+'} ${label}`, numeric: true })),
      { label: 'Balance' },
    ],
    rows: panel.rows.map((row) => {
      const sum = (key: keyof Cell['jobs']): number =>
        cellsOf(row).reduce((total, cell) => total + (cell.jobs[key] ?? 0), 0);
      const difference = sum('offered') - JOBS.reduce((total, [key]) => total + sum(key), 0);
      const balance: TableCell =
        difference === 0
          ? { text: 'reconciles', tone: 'good', badge: true }
          : { text: `off by ${formatCount(difference)}`, tone: 'bad', badge: true };
      const counts = [sum('offered'), ...JOBS.map(([key]) => sum(key))];
      return {
        series: row.series,
        cells: [{ text: row.series.label }, ...counts.map((n) => ({ text: formatCount(n) })), balance],
      };
    }),
    notes: [],
  };
}

type Finding = { key: keyof Cell['audit']; label: string; hint: string; allowed: boolean };

const AUDIT: readonly Finding[] = [
  {
    key: 'lost',
    label: 'Lost',
    hint: 'enqueued for sure, never settled, gone from the database',
    allowed: false,
  },
  {
    key: 'duplicateClaims',
    label: 'Claimed twice',
    hint: 'handed out again while an earlier claim held its lease',
    allowed: false,
  },
  {
    key: 'duplicateSettlements',
    label: 'Settled twice',
    hint: 'acked with effect more than once',
    allowed: false,
  },
  {
    key: 'overClaims',
    label: 'Over-claimed',
    hint: 'handed out beyond what the claim had asked for',
    allowed: false,
  },
  {
    key: 'earlyHandOuts',
    label: 'Early',
    hint: 'delayed, and handed out before it was due',
    allowed: false,
  },
  {
    key: 'stuck',
    label: 'Stuck',
    hint: 'left under a lease that nobody holds and that should have ended',
    allowed: false,
  },
  {
    key: 'unexpected',
    label: 'Unexpected',
    hint: 'handed out or stored without having been offered',
    allowed: false,
  },
  {
    key: 'acceptedStaleSettles',
    label: 'Stale, accepted',
    hint: 'settled although the lease had gone to somebody else',
    allowed: false,
  },
  {
    key: 'settledButPresent',
    label: 'Settled, present',
    hint: 'acked, and still in the database as work to do',
    allowed: false,
  },
  {
    key: 'orderViolations',
    label: 'Out of order',
    hint: 'against the order that the contender promises',
    allowed: false,
  },
  {
    key: 'priorityInversions',
    label: 'Priority inverted',
    hint: 'against the priorities that the contender promises',
    allowed: false,
  },
  {
    key: 'starved',
    label: 'Starved',
    hint: 'ready for over a second, and passed over by an idle worker that asked',
    allowed: false,
  },
  {
    key: 'unclaimedSettles',
    label: 'Settled unclaimed',
    hint: 'settled with effect by a session that had not claimed it',
    allowed: false,
  },
  {
    key: 'ackedFailures',
    label: 'Failed, acked',
    hint: 'acked by an attempt whose handler had thrown',
    allowed: false,
  },
  {
    key: 'unexplainedDeadLetters',
    label: 'Buried early',
    hint: 'a dead letter before every attempt was used up',
    allowed: false,
  },
  {
    key: 'uniqueViolations',
    label: 'Not unique',
    hint: 'in the queue beside an unfinished job of the same unique key',
    allowed: false,
  },
  {
    key: 'limitViolations',
    label: 'Beyond limits',
    hint: 'started beyond the limits of the queue',
    allowed: false,
  },
  {
    key: 'ordersWithoutJobs',
    label: 'Orders without jobs',
    hint: 'an order that was committed without all the jobs of its transaction',
    allowed: false,
  },
  {
    key: 'jobsWithoutOrder',
    label: 'Jobs without order',
    hint: 'enqueued though the order of its transaction was not committed',
    allowed: false,
  },
  { key: 'staleSettles', label: 'Stale, refused', hint: 'refused by the fence: allowed', allowed: true },
  {
    key: 'redelivered',
    label: 'Redelivered',
    hint: 'handed out again after its lease had ended: what at-least-once allows',
    allowed: true,
  },
  {
    key: 'recovered',
    label: 'Recovered',
    hint: 'an enqueue of unknown outcome whose job turned up: allowed',
    allowed: true,
  },
];

/** What the checker found, sum over all repeats: the verdict first, then what it rests on. */
export function auditTable(panel: Panel): Table {
  return sideBySide(auditByContender(panel), 'Finding', true);
}

function auditByContender(panel: Panel): Table {
  return {
    caption: `Audit of every job by identity, sum over all repeats: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      { label: 'Correctness' },
      ...AUDIT.map(({ label, hint }) => ({ label, hint, numeric: true })),
    ],
    rows: panel.rows.map((row) => ({
      series: row.series,
      cells: [
        { text: row.series.label },
        correctness(row),
        ...AUDIT.map(({ key, allowed }): TableCell => {
          const count = cellsOf(row).reduce((total, cell) => total + cell.audit[key], 0);
          const bad = count > 0 && !allowed && row.incorrect.length > 0;
          return { text: formatCount(count), ...(bad ? { tone: 'bad' as const } : {}) };
        }),
      ],
    })),
    notes: [
      'The last three counts are no errors: the fence at work, and what at-least-once delivery allows.',
    ],
  };
}

/** The load generator on trial: the worst repeat of each contender. */
export function generatorTable(panel: Panel): Table {
  return {
    caption: `The load generator on trial, worst of all repeats: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      { label: 'Lag p50', hint: 'enqueue start − intended; absent without a schedule', numeric: true },
      { label: 'Lag p99', hint: 'absent below 10,000 jobs in a cell', numeric: true },
      { label: 'Lag max', numeric: true },
      { label: 'Event loop p99', hint: 'how late a 1 ms timer fires', numeric: true },
      { label: 'CPU of one core', numeric: true },
      { label: 'In GC', numeric: true },
      {
        label: 'Ceiling, jobs/s',
        hint: 'what as many worker agents as have a core reach against the null contender',
        numeric: true,
      },
      { label: 'Used of ceiling', numeric: true },
      { label: 'Peak memory', numeric: true },
      { label: 'Generator-bound' },
    ],
    rows: panel.rows.map((row) => ({ series: row.series, cells: generatorCells(row) })),
    notes: ['A cell above a fifth of the ceiling is marked: the generator, not the queue, may be the limit.'],
  };
}

function boundCell(cells: readonly Cell[]): TableCell {
  if (cells.some((cell) => cell.generator.generatorBound)) return { text: 'yes', tone: 'warn', badge: true };
  if (cells.every((cell) => cell.generator.ceilingPerSec !== undefined))
    return { text: 'no', tone: 'good', badge: true };
  return { text: 'not judged', badge: true, hint: 'no ceiling could be measured' };
}

function generatorCells(row: Row): TableCell[] {
  const cells = cellsOf(row);
  const most = (read: (cell: Cell) => number | undefined): number | undefined => {
    const values = cells.flatMap((cell) => read(cell) ?? []);
    return values.length === 0 ? undefined : Math.max(...values);
  };
  const used = most(({ generator, throughput }) =>
    generator.ceilingPerSec && throughput ? throughput.settledPerSec / generator.ceilingPerSec : undefined,
  );
  const ceilings = cells.flatMap((cell) => cell.generator.ceilingPerSec ?? []);
  return [
    { text: row.series.label },
    boundedCell(worstLag(cells, 'p50'), formatDuration, 'no schedule, or too few samples'),
    boundedCell(worstLag(cells, 'p99'), formatDuration, 'no schedule, or too few samples'),
    boundedCell(worstLag(cells, 'max'), formatDuration, 'no schedule'),
    valueCell(
      most((cell) => cell.generator.eventLoopP99Us),
      formatDuration,
    ),
    valueCell(
      most((cell) => cell.generator.cpuShare),
      formatShare,
    ),
    valueCell(
      most((cell) => cell.generator.gcShare),
      formatShare,
    ),
    valueCell(ceilings.length === 0 ? undefined : Math.min(...ceilings), formatCount),
    valueCell(used, formatShare, 'no ceiling or no throughput'),
    valueCell(
      most((cell) => cell.generator.peakRssBytes),
      formatBytes,
    ),
    boundCell(cells),
  ];
}
