// What does an expectation say? `<figure> <op> <value>`, read into data; a wrong one is told what is wrong and where.

import { CELL_FIGURES, type Figure, type FigureUnit, PHASE_FIGURES } from './figures.ts';

/** How two figures are compared; `≤` and `≥` are read as `<=` and `>=`. */
export type Comparator = '<' | '<=' | '=' | '>=' | '>';

/** A figure of the cell, or of the phase at `phase` of its scenario. */
export interface FigureOf extends Figure {
  /** As it was written. */
  readonly text: string;
  readonly phase?: number;
}

/** What a figure is held against: a value in the unit of `base`, or a multiple of another figure. */
export type Limit =
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'figure'; readonly factor: number; readonly figure: FigureOf };

export interface Expectation {
  readonly text: string;
  readonly figure: FigureOf;
  readonly op: Comparator;
  readonly limit: Limit;
  /** What it says something of that not every scenario has: recovery is told where there are faults only. */
  readonly about: readonly ('recovery' | 'bystander' | 'http')[];
}

/** What is wrong with one. `unknown` is a name that means nothing; `known` are those that would. */
export interface Misreading {
  readonly problem: string;
  readonly unknown?: string;
  readonly known?: readonly string[];
}

/** How many µs, bytes or ones a unit is: values are compared in these. */
const BASE: Readonly<
  Record<FigureUnit, { readonly of: 'time' | 'size' | 'rate' | 'share' | 'count'; readonly is: number }>
> = {
  us: { of: 'time', is: 1 },
  ms: { of: 'time', is: 1e3 },
  s: { of: 'time', is: 1e6 },
  bytes: { of: 'size', is: 1 },
  perSec: { of: 'rate', is: 1 },
  share: { of: 'share', is: 1 },
  count: { of: 'count', is: 1 },
};

type Dimension = (typeof BASE)[FigureUnit]['of'];

const WRITTEN_UNITS: ReadonlyMap<string, { readonly of: Dimension; readonly is: number }> = new Map([
  ['µs', BASE.us],
  ['μs', BASE.us],
  ['us', BASE.us],
  ['ms', BASE.ms],
  ['s', BASE.s],
  ['B', BASE.bytes],
  ['kB', { of: 'size', is: 1e3 }],
  ['MB', { of: 'size', is: 1e6 }],
  ['/s', BASE.perSec],
  ['%', { of: 'share', is: 0.01 }],
]);

/** What may be written for each; the empty one: a bare number. */
const WANTED: Readonly<Record<Dimension, string>> = {
  time: 'a time in µs, ms or s, as in 50 ms',
  size: 'a size in B, kB or MB, as in 1.5 kB',
  rate: 'a rate, as in 200 or 200 /s',
  share: 'a share, as in 95 % or 0.95',
  count: 'a number without a unit, as in 0',
};

