// What is a chart? A vega-lite spec with the words around it, before anything is drawn.

import type { TopLevelSpec } from 'vega-lite';
import type { Colour, Series } from '../series.ts';
import { CHART_CONFIG } from './theme.ts';

/** One entry of a legend; marks carry shape and dash of their series, areas are plain swatches, glyphs stand without a line. */
export type LegendEntry = {
  readonly label: string;
  readonly colour: Colour;
  readonly mark:
    | { readonly kind: 'series'; readonly series: Series }
    | { readonly kind: 'area' }
    | { readonly kind: 'line'; readonly dash: readonly number[] }
    | { readonly kind: 'glyph'; readonly glyph: Glyph; readonly hollow: boolean };
};

/** Marks of points that belong to no contender, as paths in a box from −1 to 1: vega draws them, and so do legends. */
export const GLYPHS = {
  circle: 'M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0',
  cross: 'M-0.75,-1L0,-0.25L0.75,-1L1,-0.75L0.25,0L1,0.75L0.75,1L0,0.25L-0.75,1L-1,0.75L-0.25,0L-1,-0.75Z',
  diamond: 'M0,-1.2L1,0L0,1.2L-1,0Z',
  triangle: 'M0,-1L1.1,0.9H-1.1Z',
} as const;
export type Glyph = keyof typeof GLYPHS;

/** Where the report places a chart. */
export type ChartKind = 'throughput' | 'latency' | 'cost' | 'timeline' | 'effects' | 'micro' | 'capacity';

/**
 * A chart as data. The spec draws axes and marks only: title, subtitle and legend are set around it, as HTML in the
 * report and as SVG in the file, so that neither is ever clipped. Its data source `hover` is empty: the report's
 * script fills it with `hover`, which gives marks their tooltips without a byte in the static picture.
 */
export type Chart = {
  /** Unique within a report; the file is `charts/<id>.svg`. */
  readonly id: string;
  readonly kind: ChartKind;
  readonly panel: string;
  readonly title: string;
  /** Declares the load model, and that the server is not durable where that is so. */
  readonly subtitle: string;
  /** What a person who cannot see the chart should know. */
  readonly description: string;
  readonly legend: readonly LegendEntry[];
  readonly spec: TopLevelSpec;
  readonly hover: readonly Readonly<Record<string, unknown>>[];
  /** The only series on it: the chart hides with its series. */
  readonly only?: Series;
  /** Whether the width of the plot may follow the page. */
  readonly fluid: boolean;
};

/** Expression that holds for rows whose series the reader has not hidden. The parameter `hidden` lists ids of series. */
export const SHOWN = 'indexof(hidden, datum.series) < 0';

/** What every spec has: no background, no padding of its own, the parameter `hidden`. */
export function baseSpec(data: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>) {
  return {
    config: CHART_CONFIG,
    background: 'transparent',
    padding: 2,
    params: [{ name: 'hidden', value: [] as string[] }],
    datasets: {
      ...(data as Record<string, Record<string, unknown>[]>),
      hover: [] as Record<string, unknown>[],
    },
  };
}

/** Colour scale by id of series. */
export function colourScale(series: readonly Series[]) {
  return { domain: series.map((one) => one.id), range: series.map((one) => one.colour.light) };
}

/** Shape scale by id of series. */
export function shapeScale(series: readonly Series[]) {
  return { domain: series.map((one) => one.id), range: series.map((one) => one.shape) };
}

/** Dash scale by id of series. */
export function dashScale(series: readonly Series[]) {
  return {
    domain: series.map((one) => one.id),
    range: series.map((one) => [...(one.dash.length > 0 ? one.dash : [1, 0])]),
  };
}

/** Legend of lines and points. */
export function seriesLegend(series: readonly Series[]): LegendEntry[] {
  return series.map((one) => ({
    label: one.label,
    colour: one.colour,
    mark: { kind: 'series', series: one },
  }));
}

/** Entry of a line that is no contender's. */
export function lineEntry(label: string, colour: Colour, dash: readonly number[]): LegendEntry {
  return { label, colour, mark: { kind: 'line', dash } };
}

/** An upper end for a linear axis from zero: 1, 1.5, 2, 3, 4, 5, 6, 8 or 10 times a power of ten, not below `max`. */
export function niceCeiling(max: number): number {
  if (!(max > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(max));
  const step = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= max * (1 - 1e-12));
  return Number(((step ?? 10) * power).toPrecision(3));
}

/** The powers of ten from the one at or below `min` to the one at or above `max`; both positive. */
export function decades(min: number, max: number): number[] {
  const first = Math.floor(Math.log10(min) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(max) - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
}

/** Label of a power of ten in milliseconds, as an expression over `datum.value`: `10 µs`, `1 ms`, `10 s`. */
export const MS_LABEL =
  "datum.value >= 1000 ? datum.value / 1000 + ' s' : datum.value >= 1 ? datum.value + ' ms' : round(datum.value * 1000) + ' µs'";

/** Label of a plain number, as an expression over `datum.value`: `0`, `0.5`, `750`, `2.5k`. The scale's own format would round to its step. */
export const SI_LABEL = "datum.value === 0 ? '0' : format(datum.value, abs(datum.value) < 1 ? '~g' : '~s')";
