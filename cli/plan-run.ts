// What is to be run? Scenarios, contenders and repeats, out of the words of a command line.

import type { ContenderSpec, DriverName } from '../harness/contender.ts';
import { definitionOf, parseContender, withDriver } from '../harness/contenders/index.ts';
import { UsageError } from '../harness/errors.ts';
import { planCells, type RunPlan, sharesOf } from '../harness/run/plan.ts';
import { requirePgBouncer } from '../harness/topology/pooler.ts';
import { readShare } from '../scenarios/arrival.ts';
import { BUILT_IN_SCENARIOS } from '../scenarios/index.ts';
import { preloadedJobs, type Scenario } from '../scenarios/scenario.ts';
import { withDuration, withRate, withRateShare } from './adjust-scenario.ts';
import { findSuite, loadScenario, type Scale } from './scenarios.ts';
import { suggestion } from './suggest.ts';

/** What a scenario is asked of when nobody says: the strategy that the others are compared with. */
export const DEFAULT_CONTENDER = 'skip-locked';

/** The words that decide what is run. */
export interface PlanWords {
  readonly suite?: string | undefined;
  readonly scenario?: readonly string[] | undefined;
  readonly contender?: readonly string[] | undefined;
  readonly driver?: DriverName | undefined;
  readonly pg?: readonly string[] | undefined;
  readonly repeats?: number | undefined;
  readonly duration?: number | undefined;
  readonly rate?: string | undefined;
  readonly seed?: number | undefined;
  readonly scale: Scale;
}

/** @throws UsageError for what cannot be run, before a server is started for it. */
export async function planOf(options: PlanWords): Promise<RunPlan> {
  const suite = options.suite === undefined ? undefined : findSuite(options.suite);
  const scenarioNames = options.scenario ?? suite?.scenarios;
  const contenderNames = options.contender ?? suite?.contenders ?? [DEFAULT_CONTENDER];
  if (scenarioNames === undefined)
    throw new UsageError('nothing to run: give --scenario or --suite (see claimbench list)');
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
  for (const one of scenarios)
    for (const base of sharesOf(one))
      requireScenario(`scenario ${one.name} takes its rate from ${base}`, base, scenarios);
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
  const plan: RunPlan = {
    scenarios,
    contenders,
    ...(pg === undefined || pg.length < 2 ? {} : { servers: pg }),
    ...(scale === 'smoke' ? { scale } : {}),
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

/** A share of a scenario that is none: adding it to the run would be no mend. */
function refuseUnknownShare(rate: string | undefined, scenarios: readonly Scenario[]): void {
  const share = readShare(rate ?? '');
  if (share !== undefined) requireScenario(`--rate ${rate}`, share.of, scenarios);
}

function requireScenario(what: string, name: string, scenarios: readonly Scenario[]): void {
  const known = new Set([...scenarios, ...BUILT_IN_SCENARIOS].map((scenario) => scenario.name));
  if (!known.has(name))
    throw new UsageError(`${what}: there is no scenario ${name}${suggestion(name, [...known])}`);
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

function adjusted(scenario: Scenario, options: PlanWords): Scenario {
  let result = scenario;
  const openLoop = scenario.phases.some((phase) => phase.arrival !== undefined);
  if (options.rate !== undefined && openLoop) {
    const share = readShare(options.rate);
    const rate = Number(options.rate);
    if (share !== undefined) result = withRateShare(result, share.share, share.of);
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
