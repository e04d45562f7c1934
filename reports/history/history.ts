// How did the figures of a queue move over commits, and at which did their level change?

import { changePoints } from '../../stats/change-points.ts';
import { CHECK_METRICS, type CheckMetric } from '../check/metrics.ts';
import type { HistoryLine } from './line.ts';

/** Smaller changes of level are not named: of metrics that are counted, and of those that are timed. */
const MAGNITUDE = { hard: 0.02, soft: 0.05 } as const;
/** Fewer commits have no level. */
const LEAST = 6;

/** One metric of a contender in a scenario, as long as its figures can be set beside each other. */
export type HistorySeries = {
  readonly contender: string;
  readonly scenario: string;
  readonly metric: string;
  readonly label: string;
  readonly unit: string;
  readonly better: CheckMetric['better'];
  /** What all of its points have in common: method and server, and of timed metrics the machine. */
  readonly place: string;
  readonly points: readonly HistoryPoint[];
  readonly changes: readonly HistoryChange[];
};

export type HistoryPoint = {
  readonly commit: string;
  readonly at: string;
  readonly message?: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
};

/** The level before a commit and from it on. */
export type HistoryChange = {
  readonly commit: string;
  readonly at: string;
  readonly message?: string;
  readonly before: number;
  readonly after: number;
  /** After ÷ before − 1; absent from zero. */
  readonly change?: number;
  readonly worse: boolean;
};

/** As the runs began, however the file was put together. */
export function inOrder(lines: readonly HistoryLine[]): HistoryLine[] {
  return lines.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

/**
 * Every series of the lines, in the order in which they stand. Lines of another method, or of a server with another major or other settings,
 * are a series of their own; of a timed metric those of another machine as well.
 */
export function historyOf(lines: readonly HistoryLine[]): HistorySeries[] {
  const groups = new Map<string, { line: HistoryLine; figure: HistoryLine['figures'][number] }[]>();
  for (const line of inOrder(lines))
    for (const figure of line.figures) {
      const metric = CHECK_METRICS.find(({ path }) => path === figure.metric);
      if (metric === undefined) continue;
      const key = JSON.stringify([figure.contender, figure.scenario, figure.metric, placeOf(line, metric)]);
      groups.set(key, [...(groups.get(key) ?? []), { line, figure }]);
    }
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    const metric = CHECK_METRICS.find(({ path }) => path === first?.figure.metric);
    if (first === undefined || metric === undefined) return [];
    const points = members.map(({ line, figure }): HistoryPoint => {
      const { median, min, max } = figure;
      return { ...commitOf(line), median, min, max };
    });
    const { contender, scenario } = first.figure;
    return [
      {
        ...{ contender, scenario, metric: metric.path, label: metric.label, unit: metric.unit },
        ...{ better: metric.better, place: placeOf(first.line, metric), points },
        changes: changesOf(points, metric),
      },
    ];
  });
}

function commitOf({ commit, at, message }: HistoryLine): Pick<HistoryPoint, 'commit' | 'at' | 'message'> {
  return { commit, at, ...(message === undefined ? {} : { message }) };
}

function placeOf({ methodVersion, server, machine }: HistoryLine, { kind }: CheckMetric): string {
  const on = `PostgreSQL ${server.major}${server.durable ? '' : ', not durable'} (settings ${server.settings}), method ${methodVersion}`;
  if (kind === 'hard') return on;
  return `${on}, ${machine.cores} × ${machine.cpuModel}, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ${machine.os}, Node.js ${machine.node}`;
}

function changesOf(points: readonly HistoryPoint[], metric: CheckMetric): HistoryChange[] {
  if (points.length < LEAST) return [];
  const found = changePoints(
    points.map(({ median }) => median),
    { minMagnitude: MAGNITUDE[metric.kind] },
  );
  return found.flatMap(({ index, before, after, change }) => {
    const point = points[index];
    // As in a check: from next to nothing, any share is large.
    if (point === undefined || Math.abs(after - before) < (metric.least ?? 0)) return [];
    const { commit, at, message } = point;
    return [
      {
        ...{ commit, at, ...(message === undefined ? {} : { message }), before, after },
        ...(change === undefined ? {} : { change }),
        worse: after > before === (metric.better === 'lower'),
      },
    ];
  });
}
