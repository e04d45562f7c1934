// `claimbench run`: measures scenarios × contenders, writes the bundle, prints the table, renders the report.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { BundleWriter } from '../../harness/bundle.ts';
import { type ContenderSpec, DRIVER_NAMES } from '../../harness/contender.ts';
import { definitionOf, parseContender, withDriver } from '../../harness/contenders/index.ts';
import { UsageError } from '../../harness/errors.ts';
import { parsePinWish } from '../../harness/pinning.ts';
import type { Cell, RunResult } from '../../harness/result.ts';
import { run } from '../../harness/run.ts';
import { planCells, sharesOf } from '../../harness/run-plan.ts';
import type { LostServer } from '../../harness/run-servers.ts';
import { POSTGRES_MAJORS } from '../../harness/server/binary-pins.ts';
import { isOwnServer } from '../../harness/server/index.ts';
import { serverNeedsOf, settingsWithNeeds } from '../../harness/server-needs.ts';
import { requirePgBouncer } from '../../harness/topology/pooler.ts';
import { BUILT_IN_SCENARIOS } from '../../scenarios/index.ts';
import { preloadedJobs, type Scenario } from '../../scenarios/scenario.ts';
import { withDuration, withRate, withRateShare } from '../adjust-scenario.ts';
import { withoutPasswords } from '../command-line.ts';
import { EXIT, exitCodeOf } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import { metricsAddress, openMetrics } from '../metrics.ts';
import {
  coloured,
  filled,
  numberBetween,
  outputOptions,
  repeatable,
  serverOptions,
  wholeNumber,
} from '../options.ts';
import { openPlace } from '../place.ts';
import { progressView } from '../progress.ts';
import { findSuite, loadScenario, SCALES, type Scale } from '../scenarios.ts';
import { serverWishes, serverWishesOf, serverWishesSchema } from '../server-wishes.ts';
import { suggestion } from '../suggest.ts';

