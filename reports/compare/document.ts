// What does `compare` say? The verdicts of one or two bundles, with all that a reader must know before them.

import type { Cell, Comparison, RunResult } from '../../harness/result/result.ts';
import { METHOD_VERSION, SCHEMA_VERSION } from '../../harness/result/result.ts';
import { readResult } from '../bundle.ts';
import { environmentOf, placeOf } from '../servers.ts';
import { sameSurroundings } from '../surroundings.ts';
import { chanceNote } from '../tables/chance.ts';
import { caveatsOf } from './caveats.ts';
import { type CompareOptions, compareSides, DEFAULT_MIN_EFFECT, unlike } from './compare.ts';
import { durabilityApart } from './durability.ts';
import { type NamePair, pairsWith, usualPairs } from './pairs.ts';
import { cellsOf, nameOf, type Side, workloadDifferences } from './workload.ts';

/** What `--json` prints. */
export type ComparisonDocument = {
  readonly schemaVersion: number;
  readonly methodVersion: number;
  readonly base: Origin;
  readonly head: Origin;
  readonly minEffect: number;
  /** Differences for which the comparison would have been refused, had it not been forced. */
  readonly forced: readonly string[];
  /** Contenders that have no figures because a job of theirs was lost, doubled or misordered. */
  readonly incorrect: readonly string[];
  /** What weakens the verdicts. */
  readonly caveats: readonly string[];
  readonly comparisons: readonly Comparison[];
};

/** Where one side is from. */
export type Origin = {
  readonly bundle: string;
  readonly runId: string;
  readonly startedAt: string;
  readonly claimbenchVersion: string;
};

/** Two bundles, or two contenders, that may not be compared as they are. One line: what differs, and the mend. */
class CompareRefused extends Error {
  override readonly name = 'CompareRefused';
  readonly exitCode = 1;
}

export type CompareRequest = {
  /** Folder of the base's bundle, and of the head's; none compares contenders inside a bundle. */
  readonly base: string;
  readonly head?: string | undefined;
  readonly baseContender?: string | undefined;
  readonly headContenders?: readonly string[] | undefined;
  readonly scenarios?: readonly string[] | undefined;
  /** As a share. */
  readonly minEffect?: number | undefined;
  /** Compares in spite of differences, and says so. */
  readonly force: boolean;
};

/**
 * Reads one or two bundles and judges them.
 *
 * @throws {BundleError} for a folder that holds no sound bundle; {CompareRefused} when they may not be compared, or a
 * name is in neither.
 */
export async function compareBundles(request: CompareRequest): Promise<ComparisonDocument> {
  const anyMethod = request.force;
  const base = await readResult(request.base, { anyMethod });
  const other = request.head === undefined ? base : await readResult(request.head, { anyMethod });
  // One run under two paths is one bundle: what it holds is compared with itself otherwise, and found equivalent.
  const head = other.runId === base.runId ? base : other;
  const two = head !== base;
  const minEffect = request.minEffect ?? DEFAULT_MIN_EFFECT;
  checkScenarios(request, [base, head]);
  const names = request.head === undefined ? pairsWithin(base, request) : pairsBetween(base, head, request);
  if (!two) refuseSame(base, names, request);
  const pairs = names.map(
    ([b, h]): SidePair => [
      { result: base, contender: b, ...(two ? { role: 'base' } : {}) },
      { result: head, contender: h, ...(two ? { role: 'head' } : {}) },
    ],
  );
  const scenarios = scenariosOf(pairs, request, two);
  if (two && scenarios.length === 0) throw new CompareRefused(nothingShared(pairs, request));
  const forced = [
    ...(two ? differences(base, head, names, scenarios) : []),
    ...pairs.flatMap(([b, h]) => [
      ...classDifferences(b, h),
      ...scenarios.flatMap((scenario) => pairDifferences(b, h, scenario, request.force)),
    ]),
  ];
  if (forced.length > 0 && !request.force) throw new CompareRefused(refusal(forced));
  const options = { minEffect, force: request.force };
  const comparisons = pairs.flatMap(([b, h]) =>
    compareSides(b, h, { ...options, scenarios: scenariosOf([[b, h]], request, two) }),
  );
  if (comparisons.length === 0)
    throw new CompareRefused('there is nothing to compare: no scenario has cells of both sides');
  return {
    schemaVersion: SCHEMA_VERSION,
    methodVersion: METHOD_VERSION,
    base: originOf(request.base, base),
    head: originOf(two ? (request.head ?? request.base) : request.base, head),
    minEffect,
    forced: [...new Set(forced)],
    incorrect: incorrectOf(base, head, comparisons),
    caveats: [
      ...(two ? onesidedCaveats(pairs, request) : []),
      ...caveatsOf(pairs, scenarios),
      ...[chanceNote(comparisons) ?? []].flat(),
    ],
    comparisons,
  };
}

