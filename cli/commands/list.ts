// `claimbench list`: what is there to run?

import Table from 'cli-table3';
import { Command } from 'commander';
import { CONTENDERS } from '../../harness/contenders/index.ts';
import { UsageError } from '../../harness/errors.ts';
import { strategies } from '../../queue/index.ts';
import { BUILT_IN_SCENARIOS, SUITES } from '../../scenarios/index.ts';
import { EXIT } from '../exit.ts';
import { strategyRow } from '../strategy-row.ts';
import { suggestion } from '../suggest.ts';

/** One thing to run. `text` says it in words; what else there is is for `--json`. */
interface Row {
  readonly name: string;
  readonly text: string;
}

const SECTIONS: Readonly<Record<string, { title: string; rows: () => readonly Row[] }>> = {
  scenarios: {
    title: 'Scenarios (--scenario)',
    rows: () => BUILT_IN_SCENARIOS.map((s) => ({ name: s.name, text: s.question })),
  },
  contenders: {
    title: 'Contenders (--contender, also name?axis=value&… or ./my-strategy.ts)',
    rows: () =>
      CONTENDERS.map((c) => ({ name: c.name, text: `${c.summary} [${c.class}] axes: ${c.axes.join(', ')}` })),
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
        process.stdout.write(
          chosen.map(([, section]) => sectionText(section.title, section.rows())).join('\n'),
        );
      }
      done(EXIT.ok);
    });
}

const NAME_WIDTH = 21;
const TEXT_WIDTH = 79;

function sectionText(title: string, rows: readonly Row[]): string {
  const table = new Table({
    chars: plainBorders(),
    style: { head: [], border: [], 'padding-left': 2, 'padding-right': 0 },
    colWidths: [NAME_WIDTH, TEXT_WIDTH],
    wordWrap: true,
  });
  for (const { name, text } of rows) table.push([name, text]);
  return `${title}\n${table.toString()}\n`;
}

function plainBorders() {
  const sides = ['top', 'bottom', 'left', 'mid', 'right'] as const;
  const none = Object.fromEntries(
    sides.flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`].map((k) => [k, ''])),
  );
  return { ...none, middle: '', 'mid-mid': '', 'left-mid': '', 'right-mid': '' };
}
