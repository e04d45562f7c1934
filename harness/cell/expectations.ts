// Does a cell hold what its scenario expects? Each expectation is met, failed, or untold where its figure is missing.

import {
  type Comparator,
  type Expectation,
  type FigureOf,
  readExpectation,
  withUnit,
} from '../../scenarios/expect.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import type { Cell, ExpectationResult } from '../result/result.ts';
import type { Audit } from '../verify/audit.ts';

/** The cell with its expectations judged; itself where its scenario expects nothing. Of `unjudged` counts nothing is told. */
export function withExpectations(
  cell: Cell,
  scenario: Pick<Scenario, 'expect' | 'phases'>,
  unjudged: ReadonlySet<keyof Audit> = new Set(),
): Cell {
  if (scenario.expect.length === 0) return cell;
  const labels = scenario.phases.map((phase) => phase.label);
  const blind = new Set([...unjudged].map((name) => `audit.${name}`));
  return { ...cell, expectations: scenario.expect.map((text) => judged(cell, text, labels, blind)) };
}

function judged(
  cell: Cell,
  text: string,
  labels: readonly string[],
  blind: ReadonlySet<string>,
): ExpectationResult {
  if (cell.verdict !== 'valid') return { text, state: 'untold', why: `the cell is ${cell.verdict}` };
  const read = readExpectation(text, labels);
  if ('misreading' in read)
    throw new Error(`an expectation reached the cell unread: ${read.misreading.problem}`);
  const figures = [read.figure, ...(read.limit.kind === 'figure' ? [read.limit.figure] : [])];
  const unseen = figures.find(({ path }) => blind.has(path));
  if (unseen !== undefined)
    return { text, state: 'untold', why: `${unseen.text} could not be judged in this cell: a note says why` };
  return { text, ...compared(cell, read) };
}

/** A figure as it was found. `bound`: it is that or more, since jobs that had not ended count in it with their age. */
interface Found {
  readonly value: number;
  readonly bound: boolean;
}

function compared(cell: Cell, { figure, op, limit }: Expectation): Omit<ExpectationResult, 'text'> {
  const actual = figureIn(cell, figure);
  if (actual === undefined) return { state: 'untold', why: absence(cell, figure) };
  const other: Found | undefined =
    limit.kind === 'value' ? { value: limit.value, bound: false } : figureIn(cell, limit.figure);
  if (other === undefined) {
    return {
      state: 'untold',
      actual: actual.value,
      why: limit.kind === 'figure' ? absence(cell, limit.figure) : 'no limit',
    };
  }
  const against = limit.kind === 'figure' ? other.value * limit.factor : other.value;
  const show = (value: number, bound: boolean): string =>
    `${bound ? '≥ ' : ''}${withUnit(value, figure.unit)}`;
  const holds = compare(actual.value, op, against);
  const sides = {
    actual: actual.value,
    limit: against,
    found: `${show(actual.value, actual.bound)}, where ${show(against, other.bound)} was the limit`,
  };
  if (!certain(op, holds, actual.bound, other.bound)) {
    return {
      state: 'untold',
      ...sides,
      why: figure.path.startsWith('recovery.')
        ? `it had not come to pass when the load ended, ${withUnit(actual.value, figure.unit)} on: lengthen the last phase`
        : 'a figure is a lower bound: jobs that had not ended count with their age',
    };
  }
  return { state: holds ? 'met' : 'failed', ...sides };
}

/** Whether the answer would be the same, had the figures that are lower bounds been as large as may be. */
function certain(op: Comparator, holds: boolean, actualIsBound: boolean, limitIsBound: boolean): boolean {
  if (op === '=') return !actualIsBound && !limitIsBound;
  // A larger figure makes `<` untrue and `>` true; a larger limit does the opposite.
  const largerActualSays = op === '>' || op === '>=';
  return (!actualIsBound || holds === largerActualSays) && (!limitIsBound || holds !== largerActualSays);
}

function compare(actual: number, op: Comparator, limit: number): boolean {
  switch (op) {
    case '<':
      return actual < limit;
    case '<=':
      return actual <= limit;
    case '>':
      return actual > limit;
    case '>=':
      return actual >= limit;
    case '=':
      return actual === limit;
  }
}

function figureIn(cell: Cell, { phase, path }: FigureOf): Found | undefined {
  const notYet = phase === undefined ? notYetSeen(cell, path) : undefined;
  if (notYet !== undefined) return notYet;
  const words = path.split('.').map((word) => (word === '*' ? String(phase) : word));
  const value = at(cell, words);
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  const from = at(cell, [...words.slice(0, -1), 'unfinishedFromUs']);
  return { value, bound: typeof from === 'number' && isLatency(words) && value >= from };
}

/** What had not come when the load ended takes longer than was looked for it: a lower bound. */
function notYetSeen({ recovery }: Cell, path: string): Found | undefined {
  if (recovery === undefined || recovery.observedSeconds < 1) return undefined;
  const { observedSeconds, regainedSeconds, drainSeconds, backlogPeak } = recovery;
  // The last second in which the baseline could have been regained begins one before the end.
  if (path === 'recovery.regainedSeconds' && regainedSeconds === undefined)
    return { value: observedSeconds - 1, bound: true };
  if (path === 'recovery.drainSeconds' && drainSeconds === undefined && backlogPeak !== undefined)
    return { value: observedSeconds, bound: true };
  return undefined;
}

function isLatency(words: readonly string[]): boolean {
  return /^(?:p\d+|max|mean)$/.test(words.at(-1) ?? '');
}

function at(value: unknown, words: readonly string[]): unknown {
  return words.reduce<unknown>(
    (found, word) => (typeof found === 'object' && found !== null ? Reflect.get(found, word) : undefined),
    value,
  );
}

/** Why a valid cell lacks a figure, as far as that can be said. */
function absence(cell: Cell, { text, path }: FigureOf): string {
  if (/\.p\d+$/.test(path))
    return `${text} is absent: fewer than 100 samples lie beyond it, or nothing was there to be measured`;
  if (path.startsWith('recovery.') && (cell.recovery?.observedSeconds ?? 1) < 1)
    return `${text} is absent: the load ended within a second of the last fault`;
  return `${text} is absent from this cell`;
}
