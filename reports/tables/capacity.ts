// What does a plan recommend, cost and rest on? Its answer as tables.

import type { CapacityPlan } from '../../harness/result/result.ts';
import { askedText, LIMIT_NAMES, rateText, signedShare, sloText } from '../capacity/words.ts';
import { ABSENT, formatBytes, formatCount, formatNumber, formatSeconds } from '../render/format.ts';
import { type Table, type TableCell, valueCell } from './table.ts';

/** The SLO, recovery and bloat side by side; one that nobody asked for says so. */
export function limitsTable({ question, answer: { limits, limitedBy, peakPerSec } }: CapacityPlan): Table {
  const names = ['slo', 'recovery', 'bloat'] as const;
  const asked = {
    slo: true,
    recovery: question.outage !== undefined,
    bloat: question.bloatSeconds !== undefined,
  };
  return {
    caption: 'The least of those that were asked for is the safe rate',
    columns: [
      { label: 'Limit by' },
      { label: 'Rate', numeric: true },
      { label: 'Against the peak', numeric: true },
      { label: 'What it says' },
    ],
    rows: names.map((by) => {
      const limit = limits.find((one) => one.by === by);
      const perSec = limit?.perSec;
      const head: TableCell = {
        text: LIMIT_NAMES[by],
        ...(by === limitedBy ? { small: '(the least)' } : {}),
      };
      if (limit === undefined)
        return {
          cells: [head, { text: ABSENT }, { text: ABSENT }, { text: asked[by] ? 'not known' : 'not asked' }],
        };
      if (perSec === undefined)
        return { cells: [head, { text: ABSENT }, { text: ABSENT }, { text: limit.text }] };
      const margin = perSec / peakPerSec - 1;
      return {
        cells: [
          head,
          { text: rateText(perSec) },
          { text: signedShare(margin), tone: margin < 0 ? 'bad' : 'plain' },
          { text: limit.text },
        ],
      };
    }),
    notes: [`Peak rate asked: ${rateText(peakPerSec)}.`],
  };
}

/** What to run; `undefined` where nothing could be recommended. */
export function recommendedTable({ answer: { recommended } }: CapacityPlan): Table | undefined {
  if (recommended === undefined) return undefined;
  const { strategy, wakeup, batch, workers, sessions, concurrency, handlers, connections } = recommended;
  const count = (value: number): TableCell => ({ text: formatCount(value) });
  return {
    caption: `Contender ${recommended.contender}`,
    columns: [
      { label: 'Strategy' },
      { label: 'Workers', numeric: true, hint: 'processes' },
      { label: 'Sessions of each', numeric: true, hint: 'those that claim' },
      { label: 'Concurrency of each session', numeric: true },
      { label: 'Handlers at work', numeric: true, hint: 'workers × sessions × concurrency' },
      { label: 'Connections', numeric: true, hint: 'all of them, those of producers left out' },
      { label: 'Batch', numeric: true, hint: 'jobs per claim' },
      { label: 'Wake-up' },
    ],
    rows: [
      {
        cells: [
          { text: strategy },
          count(workers),
          count(sessions),
          count(concurrency),
          count(handlers),
          count(connections),
          count(batch),
          { text: wakeup },
        ],
      },
    ],
    notes: [],
  };
}

/** How long the outage lasts on; `undefined` where nobody asked. */
export function drainTable({ answer: { drain } }: CapacityPlan): Table | undefined {
  if (drain === undefined) return undefined;
  const late = drain.drainSeconds === undefined || drain.drainSeconds > drain.recoverSeconds;
  return {
    caption: 'After the outage, at the peak rate, with the workers that are recommended',
    columns: [
      { label: 'Outage' },
      { label: 'Backlog at its end', numeric: true },
      { label: 'Workers settle', numeric: true },
      { label: 'Backlog gone after', numeric: true },
      { label: 'Asked', numeric: true },
    ],
    rows: [
      {
        cells: [
          { text: formatSeconds(drain.outageSeconds) },
          { text: `${formatCount(drain.backlogJobs)} jobs` },
          { text: rateText(drain.capacityPerSec) },
          {
            text: drain.drainSeconds === undefined ? 'never' : formatSeconds(drain.drainSeconds),
            tone: late ? 'bad' : 'good',
          },
          { text: `within ${formatSeconds(drain.recoverSeconds)}` },
        ],
      },
    ],
    notes: [
      'λD ÷ (μ − λ): jobs that arrived in the outage, worked off by what the workers settle beyond what arrives.',
    ],
  };
}

