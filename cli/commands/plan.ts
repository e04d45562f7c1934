// `claimbench plan`: answers a capacity question, from measurements of its own or from those of a bundle.

import { cpSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { parseContender, withDriver } from '../../harness/contenders/index.ts';
import { UsageError } from '../../harness/errors.ts';
import type { Capacity, PlanQuestion, RunResult } from '../../harness/result/result.ts';
import { BundleWriter } from '../../harness/run/bundle.ts';
import { parsePinWish } from '../../harness/run/pinning.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { isOwnServer } from '../../harness/server/index.ts';
import { sessionsMaxFor } from '../../reports/planning/crew.ts';
import { handlerSchema } from '../../scenarios/job.ts';
import { CapacityLog } from '../capacity/capacity-log.ts';
import { contenderOption, requireOpenConcurrency } from '../capacity/contender-option.ts';
import { durationBetween, inWords } from '../capacity/duration.ts';
import { HOLD_FILE, holdCommand, holdScenario, passwordNote, placeOf } from '../capacity/hold.ts';
import { handlerMoments, openLoad } from '../capacity/loads.ts';
import { expectedCells, type PlanMeasurements, planCells } from '../capacity/plan-cells.ts';
import {
  changedQuestion,
  questionOf,
  questionOptions,
  questionSchema,
  withWorkloadFile,
} from '../capacity/question.ts';
import { requireSampling } from '../capacity/slo.ts';
import { patternOf } from '../capacity/workload.ts';
import { EXIT } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import { bundleFolder, measure, measuringOptions, measuringSchema, present } from '../measuring.ts';
import { coloured, filled, type GivenOption, givenBeside, optionsGiven } from '../options.ts';
import { serverLabel } from '../place.ts';
import { PLACE_WORDS } from '../server-wishes.ts';
import { suggestion } from '../suggest.ts';

const optionsSchema = measuringSchema.extend(questionSchema.shape).extend({
  server: z.union([z.array(z.string()), z.string().transform((one) => [one])]),
  contender: z.string(),
  from: z.string().optional(),
  budget: z.number(),
});
type Options = z.infer<typeof optionsSchema>;

const HELP = `
The answer: what to run, the highest safe rate, which is the least of what the SLO, recovery from the outage and bloat allow, how much
room that leaves and until when, what a day costs, and what gives way first. A wish that cannot be had is answered with the nearest
that can. Models stand beside what was measured, with their errors.

Examples:
  claimbench plan --rate 800 --job-ms 40 --slo 'pickup.p99<250ms' --outage 10m --recover 30m
  claimbench plan --rate 300 --peak 3 --rate-later 900 --months 12 --job-ms 25 --bloat 2m --connections 40
  claimbench plan --workload workload.yaml --contender batch
  claimbench plan --from out/plan --rate 1200 --peak 2

Exit codes: 0 answered, whatever the answer; 1 usage; 2 failure; 3 a job was lost, duplicated or reordered; 4 nothing could be told,
as too few loads could be measured; 130 interrupted.`;

export function planCommand(done: (code: number) => void): Command {
  const command = new Command('plan')
    .description('answer a capacity question: what to run, how much it carries, what breaks first')
    .option('--from <bundle>', 'measure nothing: answer from the bundle of an earlier plan', filled)
    .addOption(
      new Option(
        '--budget <time>',
        'about so long for all measurements; what a plan cannot do without is measured in any case',
      )
        .argParser(durationBetween(60, 86_400))
        .default(600, '10m'),
    );
  contenderOption(command, 'what to load');
  questionOptions(command);
  measuringOptions(command);
  const server = command.options.find((one) => one.attributeName() === 'server');
  if (server !== undefined) {
    server.description +=
      '; given several times, what the queue carries over all of them at once is measured as well';
    // The first of them takes the place of the default.
    server.argParser<string[]>((text, before) => [...(Array.isArray(before) ? before : []), filled(text)]);
  }
  return command.addHelpText('after', HELP).action(async () => {
    if (command.getOptionValue('from') !== undefined) refuseBesideFrom(command);
    await withWorkloadFile(command);
    const options = optionsSchema.parse({
      ...command.opts(),
      server: command.opts()['server'] ?? ['embedded'],
    });
    done(
      options.from === undefined
        ? await planAction(options, placeOf(optionsGiven(command, PLACE_WORDS)))
        : await answerFrom(options.from, options),
    );
  });
}

async function planAction(options: Options, place: readonly GivenOption[]): Promise<number> {
  const startMs = performance.now();
  parsePinWish(options.pin);
  if ((options.pg ?? []).length > 1)
    throw new UsageError('--pg: a plan is for one server: give one version, and plan for each by itself');
  const spec = parseContender(options.contender, suggestion);
  const contender = options.driver === undefined ? spec : await withDriver(spec, options.driver);
  await requireOpenConcurrency(contender);
  const pattern = await patternOf(options);
  const question = questionOf(options, pattern, contender.name);
  requireShortJobs(question);
  requireSampling(question.slo, options.sampling);
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const [first = 'embedded', ...others] = options.server;
  if (options.server.some((one, i) => !isOwnServer(one) && options.server.indexOf(one) !== i))
    throw new UsageError('--server: one address is given twice, and is one server: leave one of them out');
  const servers = others.length === 0 ? [] : options.server.map((_, place) => serverLabel(place));
  const log = new CapacityLog(new CellSequence(seed), servers[0]);
  const measured: PlanMeasurements = { cells: [] };
  const secondsLeft = (): number => options.budget - (performance.now() - startMs) / 1_000;
  const { planOf } = await import('../../reports/planning/answer.ts');
  const { scv: serviceScv } = handlerMoments(pattern.job.handler);
  const begunAt = new Date().toISOString();
  const answered = (startedAt = begunAt): Capacity => {
    const { cells } = measured;
    const { search } = log.value();
    log.found(
      planOf({ question, cells, search, serviceScv, seed, cores: availableParallelism(), startedAt }),
    );
    return log.value();
  };
  handleInterruption();
  using bundle = new BundleWriter(bundleFolder(options));
  const expected = expectedCells({ question, servers });
  const result = await measure(
    {
      plan: {
        scenarios: [
          openLoad(pattern, {
            ratePerSec: 100,
            seconds: 10,
            crew: { agents: 1, sessions: sessionsMaxFor(question.connections), concurrency: 1 },
          }),
        ],
        contenders: [contender],
        repeats: 1,
        seed,
      },
      adaptive: {
        cells: planCells({ question, pattern, contender, seed, servers, secondsLeft }, log, measured),
        expected: () => Math.max(expected, log.finished + 1),
        // After each cell: a plan that is killed keeps an answer, and its question.
        capacity: () => answered(),
      },
      ...(others.length === 0 ? {} : { others }),
      outcomeOf: (cell) => log.outcomeOf(cell),
      announcement: `; about ${expected} cells in about ${inWords(options.budget)}`,
    },
    { ...options, server: first },
    bundle,
  );
  const capacity = answered(result.startedAt);
  await present(result.cells.length === 0 ? result : { ...result, capacity }, bundle, options);
  const { recommended, peakPerSec = 0, possible = false, undecided = [] } = capacity.plan?.answer ?? {};
  // Of a plain no there is nothing to hold.
  if (recommended !== undefined && (possible || undecided.length > 0)) {
    const scenario = holdScenario(pattern, question, { recommended, peakPerSec });
    writeFileSync(join(bundle.directory, HOLD_FILE), `${JSON.stringify(scenario, null, 2)}\n`);
    process.stderr.write(
      `To hold it for an hour before you decide, as the loads above last for seconds: ${holdCommand(bundle.directory, contender, recommended, place)}${passwordNote(place)}\n`,
    );
  }
  return interruption.aborted ? EXIT.interrupted : exitCodeOfPlan(result, capacity);
}

/** Longest jobs of a plan, on average. */
const JOB_MS_MAX = 500;

/** Closed loads count rounds of jobs: of long ones they would take hours, or count too few. */
function requireShortJobs({ jobMs }: PlanQuestion): void {
  if (jobMs > JOB_MS_MAX)
    throw new UsageError(
      `plan: jobs of ${Math.round(jobMs)} ms are longer than the ${JOB_MS_MAX} ms of which loads of seconds can tell a law: find the rate with claimbench search (shorter jobs at a proportionally higher rate are not the same: each is claimed and settled too)`,
    );
}

/** Words that ask another question, and how the answer is shown; all else says how to measure. */
const WITH_FROM = ['from', 'json', 'color', 'out', ...Object.keys(questionSchema.shape)];

function refuseBesideFrom(command: Command): void {
  const given = givenBeside(command, WITH_FROM);
  if (given !== undefined)
    throw new UsageError(
      `${given.long} cannot stand beside --from, which measures nothing: leave it out, or leave --from out to measure anew`,
    );
}

/** Another question to what an earlier plan measured. */
async function answerFrom(directory: string, options: Options): Promise<number> {
  const { readBundle } = await import('../../reports/bundle.ts');
  const { measuredOf } = await import('../../reports/planning/measured.ts');
  const { planOf } = await import('../../reports/planning/answer.ts');
  const bundle = await readBundle(resolve(directory));
  const { result } = bundle;
  const cells = measuredOf(bundle);
  const { capacity } = result;
  if (capacity?.plan === undefined)
    throw new UsageError(
      `--from ${directory}: that bundle holds no plan: give one that claimbench plan wrote`,
    );
  const question = changedQuestion(options, capacity.plan.question);
  const handler = handlerSchema.safeParse(question.handler);
  if (!handler.success)
    throw new UsageError(
      `--from ${directory}: how long its jobs take is not told as it should be: measure anew with claimbench plan`,
    );
  const { scv } = handlerMoments(handler.data);
  const found = planOf({
    ...{ question, cells, search: capacity.search, serviceScv: scv },
    ...{ seed: result.seed, cores: result.environment.cores, startedAt: result.startedAt },
  });
  const asked = isDeepStrictEqual(question, capacity.plan.question) ? {} : { askedAfter: true as const };
  const answeredResult: RunResult = { ...result, capacity: { ...capacity, ...found, ...asked } };
  await show(answeredResult, directory, options);
  return exitCodeOfPlan(answeredResult, answeredResult.capacity);
}

/** On the terminal, or as JSON; with --out as a bundle of its own, the earlier one left as it is. */
async function show(result: RunResult, directory: string, options: Options): Promise<void> {
  if (options.out !== undefined) {
    const folder = resolve(options.out);
    // Makes sure that nothing lies there, and takes an empty folder away again when copying fails.
    using bundle = new BundleWriter(folder);
    // What is to be held for an hour is that of the question it was measured for.
    const filter = (path: string): boolean => basename(path) !== HOLD_FILE;
    cpSync(resolve(directory), folder, { recursive: true, force: true, filter });
    await present(result, bundle, options);
    return;
  }
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const { capacityTerminal } = await import('../../reports/render/capacity-terminal.ts');
  const style = { colour: coloured(process.stdout, options.color), width: process.stdout.columns ?? 100 };
  process.stdout.write(`${capacityTerminal(result, style)}\n`);
}

/** A plan without a word on what carries is none. */
function exitCodeOfPlan({ cells, lostServers = [] }: RunResult, capacity: Capacity | undefined): number {
  if (lostServers.length > 0) return EXIT.failure;
  if (cells.some(({ verdict }) => verdict === 'incorrect')) return EXIT.incorrect;
  return capacity?.plan?.answer.recommended === undefined ? EXIT.invalid : EXIT.ok;
}
