// `claimbench sweep`: one contender over a grid of loads and settings, refined where it is bent, gone on with where it stopped.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { UsageError } from '../../harness/errors.ts';
import type { Environment } from '../../harness/result/result.ts';
import { BundleWriter } from '../../harness/run/bundle.ts';
import { lockBundle } from '../../harness/run/bundle-lock.ts';
import { contenderOption } from '../capacity/contender-option.ts';
import { type EarlierPart, readEarlier, requireSamePlace } from '../capacity/resume.ts';
import { type PlannedSweep, planSweep } from '../capacity/sweep.ts';
import { digestOfContender, type SweepWords, sweepWordsSchema } from '../capacity/sweep-words.ts';
import { EXIT, exitCodeOf } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import {
  bundleFolder,
  type MeasuringOptions,
  measure,
  measuringOptions,
  measuringSchema,
  present,
} from '../measuring.ts';
import { filled, givenBeside, numberBetween, repeatable, wholeNumber } from '../options.ts';
import { shellWord } from '../shell-word.ts';

const optionsSchema = sweepWordsSchema.extend({
  ...measuringSchema.pick({ out: true, metrics: true, json: true, color: true, seed: true }).shape,
  resume: z.string().optional(),
  axis: z.array(z.string()).default([]),
});
/** Where the bundle lies and how it is shown. */
type Shown = Pick<MeasuringOptions, 'metrics' | 'json' | 'color'>;

/** What may stand beside --resume: all else is in the bundle. An address needs its password again. */
const WITH_RESUME = ['resume', 'json', 'color', 'metrics', 'server'];

const EXAMPLES = `
Axes: workers (agents, 1 to 16), connections (sessions of each, 1 to 64), depth (jobs that wait), payload (bytes),
job-ms (time of a handler), rate (jobs/s, open loop); batch, prefetch, concurrency and every other axis of the contender;
set.NAME for a setting of the server, which has a server of its own for each value.
Values: 1,2,4 or 1..64 (doubled from end to end) or 1..500:6 (so many, at equal ratios).

What is no axis: 1 worker, 8 connections, jobs that take no time (job-ms=0), payloads of 100 bytes.
A sweep knows no SLO and finds no limit: for a rate that holds use search or plan.

Examples:
  claimbench sweep --contender skip-locked --axis connections=1..32 --axis job-ms=40 --refine 4
  claimbench sweep --contender batch --axis workers=1,2 --axis batch=1..500:6 --axis job-ms=5
  claimbench sweep --axis connections=4,8,16 --rate '0.7 of capacity'
  claimbench sweep --axis set.shared_buffers=128MB,1GB --axis depth=10000,1000000 --axis job-ms=5
  claimbench sweep --resume out/my-sweep

Exit codes: 0 pass, 1 usage, 2 failure, 3 a job was lost, duplicated or reordered, 4 a cell is invalid, 130 interrupted.`;

export function sweepCommand(done: (code: number) => void): Command {
  const command = contenderOption(
    new Command('sweep').description(
      'measure one contender over a grid; an interrupted sweep goes on where it stopped',
    ),
    'what is measured',
  )
    .option('--axis <name=values>', 'an axis of the grid (repeatable); see below', repeatable)
    .option(
      '--rate <jobs/s>',
      "an open loop in place of a drain; also '0.7 of capacity' of each point",
      filled,
    )
    .option('--seconds <n>', 'length of the load of each cell', numberBetween(0.5, 86_400), 2.5)
    .option('--repeats <n>', 'independent cells of each point', wholeNumber(1, 100), 2)
    .option(
      '--refine <n>',
      'further points on the ranges, where throughput is bent most',
      wholeNumber(0, 200),
      0,
    )
    .option('--resume <folder>', 'go on with the interrupted sweep of this bundle', filled)
    .addHelpText('after', EXAMPLES);
  return measuringOptions(command).action(async (raw: unknown) => {
    done(await sweepAction(raw, command));
  });
}

async function sweepAction(raw: unknown, command: Command): Promise<number> {
  const { out, resume, metrics, json, color, ...given } = optionsSchema.parse(raw);
  const shown: Shown = { metrics, json, color };
  if (resume === undefined) return await begin(bundleFolder({ out }), given, shown);
  refuseBesideResume(command);
  const server = command.getOptionValueSource('server') === 'cli' ? given.server : undefined;
  return await goOn(resolve(resume), server, shown);
}

function refuseBesideResume(command: Command): void {
  const given = givenBeside(command, WITH_RESUME);
  if (given !== undefined)
    throw new UsageError(
      `${given.long} cannot stand beside --resume, which takes every word from the bundle: leave it out, or begin a sweep of its own`,
    );
}

type Given = Omit<SweepWords, 'seed'> & { readonly seed?: number | undefined };

async function begin(directory: string, given: Given, shown: Shown): Promise<number> {
  const contenderSha256 = digestOfContender(given.contender);
  const words: SweepWords = {
    ...given,
    seed: given.seed ?? Math.floor(Math.random() * 2 ** 32),
    ...(contenderSha256 === undefined ? {} : { contenderSha256 }),
  };
  const planned = await planSweep(words);
  handleInterruption();
  using bundle = new BundleWriter(directory);
  using _lock = lockBundle(directory);
  return await sweep(planned, words, bundle, shown);
}

async function goOn(directory: string, server: string | undefined, shown: Shown): Promise<number> {
  // Read before it is locked: a folder that holds no sweep is left as it is.
  await readEarlier(directory, server);
  using _lock = lockBundle(directory);
  const earlier = await readEarlier(directory, server);
  const planned = await planSweep(earlier.words, earlier);
  handleInterruption();
  using bundle = new BundleWriter(directory, new Set(earlier.result.cells.map(({ id }) => id)));
  if (!earlier.result.complete) return await sweep(planned, earlier.words, bundle, shown, earlier);
  process.stderr.write(`claimbench: nothing is missing in ${directory}: its report is rendered again\n`);
  await present(earlier.result, bundle, shown);
  return exitCodeOf(earlier.result);
}

async function sweep(
  { cells, plan, variants, extent }: PlannedSweep,
  words: SweepWords,
  bundle: BundleWriter,
  shown: Shown,
  earlier?: EarlierPart,
): Promise<number> {
  const { directory } = bundle;
  const part = earlier && {
    result: earlier.result,
    requireSame: (now: Environment) => requireSamePlace(directory, earlier.result.environment, now),
  };
  const result = await measure(
    {
      ...{ plan, adaptive: cells, announcement: `; ${extent}`, variants },
      ...(part === undefined ? {} : { earlier: part }),
    },
    { ...words, ...shown },
    bundle,
  );
  await present(result, bundle, shown);
  if (!result.complete && result.cells.length > 0)
    process.stderr.write(
      `claimbench: ${result.cells.length} of ${cells.expected()} cells are measured; go on with: npm run --silent claimbench -- sweep --resume ${shellWord(directory)}\n`,
    );
  return interruption.aborted ? EXIT.interrupted : exitCodeOf(result);
}
