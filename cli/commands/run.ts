// `claimbench run`: measures scenarios × contenders, writes the bundle, prints the table, renders the report.

import { Command, Option } from 'commander';
import { z } from 'zod';
import type { Cell, RunResult } from '../../harness/result/result.ts';
import { BundleWriter } from '../../harness/run/bundle.ts';
import { parsePinWish } from '../../harness/run/pinning.ts';
import { EXIT, exitCodeOf } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import { bundleFolder, measure, measuringOptions, measuringSchema, present } from '../measuring.ts';
import { filled, numberBetween, repeatable, wholeNumber } from '../options.ts';
import { DEFAULT_CONTENDER, planOf } from '../plan-run.ts';
import { SCALES } from '../scenarios.ts';

const optionsSchema = measuringSchema.extend({
  suite: z.string().optional(),
  scenario: z.array(z.string()).optional(),
  contender: z.array(z.string()).optional(),
  repeats: z.number().optional(),
  duration: z.number().optional(),
  rate: z.string().optional(),
  scale: z.enum(SCALES),
});
type Options = z.infer<typeof optionsSchema>;

const EXAMPLES = `
Examples:
  claimbench run --suite bench
  claimbench run --scenario drain --contender skip-locked --contender 'batch?batch=500' --repeats 5
  claimbench run --scenario steady --rate 200 --contender ./my-strategy.ts --server postgres://me@db:5432/bench
  claimbench run --scenario drain --scenario steady --rate '0.7 of drain' --contender batch
  claimbench run --scenario drain --contender skip-locked --contender batch --pg 14,16,18
  claimbench run --suite survival --scale smoke --contender skip-locked

Exit codes: 0 pass, 1 usage, 2 failure, 3 a job was lost, duplicated or reordered, 4 a cell is invalid, or an
expectation could not be told, 99 an expectation failed, 130 interrupted.`;

export function runCommand(done: (code: number) => void): Command {
  const command = new Command('run')
    .description('measure scenarios × contenders; write a bundle, print the table, render the report')
    .option('--suite <name>', 'a named choice of scenarios, contenders and repeats', filled)
    .option('--scenario <name|file>', 'a scenario (repeatable)', repeatable)
    .option(
      '--contender <name|name?axis=value|file>',
      `a contender (repeatable; default: the suite's, else ${DEFAULT_CONTENDER})`,
      repeatable,
    )
    .option('--repeats <n>', 'independent cells of each pair (default 3)', wholeNumber(1, 1_000))
    .option('--duration <seconds>', 'length of the load of each cell', numberBetween(0.5, 86_400))
    .addOption(
      new Option('--scale <form>', 'smoke: the short form of each scenario, to assert and not to measure')
        .choices(SCALES)
        .default('full'),
    )
    .option('--rate <jobs/s>', "rate of open-loop scenarios, or a share such as '0.7 of drain'", filled)
    .addHelpText('after', EXAMPLES);
  return measuringOptions(command).action(async (raw: unknown) => {
    done(await runAction(optionsSchema.parse(raw)));
  });
}

async function runAction(options: Options): Promise<number> {
  // Before anything is made ready: a word that cannot be read leaves nothing behind.
  parsePinWish(options.pin);
  const plan = await planOf(options);
  const directory = bundleFolder(options);
  handleInterruption();
  using bundle = new BundleWriter(directory);
  const measured = await measure({ plan }, options, bundle);
  const result = await withComparisons(measured);
  await present(result, bundle, options);
  for (const line of result.cells.flatMap(expectationLines)) process.stderr.write(`claimbench: ${line}\n`);
  return interruption.aborted ? EXIT.interrupted : exitCodeOf(result);
}

async function withComparisons(result: RunResult): Promise<RunResult> {
  if (result.cells.length === 0) return result;
  // As `present` does: not before all is measured.
  const { comparisonsOf } = await import('../../reports/compare/index.ts');
  return { ...result, comparisons: comparisonsOf(result) };
}

/** One line for each expectation that a cell did not meet; of a void cell none, since its reasons are shown already. */
function expectationLines({ scenario, contender, repeat, verdict, expectations = [] }: Cell): string[] {
  if (verdict !== 'valid') return [];
  const where = `${scenario} × ${contender.name}, repeat ${repeat}`;
  return expectations
    .filter(({ state }) => state !== 'met')
    .map(({ text, state, found, why }) =>
      state === 'failed'
        ? `${where}: expected ${text}, found ${found}`
        : `${where}: expected ${text}, which cannot be told: ${why}`,
    );
}