const optionsSchema = serverWishesSchema.extend({
  suite: z.string().optional(),
  scenario: z.array(z.string()).optional(),
  contender: z.array(z.string()).optional(),
  server: z.string(),
  pg: z.array(z.enum(POSTGRES_MAJORS)).optional(),
  driver: z.enum(DRIVER_NAMES).optional(),
  pin: z.string(),
  producerPriority: z.enum(['auto', 'normal']),
  repeats: z.number().optional(),
  duration: z.number().optional(),
  rate: z.string().optional(),
  seed: z.number().optional(),
  scale: z.enum(SCALES),
  out: z.string().optional(),
  sampling: z.boolean(),
  metrics: z.object({ host: z.string(), port: z.number() }).optional(),
  json: z.boolean().optional(),
  color: z.boolean(),
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
    .option('--contender <name|name?axis=value|file>', 'a contender (repeatable)', repeatable)
    .option('--repeats <n>', 'independent cells of each pair (default 3)', wholeNumber(1, 1_000))
    .option('--duration <seconds>', 'length of the load of each cell', numberBetween(0.5, 86_400))
    .addOption(
      new Option('--scale <form>', 'smoke: the short form of each scenario, to assert and not to measure')
        .choices(SCALES)
        .default('full'),
    )
    .option('--rate <jobs/s>', "rate of open-loop scenarios, or a share such as '0.7 of drain'", filled)
    .option('--seed <n>', 'of arrivals and order (default: drawn, and printed)', wholeNumber(0, 2 ** 48))
    .option(
      '--pin <cores>',
      'auto (apart on 4 cores or more), off, or SERVER:AGENTS such as 0-1:2-3',
      filled,
      'auto',
    )
    .addOption(
      new Option(
        '--producer-priority <how>',
        'of producers that send on schedule: auto (real-time where the system allows it) or normal',
      )
        .choices(['auto', 'normal'])
        .default('auto'),
    )
    .option('--no-sampling', 'read nothing of the server while a load runs: no telemetry, no plans')
    .option(
      '--metrics <port|host:port>',
      'serve live metrics for Prometheus at /metrics, on 127.0.0.1 unless a host is named (0: a free port)',
      metricsAddress,
    )
    .option('--out <folder>', 'the bundle (default: out/<date and time>)', filled)
    .addHelpText('after', EXAMPLES);
  return outputOptions(serverWishes(serverOptions(command))).action(async (raw: unknown) => {
    done(await runAction(optionsSchema.parse(raw)));
  });
}

async function runAction(options: Options): Promise<number> {
  const pin = parsePinWish(options.pin);
  const plan = await planOf(options);
  const wishes = wishesWithNeeds(options, plan.scenarios);
  const directory = resolve(options.out ?? defaultFolder());
  handleInterruption();
  using bundle = new BundleWriter(directory);
  await using metrics = await openMetrics(options.metrics);
  await using place = await openPlace({
    server: options.server,
    pg: options.pg,
    wishes,
    pin,
    producerPriority: options.producerPriority,
  });
  const { servers, pinned, producerPriority } = place;
  process.stderr.write(
    `claimbench: ${servers.map(({ server }) => server.description).join(', ')}${place.pinnedText}; seed ${plan.seed}; bundle ${directory}\n`,
  );
  const view = progressView(process.stderr);
  let result: RunResult;
  try {
    result = await run({
      plan,
      servers,
      bundle,
      command: withoutPasswords(process.argv.slice(2), plan.seed),
      signal: interruption,
      environment: (ceiling, ceilings) => place.environment(ceiling, ceilings),
      ...(pinned === undefined ? {} : { agentCpus: pinned.agents }),
      producerPriority,
      sampling: options.sampling,
      ...(metrics === undefined ? {} : { metrics }),
      onProgress: (progress) => view.progress(progress),
      onCell: (cell, finished, of) => view.cell(cell, finished, of),
    });
  } finally {
    view.end();
  }
  return await present(result, bundle, options);
}

/** A server that claimbench starts is given what the scenarios need; one at an address is asked, see harness/run.ts. */
function wishesWithNeeds(options: Options, scenarios: readonly Scenario[]) {
  const wishes = serverWishesOf(options.server, options);
  if (!isOwnServer(options.server)) return wishes;
  const settings = settingsWithNeeds(wishes.settings, serverNeedsOf(scenarios));
  return settings === undefined ? wishes : { ...wishes, settings };
}

async function present(measured: RunResult, bundle: BundleWriter, options: Options): Promise<number> {
  const { directory } = bundle;
  let result = measured;
  const json = options.json === true;
  if (result.cells.length === 0)
    process.stderr.write('claimbench: no cell had finished, so there is no bundle\n');
  else {
    // Loaded only now: the chart libraries would weigh on the memory of the coordinator while it measures.
    const { bundleTable, renderBundle } = await import('../../reports/index.ts');
    const { comparisonsOf } = await import('../../reports/compare/index.ts');
    result = { ...measured, comparisons: comparisonsOf(measured) };
    bundle.save(result);
    const rendered = await renderBundle(directory);
    const to = json ? process.stderr : process.stdout;
    const table = await bundleTable(directory, {
      colour: coloured(to, options.color),
      width: to.columns ?? 100,
    });
    to.write(`${table}\n\nReport: ${rendered.html}\n`);
  }
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  for (const line of result.cells.flatMap(expectationLines)) process.stderr.write(`claimbench: ${line}\n`);
  for (const lost of result.lostServers ?? []) process.stderr.write(`claimbench: ${lossLine(lost)}\n`);
  return interruption.aborted ? EXIT.interrupted : exitCodeOf(result);
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

/** Which server, when, why; and what became of the rest. */
function lossLine({ label, description, finishedCells, reason }: LostServer): string {
  const rest =
    label === undefined
      ? 'finished cells are kept: run the others again'
      : `its later cells are invalid, all others are kept: run it again with --pg ${label}`;
  const done = finishedCells === 1 ? '1 cell' : `${finishedCells} cells`;
  return `lost ${description} after ${done} of the run (${reason}); ${rest}`;
}

async function planOf(options: Options) {
  const suite = options.suite === undefined ? undefined : findSuite(options.suite);
  const scenarioNames = options.scenario ?? suite?.scenarios;
  const contenderNames = options.contender ?? suite?.contenders;
  if (scenarioNames === undefined)
    throw new UsageError('nothing to run: give --scenario or --suite (see claimbench list)');
  if (contenderNames === undefined)
    throw new UsageError('nothing to measure: give --contender (see claimbench list)');
  const { scale } = options;
  const named = await Promise.all(
    scenarioNames.map(async (name) => adjusted(await loadScenario(name, scale), options)),
  );
  const scenarios = seeded(await withBases(named, scale), options.seed);
  const asked = contenderNames.map((text) => parseContender(text, suggestion));
  if (options.rate !== undefined && scenarios.every((s) => s.phases.every((p) => p.arrival === undefined))) {
    throw new UsageError(
      '--rate: none of these scenarios has arrivals; a drain takes what there is, so leave it out',
    );
  }
  refuseUnknownShare(options.rate, scenarios);
  refuseNullWithoutBacklog(asked, scenarios);
  refuseTwice(
    scenarios.map((s) => s.name),
    'scenario',
  );
  for (const { name, topology } of scenarios) if (topology?.pooler !== undefined) requirePgBouncer(name);
  await tryOut(asked);
  const { driver } = options;
  const contenders = numbered(
    driver === undefined ? asked : await Promise.all(asked.map((spec) => withDriver(spec, driver))),
  );
  const { pg } = options;
  const plan = {
    scenarios,
    contenders,
    ...(pg === undefined || pg.length < 2 ? {} : { servers: pg }),
    ...(scale === 'full' ? {} : { scale }),
    repeats: options.repeats ?? suite?.repeats ?? 3,
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
  };
  // Refuses rates that cannot be resolved, before a server is started for them.
  planCells(plan);
  return plan;
}

/** With those that rates are shares of, where they come with claimbench and were not named. */
async function withBases(scenarios: readonly Scenario[], scale: Scale): Promise<readonly Scenario[]> {
  const names = new Set(scenarios.map(({ name }) => name));
  const added = new Set(
    scenarios
      .flatMap(sharesOf)
      .filter((name) => !names.has(name) && BUILT_IN_SCENARIOS.some((one) => one.name === name)),
  );
  if (added.size === 0) return scenarios;
  const [plural, them] = added.size === 1 ? ['', 'it'] : ['s', 'them'];
  process.stderr.write(
    `claimbench: adds the scenario${plural} ${[...added].join(', ')}: rates are shares of ${them}\n`,
  );
  const bases = await Promise.all([...added].map((name) => loadScenario(name, scale)));
  return [...bases, ...scenarios];
}

/** A seed of the command line goes over those of scenarios. */
function seeded(scenarios: readonly Scenario[], seed: number | undefined): readonly Scenario[] {
  return seed === undefined ? scenarios : scenarios.map(({ seed: _seed, ...scenario }) => scenario);
}

const SHARE = /^(\d*\.?\d+) +of +([a-z][a-z0-9-]*)$/;

/** A share of a scenario that is none: adding it to the run would be no mend. */
function refuseUnknownShare(rate: string | undefined, scenarios: readonly Scenario[]): void {
  const of = SHARE.exec(rate ?? '')?.[2];
  const known = new Set([...scenarios, ...BUILT_IN_SCENARIOS].map((scenario) => scenario.name));
  if (of !== undefined && !known.has(of))
    throw new UsageError(`--rate ${rate}: there is no scenario ${of}${suggestion(of, [...known])}`);
}

/** It hands out preloaded jobs only: in an open loop it would settle none. */
function refuseNullWithoutBacklog(
  contenders: readonly ContenderSpec[],
  scenarios: readonly Scenario[],
): void {
  const without = scenarios.find((scenario) => preloadedJobs(scenario) === 0);
  const isNull = contenders.some(({ source }) => source.kind === 'built-in' && source.name === 'null');
  if (isNull && without !== undefined)
    throw new UsageError(
      `null hands out preloaded jobs only, and ${without.name} preloads none: leave one of them out, or take --scenario drain`,
    );
}

function adjusted(scenario: Scenario, options: Options): Scenario {
  let result = scenario;
  const openLoop = scenario.phases.some((phase) => phase.arrival !== undefined);
  if (options.rate !== undefined && openLoop) {
    const share = SHARE.exec(options.rate);
    const rate = Number(options.rate);
    if (share !== null) result = withRateShare(result, Number(share[1]), share[2] ?? '');
    else if (rate > 0 && rate <= 1_000_000) result = withRate(result, rate);
    else
      throw new UsageError(`--rate ${options.rate}: give jobs per second, or a share such as '0.7 of drain'`);
  }
  return options.duration === undefined ? result : withDuration(result, options.duration);
}

/** Loads users' files before anything starts: a broken one must not surface after the first cells. */
async function tryOut(contenders: readonly ContenderSpec[]): Promise<void> {
  for (const contender of contenders) await definitionOf(contender);
}

/** One contender given twice is an A/A test: two names, so that each has figures of its own. */
function numbered(contenders: readonly ContenderSpec[]): ContenderSpec[] {
  const seen = new Map<string, number>();
  return contenders.map((contender) => {
    const times = (seen.get(contender.name) ?? 0) + 1;
    seen.set(contender.name, times);
    return times === 1 ? contender : { ...contender, name: `${contender.name}#${times}` };
  });
}

function refuseTwice(names: readonly string[], what: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`${what} ${twice} is given twice`);
}

/** By the time of day; with a number behind it when another run began in the same second. */
function defaultFolder(): string {
  const stamp = `out/${new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19)}`;
  let folder = stamp;
  for (let n = 2; existsSync(folder); n += 1) folder = `${stamp}-${n}`;
  return folder;
}
