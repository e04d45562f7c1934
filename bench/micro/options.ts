// What may be chosen on the command line of bench:micro, and what does each choice default to?

import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { filled, numberBetween, repeatable, wholeNumber } from '../../cli/options.ts';
import { suggestion } from '../../cli/suggest.ts';
import { oneLine, UsageError } from '../../harness/errors.ts';
import { strategies } from '../../queue/index.ts';
import { type Choice, DRIVERS, OPERATION_CHOICES } from './rows.ts';
import type { Budget } from './sample.ts';

const DEPTHS = [1_000, 100_000];
const ROUNDS = 2;
const SECONDS_PER_ROW = 0.4;
const SMOKE_DEPTHS = [200];
const SMOKE_BUDGET: Budget = { ms: 0, runs: 2, warmUpMs: 0, warmUpRuns: 1 };
/** A prepared statement may get a generic plan at its sixth run: those before it do not count. */
const WARM_UP_RUNS = 6;
const RUNS = 5;
/** Of the time of a row in one round. */
const WARM_UP_SHARE = 0.15;

const optionsSchema = z.object({
  strategy: z.array(z.string()).optional(),
  driver: z.array(z.string()).optional(),
  op: z.array(z.string()).optional(),
  depth: z.array(z.number()).optional(),
  secondsPerRow: z.number().optional(),
  rounds: z.number().optional(),
  smoke: z.boolean().optional(),
  out: z.string().optional(),
  seed: z.number().optional(),
});

export interface MicroWords extends Choice {
  readonly rounds: number;
  readonly budget: Budget;
  readonly seed: number;
  /** Folder of the bundle; absent: one by the time of day. */
  readonly out: string | undefined;
}

/** Reads the words after the command. Throws a UsageError for those that it does not know; `undefined` when help was asked for. */
export function readWords(words: readonly string[]): MicroWords | undefined {
  const command = new Command('bench:micro')
    .description('times single operations of strategies through drivers, and of the harness itself')
    .option('--strategy <name>', 'only this strategy (repeatable)', repeatable)
    .option('--driver <name>', `only this client library (repeatable): ${DRIVERS.join(', ')}`, repeatable)
    .option('--op <name>', `only this operation (repeatable): ${OPERATION_CHOICES.join(', ')}`, repeatable)
    .option('--depth <jobs>', `jobs that are ready (repeatable; default ${DEPTHS.join(' and ')})`, depths)
    .option(
      '--seconds-per-row <seconds>',
      `time of a row, set-up included, over all rounds (default ${SECONDS_PER_ROW})`,
      numberBetween(0.01, 600),
    )
    .option('--rounds <n>', `rounds, each in an order of its own (default ${ROUNDS})`, wholeNumber(2, 100))
    .option('--smoke', 'all of it in under a minute: shows that it runs, its figures say nothing')
    .option('--out <folder>', 'the bundle (default: out/micro-<date and time>)', filled)
    .option('--seed <n>', 'of orders and draws (default: drawn, and printed)', wholeNumber(0, 2 ** 48))
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    throw new UsageError(oneLine(error).replace(/^error: /, ''));
  }
  return chosen(optionsSchema.parse(command.opts()));
}

function depths(text: string, previous: readonly number[] | undefined): number[] {
  return [...(previous ?? []), wholeNumber(0, 10_000_000)(text)];
}

function chosen(options: z.infer<typeof optionsSchema>): MicroWords {
  const smoke = options.smoke === true;
  const rounds = options.rounds ?? ROUNDS;
  const names = strategies.map(({ strategyName }) => strategyName);
  const own = known('strategy', options.strategy, names);
  const drivers = known('driver', options.driver, DRIVERS);
  const seconds = options.secondsPerRow ?? (smoke ? undefined : SECONDS_PER_ROW);
  return {
    strategies: strategies.filter(({ strategyName }) => own?.includes(strategyName) ?? true),
    drivers: DRIVERS.filter((name) => drivers?.includes(name) ?? true),
    depths: [...new Set(options.depth ?? (smoke ? SMOKE_DEPTHS : DEPTHS))].toSorted((a, b) => a - b),
    operations: known('op', options.op, OPERATION_CHOICES),
    rounds,
    budget: seconds === undefined ? SMOKE_BUDGET : budgetOf((seconds * 1000) / rounds, smoke),
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
    out: options.out,
  };
}

function budgetOf(ms: number, smoke: boolean): Budget {
  const { runs, warmUpRuns } = smoke ? SMOKE_BUDGET : { runs: RUNS, warmUpRuns: WARM_UP_RUNS };
  return { ms: ms * (1 - WARM_UP_SHARE), warmUpMs: ms * WARM_UP_SHARE, runs, warmUpRuns };
}

function known(
  option: string,
  given: readonly string[] | undefined,
  all: readonly string[],
): readonly string[] | undefined {
  const stranger = given?.find((name) => !all.includes(name));
  if (stranger !== undefined)
    throw new UsageError(`--${option}: there is no ${stranger}${suggestion(stranger, all)}`);
  return given;
}
