// `claimbench search`: the highest sustainable rate under an SLO, as an interval.

import { Command } from 'commander';
import { z } from 'zod';
import { definitionOf, parseContender, withDriver } from '../../harness/contenders/index.ts';
import { UsageError } from '../../harness/errors.ts';
import type { RunResult } from '../../harness/result/result.ts';
import { BundleWriter } from '../../harness/run/bundle.ts';
import { parsePinWish } from '../../harness/run/pinning.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { LONG_FACTOR, probeSeconds } from '../../reports/capacity/probe.ts';
import { handlersOf } from '../../reports/planning/crew.ts';
import { CapacityLog } from '../capacity/capacity-log.ts';
import { contenderOption } from '../capacity/contender-option.ts';
import { durationBetween, inWords } from '../capacity/duration.ts';
import { handlerMoments, openLoad, warmUpSeconds } from '../capacity/loads.ts';
import { leastSeconds, type SearchSetup, searchCells } from '../capacity/search-cells.ts';
import { DEFAULT_SLO, readSlo, requireSampling } from '../capacity/slo.ts';
import { patternOf, workloadOptions, workloadSchema } from '../capacity/workload.ts';
import { EXIT } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import { bundleFolder, measure, measuringOptions, measuringSchema, present } from '../measuring.ts';
import { numberBetween, repeatable, wholeNumber } from '../options.ts';
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
  budget: z.number().optional(),
});
type Options = z.infer<typeof optionsSchema>;

const HELP = `
A probe is an open load at one rate on a fresh database. It passes when 99 % of what was offered was settled, the backlog did not
grow, every sub-window held the SLO, the generator was valid and no job was lost. The answer is an interval: the highest rate that
passed and the lowest that failed, each confirmed by a longer load.

A --slo on deadTuples.growth makes each probe last 130 s, which autovacuum needs to show what it does: where it does not come,
dead tuples grow by those that a job leaves × the rate.

Examples:
  claimbench search --contender skip-locked
  claimbench search --contender 'batch?concurrency=4' --job-ms 20 --slo 'pickup.p99<100ms' --slo 'response.p95<1s'
  claimbench search --contender ring --slo 'pickup.p99<250ms' --slo 'deadTuples.growth<500/s' --hold-xmin 2m

Exit codes: 0 an interval was found, or that no rate passes or none fails; 1 usage; 2 failure; 3 a job was lost, duplicated or
reordered; 4 no probe could be measured, the limit lies beyond what the generator can carry, or --probes or --budget were used up
before an answer; 130 interrupted.`;

/** What a search takes as a rule. */
const USUAL_PROBES = 14;

export function searchCommand(done: (code: number) => void): Command {
  const command = contenderOption(
    new Command('search').description(
      'find the highest rate that a contender sustains under an SLO, as an interval',
    ),
    'what to load',
  )
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
    .option('--probes <n>', 'so many at most', wholeNumber(3, 200), 60)
    .option(
      '--budget <time>',
      `begin no probe after this, such as 8m (default: 20m, or longer where probes are: ${USUAL_PROBES} of them)`,
      durationBetween(10, 86_400),
    );
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
  const pattern = await patternOf(options);
  const slo = readSlo(options.slo ?? [DEFAULT_SLO]);
  requireTime(options, handlerMoments(pattern.job.handler).meanMs);
  const least = leastSeconds({ slo, ...(options.holdXmin && { heldXminSeconds: options.holdXmin }) });
  const budget = options.budget ?? Math.max(BUDGET_SECONDS, USUAL_SHORT_LOADS * (least + AROUND_SECONDS));
  const endMs = performance.now() + budget * 1_000;
  const setup: SearchSetup = {
    pattern,
    contender,
    crew: {
      agents: options.workers,
      sessions: options.sessions,
      concurrency: contender.axes.concurrency ?? 1,
    },
    slo,
    resolution: options.resolution,
    ...(options.start === undefined ? {} : { startPerSec: options.start }),
    maxPerSec: options.max,
    ...(options.holdXmin === undefined ? {} : { heldXminSeconds: options.holdXmin }),
    maxProbes: options.probes,
    outOfTime: () => performance.now() > endMs,
  };
  if (setup.startPerSec !== undefined && setup.startPerSec > setup.maxPerSec)
    throw new UsageError(`--start ${setup.startPerSec} lies above --max ${setup.maxPerSec}`);
  requireSampling(slo, options.sampling);
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
        expected: () => Math.max(USUAL_PROBES, log.finished + 2),
        capacity: () => log.value(),
      },
      outcomeOf: (cell) => log.outcomeOf(cell),
      announcement: `; ${setup.slo.map(({ text }) => text).join(', ')}; about ${inWords(usualSeconds(setup))}, no load begins after ${inWords(budget)}`,
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

/** @throws UsageError for jobs that no probe is long enough for, and where there is no time for as many probes as an answer takes. */
function requireTime({ budget, holdXmin }: Options, jobMs: number): void {
  if (jobMs > JOB_MS_MAX)
    throw new UsageError(
      `search: jobs of ${inWords(jobMs / 1_000)} are longer than a probe can tell of (${JOB_MS_MAX / 1_000} s): give shorter ones with --job-ms`,
    );
  if (budget !== undefined && holdXmin !== undefined && budget < FEWEST_PROBES * holdXmin)
    throw new UsageError(
      `--budget ${inWords(budget)} is under ${FEWEST_PROBES} × --hold-xmin ${inWords(holdXmin)}, as long as the fewest probes that make an answer: give ${inWords(FEWEST_PROBES * holdXmin)} or more, or a shorter --hold-xmin`,
    );
}

const JOB_MS_MAX = 30_000;
/** Two short loads and three long ones, as many short ones long. */
const FEWEST_PROBES = 2 + 3 * LONG_FACTOR;
const BUDGET_SECONDS = 1_200;
/** Of each probe, what comes before and after its load. */
const AROUND_SECONDS = 4;
/** Of the usual number of probes, those that confirm. */
const USUAL_LONG = 4;
/** As long as so many short ones. */
const USUAL_SHORT_LOADS = USUAL_PROBES - USUAL_LONG + USUAL_LONG * LONG_FACTOR;

/** How long a search takes as a rule, by the length of its probes near the rate that the handlers' time allows. */
function usualSeconds(setup: SearchSetup): number {
  const { meanMs } = handlerMoments(setup.pattern.job.handler);
  const around = AROUND_SECONDS + warmUpSeconds(setup.pattern.job.handler);
  const fastest = meanMs === 0 ? setup.maxPerSec : (handlersOf(setup.crew) * 1_000) / meanMs;
  const rate = setup.startPerSec ?? Math.max(1, Math.min(setup.maxPerSec, fastest));
  const one = (long: boolean): number =>
    Math.max(leastSeconds(setup) * (long ? LONG_FACTOR : 1), probeSeconds(rate, long)) + around;
  const probes = Math.min(USUAL_PROBES, setup.maxProbes);
  const long = Math.min(USUAL_LONG, probes);
  return (probes - long) * one(false) + long * one(true);
}

/** A probe that was void is a finding of the search, and no failure of it, unless it is all there is. */
function exitCodeOfSearch({ cells, lostServers = [] }: RunResult, log: CapacityLog): number {
  if (lostServers.length > 0) return EXIT.failure;
  if (cells.some(({ verdict }) => verdict === 'incorrect')) return EXIT.incorrect;
  const state = log.value().search?.answer.state;
  return state === undefined || state === 'unmeasurable' || state === 'interrupted' ? EXIT.invalid : EXIT.ok;
}
