// What does a check give to services that follow benchmarks over time? The head's figures, in the words of each.

import type { CheckDocument, CheckRow } from '../document.ts';

/**
 * For github-action-benchmark, whose tools each know one direction: `customSmallerIsBetter` for metrics that are better when they are
 * `lower`, `customBiggerIsBetter` for the others.
 */
export function githubActionBenchmark(document: CheckDocument, better: CheckRow['better']): string {
  const entries = document.rows.flatMap((row) =>
    row.better !== better || row.head === undefined
      ? []
      : [
          {
            name: `${row.contender} · ${row.scenario} · ${row.label}`,
            unit: row.unit,
            value: row.head,
            ...(row.base === undefined ? {} : { extra: `base ${row.base} ${row.unit}\n${row.verdict}` }),
          },
        ],
  );
  return json(entries);
}

/** Bencher Metric Format: benchmarks, each with its measures. The ends are those of the interval of the change, on the base's median. */
export function bencherMetrics(document: CheckDocument): string {
  const groups = Map.groupBy(document.rows, ({ contender, scenario }) => `${contender} / ${scenario}`);
  const measure = ({ metric, base, head, low, high }: CheckRow): [string, object][] => {
    if (head === undefined) return [];
    const ends =
      base === undefined || low === undefined || high === undefined
        ? {}
        : { lower_value: Math.min(head, base * (1 + low)), upper_value: Math.max(head, base * (1 + high)) };
    return [[slug(metric), { value: head, ...ends }]];
  };
  const benchmarks = Object.fromEntries(
    [...groups].map(([name, rows]) => [name, Object.fromEntries(rows.flatMap(measure))]),
  );
  return json(benchmarks);
}

/** `latency-us-pickup-p90`, 64 characters at most. */
function slug(metric: string): string {
  return metric
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .toLowerCase()
    .slice(0, 64);
}

/**
 * For Apache Otava's CSV importer: a header, and one line of this check, to be appended to those of earlier ones. `time` is its time
 * column, `commit` an attribute, all others are metrics.
 */
export function otavaCsv({ startedAt, head: { commit = '' }, rows }: CheckDocument): string {
  const columns = rows.flatMap(({ contender, scenario, metric, head }) =>
    head === undefined
      ? []
      : [{ name: `${contender}.${scenario}.${metric}`.replaceAll(/[^\w.-]+/g, '_'), head }],
  );
  const header = ['time', 'commit', ...columns.map(({ name }) => name)];
  return `${header.join(',')}\n${[startedAt, commit, ...columns.map(({ head }) => String(head))].join(',')}\n`;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
