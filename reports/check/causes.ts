// Why did it become worse? What the two sides differ in: objects of the schema, statements, plans, how they are sent, waits.

import type { Cell, Plan } from '../../harness/result/result.ts';
import { formatNumber } from '../render/format.ts';
import type { Cause } from './document.ts';

/** A cell with the plans that were seen in it. */
export type Seen = { readonly cell: Cell; readonly plans: readonly Plan[] };

/** Changes of an amount per call, or of calls per job, below this are no cause. */
const WORTH_NAMING = 0.1;
/** More calls per job than this, of a statement that is no upkeep: what comes by the clock comes more often per job where jobs are slower. */
const CALLS_PER_JOB = 0.05;
/** Of fewer calls the first few, with plans of their own, are too large a part. */
const CALLS = 100;
/** Of its executions that a statement was planned for: with a plan of its own it is next to none. */
const PLANNED_MORE = 0.5;
const WAITING_MORE = 0.5;
const LINES = 4;
const WORDS = 24;

type Found = Omit<Cause, 'contender'>;

/** More is no answer to what happened. */
const CAUSES = 6;

/** What differs between two cells of one contender, what lies deepest first. Two of the same code differ in next to nothing. */
export function causesOf(base: Seen, head: Seen): Found[] {
  const texts = changedTexts(base.plans, head.plans);
  const found = [
    ...schemaCauses(base.cell, head.cell),
    ...texts.causes,
    ...planCauses(base.plans, head.plans, texts.renamed),
    ...statementCauses(base.cell, head.cell),
    ...waitCauses(base.cell, head.cell),
  ];
  return found.slice(0, CAUSES);
}

function schemaCauses(base: Cell, head: Cell): Found[] {
  const [from, to] = [base.telemetry?.objects, head.telemetry?.objects];
  if (from === undefined || to === undefined) return [];
  const gone = from.filter((line) => !to.includes(line)).map((line) => `gone: ${line}`);
  const come = to.filter((line) => !from.includes(line)).map((line) => `new: ${line}`);
  return [...gone, ...come]
    .slice(0, 2 * LINES)
    .map((text): Found => ({ what: 'schema', text: text.length > 220 ? `${text.slice(0, 219)}…` : text }));
}

type Texts = { readonly causes: Found[]; readonly renamed: ReadonlyMap<string, string> };

/** Statements that one side alone sends: a text that has changed, with its words, or one that is new. */
function changedTexts(base: readonly Plan[], head: readonly Plan[]): Texts {
  const from = textsOf(base).filter((text) => !textsOf(head).includes(text));
  const to = textsOf(head).filter((text) => !textsOf(base).includes(text));
  const renamed = new Map<string, string>();
  const causes: Found[] = [];
  for (const after of to) {
    const likely = from
      .filter((before) => ![...renamed.values()].includes(before))
      .map((before) => ({ before, likeness: likeness(before, after) }))
      .toSorted((a, b) => b.likeness - a.likeness)[0];
    if (likely === undefined || likely.likeness < 0.5) {
      causes.push({ what: 'statement', text: `new: ${shortened(after)}` });
      continue;
    }
    renamed.set(after, likely.before);
    causes.push({ what: 'statement', text: `changed: ${changeOf(likely.before, after)}` });
  }
  const gone = from.filter((before) => ![...renamed.values()].includes(before));
  return {
    causes: [
      ...causes,
      ...gone.map((text): Found => ({ what: 'statement', text: `gone: ${shortened(text)}` })),
    ].slice(0, 2 * LINES),
    renamed,
  };
}

function textsOf(plans: readonly Plan[]): string[] {
  return [...new Set(plans.map(({ query }) => normalised(query)))];
}

