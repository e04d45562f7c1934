// `claimbench check --base REF`: has a change made the queue worse? Base and head in one run, and an exit code for CI.

import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import { z } from 'zod';
import type { ContenderSpec } from '../../harness/contender.ts';
import { parseContender } from '../../harness/contenders/index.ts';
import { RuntimeFailure, UsageError } from '../../harness/errors.ts';
import type { Baseline, Check, RunResult } from '../../harness/result/result.ts';
import { BundleWriter } from '../../harness/run/bundle.ts';
import { declaredOf } from '../../harness/run/definition.ts';
import { parsePinWish } from '../../harness/run/pinning.ts';
import type { CheckDocument } from '../../reports/check/document.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { durationBetween } from '../capacity/duration.ts';
import { cellsPerBlock, checkCells, fewestBlocks, type Pair, pairOf } from '../check/check-cells.ts';
import { type Config, readConfig } from '../check/config.ts';
import { besideBase, contenderIn, headTree, openBase, type Tree } from '../check/trees.ts';
import { EXIT, exitCodeOf } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import { bundleFolder, measure, measuringOptions, measuringSchema } from '../measuring.ts';
import { coloured, filled, numberBetween, repeatable } from '../options.ts';
import { DEFAULT_CONTENDER } from '../plan-run.ts';
import { loadScenario } from '../scenarios.ts';
import { suggestion } from '../suggest.ts';

const optionsSchema = measuringSchema.extend({
  base: z.string().optional(),
  baseline: z.string().optional(),
  record: z.boolean().optional(),
  contender: z.array(z.string()).optional(),
  scenario: z.array(z.string()).optional(),
  config: z.string().optional(),
  budget: z.number().optional(),
  minEffect: z.number().optional(),
  markdown: z.boolean().optional(),
  annotations: z.boolean(),
});
type Options = z.infer<typeof optionsSchema>;

const DEFAULT_SCENARIOS = ['gate-drain', 'gate-steady'];
const DEFAULT_BUDGET_SECONDS = 480;
/** The server counts for a check what it does not count for other runs: each is an amount per job that a change may raise. */
const SETTINGS = { 'pg_stat_statements.track_planning': 'on', track_functions: 'all' };

const HELP = `
The head is the working tree. What is counted (WAL, statements, buffers, plans …) decides after five blocks, what is timed
after fifteen; a worsening fails only when fresh blocks show it again.

Examples:
  claimbench check --base origin/main --budget 8m --out out/check
  claimbench check --base HEAD --contender ./queue/my-strategy.ts
  claimbench check --base ../release-1.4 --scenario gate-drain
  claimbench check --record --out baseline && claimbench check --baseline baseline

Exit codes: 0 nothing became worse, 1 usage, 2 failure (no such base, or it could not be made ready), 3 a job was lost,
duplicated or reordered, 4 too little could be measured, 99 a regression, 130 interrupted.`;

export function checkCommand(done: (code: number) => void): Command {
  const command = new Command('check')
    .description('tell whether the working tree is worse than a base: both measured in one run')
    .option(
      '--base <ref|folder|npm:spec>',
      'what to compare with, measured in turns with the working tree: a commit, a folder, a published version',
      filled,
    )
    .option(
      '--baseline <bundle>',
      'a stored bundle in place of a base, for machines that do not change: of --record, or of a run',
      filled,
    )
    .option('--record', 'judge nothing: measure the working tree alone, as a baseline for later checks')
    .option(
      '--contender <name|name?axis=value|file>',
      `a contender (repeatable; default: ${DEFAULT_CONTENDER})`,
      repeatable,
    )
    .option(
      '--scenario <name|file>',
      `a scenario (repeatable; default: ${DEFAULT_SCENARIOS.join(' and ')})`,
      repeatable,
    )
    .option(
      '--config <file>',
      'limits and defaults (default: claimbench.config.ts, where there is one)',
      filled,
    )
    .option(
      '--budget <time>',
      'measure so long at most, such as 8m (default: 8m)',
      durationBetween(10, 86_400),
    )
    .option(
      '--min-effect <percent>',
      'a smaller worsening of what is timed does not fail (default 10)',
      numberBetween(0.1, 99),
    )
    .option('--markdown', 'Markdown on stdout')
    .option(
      '--annotations',
      'annotations for a runner of GitHub, before all else (default: on such a runner)',
      process.env['GITHUB_ACTIONS'] === 'true',
    )
    .option('--no-annotations', 'none, on a runner of GitHub either')
    .addHelpText('after', HELP);
  return measuringOptions(command).action(async (raw: unknown) => {
    done(await checkAction(optionsSchema.parse(raw)));
  });
}