/** The comparisons that a run keeps in its own bundle: each contender against the first of its contract class. */
export function comparisonsOf(result: RunResult, options: Partial<CompareOptions> = {}): Comparison[] {
  const settings = { ...options, minEffect: options.minEffect ?? DEFAULT_MIN_EFFECT };
  return namesByClass(result)
    .flatMap((names) => usualPairs(result, names))
    .flatMap(([base, head]) =>
      compareSides({ result, contender: base }, { result, contender: head }, settings),
    );
}

/** Names that have cells, in the order of the run, by contract class. */
function namesByClass(result: RunResult): string[][] {
  const byClass = new Map<string, string[]>();
  for (const name of result.contenders) {
    const contractClass = classOf(result, name);
    if (contractClass !== undefined)
      byClass.set(contractClass, [...(byClass.get(contractClass) ?? []), name]);
  }
  return [...byClass.values()];
}

function classOf(result: RunResult, contender: string): Cell['contender']['class'] | undefined {
  return result.cells.find((cell) => cell.contender.name === contender)?.contender.class;
}

function originOf(bundle: string, { runId, startedAt, environment }: RunResult): Origin {
  return { bundle, runId, startedAt, claimbenchVersion: environment.claimbenchVersion };
}

type Pairs = readonly NamePair[];

function pairsWithin(result: RunResult, { baseContender, headContenders }: CompareRequest): Pairs {
  const base = known(baseContender ?? result.contenders[0], result, '--base');
  const named = headContenders?.map((name) => known(name, result, '--head'));
  if (named !== undefined) return named.map((head) => [base, head] as const);
  const names = namesByClass(result).find((list) => list.includes(base)) ?? [];
  const pairs = baseContender === undefined ? usualPairs(result, names) : pairsWith(result, base, names);
  if (pairs.length === 0) {
    throw new CompareRefused(
      `the bundle has no second contender to compare with ${base}: run with two or more --contender, or give a second bundle`,
    );
  }
  return pairs;
}

function pairsBetween(base: RunResult, head: RunResult, request: CompareRequest): Pairs {
  const { baseContender, headContenders } = request;
  if (baseContender !== undefined) known(baseContender, base, '--base');
  for (const name of headContenders ?? []) known(name, head, '--head');
  if (baseContender !== undefined) {
    const heads = headContenders ?? [known(baseContender, head, '--head')];
    return heads.map((name) => [baseContender, name] as const);
  }
  const names = headContenders ?? head.contenders;
  const pairs = names.filter((name) => base.contenders.includes(name)).map((name) => [name, name] as const);
  if (pairs.length === 0) {
    throw new CompareRefused(
      `no contender is in both bundles (${base.contenders.join(', ')}; ${head.contenders.join(', ')}): name one of each by --base and --head`,
    );
  }
  return pairs;
}