function normalised(query: string): string {
  return query
    .replaceAll(/\/\*.*?\*\//gs, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function likeness(a: string, b: string): number {
  const [x, y] = [new Set(a.split(' ')), new Set(b.split(' '))];
  const shared = [...x].filter((word) => y.has(word)).length;
  return shared / Math.max(x.size, y.size);
}

/** The words between what both texts begin and end with, and a few before them for the place. */
function changeOf(before: string, after: string): string {
  const [a, b] = [before.split(' '), after.split(' ')];
  let head = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const words = (all: readonly string[]): string => {
    const middle = all.slice(head, all.length - tail);
    return middle.length === 0
      ? 'nothing'
      : `\`${middle.slice(0, WORDS).join(' ')}${middle.length > WORDS ? ' …' : ''}\``;
  };
  const place = a.slice(Math.max(0, head - 4), head).join(' ');
  return `${a.slice(0, 3).join(' ')} …: after \`${place}\`, ${words(a)} became ${words(b)}`;
}

function shortened(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
}

/** Plans of a statement that were seen so often: of one that comes by the clock chance decides which of its plans are. */
const SEEN = 5;

/** Scans, sorts and locks of each statement where the two sides differ; first of the one that was seen most. */
function planCauses(
  base: readonly Plan[],
  head: readonly Plan[],
  renamed: ReadonlyMap<string, string>,
): Found[] {
  const before = plansByText(base);
  const after = [...plansByText(head)].toSorted(([, a], [, b]) => timesSeen(b) - timesSeen(a));
  return after.flatMap(([text, plans]): Found[] => {
    const others = before.get(renamed.get(text) ?? text) ?? [];
    if (timesSeen(plans) < SEEN || timesSeen(others) < SEEN) return [];
    const [from, to] = [nodesOf(others), nodesOf(plans)];
    const come = to.filter((node) => !from.includes(node));
    const gone = from.filter((node) => !to.includes(node));
    if (come.length === 0) return [];
    const left = gone.length === 0 ? 'now with ' : `${gone.join(', ')} became `;
    return [{ what: 'plan', text: `${shortened(plans[0]?.statement ?? text)}: ${left}${come.join(', ')}` }];
  });
}

function plansByText(plans: readonly Plan[]): Map<string, Plan[]> {
  return Map.groupBy(plans, ({ query }) => normalised(query));
}

function timesSeen(plans: readonly Plan[]): number {
  return plans.reduce((sum, { seen }) => sum + seen, 0);
}

const NODE =
  /^\s*(?:->\s+)?((?:Parallel |Incremental )?(?:Seq Scan|Index Scan|Index Only Scan|Bitmap Heap Scan|Sort|Tid Scan|LockRows|Nested Loop|Hash Join|Merge Join|Function Scan)[^(]*?)\s+\(cost=/;

/** Each once, whatever the plans they are from. */
function nodesOf(plans: readonly Plan[]): string[] {
  const lines = plans.flatMap(({ plan }) => plan.split('\n'));
  const nodes = lines.flatMap((line) => NODE.exec(line)?.[1] ?? []);
  return [...new Set(nodes.map((node) => node.replace(/ Backward\b/, '').trim()))];
}

type Statement = NonNullable<NonNullable<Cell['telemetry']>['statements']>[number];

/** Calls per job, and what a call was planned for, touched and wrote. */
function statementCauses(base: Cell, head: Cell): Found[] {
  const [from, to] = [base.telemetry?.statements, head.telemetry?.statements];
  if (from === undefined || to === undefined || base.jobs.settled === 0 || head.jobs.settled === 0) return [];
  return to.flatMap((statement): Found[] => {
    const before = from.find((one) => one.statement === statement.statement);
    const perJob = statement.calls / head.jobs.settled;
    if (statement.calls < CALLS || (before !== undefined && before.calls < CALLS)) return [];
    if (before === undefined)
      return perJob < CALLS_PER_JOB
        ? []
        : [
            {
              what: 'statement',
              text: `new: ${formatNumber(perJob)} calls per job of ${statement.statement}`,
            },
          ];
    const were = before.calls / base.jobs.settled;
    return [
      ...(grew(were, perJob) && perJob - were >= CALLS_PER_JOB
        ? [
            {
              what: 'statement' as const,
              text: `${formatNumber(perJob)} calls per job, were ${formatNumber(were)}: ${statement.statement}`,
            },
          ]
        : []),
      ...preparedCause(before, statement),
      ...perCall('plan', 'buffers', before, statement, (one) => one.buffers, 1),
      ...perCall('statement', 'bytes of WAL', before, statement, (one) => one.walBytes, 8),
    ];
  });
}

function preparedCause(before: Statement, after: Statement): Found[] {
  if (before.plans === undefined || after.plans === undefined) return [];
  const [from, to] = [before.plans / before.calls, after.plans / after.calls];
  if (to - from < PLANNED_MORE) return [];
  return [
    {
      what: 'prepared',
      text: `planned for ${share(to)} of its calls, was ${share(from)}: no prepared statement keeps its plan any more: ${after.statement}`,
    },
  ];
}

function perCall(
  what: Found['what'],
  unit: string,
  before: Statement,
  after: Statement,
  of: (statement: Statement) => number,
  least: number,
): Found[] {
  const [from, to] = [of(before) / before.calls, of(after) / after.calls];
  if (!grew(from, to) || to - from < least) return [];
  return [
    { what, text: `${formatNumber(to)} ${unit} per call, were ${formatNumber(from)}: ${after.statement}` },
  ];
}

function grew(from: number, to: number): boolean {
  return to > from * (1 + WORTH_NAMING);
}

function share(of: number): string {
  return `${Math.round(of * 100)} %`;
}

function waitCauses(base: Cell, head: Cell): Found[] {
  const [from, to] = [base.telemetry?.lockWaits, head.telemetry?.lockWaits];
  if (from === undefined || to === undefined || to.meanWaiting - from.meanWaiting < WAITING_MORE) return [];
  const rows = to.mostForRows > from.mostForRows ? `, up to ${to.mostForRows} of them for a row` : '';
  return [
    {
      what: 'waits',
      text: `${formatNumber(to.meanWaiting)} sessions wait for a lock at a time, were ${formatNumber(from.meanWaiting)}${rows}`,
    },
  ];
}
