// `claimbench run`: measures scenarios × contenders, writes the bundle, prints the table, renders the report.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { DRIVER_NAMES } from '../../harness/contender.ts';
import type { Cell, RunResult } from '../../harness/result/result.ts';
import { BundleWriter } from '../../harness/run/bundle.ts';
import { parsePinWish } from '../../harness/run/pinning.ts';
import { run } from '../../harness/run/run.ts';
import { serverNeedsOf, settingsWithNeeds } from '../../harness/run/server-needs.ts';
import type { LostServer } from '../../harness/run/servers.ts';
import { POSTGRES_MAJORS } from '../../harness/server/binary-pins.ts';
import { isOwnServer } from '../../harness/server/index.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
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
import { DEFAULT_CONTENDER, planOf } from '../plan-run.ts';
import { progressView } from '../progress.ts';
import { SCALES } from '../scenarios.ts';
import { serverWishes, serverWishesOf, serverWishesSchema } from '../server-wishes.ts';

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

/** A server that claimbench starts is given what the scenarios need; one at an address is asked, see harness/run/run.ts. */
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

/** By the time of day; with a number behind it when another run began in the same second. */
function defaultFolder(): string {
  const stamp = `out/${new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19)}`;
  let folder = stamp;
  for (let n = 2; existsSync(folder); n += 1) folder = `${stamp}-${n}`;
  return folder;
}