const EXAMPLES = "'lost = 0', 'pickup.p99 < 50 ms' or 'held.pickup.p99 < 10 x clean.pickup.p99'";
const FIGURE = /^(?:"[^"]+"\.)?[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*/;
const OP = /^\s*(<=|>=|<|>|=|≤|≥)\s*/;
/** A larger one is a percentage whose sign was forgotten: it would hold always, or never. */
const SHARE_MAX = 10;
const NUMBER = /^\d+(?:\.\d+)?(?:[eE]\d+)?/;
const TIMES = /^\s*[x*×]\s*(?=["A-Za-z])/;
const WITHIN =
  /\s+within\s+(\d+(?:\.\d+)?)\s*(µs|μs|us|ms|s)(?:\s+after\s+(?:recovery|the\s+last\s+fault))?$/;

class Wrong extends Error {
  readonly misreading: Misreading;

  constructor(misreading: Misreading) {
    super(misreading.problem);
    this.misreading = misreading;
  }
}

/**
 * Reads one expectation. `labels` are those of the scenario's phases, in their order. A label that is no plain word is quoted
 * (`"after the fault".settled`) or written with hyphens (`after-the-fault.settled`).
 */
export function readExpectation(
  text: string,
  labels: readonly string[],
): Expectation | { readonly misreading: Misreading } {
  try {
    const found = read(text.trim(), labels);
    const figures = [found.figure, ...(found.limit.kind === 'figure' ? [found.limit.figure] : [])];
    const about = (['recovery', 'bystander', 'http'] as const).filter((part) =>
      figures.some(({ path }) => path.startsWith(`${part}.`)),
    );
    return { ...found, about };
  } catch (error) {
    if (error instanceof Wrong) return { misreading: error.misreading };
    throw error;
  }
}

function read(text: string, labels: readonly string[]): Omit<Expectation, 'about'> {
  const [name] = FIGURE.exec(text) ?? [];
  if (name === undefined) throw wrong(text, 0, `no figure to begin with; write ${EXAMPLES}`);
  const figure = figureOf(name, text, labels);
  const op = OP.exec(text.slice(name.length));
  if (op === null) throw wrong(text, name.length, 'one of < <= = >= > is missing behind the figure');
  const from = name.length + op[0].length;
  const comparator = op[1] === '≤' ? '<=' : op[1] === '≥' ? '>=' : comparatorOf(op[1]);
  const within = WITHIN.exec(text);
  if (within !== null) return regained({ text, figure, op: comparator, from, within });
  return { text, figure, op: comparator, limit: limitOf(text, from, figure, labels) };
}

function comparatorOf(written: string | undefined): Comparator {
  return written === '<' || written === '<=' || written === '>=' || written === '>' ? written : '=';
}

/** `settled >= 0.95 x baseline within 30 s`: that is how regaining the baseline is defined, so no other share can be asked for. */
function regained(parts: {
  readonly text: string;
  readonly figure: FigureOf;
  readonly op: Comparator;
  readonly from: number;
  readonly within: RegExpExecArray;
}): Omit<Expectation, 'about'> {
  const { text, figure, op, from, within } = parts;
  const claim = text.slice(from, within.index);
  if (figure.path !== 'throughput.settledPerSec' || op !== '>=' || !/^0\.95\s*[x*×]\s*baseline$/.test(claim))
    throw wrong(
      text,
      0,
      "'within' goes with 'settled >= 0.95 x baseline' alone, as in 'settled >= 0.95 x baseline within 30 s after recovery'",
    );
  const unit = WRITTEN_UNITS.get(within[2] ?? 's') ?? BASE.s;
  const seconds = CELL_FIGURES.get('regained') ?? { path: 'recovery.regainedSeconds', unit: 's' as const };
  const value = (Number(within[1]) * unit.is) / BASE[seconds.unit].is;
  return { text, figure: { text: 'regained', ...seconds }, op: '<=', limit: { kind: 'value', value } };
}

function limitOf(text: string, from: number, figure: FigureOf, labels: readonly string[]): Limit {
  const rest = text.slice(from);
  const number = NUMBER.exec(rest)?.[0];
  if (number === undefined) return multiple(text, from, 1, figure, labels);
  const times = TIMES.exec(rest.slice(number.length))?.[0];
  if (times !== undefined)
    return multiple(text, from + number.length + times.length, Number(number), figure, labels);
  const unit = rest.slice(number.length).trim();
  const dimension = BASE[figure.unit].of;
  const written = WRITTEN_UNITS.get(unit);
  const bare = unit === '' && dimension !== 'time' && dimension !== 'size';
  if (!bare && written?.of !== dimension)
    throw wrong(
      text,
      from,
      `${figure.text} is ${unit === '' ? '' : `not in '${unit}', but `}${WANTED[dimension]}`,
    );
  if (dimension === 'share' && unit === '' && Number(number) > SHARE_MAX)
    throw wrong(text, from, `${figure.text} is a share: write ${number} % where that is meant`);
  // Rounded: 0.1 x 3 must be what the user would have written.
  const value = Number(((Number(number) * (written?.is ?? 1)) / BASE[figure.unit].is).toPrecision(12));
  return { kind: 'value', value };
}

function multiple(
  text: string,
  from: number,
  factor: number,
  figure: FigureOf,
  labels: readonly string[],
): Limit {
  const rest = text.slice(from);
  const [name] = FIGURE.exec(rest) ?? [];
  if (name === undefined)
    throw wrong(
      text,
      from,
      `a value is missing: ${WANTED[BASE[figure.unit].of]}; or another figure, as in 10 x clean.${figure.text}`,
    );
  if (rest.length > name.length)
    throw wrong(
      text,
      from + name.length,
      `'${rest.slice(name.length).trim()}' is too much; write ${EXAMPLES}`,
    );
  const other = figureOf(name, text, labels);
  const [of, wanted] = [BASE[other.unit], BASE[figure.unit]];
  if (of.of !== wanted.of)
    throw wrong(
      text,
      from,
      `${other.text} is a ${of.of} and ${figure.text} a ${wanted.of}: they cannot be compared`,
    );
  return { kind: 'figure', factor: (factor * of.is) / wanted.is, figure: other };
}

/** A phase's figure where a label stands before it; else the cell's. */
function figureOf(name: string, text: string, labels: readonly string[]): FigureOf {
  const [, quoted, plain, rest = ''] = /^(?:"([^"]+)"|([\w-]+))(?:\.(.+))?$/.exec(name) ?? [];
  const label = quoted ?? plain ?? '';
  const phases = labels.flatMap((one, i) =>
    one === label || (quoted === undefined && hyphened(one) === label) ? [i] : [],
  );
  const found = PHASE_FIGURES.get(rest);
  const [phase] = phases;
  if (phase !== undefined && found !== undefined) {
    if (phases.length > 1)
      throw new Wrong({
        problem: `'${text}': ${phases.length} phases are called ${label}: give each a label of its own`,
      });
    return { text: name, phase, ...found };
  }
  const own = CELL_FIGURES.get(name);
  if (own !== undefined) return { text: name, ...own };
  const prefixed =
    phase === undefined
      ? []
      : [...PHASE_FIGURES.keys()].map((one) => `${name.slice(0, name.length - rest.length - 1)}.${one}`);
  const everyPhase = labels.flatMap((one) =>
    [...PHASE_FIGURES.keys()].map((figure) => `${hyphened(one)}.${figure}`),
  );
  throw new Wrong({
    problem: `'${text}': there is no figure ${name}`,
    unknown: name,
    known: phase === undefined ? [...CELL_FIGURES.keys(), ...everyPhase] : prefixed,
  });
}

function hyphened(label: string): string {
  return label.replaceAll(/\s+/g, '-');
}

function wrong(text: string, at: number, problem: string): Wrong {
  const where = at === 0 ? '' : `, behind '${text.slice(0, at).trim()}'`;
  return new Wrong({ problem: `'${text}'${where}: ${problem}` });
}

/** How a value of this unit is shown to people: `3.2 ms`, `512 B`, `95 %`. */
export function withUnit(value: number, unit: FigureUnit): string {
  const short = (n: number): string => String(Number(n.toPrecision(4)));
  switch (BASE[unit].of) {
    case 'time': {
      const us = value * BASE[unit].is;
      return us >= 1e6 ? `${short(us / 1e6)} s` : us >= 1e3 ? `${short(us / 1e3)} ms` : `${short(us)} µs`;
    }
    case 'size':
      return value >= 1e6
        ? `${short(value / 1e6)} MB`
        : value >= 1e3
          ? `${short(value / 1e3)} kB`
          : `${short(value)} B`;
    case 'rate':
      return `${short(value)} /s`;
    case 'share':
      return `${short(value * 100)} %`;
    default:
      return short(value);
  }
}
