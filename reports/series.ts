// Who is on the charts? Order, label, colour, marker and dash of every contender, the same in all of a report.

import type { Cell, RunResult } from '../harness/result/result.ts';
import { plainText } from './render/escape.ts';

/** A hue for the light and one for the dark page; each at least 3:1 against its background. */
export type Colour = { readonly light: string; readonly dark: string };

/** One contender at one parameter point: a row in tables, a line in charts. */
export type Series = {
  /** `s0`, `s1`, …: safe in ids, selectors and expressions, whatever the contender is called. */
  readonly id: string;
  readonly label: string;
  readonly contender: string;
  readonly colour: Colour;
  /** A vega symbol shape. */
  readonly shape: (typeof SHAPES)[number];
  /** Lengths of strokes and gaps; empty for a solid line. */
  readonly dash: readonly number[];
};

// Hues apart for the three common colour-vision deficiencies when seen beside their lightness; shape and dash carry the
// distinction alone where colour does not. The cycles have coprime lengths, so 56 series differ in hue or shape.
const COLOURS: readonly Colour[] = [
  { light: '#0064b5', dark: '#5eb1f5' },
  { light: '#cf4c06', dark: '#ff8f50' },
  { light: '#00805a', dark: '#43cfa2' },
  { light: '#8d3bab', dark: '#d396ec' },
  { light: '#9c6d00', dark: '#efc04c' },
  { light: '#c02a66', dark: '#ff85b1' },
  { light: '#0b7f96', dark: '#5bd6ec' },
  { light: '#556070', dark: '#b6c0cd' },
];
const SHAPES = [
  'circle',
  'square',
  'triangle-up',
  'diamond',
  'cross',
  'triangle-down',
  'triangle-right',
] as const;
const DASHES: readonly (readonly number[])[] = [
  [],
  [7, 3],
  [2, 2],
  [9, 3, 2, 3],
  [4, 2],
  [12, 4, 4, 4],
  [1, 3],
];

/** Every colour of a series, for the rules that swap them in the dark. */
export const SERIES_COLOURS: readonly Colour[] = COLOURS;

function pick<T>(list: readonly T[], index: number): T {
  const item = list[index % list.length];
  if (item === undefined) throw new RangeError('an empty cycle');
  return item;
}

/**
 * Contenders in the order in which the run names them: the first is the baseline. Cells run in a shuffled order, so who
 * ran first must not decide it.
 */
export function contenderOrder(result: RunResult): string[] {
  const present = new Set(result.cells.map((cell) => cell.contender.name));
  return [...new Set([...result.contenders, ...present])].filter((name) => present.has(name));
}

/**
 * The names of parameters that tell series apart, per scenario: those with more than one value for one contender within
 * one block, which is a sweep. A rate that is a share of what each contender reaches differs too, and is no sweep.
 */
function sweptParameters(cells: readonly Cell[]): Map<string, Set<string>> {
  const values = new Map<string, string>();
  const swept = new Map<string, Set<string>>();
  for (const cell of cells) {
    for (const [name, value] of Object.entries(cell.parameters)) {
      const key = JSON.stringify([cell.scenario, cell.contender.name, cell.block, name]);
      const before = values.get(key);
      values.set(key, String(value));
      if (before === undefined || before === String(value)) continue;
      swept.set(cell.scenario, (swept.get(cell.scenario) ?? new Set()).add(name));
    }
  }
  return swept;
}

/** The series of a run, in the order of the report, and the series that each cell belongs to. */
export function seriesOf(result: RunResult): { series: Series[]; ofCell: (cell: Cell) => Series } {
  const swept = sweptParameters(result.cells);
  const pointOf = (cell: Cell): string =>
    [...(swept.get(cell.scenario) ?? [])]
      .filter((name) => cell.parameters[name] !== undefined)
      .map((name) => `${name}=${String(cell.parameters[name])}`)
      .join(' ');
  const keyOf = (cell: Cell): string => JSON.stringify([cell.contender.name, pointOf(cell)]);
  const byKey = new Map<string, Series>();
  const labels = new Set<string>();
  for (const contender of contenderOrder(result)) {
    for (const cell of result.cells) {
      if (cell.contender.name !== contender || byKey.has(keyOf(cell))) continue;
      const index = byKey.size;
      const point = pointOf(cell);
      let label =
        plainText(point === '' ? contender : `${contender} · ${point}`)
          .replace(/\s+/g, ' ')
          .trim() || '(no name)';
      // Two names may look alike once control characters are out; two rows must not.
      while (labels.has(label)) label += '′';
      labels.add(label);
      byKey.set(keyOf(cell), {
        id: `s${index}`,
        label,
        contender,
        colour: pick(COLOURS, index),
        shape: pick(SHAPES, index),
        dash: pick(DASHES, index),
      });
    }
  }
  const ofCell = (cell: Cell): Series => {
    const found = byKey.get(keyOf(cell));
    if (found === undefined) throw new Error(`cell ${cell.id} is not of this result`);
    return found;
  };
  return { series: [...byKey.values()], ofCell };
}
