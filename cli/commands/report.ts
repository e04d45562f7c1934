// `claimbench report DIR`: renders a bundle again, offline, byte for byte the same.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { isFileSystemError, writeFailure } from '../../harness/run/bundle.ts';
import { EXIT } from '../exit.ts';

const MEND = 'copy the bundle to a folder of your own and render it there';

export function reportCommand(done: (code: number) => void): Command {
  return new Command('report')
    .description('render the report of a bundle again')
    .argument('<folder>', 'the bundle')
    .action(async (folder: string) => {
      // Loaded here, since the chart libraries are too large to be read for every other command.
      const { renderBundle } = await import('../../reports/index.ts');
      const rendered = await renderBundle(resolve(folder)).catch((error: unknown) => {
        throw isFileSystemError(error) ? writeFailure(resolve(folder), error, MEND) : error;
      });
      process.stdout.write(`${rendered.html}\n${rendered.markdown}\n`);
      const { readCheckIfAny, writeCheck } = await import('../../reports/check/index.ts');
      const check = await readCheckIfAny(resolve(folder));
      const files = check === undefined ? [] : await writeCheck(resolve(folder), check);
      for (const file of files) process.stdout.write(`${file}\n`);
      for (const chart of rendered.charts) process.stdout.write(`${chart}\n`);
      done(EXIT.ok);
    });
}