async function checkAction(options: Options): Promise<number> {
  parsePinWish(options.pin);
  if ((options.pg ?? []).length > 1)
    throw new UsageError('--pg: a check is on one server: give one version, and check on each by itself');
  const from = sourceOf(options);
  const config = (await readConfig(options.config, process.cwd())).check;
  const scenarios = await scenariosOf(options, config);
  const asked = (options.contender ?? config.contenders ?? [DEFAULT_CONTENDER]).map((text) =>
    parseContender(text, suggestion),
  );
  const budgetSeconds = options.budget ?? budgetOf(config);
  const baseline = from.kind === 'baseline' ? await readBaseline(from.folder, scenarios) : undefined;
  handleInterruption();
  const here = await headTree();
  await using base = from.kind === 'base' ? await openBase(from.asked, here, config.setup) : undefined;
  await using head = await besideBase(here, base);
  const { pairs, unmatched } = await pairsOf(asked, base, baseline, head);
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const check: Check = {
    ...(base === undefined ? {} : { base: base.told }),
    ...(from.kind === 'baseline' ? { base: { kind: 'bundle', label: from.folder } } : {}),
    head: head.told,
    contenders: asked
      .map(({ name }) => name)
      .filter((name) => !unmatched.some((one) => one.contender === name)),
    unmatched,
    limits: config.limits,
    minEffect: options.minEffect === undefined ? config.minEffect : options.minEffect / 100,
    budgetSeconds,
    ...(baseline === undefined ? {} : { baseline }),
    ...(from.kind === 'record' ? { record: true } : {}),
  };
  using bundle = new BundleWriter(bundleFolder(options));
  let block = 0;
  const result = await measure(
    {
      plan: {
        scenarios,
        contenders: pairs.flatMap((pair) => [pair.base ?? [], pair.head].flat()),
        repeats: 1,
        seed,
      },
      adaptive: {
        cells: (function* () {
          const nowMs = () => performance.now();
          const endMs = nowMs() + budgetSeconds * 1_000;
          yield* checkCells({
            ...{ check, scenarios, pairs, seed, nowMs },
            leftMs: () => endMs - nowMs(),
            onBlock: (begun) => {
              block = begun;
            },
          });
        })(),
        expected: () => Math.max(fewestBlocks(check), block + 1) * cellsPerBlock({ pairs, scenarios }),
      },
      check,
      settings: SETTINGS,
      announcement: `; ${check.base === undefined ? '' : `${check.base.label} and `}${head.told.label}, no block begins that would end after ${budgetSeconds} s`,
    },
    options,
    bundle,
  );
  return await conclude(result, bundle, options);
}

async function scenariosOf(options: Options, config: Config['check']): Promise<readonly Scenario[]> {
  const names = options.scenario ?? config.scenarios ?? DEFAULT_SCENARIOS;
  const scenarios = await Promise.all(names.map((name) => loadScenario(name)));
  const twice = scenarios.find(({ name }, i) => scenarios.findIndex((one) => one.name === name) !== i);
  if (twice !== undefined) throw new UsageError(`scenario ${twice.name} is given twice`);
  return scenarios;
}

function budgetOf({ budget }: Config['check']): number {
  return budget === undefined ? DEFAULT_BUDGET_SECONDS : durationBetween(10, 86_400)(budget);
}

/** What the head is to be compared with. @throws UsageError unless it is one of the three. */
function sourceOf({
  base,
  baseline,
  record,
}: Options):
  | { readonly kind: 'base'; readonly asked: string }
  | { readonly kind: 'baseline'; readonly folder: string }
  | { readonly kind: 'record' } {
  const given = [base !== undefined, baseline !== undefined, record === true].filter(Boolean).length;
  if (given !== 1)
    throw new UsageError(
      `check: give ${given === 0 ? 'what to compare with' : 'one of them'}: --base <ref|folder|npm:spec>, --baseline <bundle>, or --record to make a baseline`,
    );
  if (base !== undefined) return { kind: 'base', asked: base };
  return baseline === undefined ? { kind: 'record' } : { kind: 'baseline', folder: baseline };
}

