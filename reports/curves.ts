// What does a latency distribution look like up to where its samples can carry it?

import type { Histogram } from 'hdr-histogram-js';
import { boundFromUs } from './bounds.ts';
import type { Bundle, CurveMetric } from './bundle.ts';
import { mergeHistograms } from './hlog.ts';
import type { Row } from './summary.ts';

/** A point of a curve. `x` is 1 / (1 − q): 2 is the median, 10 the 90th percentile, 1000 the 99.9th. */
export type CurvePoint = { readonly x: number; readonly valueUs: number };

/** The distribution of a row, all repeats added up. */
export type Curve = {
  readonly row: Row;
  readonly count: number;
  /** Ends where fewer than 100 samples lie beyond; empty with fewer than 101 samples. */
  readonly points: readonly CurvePoint[];
  /** Smallest and largest repeat at each x that every repeat can carry; empty with one repeat. */
  readonly band: readonly { readonly x: number; readonly lowUs: number; readonly highUs: number }[];
  /** Exact; at x = count it is the last of its samples. */
  readonly max: CurvePoint;
  /** Values from here on are lower bounds; infinite when none is. */
  readonly boundFromUs: number;
};

const POINTS_PER_DECADE = 16;
const SAMPLES_BEYOND = 100;

/** The curve of one metric of a row; `undefined` when none of its cells has that latency. */
export function curveOf(bundle: Bundle, row: Row, metric: CurveMetric): Curve | undefined {
  const repeats = row.measured.flatMap((cell) => bundle.histograms.get(cell.id)?.get(metric) ?? []);
  const merged = mergeHistograms(repeats);
  const maxUs = Math.max(...row.measured.flatMap((cell) => cell.latencyUs?.[metric]?.max ?? []));
  if (merged === undefined || !Number.isFinite(maxUs)) return undefined;
  const points = ladder(merged.totalCount).map((x) => ({ x, valueUs: valueAt(merged, x) }));
  const smallest = Math.min(...repeats.map((histogram) => histogram.totalCount));
  const band =
    repeats.length < 2
      ? []
      : ladder(smallest).map((x) => {
          const values = repeats.map((histogram) => valueAt(histogram, x));
          return { x, lowUs: Math.min(...values), highUs: Math.max(...values) };
        });
  return {
    ...{ row, count: merged.totalCount, points, band },
    max: { x: merged.totalCount, valueUs: maxUs },
    boundFromUs: boundFromUs(row.measured.map((cell) => cell.latencyUs?.[metric])),
  };
}

/** x from 1 to the last that has 100 samples beyond it, evenly on a log axis, with the familiar percentiles among them. */
export function ladder(count: number): number[] {
  const last = count / SAMPLES_BEYOND;
  if (last <= 1) return [];
  const steps = Math.floor(Math.log10(last) * POINTS_PER_DECADE);
  const even = Array.from({ length: steps + 1 }, (_, i) => 10 ** (i / POINTS_PER_DECADE));
  const familiar = [2, 4, 10, 20, 100, 1_000, 10_000, 100_000].filter((x) => x <= last);
  const all = [...even, ...familiar, last].toSorted((a, b) => a - b);
  return all.filter((x, i) => i === 0 || x - (all[i - 1] ?? 0) > x * 1e-6);
}

function valueAt(histogram: Histogram, x: number): number {
  // Rounded to what a percentile can mean: 100·(1 − 1/1000) is 99.9 and not 99.90000000000001.
  return histogram.getValueAtPercentile(Number((100 * (1 - 1 / x)).toFixed(9)));
}
