// What is a stored bundle good for as a base? Its figures, and whether this machine and server are the ones it was measured on.

import type { Baseline, Environment, RunResult } from '../../harness/result/result.ts';
import { settingsApart } from '../servers.ts';
import type { CheckMetric } from './metrics.ts';
import { checkMetricsOf } from './metrics.ts';
import { bareName } from './sides.ts';

/**
 * The figures of a bundle's valid cells, of `check --record` or of a run, by the contenders' names without a side. Plans are not
 * among them. Undefined where no cell is valid.
 */
export function baselineOf(result: RunResult): Baseline | undefined {
  const names = new Map(result.contenders.map((name) => [name, bareName(name)]));
  const figures = [...names].flatMap(([name, contender]) => {
    const own = result.cells.filter((cell) => cell.contender.name === name && cell.verdict === 'valid');
    return [...Map.groupBy(own, ({ scenario }) => scenario)].flatMap(([scenario, cells]) =>
      checkMetricsOf(cells[0]?.window.loadModel ?? '').flatMap((metric) => {
        const values = cells.flatMap((cell) => metric.read(cell, []) ?? []);
        return values.length === 0 ? [] : [{ contender, scenario, metric: metric.path, values }];
      }),
    );
  });
  if (figures.length === 0) return undefined;
  const { runId, startedAt, environment } = result;
  return { runId, startedAt, environment, figures };
}

/** What differs, in words; of `server` all figures depend, of `machine` those that are timed. */
export type Differences = { readonly server: readonly string[]; readonly machine: readonly string[] };

export function differencesOf(from: Environment, to: Environment): Differences {
  const apart = (what: string, a: unknown, b: unknown): string[] =>
    a === b ? [] : [`${what}: ${String(b)}, was ${String(a)}`];
  return {
    server: [
      ...apart('PostgreSQL', major(from.server.version), major(to.server.version)),
      ...settingsApart([from.server, to.server]).map(
        ({ name, values: [was = 'not reported', is = 'not reported'] }) => `${name}: ${is}, was ${was}`,
      ),
    ],
    machine: [
      ...apart('processor', from.cpuModel, to.cpuModel),
      ...apart('cores', from.cores, to.cores),
      ...apart('memory', from.memoryBytes, to.memoryBytes),
      ...apart('system', from.os, to.os),
      ...apart('Node.js', major(from.node), major(to.node)),
      ...apart('server', from.server.kind, to.server.kind),
    ],
  };
}

function major(version: string): string {
  return version.replace(/^v/, '').split('.')[0] ?? version;
}

/** Why a metric is shown and not judged; undefined where it may be. */
export function notComparable(
  { kind }: Pick<CheckMetric, 'kind'>,
  { server, machine }: Differences,
): string | undefined {
  const apart = kind === 'hard' ? server : [...server, ...machine];
  return apart.length === 0
    ? undefined
    : `another ${kind === 'hard' ? 'server' : 'machine'} than the baseline's`;
}
