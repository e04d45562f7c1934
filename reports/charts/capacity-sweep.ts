// How does a figure lie over the grid of a sweep? A line over one axis, heat maps over two and more; holes stay holes.

import {
  coverageText,
  metricText,
  placeText,
  type Surface,
  type SurfacePoint,
  WEAK_SIGN,
} from '../capacity/surface.ts';
import { CAPACITY_PANEL, rateText } from '../capacity/words.ts';
import { formatDuration, plural } from '../render/format.ts';
import { heatLegend, heatSpec } from './capacity-heat.ts';
import { lineLegend, lineSpec } from './capacity-line.ts';
import type { Chart } from './chart.ts';

/** The chart of a sweep; `undefined` where no point was measured. */
export function sweepChart(surface: Surface, mark: string): Chart | undefined {
  if (surface.best === undefined && !surface.points.some(({ state }) => state === 'measured'))
    return undefined;
  const waits = surface.metric === 'us';
  const heat = surface.axes.length > 1;
  return {
    id: `${CAPACITY_PANEL}-sweep`,
    kind: 'capacity',
    panel: CAPACITY_PANEL,
    title: `${metricText(surface)} over ${surface.axes.map(({ name }) => name).join(' × ')}: ${surface.contender}`,
    subtitle: `${mark}${waits ? `open loop, ms${surface.percentile === 'p99' ? '' : ', too few jobs for p99'}` : 'drain, closed loop'} · median of the valid repeats · ${coverageText(surface)}`,
    description: describe(surface),
    legend: heat ? heatLegend(surface) : lineLegend(surface),
    spec: heat ? heatSpec(surface) : lineSpec(surface),
    hover: surface.points.map((point) => ({
      ...Object.fromEntries(point.at.map((value, i) => [`a${i}`, String(value)])),
      facet: point.at.slice(2).map(String).join(' '),
      x: point.at[0] ?? '',
      value: point.state === 'measured' ? shown(surface, point.figure.median) : null,
      tip: pointText(surface, point),
    })),
    fluid: !heat,
  };
}

/** Points that are read out; the table has all. */
const MOST_TOLD = 40;

function describe(surface: Surface): string {
  const told = surface.points
    .slice(0, MOST_TOLD)
    .map((point) => pointText(surface, point).replaceAll('\n', ', '));
  const more = surface.points.length - told.length;
  return [...told, ...(more > 0 ? [`and ${plural(more, 'point')} more in the table`] : [])].join('; ');
}

function pointText(surface: Surface, point: SurfacePoint): string {
  const place = placeText(surface, point.at);
  if (point.state !== 'measured') return `${place}\n${point.state}: ${point.why}`;
  const write = surface.metric === 'us' ? formatDuration : rateText;
  const { median, min, max, n } = point.figure;
  const weak = point.durable ? '' : `${WEAK_SIGN} NOT DURABLE: `;
  return `${place}\n${weak}${point.bound ? 'at least ' : ''}${write(median)}${n > 1 ? `, ${write(min)} to ${write(max)} in ${n} repeats` : ''}`;
}

/** A figure in the unit of the chart: jobs/s, or ms. */
function shown({ metric }: Surface, value: number): number {
  return metric === 'us' ? value / 1e3 : value;
}
