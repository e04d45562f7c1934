// `claimbench search`: the highest sustainable rate under an SLO, as an interval.

import { Command } from 'commander';
import { z } from 'zod';
import { definitionOf, parseContender, withDriver } from '../../harness/contenders/index.ts';
import { UsageError } from '../../harness/errors.ts';
import type { RunResult } from '../../harness/result/result.ts';
import { BundleWriter } from '../../harness/run/bundle.ts';
import { parsePinWish } from '../../harness/run/pinning.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { CapacityLog } from '../capacity/capacity-log.ts';
import { durationBetween, inWords } from '../capacity/duration.ts';
import { openLoad } from '../capacity/loads.ts';
import { type SearchSetup, searchCells } from '../capacity/search-cells.ts';
import { DEFAULT_SLO, readSlo } from '../capacity/slo.ts';
import { patternOf, workloadOptions, workloadSchema } from '../capacity/workload.ts';
import { EXIT } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import { bundleFolder, measure, measuringOptions, measuringSchema, present } from '../measuring.ts';
import { filled, numberBetween, repeatable, wholeNumber } from '../options.ts';
import { DEFAULT_CONTENDER } from '../plan-run.ts';
import { suggestion } from '../suggest.ts';

const optionsSchema = measuringSchema.extend(workloadSchema.shape).extend({
  contender: z.string(),
  slo: z.array(z.string()).optional(),
  workers: z.number(),
  sessions: z.number(),
  start: z.number().optional(),
  max: z.number(),
  resolution: z.number(),
  holdXmin: z.number().optional(),
  probes: z.number(),
  budget: z.number(),
});
type Options = z.infer<typeof optionsSchema>;

const HELP = `
A probe is an open load at one rate on a fresh database. It passes when 99 % of what was offered was settled, the backlog did not
grow, every sub-window held the SLO, the generator was valid and no job was lost. The answer is an interval: the highest rate that
passed and the lowest that failed, each confirmed by a longer load.

Examples:
  claimbench search --contender skip-locked
  claimbench search --contender 'batch?concurrency=4' --job-ms 20 --slo 'pickup.p99<100ms' --slo 'response.p95<1s'
  claimbench search --contender ring --slo 'pickup.p99<250ms' --slo 'deadTuples.growth<500/s' --hold-xmin 2m

Exit codes: 0 an interval was found, or that no rate passes or none fails; 1 usage; 2 failure; 3 a job was lost, duplicated or
reordered; 4 no probe could be measured, or the limit lies beyond what the generator can carry; 130 interrupted.`;

export function searchCommand(done: (code: number) => void): Command {
  const command = new Command('search')
    .description('find the highest rate that a contender sustains under an SLO, as an interval')
    .option('--contender <name|name?axis=value|file>', 'what to load', filled, DEFAULT_CONTENDER)
    .option(
      '--slo <figure<limit>',
      `what a rate must hold (repeatable; default: ${DEFAULT_SLO}): enqueue, pickup, service or response, p50 to p999, or deadTuples.growth`,
      repeatable,
    )
    .option('--workers <n>', 'worker processes', wholeNumber(1, 16), 1)
    .option('--sessions <n>', 'connections of each that claim', wholeNumber(1, 64), 8)
    .option(
      '--start <jobs/s>',
      'where to begin (default: at half of what a short closed load settles)',
      numberBetween(1, 1_000_000),
    )
    .option('--max <jobs/s>', 'where to stop looking', numberBetween(1, 1_000_000), 100_000)
    .option(
      '--resolution <share>',
      'how close the ends of the interval are to come: 0.05 for 5 %',
      numberBetween(0.01, 1),
      0.05,
    )
    .option(
      '--hold-xmin <time>',
      "hold somebody else's snapshot in each probe, which then lasts so long at least, such as 2m",
      durationBetween(1, 3_600),
    )
    .option('--probes <n>', 'so many at most', wholeNumber(3, 200), 30)
    .option('--budget <time>', 'begin no probe after this, such as 8m', durationBetween(10, 86_400), 1_200);
  workloadOptions(command);
  return measuringOptions(command)
    .addHelpText('after', HELP)
    .action(async (raw: unknown) => {
      done(await searchAction(optionsSchema.parse(raw)));
    });
}

async function searchAction(options: Options): Promise<number> {
  parsePinWish(options.pin);
  if ((options.pg ?? []).length > 1)
    throw new UsageError('--pg: a search is on one server: give one version, and search on each by itself');
  const spec = parseContender(options.contender, suggestion);
  const contender = options.driver === undefined ? spec : await withDriver(spec, options.driver);
  // A broken file of the user's is to fail here.
  await definitionOf(contender);
  const endMs = performance.now() + options.budget * 1_000;
  const setup: SearchSetup = {
    pattern: await patternOf(options),
    contender,
    crew: {
      agents: options.workers,
      sessions: options.sessions,
      concurrency: contender.axes.concurrency ?? 1,
    },
    slo: readSlo(options.slo ?? [DEFAULT_SLO]),
    resolution: options.resolution,
    ...(options.start === undefined ? {} : { startPerSec: options.start }),
    maxPerSec: options.max,
    ...(options.holdXmin === undefined ? {} : { heldXminSeconds: options.holdXmin }),
    maxProbes: options.probes,
    outOfTime: () => performance.now() > endMs,
  };
  if (setup.startPerSec !== undefined && setup.startPerSec > setup.maxPerSec)
    throw new UsageError(`--start ${setup.startPerSec} lies above --max ${setup.maxPerSec}`);
  if (!options.sampling && setup.slo.some(({ of }) => of === 'deadTuples'))
    throw new UsageError('--no-sampling: dead tuples are seen by sampling; leave it out, or their --slo');
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const log = new CapacityLog(new CellSequence(seed));
  handleInterruption();
  using bundle = new BundleWriter(bundleFolder(options));
  const result = await measure(
    {
      plan: {
        scenarios: [openLoad(setup.pattern, { ratePerSec: 100, seconds: 10, crew: setup.crew })],
        contenders: [contender],
        repeats: 1,
        seed,
      },
      adaptive: {
        cells: (function* () {
          yield* searchCells(setup, log);
        })(),
        expected: () => Math.max(14, log.finished + 2),
        capacity: () => log.value(),
      },
      announcement: `; ${setup.slo.map(({ text }) => text).join(', ')}; about 3 min, ${inWords(options.budget)} at most`,
    },
    options,
    bundle,
  );
  await present(
    { ...result, ...(result.cells.length === 0 ? {} : { capacity: log.value() }) },
    bundle,
    options,
  );
  return interruption.aborted ? EXIT.interrupted : exitCodeOfSearch(result, log);
}

/** A probe that was void is a finding of the search, and no failure of it, unless it is all there is. */
function exitCodeOfSearch({ cells, lostServers = [] }: RunResult, log: CapacityLog): number {
  if (lostServers.length > 0) return EXIT.failure;
  if (cells.some(({ verdict }) => verdict === 'incorrect')) return EXIT.incorrect;
  const state = log.value().search?.answer.state;
  return state === undefined || state === 'unmeasurable' || state === 'interrupted' ? EXIT.invalid : EXIT.ok;
}
