// `claimbench list`: what is there to run?

import Table from 'cli-table3';
import { Command } from 'commander';
import { CONTENDERS } from '../../harness/contenders/index.ts';
import { UsageError } from '../../harness/errors.ts';
import { strategies } from '../../queue/index.ts';
import { BUILT_IN_SCENARIOS, SUITES } from '../../scenarios/index.ts';
import { COMMON_AXES, contenderRow } from '../contender-row.ts';
import { EXIT } from '../exit.ts';
import { strategyRow } from '../strategy-row.ts';
import { suggestion } from '../suggest.ts';

/** One thing to run. `text` says it in words; what else there is is for `--json`. */
interface Row {
  readonly name: string;
  readonly text: string;
  /** Rows of a group stand together, under its name. */
  readonly group?: string;
}

interface Section {
  readonly title: string;
  /** What holds for all rows; only for readers, not for `--json`. */
  readonly note?: string;
  readonly rows: () => readonly Row[];
}

const SECTIONS: Readonly<Record<string, Section>> = {
  scenarios: {
    title: 'Scenarios (--scenario)',
    note: 'each also in a short form, --scale smoke; your own: a .ts, .yaml or .json file',
    rows: () => BUILT_IN_SCENARIOS.map((s) => ({ name: s.name, text: s.question, group: s.group ?? 'own' })),
  },
  contenders: {
    title: 'Contenders (--contender, also name?axis=value&… or ./my-strategy.ts)',
    note: COMMON_AXES,
    rows: () => CONTENDERS.map(contenderRow),
  },
  strategies: {
    title: 'Strategies of the reference queue, each a contender by its name',
    rows: () => strategies.map(strategyRow),
  },
  suites: {
    title: 'Suites (--suite)',
    rows: () =>
      SUITES.map((s) => ({
        name: s.name,
        text: `${s.purpose} (${s.scenarios.join(', ')} × ${s.contenders.join(', ')}, ${s.repeats} repeat${s.repeats === 1 ? '' : 's'})`,
      })),
  },
};

export function listCommand(done: (code: number) => void): Command {
  return new Command('list')
    .description('show scenarios, contenders, strategies and suites')
    .argument('[what]', 'scenarios, contenders, strategies or suites')
    .option('--json', 'as JSON')
    .action((what: string | undefined, options: { json?: boolean }) => {
      const names = Object.keys(SECTIONS);
      if (what !== undefined && !names.includes(what)) {
        throw new UsageError(`there is nothing called ${what} to list${suggestion(what, names)}`);
      }
      const chosen = Object.entries(SECTIONS).filter(([name]) => what === undefined || name === what);
      if (options.json === true) {
        const all = Object.fromEntries(chosen.map(([name, section]) => [name, section.rows()]));
        process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
      } else {
        process.stdout.write(chosen.map(([, section]) => sectionText(section, terminalWidth())).join('\n'));
      }
      done(EXIT.ok);
    });
}

const PADDING = 2;
const LEAST_WIDTH = 60;
/** Longer lines are hard to read, however wide the terminal is. */
const MOST_WIDTH = 100;
/** Of a pipe or a file, which have no width. */
const WIDTH_OF_NO_TERMINAL = 80;

/** What `list` prints for a terminal of `width` columns: no line is longer, and none ends in blanks. */
export function listText(width: number): string {
  return Object.values(SECTIONS)
    .map((section) => sectionText(section, width))
    .join('\n');
}

function terminalWidth(): number {
  const columns = process.stdout.columns ?? WIDTH_OF_NO_TERMINAL;
  return Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, columns));
}

function sectionText({ title, note, rows }: Section, width: number): string {
  const all = rows();
  const nameWidth = PADDING + Math.max(...all.map(({ name }) => name.length));
  const table = textTable([nameWidth, width - nameWidth]);
  for (const [i, { name, text, group }] of all.entries()) {
    if (group !== undefined && group !== all[i - 1]?.group) table.push([`${group}:`, '']);
    table.push([name, text]);
  }
  const heads = [
    lineTable(title, width, 0),
    ...(note === undefined ? [] : [lineTable(note, width, PADDING)]),
  ];
  const lines = [...heads, table].map(String);
  // Cells are padded to their column.
  return `${lines.join('\n').replace(/ +$/gm, '')}\n`;
}

function lineTable(text: string, width: number, padding: number) {
  const table = textTable([width], padding);
  table.push([text]);
  return table;
}

function textTable(colWidths: number[], padding = PADDING) {
  const style = { head: [], border: [], 'padding-left': padding, 'padding-right': 0 };
  return new Table({ chars: plainBorders(), style, colWidths, wordWrap: true });
}

function plainBorders() {
  const sides = ['top', 'bottom', 'left', 'mid', 'right'] as const;
  const none = Object.fromEntries(
    sides.flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`].map((k) => [k, ''])),
  );
  return { ...none, middle: '', 'mid-mid': '', 'left-mid': '', 'right-mid': '' };
}
