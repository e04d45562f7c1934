// How does a run unfold? Throughput, backlog, latency, dead tuples and waits above each other, one strip per contender.

import type { TopLevelSpec } from 'vega-lite';
import { formatCount, formatNumber, formatSeconds, plural } from '../render/format.ts';
import { CPU, type Strip, type Timeline } from '../timeline.ts';
import { baseSpec, type Chart, type LegendEntry } from './chart.ts';
import { INK } from './theme.ts';
import { dataOf, hoverOf, scalesOf } from './timeline-data.ts';
import { timelineViews, waitColour } from './timeline-views.ts';

/** One chart per contender, all with the same axes. */
export function timelineCharts(panelId: string, timeline: Timeline, subtitle: string): Chart[] {
  const scales = scalesOf(timeline);
  return timeline.strips.map((strip, i) => {
    const { series } = strip.row;
    const data = dataOf(strip, timeline);
    return {
      id: `${panelId}-timeline-${i + 1}`,
      kind: 'timeline',
      panel: panelId,
      title: series.label,
      subtitle: [
        strip.row.measured.length === 1
          ? `repeat ${strip.cell.repeat}, the only valid one`
          : `repeat ${strip.cell.repeat}, the typical one of ${strip.row.measured.length}`,
        subtitle,
        ...faultsOf(strip),
      ].join(' · '),
      description: describe(strip),
      legend: [...(scales.waits === undefined ? [] : waitLegend(timeline)), ...markLegend(timeline)],
      spec: {
        ...baseSpec(data),
        spacing: 16,
        vconcat: timelineViews(strip, timeline, scales),
      } as TopLevelSpec,
      hover: strip.buckets.map((bucket) => hoverOf(bucket, strip, timeline)),
      only: series,
      fluid: true,
    };
  });
}

/** Legend of the stacked waits, which the strips of a panel share. */
function waitLegend(timeline: Timeline): LegendEntry[] {
  return timeline.events.map((event, i) => ({
    label: event === CPU ? 'CPU (waits for nothing)' : event,
    colour: waitColour(event, timeline, i),
    mark: { kind: 'area' },
  }));
}

/** Legend of what struck the servers, where it did. */
function markLegend({ strips }: Timeline): LegendEntry[] {
  const entry = (label: string, colour: LegendEntry['colour']): LegendEntry => ({
    label,
    colour,
    mark: { kind: 'area' },
  });
  return [
    ...(strips.some((strip) => strip.autovacuums.length > 0)
      ? [entry('autovacuum at work', INK.vacuum)]
      : []),
    ...(strips.some((strip) => strip.checkpoints.length > 0)
      ? [entry('a checkpoint began', INK.checkpoint)]
      : []),
  ];
}

/** `kill-worker at 14 s`, `held-xmin by a reader 14–22 s`, in the order of time. */
function faultsOf({ faults }: Strip): string[] {
  const seconds = (value: number): string => String(Number(value.toPrecision(3)));
  return faults.map(({ label, from, to }) =>
    to > from ? `${label} ${seconds(from)}–${seconds(to)} s` : `${label} at ${seconds(from)} s`,
  );
}

function describe({ row, cell, buckets, silence, checkpoints, autovacuums }: Strip): string {
  const peak = Math.max(...buckets.map((bucket) => bucket.backlog));
  const phases = cell.window.phases.map(
    (p) => `${p.label} ${formatNumber(p.fromSeconds)}–${formatNumber(p.toSeconds)} s`,
  );
  return [
    `${row.series.label}, repeat ${cell.repeat}, over ${formatSeconds(cell.window.totalSeconds)}`,
    `largest backlog ${formatCount(peak)}`,
    ...(silence === undefined ? [] : [silence]),
    ...(checkpoints.length > 0 ? [plural(checkpoints.length, 'checkpoint')] : []),
    ...(autovacuums.length > 0 ? ['autovacuum at work'] : []),
    ...(phases.length > 0 ? [`phases: ${phases.join(', ')}`] : []),
  ].join('; ');
}