/** What it takes of the server at the average rate. */
export function costsTable({ answer: { costs }, question }: CapacityPlan): Table {
  const row = (label: string, cell: TableCell, meaning: string) => ({
    cells: [{ text: label }, cell, { text: meaning }],
  });
  return {
    caption: `What it costs at the average rate, ${rateText(question.ratePerSec)}`,
    columns: [{ label: 'Cost' }, { label: 'Figure', numeric: true }, { label: 'What it is' }],
    rows: [
      row(
        'WAL per day',
        valueCell(costs.walBytesPerDay, formatBytes),
        'to be archived and replicated; at least, as short loads see no checkpoint',
      ),
      row('WAL per job', valueCell(costs.walBytesPerJob, formatBytes), 'full-page images included'),
      row(
        'Commits',
        valueCell(costs.commitsPerSec, (value) => `${formatNumber(value)}/s`),
        'per second',
      ),
      row(
        'Disk of the backlog',
        valueCell(costs.diskBytesOfBacklog, formatBytes, 'no outage was asked for, or it was not measured'),
        'tables and indexes at the end of the outage',
      ),
      row(
        'Server CPU',
        valueCell(costs.serverCpuSecondsPer1000Jobs, (value) => `${formatNumber(value)} s`),
        'per 1,000 jobs',
      ),
      row('Server cores', valueCell(costs.serverCores, formatNumber), 'busy on average'),
    ],
    notes: [],
  };
}

/** The queue over several databases; `undefined` where nothing is said of it. */
export function partitionsTable({ answer: { partitions, peakPerSec } }: CapacityPlan): Table | undefined {
  if (partitions.length === 0) return undefined;
  return {
    caption: 'The queue over several databases',
    columns: [
      { label: 'Databases' },
      { label: 'By the law of one', numeric: true },
      { label: 'Measured', numeric: true },
      { label: 'Carries the peak' },
    ],
    rows: partitions.map(({ databases, perSec, measuredPerSec }) => ({
      cells: [
        { text: formatCount(databases) },
        { text: rateText(perSec) },
        valueCell(measuredPerSec, rateText),
        { text: Math.min(measuredPerSec ?? perSec, perSec) >= peakPerSec ? 'yes' : 'no' },
      ],
    })),
    notes: [
      'Each database is taken to be a server of its own, as large as this one, with an even share of the jobs.',
    ],
  };
}

/** The question, every default filled in. */
export function questionTable({ question: q }: CapacityPlan): Table {
  const rows: [string, string][] = [
    ['Contender', q.contender],
    ['Rate on average', rateText(q.ratePerSec)],
    ['Peak factor', askedText(q.peakFactor)],
    [
      'Later',
      q.later === undefined
        ? 'no growth'
        : `${rateText(q.later.ratePerSec)} in ${askedText(q.later.months)} months`,
    ],
    ['Handler', `${askedText(q.jobMs)} ms on average: ${handlerText(q.handler)}`],
    ['Payload', formatBytes(q.payloadBytes)],
    ['SLO', sloText(q.slo)],
    [
      'Outage',
      q.outage === undefined
        ? 'not asked'
        : `${formatSeconds(q.outage.seconds)} without workers, backlog gone ${formatSeconds(q.outage.recoverSeconds)} after`,
    ],
    [
      'Bloat',
      q.bloatSeconds === undefined
        ? 'not asked'
        : `somebody else’s transaction open for ${formatSeconds(q.bloatSeconds)}`,
    ],
    ['Connections', q.connections === undefined ? 'no limit given' : `at most ${formatCount(q.connections)}`],
    [
      'Other load',
      q.otherLoadPerSec === undefined
        ? 'none'
        : `${formatNumber(q.otherLoadPerSec)} transactions/s on the same server`,
    ],
  ];
  return {
    caption: 'The question, with every default filled in',
    columns: [{ label: 'Asked' }, { label: 'Value' }],
    rows: rows.map(([label, text]) => ({ cells: [{ text: label }, { text }] })),
    notes: [],
  };
}

function handlerText(handler: Readonly<Record<string, unknown>>): string {
  return Object.entries(handler)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ');
}