/** @throws UsageError for a bundle without figures, or of other loads than those that are to be measured now. */
async function readBaseline(folder: string, scenarios: readonly Scenario[]): Promise<Baseline> {
  const { baselineOf, readResult } = await import('../../reports/check/index.ts');
  const result = await readResult(folder);
  const other = scenarios.find(({ name }) => {
    const told = result.scenarios.find((one) => one.name === name);
    const now = scenarios.find((one) => one.name === name);
    return (
      told !== undefined && now !== undefined && !isDeepStrictEqual(told.definition, plainOf(declaredOf(now)))
    );
  });
  if (other !== undefined)
    throw new UsageError(
      `--baseline ${folder}: its ${other.name} is another load than that of now: record it again with claimbench check --record`,
    );
  const baseline = baselineOf(result);
  if (baseline === undefined)
    throw new UsageError(`--baseline ${folder}: none of its cells is valid: record it again`);
  return baseline;
}

/** As it comes out of a file. */
function plainOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** @throws RuntimeFailure when no contender is on both sides. */
async function pairsOf(
  asked: readonly ContenderSpec[],
  base: Tree | undefined,
  baseline: Baseline | undefined,
  head: Tree,
): Promise<{ readonly pairs: Pair[]; readonly unmatched: Check['unmatched'] }> {
  const pairs: Pair[] = [];
  const unmatched: Check['unmatched'] = [];
  for (const spec of asked) {
    const now = await contenderIn(head, spec, head);
    const before = base === undefined ? undefined : await contenderIn(base, spec, head);
    const stored = baseline?.figures.some(({ contender }) => contender === spec.name) ?? true;
    const lacking = base === undefined ? !stored : before === undefined;
    if (now !== undefined && !lacking) pairs.push(pairOf(spec.name, before, now));
    else unmatched.push({ contender: spec.name, only: now === undefined ? 'base' : 'head' });
  }
  if (pairs.length === 0)
    throw new RuntimeFailure(
      `${base?.told.label ?? 'the baseline'} has no ${asked.map(({ name }) => name).join(', no ')}: there is nothing to compare with; take a base that has it, or measure it with claimbench run`,
    );
  return { pairs, unmatched };
}

async function conclude(result: RunResult, bundle: BundleWriter, options: Options): Promise<number> {
  if (result.cells.length === 0) {
    process.stderr.write('claimbench: no cell had finished, so there is nothing to tell\n');
    return interruption.aborted ? EXIT.interrupted : EXIT.invalid;
  }
  const { readCheck, writeCheck, checkTerminal, checkMarkdown, checkAnnotations } = await import(
    '../../reports/check/index.ts'
  );
  const { renderBundle } = await import('../../reports/index.ts');
  bundle.save(result);
  const rendered = await renderBundle(bundle.directory);
  if (result.check?.record === true) {
    process.stdout.write(
      `Recorded: claimbench check --baseline ${bundle.directory}\nReport: ${rendered.html}\n`,
    );
    return interruption.aborted ? EXIT.interrupted : exitCodeOf(result);
  }
  const document = await readCheck(bundle.directory);
  const files = await writeCheck(bundle.directory, document);
  // A runner reads both streams; what is for machines stays alone on stdout.
  const machine = options.json === true || options.markdown === true;
  if (options.annotations) (machine ? process.stderr : process.stdout).write(checkAnnotations(document));
  if (options.json === true) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else if (options.markdown === true) process.stdout.write(checkMarkdown(document));
  else {
    const style = { colour: coloured(process.stdout, options.color), width: process.stdout.columns ?? 110 };
    process.stdout.write(`${checkTerminal(document, style)}\n\nReport: ${rendered.html}\n`);
  }
  for (const file of files) process.stderr.write(`${file}\n`);
  if (interruption.aborted) return EXIT.interrupted;
  return (result.lostServers ?? []).length > 0 ? EXIT.failure : CODES[document.verdict];
}

const CODES: Readonly<Record<CheckDocument['verdict'], number>> = {
  pass: EXIT.ok,
  regression: EXIT.expectation,
  incorrect: EXIT.incorrect,
  undecided: EXIT.invalid,
};