/** A contender differs from itself by nothing when it is the same cells, whatever the noise: that tells nothing. */
function refuseSame(result: RunResult, pairs: Pairs, { head }: CompareRequest): void {
  const same = pairs.find(([b, h]) => b === h)?.[0];
  if (same === undefined) return;
  const twice = (placeOf(result, same)?.contender ?? same).replace(/#\d+$/, '');
  const once = head === undefined ? '' : '; to compare the contenders of one bundle, give it once';
  throw new CompareRefused(
    `these are the same cells: an A/A comparison needs the contender twice in one run (--contender '${twice}' --contender '${twice}')${once}`,
  );
}

function known(name: string | undefined, result: RunResult, option: string): string {
  if (name !== undefined && result.contenders.includes(name)) return name;
  throw new CompareRefused(
    `${option}: there is no contender ${name ?? ''} in run ${result.runId}; it has ${result.contenders.join(', ')}`,
  );
}

function checkScenarios({ scenarios }: CompareRequest, results: readonly RunResult[]): void {
  const present = new Set(results.flatMap((result) => result.scenarios.map((scenario) => scenario.name)));
  const wrong = scenarios?.find((name) => !present.has(name));
  if (wrong !== undefined)
    throw new CompareRefused(
      `--scenario: there is no scenario ${wrong} here; there are ${[...present].join(', ')}`,
    );
}

type SidePair = readonly [base: Side, head: Side];

/** The scenarios that a side has cells in, in the order of its bundle, or those of them that the user chose. */
function scenariosOfSide(side: Side, { scenarios }: CompareRequest): string[] {
  return side.result.scenarios
    .map(({ name }) => name)
    .filter((name) => scenarios === undefined || scenarios.includes(name))
    .filter((name) => cellsOf(side, name).length > 0);
}

/** What any of the pairs has cells in: on one side at least in one bundle, and on `both` in two. */
function scenariosOf(pairs: readonly SidePair[], request: CompareRequest, both: boolean): string[] {
  const names = pairs.flatMap((pair) => {
    const [b, h] = pair.map((side) => scenariosOfSide(side, request));
    if (b === undefined || h === undefined) return [];
    return both ? b.filter((name) => h.includes(name)) : [...b, ...h];
  });
  return [...new Set(names)];
}

function nothingShared(pairs: readonly SidePair[], request: CompareRequest): string {
  const all = { ...request, scenarios: undefined };
  const of = (place: 0 | 1): string =>
    [...new Set(pairs.flatMap((pair) => scenariosOfSide(pair[place], all)))].join(', ') || 'no cells';
  const which =
    request.scenarios === undefined ? 'no scenario is' : `--scenario: ${request.scenarios.join(', ')} is not`;
  return `${which} in both (${request.base}: ${of(0)}; ${request.head ?? ''}: ${of(1)}): give two bundles of the same scenario`;
}

/** Scenarios that one bundle alone has cells of, and that are left out therefore. */
function onesidedCaveats(pairs: readonly SidePair[], request: CompareRequest): string[] {
  const caveats = pairs.flatMap(([b, h]) => {
    const [inBase, inHead] = [scenariosOfSide(b, request), scenariosOfSide(h, request)];
    const only = (side: Side, own: string[], others: string[], bundle: string): string[] =>
      own
        .filter((name) => !others.includes(name))
        .map((name) => `${nameOf(side)} was run in ${name} in ${bundle} alone: not compared.`);
    return [...only(b, inBase, inHead, request.base), ...only(h, inHead, inBase, request.head ?? '')];
  });
  return [...new Set(caveats)];
}

function differences(a: RunResult, b: RunResult, pairs: Pairs, scenarios: readonly string[]): string[] {
  const method =
    a.methodVersion === b.methodVersion ? [] : [`method: ${a.methodVersion} and ${b.methodVersion}`];
  return [
    ...method,
    ...pairs.flatMap(([base, head]) => sameSurroundings(environmentOf(a, base), environmentOf(b, head))),
    ...scenarios.flatMap((scenario) => workloadDifferences(a, b, scenario)),
  ];
}

/** They must promise the same kind of thing. */
function classDifferences(base: Side, head: Side): string[] {
  const [b, h] = [classOf(base.result, base.contender), classOf(head.result, head.contender)];
  return b === h || b === undefined || h === undefined
    ? []
    : [`contract class of ${base.contender} and ${head.contender}: ${b} and ${h}`];
}

/** Between bundles another durability is refused. What makes verdicts invalid without --force, must be marked with it. */
function pairDifferences(base: Side, head: Side, scenario: string, force: boolean): string[] {
  const refused = base.result === head.result ? undefined : durabilityApart(base, head, scenario);
  return [refused ?? (force ? unlike(base, head, scenario) : undefined) ?? []].flat();
}

const SHOWN_DIFFERENCES = 6;

function refusal(found: readonly string[]): string {
  const distinct = [...new Set(found)];
  const shown = distinct.slice(0, SHOWN_DIFFERENCES).join('; ');
  const more = distinct.length > SHOWN_DIFFERENCES ? `; and ${distinct.length - SHOWN_DIFFERENCES} more` : '';
  return `these are not comparable: ${shown}${more}. Measure both alike, or give --force, which marks the result`;
}

function incorrectOf(base: RunResult, head: RunResult, comparisons: readonly Comparison[]): string[] {
  const found = (result: RunResult, name: string, scenario: string): boolean =>
    result.cells.some(
      (cell) => cell.contender.name === name && cell.scenario === scenario && cell.verdict === 'incorrect',
    );
  const names = comparisons.flatMap((one) => [
    ...(found(base, one.base.contender, one.scenario) ? [one.base.contender] : []),
    ...(found(head, one.head.contender, one.scenario) ? [one.head.contender] : []),
  ]);
  return [...new Set(names)];
}
