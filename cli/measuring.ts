// What do all commands that measure have in common? Their server, cores and bundle, the run itself, and how it ends.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { DRIVER_NAMES } from '../harness/contender.ts';
import type { Check, Environment, RunResult } from '../harness/result/result.ts';
import type { BundleWriter } from '../harness/run/bundle.ts';
import { parsePinWish } from '../harness/run/pinning.ts';
import type { RunPlan } from '../harness/run/plan.ts';
import { type AdaptiveCells, run } from '../harness/run/run.ts';
import { serverNeedsOf, settingsWithNeeds } from '../harness/run/server-needs.ts';
import type { LostServer, RunServer } from '../harness/run/servers.ts';
import { POSTGRES_MAJORS } from '../harness/server/binary-pins.ts';
import { isOwnServer } from '../harness/server/index.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { withoutPasswords } from './command-line.ts';
import { interruption } from './interruption.ts';
import { metricsAddress, openMetrics } from './metrics.ts';
import { coloured, filled, outputOptions, serverOptions, wholeNumber } from './options.ts';
import { openPlace, type PlaceOptions } from './place.ts';
import { progressView } from './progress.ts';
import { serverWishes, serverWishesOf, serverWishesSchema } from './server-wishes.ts';

export const measuringSchema = serverWishesSchema.extend({
  server: z.string(),
  pg: z.array(z.enum(POSTGRES_MAJORS)).optional(),
  driver: z.enum(DRIVER_NAMES).optional(),
  pin: z.string(),
  producerPriority: z.enum(['auto', 'normal']),
  seed: z.number().optional(),
  out: z.string().optional(),
  sampling: z.boolean(),
  metrics: z.object({ host: z.string(), port: z.number() }).optional(),
  json: z.boolean().optional(),
  color: z.boolean(),
});
export type MeasuringOptions = z.infer<typeof measuringSchema>;

/** Adds the options that they share. */
export function measuringOptions(command: Command): Command {
  command
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
    .option('--out <folder>', 'the bundle (default: out/<date and time>)', filled);
  return outputOptions(serverWishes(serverOptions(command)));
}

/** The folder of a bundle: the one that was asked for, or one by the time of day. */
export function bundleFolder({ out }: Pick<MeasuringOptions, 'out'>): string {
  return resolve(out ?? defaultFolder());
}

export interface Measurement {
  readonly plan: RunPlan;
  readonly adaptive?: AdaptiveCells;
  readonly check?: Check;
  /** Settings of a server that is started for it, beside those of the options and of the scenarios. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told before the first cell, behind where and what: `; about 4 min`. */
  readonly announcement?: string;
  /** What a cell says of its rate, by its id; told behind its line. */
  readonly outcomeOf?: (cell: string) => string | undefined;
  /** Settings that have a server each. */
  readonly variants?: PlaceOptions['variants'];
  /** Servers beside that of the options. */
  readonly others?: readonly string[];
  /** The part that this one goes on from, and what refuses a place where it may not. */
  readonly earlier?: {
    readonly result: RunResult;
    readonly requireSame: (environment: Environment) => void;
  };
}

/** Opens what is needed, runs, and shows how it goes. @throws UsageError, RuntimeFailure as `run` and `openPlace` do. */
export async function measure(
  { plan, adaptive, check, settings, announcement = '', outcomeOf, variants, others, earlier }: Measurement,
  options: MeasuringOptions,
  bundle: BundleWriter,
): Promise<RunResult> {
  const pin = parsePinWish(options.pin);
  const wishes = wishesWithNeeds(options, plan.scenarios, settings);
  await using metrics = await openMetrics(options.metrics);
  await using place = await openPlace({
    server: options.server,
    pg: options.pg,
    wishes,
    ...(variants === undefined ? {} : { variants }),
    ...(others === undefined ? {} : { others }),
    pin,
    producerPriority: options.producerPriority,
  });
  const { servers, pinned, producerPriority } = place;
  process.stderr.write(
    `claimbench: ${servers.map(describe).join(', ')}${place.pinnedText}; seed ${plan.seed}; bundle ${bundle.directory}${announcement}\n`,
  );
  earlier?.requireSame(await place.environment(undefined, {}));
  const view = progressView(process.stderr);
  try {
    return await run({
      plan,
      ...(adaptive === undefined ? {} : { adaptive }),
      ...(check === undefined ? {} : { check }),
      ...(earlier === undefined ? {} : { earlier: earlier.result }),
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
      onCell: (cell, finished, of) => view.cell(cell, finished, of, outcomeOf?.(cell.id)),
    });
  } finally {
    view.end();
  }
}

function describe({ server, label, apart }: RunServer): string {
  return apart === undefined ? server.description : `${server.description} with ${label}`;
}

/** A server that claimbench starts is given what the scenarios need; one at an address is asked, see harness/run/run.ts. */
function wishesWithNeeds(
  options: MeasuringOptions,
  scenarios: readonly Scenario[],
  more: Readonly<Record<string, string>> | undefined,
) {
  const wishes = serverWishesOf(options.server, options);
  if (!isOwnServer(options.server)) return wishes;
  const asked = more === undefined ? wishes.settings : { ...more, ...wishes.settings };
  const settings = settingsWithNeeds(asked, serverNeedsOf(scenarios));
  return settings === undefined ? wishes : { ...wishes, settings };
}

/** Saves the result as it is to be kept, renders its report, prints its table; with --json the result, all else on stderr. */
export async function present(
  result: RunResult,
  bundle: BundleWriter,
  options: Pick<MeasuringOptions, 'json' | 'color'>,
): Promise<void> {
  const json = options.json === true;
  if (result.cells.length === 0)
    process.stderr.write('claimbench: no cell had finished, so there is no bundle\n');
  else {
    // Loaded only now: the chart libraries would weigh on the memory of the coordinator while it measures.
    const { bundleTable, renderBundle } = await import('../reports/index.ts');
    bundle.save(result);
    const rendered = await renderBundle(bundle.directory);
    const to = json ? process.stderr : process.stdout;
    const table = await bundleTable(bundle.directory, {
      colour: coloured(to, options.color),
      width: to.columns ?? 100,
    });
    to.write(`${table}\n\nReport: ${rendered.html}\n`);
  }
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  const resumable = result.capacity?.sweep !== undefined;
  for (const lost of result.lostServers ?? [])
    process.stderr.write(`claimbench: ${lossLine(lost, resumable)}\n`);
}

/** Which server, when, why; and what became of the rest. */
function lossLine(lost: LostServer, resumable: boolean): string {
  const { label, description, finishedCells, reason } = lost;
  const rest = resumable
    ? 'finished cells are kept, and --resume measures the others'
    : label === undefined
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
