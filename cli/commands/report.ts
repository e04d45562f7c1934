// `claimbench report DIR`: renders a bundle again, offline, byte for byte the same.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { EXIT } from '../exit.ts';

export function reportCommand(done: (code: number) => void): Command {
  return new Command('report')
    .description('render the report of a bundle again')
    .argument('<folder>', 'the bundle')
    .action(async (folder: string) => {
      // Loaded here, since the chart libraries are too large to be read for every other command.
      const { renderBundle } = await import('../../reports/index.ts');
      const rendered = await renderBundle(resolve(folder));
      process.stdout.write(`${rendered.html}\n${rendered.markdown}\n`);
      for (const chart of rendered.charts) process.stdout.write(`${chart}\n`);
      done(EXIT.ok);
    });
}
