// `claimbench compare A [B]`: verdicts between two bundles, or between contenders inside one.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { isFileSystemError, makeOutputFolder, writeFailure } from '../../harness/run/bundle.ts';
import type { ComparisonDocument } from '../../reports/compare/index.ts';
import { exitCodeOfComparison } from '../exit.ts';
import { coloured, filled, numberBetween, outputOptions, repeatable } from '../options.ts';

const optionsSchema = z.object({
  base: z.string().optional(),
  head: z.array(z.string()).optional(),
  scenario: z.array(z.string()).optional(),
  minEffect: z.number().optional(),
  force: z.boolean().optional(),
  markdown: z.boolean().optional(),
  out: z.string().optional(),
  json: z.boolean().optional(),
  color: z.boolean(),
});

const HELP = `
Verdicts: better, worse, equivalent, unstable (too noisy), ~ (these repeats do not tell), invalid (no figures, or those of
another durability or another rate).

Examples:
  claimbench compare out/aa                          every contender against the first
  claimbench compare out/before out/after            the same contenders in two bundles
  claimbench compare out/b1 --base batch --head skip-locked --min-effect 10 --out out/cmp

Exit codes: 0 compared (whatever the verdicts), 1 usage or not comparable, 2 files that cannot be written, 3 a contender is
incorrect, 4 nothing could be judged: a side has no valid cells, or its figures may not be set beside the other's.`;

export function compareCommand(done: (code: number) => void): Command {
  const command = new Command('compare')
    .description('tell whether contenders, or two bundles, differ; and what could have been seen')
    .argument('<bundle>', 'the base, or the only bundle')
    .argument('[bundle]', 'the head')
    .option(
      '--base <contender>',
      'the one to compare with (default: the first; in two bundles: of the same name)',
      filled,
    )
    .option('--head <contender>', 'the ones to compare (repeatable; default: all others)', repeatable)
    .option('--scenario <name>', 'only this scenario (repeatable)', repeatable)
    .option('--min-effect <percent>', 'smaller effects get no name (default 5)', numberBetween(0.1, 1_000))
    .option('--force', 'compare in spite of other settings, durability, load or machine, and mark it')
    .option('--markdown', 'Markdown on stdout')
    .option('--out <folder>', 'also write compare.json, compare.md and compare.html there', filled)
    .addHelpText('after', HELP);
  return outputOptions(command).action(async (base: string, head: string | undefined, raw: unknown) => {
    done(await compareAction(base, head, optionsSchema.parse(raw)));
  });
}

async function compareAction(
  base: string,
  head: string | undefined,
  options: z.infer<typeof optionsSchema>,
): Promise<number> {
  // Loaded here, since the chart libraries are too large to be read for every other command.
  const { compareBundles, comparisonMarkdown, comparisonTerminal, writeComparison } = await import(
    '../../reports/compare/index.ts'
  );
  const document = await compareBundles({
    base,
    head,
    baseContender: options.base,
    headContenders: options.head,
    scenarios: options.scenario,
    minEffect: options.minEffect === undefined ? undefined : options.minEffect / 100,
    force: options.force === true,
  });
  // Before anything is printed: no table is shown whose files cannot be written.
  const files =
    options.out === undefined ? [] : await written(resolve(options.out), document, writeComparison);
  if (options.json === true) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else if (options.markdown === true) process.stdout.write(comparisonMarkdown(document));
  else {
    const style = { colour: coloured(process.stdout, options.color), width: process.stdout.columns ?? 100 };
    process.stdout.write(`${comparisonTerminal(document, style)}\n`);
  }
  for (const file of files) process.stderr.write(`${file}\n`);
  return exitCodeOfComparison(document);
}

async function written(
  folder: string,
  document: ComparisonDocument,
  write: (folder: string, document: ComparisonDocument) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  makeOutputFolder(folder);
  try {
    return await write(folder, document);
  } catch (error) {
    throw isFileSystemError(error) ? writeFailure(folder, error) : error;
  }
}
