// How is a grid drawn over two axes? A field for each point, one small map for each value of the axes beyond.

import type { TopLevelSpec } from 'vega-lite';
import { type Surface, type SurfacePoint, WEAK_SIGN } from '../capacity/surface.ts';
import { formatNumber } from '../render/format.ts';
import { baseSpec, type LegendEntry } from './chart.ts';
import { estimateTextWidth, fitText, HEAT, HEAT_DEEP, HEAT_TEXT, INK } from './theme.ts';

/** Of the page, px, and what an axis takes of a map: as many stand side by side as fit, up to four. */
const ROOM = 1_100;
const AXIS = 90;
const MOST_COLUMNS = 4;
const FONT_SIZE = 11;

type Field = {
  a0: string;
  a1: string;
  facet: string;
  state: SurfacePoint['state'];
  step: number;
  text: string;
  best: boolean;
};

/** The scale of colours by its ends, and the sign of a hole. */
export function heatLegend(surface: Surface): LegendEntry[] {
  const { low, high } = endsOf(surface);
  const write = (value: number): string =>
    `${formatNumber(surface.metric === 'us' ? value / 1e3 : value)}${surface.metric === 'us' ? ' ms' : ' jobs/s'}`;
  const [first, last] = [HEAT[0], HEAT.at(-1)];
  if (first === undefined || last === undefined) return [];
  const entry = (label: string, colour: LegendEntry['colour']): LegendEntry => ({
    label,
    colour,
    mark: { kind: 'area' },
  });
  return low === high
    ? [entry(`${write(low)} everywhere`, last)]
    : [entry(`least, ${write(low)}`, first), entry(`most, ${write(high)}`, last)];
}

function endsOf({ points }: Surface): { low: number; high: number } {
  const values = points.flatMap((point) => (point.state === 'measured' ? [point.figure.median] : []));
  return { low: Math.min(...values), high: Math.max(...values) };
}

/** Latencies are told apart by factors, throughput by differences. */
function stepOf({ metric }: Surface, value: number, { low, high }: { low: number; high: number }): number {
  const share =
    high === low
      ? 1
      : metric === 'us' && low > 0
        ? Math.log(value / low) / Math.log(high / low)
        : (value - low) / (high - low);
  return Math.min(HEAT.length - 1, Math.floor(share * HEAT.length));
}

function fieldsOf(surface: Surface): Field[] {
  const ends = endsOf(surface);
  return surface.points.map((point): Field => {
    const measured = point.state === 'measured';
    const value = measured ? point.figure.median : 0;
    const figure = formatNumber(surface.metric === 'us' ? value / 1e3 : value);
    return {
      a0: String(point.at[0] ?? ''),
      a1: String(point.at[1] ?? ''),
      facet: point.at.slice(2).map(String).join(' '),
      state: point.state,
      step: measured ? stepOf(surface, value, ends) : -1,
      text: measured
        ? `${point.durable ? '' : `${WEAK_SIGN} `}${point.bound ? '≥ ' : ''}${figure}`
        : point.state === 'missing'
          ? '–'
          : point.state,
      best: point === surface.best,
    };
  });
}

/** One map, or several with their title each. */
export function heatSpec(surface: Surface): TopLevelSpec {
  const fields = fieldsOf(surface);
  const facets = [
    ...new Map(surface.points.map(({ at }) => [at.slice(2).map(String).join(' '), at])).entries(),
  ];
  const xs = surface.axes[0]?.values.map(String) ?? [];
  const step = Math.max(46, ...fields.map(({ text }) => estimateTextWidth(text, FONT_SIZE) + 12));
  const width = xs.length * step;
  const several = facets.length > 1;
  const view = (facet: string) => mapOf(surface, facet, step);
  return {
    ...baseSpec({ fields }),
    ...(several
      ? {
          columns: Math.max(1, Math.min(MOST_COLUMNS, Math.floor(ROOM / (width + AXIS)))),
          spacing: { row: 20, column: 24 },
          concat: facets.map(([facet, at]) => ({
            title: fitText(
              surface.axes
                .slice(2)
                .map(({ name }, i) => `${name} ${at[i + 2] ?? ''}`)
                .join(', '),
              FONT_SIZE,
              Math.max(width, 160),
            ),
            ...view(facet),
          })),
        }
      : view(facets[0]?.[0] ?? '')),
  };
}

function mapOf({ axes: [across, down] }: Surface, facet: string, step: number) {
  const axis = { domain: false, ticks: false, grid: false, labelAngle: 0, labelColor: INK.text.light };
  const x = {
    field: 'a0',
    type: 'nominal' as const,
    sort: null,
    scale: { domain: across?.values.map(String) ?? [], paddingInner: 0.04, paddingOuter: 0.02 },
    axis: { ...axis, title: across?.name ?? '' },
  };
  const y = {
    field: 'a1',
    type: 'nominal' as const,
    sort: null,
    // The smallest is at the bottom, as on other charts.
    scale: { domain: down?.values.map(String).toReversed() ?? [], paddingInner: 0.08, paddingOuter: 0.04 },
    axis: { ...axis, title: down?.name ?? '', labelLimit: 140 },
  };
  const own = (filter: string) => ({
    data: { name: 'fields' },
    transform: [{ filter: `datum.facet === ${JSON.stringify(facet)} && (${filter})` }],
  });
  const color = {
    field: 'step',
    type: 'ordinal' as const,
    scale: { domain: HEAT.map((_, i) => i), range: HEAT.map(({ light }) => light) },
    legend: null,
  };
  const text = (ink: string, filter: string) => ({
    ...own(filter),
    mark: { type: 'text' as const, fontSize: FONT_SIZE, color: ink },
    encoding: { x, y, text: { field: 'text', type: 'nominal' as const } },
  });
  return {
    width: { step },
    height: { step: 30 },
    layer: [
      { ...own('datum.step >= 0'), mark: { type: 'rect' as const }, encoding: { x, y, color } },
      {
        ...own('datum.step < 0'),
        mark: {
          type: 'rect' as const,
          fillOpacity: 0,
          fill: INK.paper.light,
          stroke: INK.axis.light,
          strokeDash: [3, 3],
          strokeWidth: 1,
        },
        encoding: { x, y },
      },
      {
        ...own('datum.best'),
        mark: {
          type: 'rect' as const,
          fillOpacity: 0,
          fill: INK.paper.light,
          stroke: INK.text.light,
          strokeWidth: 2.5,
        },
        encoding: { x, y },
      },
      text(INK.text.light, `datum.step >= 0 && datum.step < ${HEAT_DEEP}`),
      text(HEAT_TEXT.light, `datum.step >= ${HEAT_DEEP}`),
      text(INK.muted.light, "datum.state === 'void' || datum.state === 'missing'"),
      text(INK.fault.light, "datum.state === 'incorrect'"),
      {
        data: { name: 'hover' },
        transform: [{ filter: `datum.facet === ${JSON.stringify(facet)}` }],
        mark: { type: 'rect' as const, opacity: 0 },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' as const } },
      },
    ],
  };
}
