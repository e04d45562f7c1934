// What weakens the verdicts of a comparison, though it does not forbid them?

import type { Cell, RunResult } from '../../harness/result/result.ts';
import { formatCount, formatShare, plural } from '../render/format.ts';
import {
  environmentOf,
  lossTexts,
  type ServerOfRun,
  settingsApart,
  settingsText,
  undurable,
  versionsText,
} from '../servers.ts';
import { durabilityCaveats } from './durability.ts';
import { fellBehind } from './metrics.ts';
import { sharedBy } from './pairs.ts';
import { voidText } from './void-repeats.ts';
import { cellsOf, nameOf, offeredApart, type Side } from './workload.ts';

/** Sentences for the reader, each once; first what holds for all, then by pair and scenario. */
export function caveatsOf(
  pairs: readonly (readonly [base: Side, head: Side])[],
  scenarios: readonly string[],
): string[] {
  const results = new Set(pairs.flat().map((side) => side.result));
  const two = results.size > 1;
  const found = [
    ...(two
      ? [
          'Two runs, one after the other: what the machine did differently between them is in no interval here. Cells interleaved in one run tell more.',
        ]
      : []),
    ...[...results].flatMap(runCaveats),
    ...pairs.flatMap(([base, head]) => serverCaveats(base, head)),
    ...pairs.flatMap(([base, head]) =>
      scenarios.flatMap((scenario) => [
        ...(two ? rateCaveat(base, head, scenario) : []),
        ...[base, head].flatMap((side) => sideCaveats(side, scenario)),
      ]),
    ),
  ];
  return [...new Set(found)];
}

function runCaveats(result: RunResult): string[] {
  const { runId, complete, environment, lostServers = [] } = result;
  const unfinished =
    lostServers.length > 0
      ? lossTexts(result).map((text) => `Run ${runId}: ${text} Repeats may be missing.`)
      : [`Run ${runId} was interrupted; repeats may be missing.`];
  return [
    ...(complete ? [] : unfinished),
    ...undurable(environment).map(
      ({ label }) =>
        `The server of run ${runId}${label === undefined ? '' : `, PostgreSQL ${label},`} was not durable: a crash would have lost settled work.`,
    ),
  ];
}

/** Two rows of one run on different servers: what a verdict on them is about. */
function serverCaveats(base: Side, head: Side): string[] {
  const { result } = base;
  if (result !== head.result || result.matrix === undefined) return [];
  const shared = sharedBy(result, base.contender, head.contender);
  const both = shared.length > 0 ? [] : [bothText(base, head)];
  if (shared.includes('server')) return both;
  const servers = [base, head].map(({ contender }): ServerOfRun => environmentOf(result, contender).server);
  const apart = settingsApart(servers);
  if (apart.length === 0) return both;
  const what = `PostgreSQL ${versionsText(servers)} differ in settings too: ${settingsText(apart)}.`;
  return [...both, `${what} A verdict across these versions is on version and settings together.`];
}

function bothText(base: Side, head: Side): string {
  return `${base.contender} and ${head.contender} differ in contender and in version: which of the two makes a difference is not told.`;
}

function rateCaveat(base: Side, head: Side, scenario: string): string[] {
  const offered = offeredApart(base, head, scenario);
  if (offered === undefined) return [];
  const names =
    base.contender === head.contender ? base.contender : `${base.contender} and ${head.contender}`;
  return [`${names} in ${scenario}: offered ${offered}, so the loads are not the same.`];
}

function sideCaveats(side: Side, scenario: string): string[] {
  const gone = voidText(side, scenario);
  const measured = cellsOf(side, scenario).filter((cell) => cell.verdict === 'valid');
  return [
    ...durabilityCaveats(side, scenario),
    ...(gone === undefined ? [] : [`${gone}.`]),
    ...behindCaveat(side, scenario, measured),
    ...boundCaveat(side, scenario, measured),
  ];
}

function behindCaveat(side: Side, scenario: string, measured: readonly Cell[]): string[] {
  const behind = measured.filter(fellBehind);
  if (behind.length === 0) return [];
  const sum = (key: 'inFlight' | 'offered'): number =>
    behind.reduce((total, { jobs }) => total + jobs[key], 0);
  const share = formatShare(sum('inFlight') / Math.max(1, sum('offered')));
  const where = `${formatCount(behind.length)} of ${plural(measured.length, 'repeat')}`;
  return [
    `${nameOf(side)} did not keep up in ${scenario} (${where}): ${share} of the jobs were still in flight at the end, and count with their age.`,
  ];
}

function boundCaveat(side: Side, scenario: string, measured: readonly Cell[]): string[] {
  const bound = measured.filter((cell) => cell.generator.generatorBound).length;
  if (bound === 0) return [];
  return [
    `${nameOf(side)} in ${scenario} is perhaps generator-bound in ${formatCount(bound)} of ${plural(measured.length, 'repeat')}: the queue may be faster than shown.`,
  ];
}
