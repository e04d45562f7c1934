// What is a table before it is HTML, Markdown or text? The same cells for all of them.

import { atLeast, BOUND_HINT, type Bounded } from '../bounds.ts';
import { ABSENT, formatRange } from '../render/format.ts';
import type { Series } from '../series.ts';
import type { Figure } from '../summary.ts';

/** How a cell or a finding is to be taken. Never by colour alone: the text says it too. */
export type Tone = 'good' | 'warn' | 'bad' | 'plain';

export type TableCell = {
  readonly text: string;
  /** Range or unit, set smaller behind the text. */
  readonly small?: string;
  /** Why it is so; a title in HTML. */
  readonly hint?: string;
  readonly tone?: Tone;
  /** A word in a box. */
  readonly badge?: boolean;
  /** How many columns it covers, when not one. */
  readonly span?: number;
};

export type Column = {
  readonly label: string;
  readonly hint?: string;
  readonly numeric?: boolean;
  /** Whose figures stand in it, where contenders stand side by side. */
  readonly series?: Series;
};

export type TableRow = { readonly series?: Series; readonly cells: readonly TableCell[] };

export type Table = {
  readonly caption: string;
  /** The first column names its row. */
  readonly columns: readonly Column[];
  readonly rows: readonly TableRow[];
  /** Sentences below it. */
  readonly notes: readonly string[];
  /** Contenders are columns: as wide as these need, not as the page. */
  readonly sideBySide?: true;
};

/**
 * The table with contenders side by side, for one that tells more of each than a page is wide. `corner` names what the
 * rows are; cells of all columns are `numeric` or none, and none of them spans.
 */
export function sideBySide(table: Table, corner: string, numeric: boolean): Table {
  const { columns, rows, caption, notes } = table;
  return {
    caption,
    columns: [
      { label: corner },
      ...rows.map(({ series, cells: [head] }) => ({
        label: head?.text ?? '',
        numeric,
        ...(head?.hint === undefined ? {} : { hint: head.hint }),
        ...(series === undefined ? {} : { series }),
      })),
    ],
    rows: columns.slice(1).map(({ label, hint }, i) => ({
      cells: [
        { text: label, ...(hint === undefined ? {} : { hint }) },
        ...rows.map(({ cells }) => cells[i + 1] ?? { text: ABSENT }),
      ],
    })),
    notes,
    sideBySide: true,
  };
}

/** A figure as a cell: median and range over repeats, or a dash that says why there is none. */
export function figureCell(figure: Figure, write: (value: number) => string, hint?: string): TableCell {
  if (figure.kind === 'absent') return { text: ABSENT, hint: figure.why };
  const { spread } = figure;
  const runs = spread.n === 1 ? 'one repeat, no range' : `median [smallest–largest] of ${spread.n} repeats`;
  const said = hint ?? runs;
  return {
    text: atLeast(figure.bound, write(spread.median)),
    small: formatRange(spread, write),
    hint: figure.bound === true ? `${said}; ${BOUND_HINT}` : said,
  };
}

/** A value that may be missing as a cell. */
export function valueCell(
  value: number | undefined,
  write: (value: number) => string,
  why = 'not measured',
): TableCell {
  return value === undefined ? { text: ABSENT, hint: why } : { text: write(value) };
}

/** A latency that may be missing, or a lower bound, as a cell. */
export function boundedCell(
  latency: Bounded | undefined,
  write: (valueUs: number) => string,
  why?: string,
): TableCell {
  const cell = valueCell(latency?.valueUs, write, why);
  return latency?.bound === true ? { text: atLeast(true, cell.text), hint: BOUND_HINT } : cell;
}
