// Which charts does a report have? All of them, in order, from the panels.

import type { Bundle, CurveMetric } from '../bundle.ts';
import { durabilityMark } from '../fairness.ts';
import { formatCount, plural } from '../render/format.ts';
import { undurable } from '../servers.ts';
import type { Panel } from '../summary.ts';
import { frameOf, timelineOf } from '../timeline.ts';
import { capacityCharts } from './capacity.ts';
import type { Chart } from './chart.ts';
import { costChart } from './cost.ts';
import { latencyChart } from './latency.ts';
import { microChart } from './micro.ts';
import { throughputChart } from './throughput.ts';
import { timelineCharts } from './timeline.ts';

/** The charts of all panels, in the order of the report. */
export function chartsOf(bundle: Bundle, panels: readonly Panel[]): Chart[] {
  const weak = undurable(bundle.result.environment).length > 0;
  const frame = frameOf(bundle, panels);
  const scenarios = panels.flatMap((panel) => {
    const load = `${weak ? 'SERVER NOT DURABLE · ' : ''}${durabilityMark(panel)}${panel.load}`;
    const subtitle = `${load} · ${repeats(panel)}`;
    const timeline = timelineOf(bundle, panel, frame);
    return [
      throughputChart(panel, subtitle) ?? [],
      ...curvesOf(panel).map((metric) => latencyChart(bundle, panel, metric, subtitle) ?? []),
      costChart(panel, subtitle) ?? [],
      timeline === undefined ? [] : timelineCharts(panel.id, timeline, load),
    ].flat();
  });
  const server = weak ? 'SERVER NOT DURABLE · ' : '';
  return [...scenarios, microChart(bundle.result, server) ?? [], capacityCharts(bundle, server)].flat();
}

/** A drain has no arrivals, so nobody waits to be picked up: only how long a job is in hand says something. */
function curvesOf(panel: Panel): readonly CurveMetric[] {
  return panel.drain ? ['service'] : ['pickup', 'response'];
}

/** `3 repeats`, or `2 to 3 repeats` where contenders differ. */
function repeats(panel: Panel): string {
  const counts = panel.rows.filter((row) => row.state === 'measured').map((row) => row.measured.length);
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  if (counts.length === 0) return 'no valid repeat';
  return low === high ? plural(high, 'repeat') : `${formatCount(low)} to ${plural(high, 'repeat')}`;
}
