// What was measured for a question of capacity? Cells with their purpose, out of a bundle or as they come.

import type { Histogram } from 'hdr-histogram-js';
import type { Capacity, Cell, LatencySlo, Sample } from '../../harness/result/result.ts';
import { type Bundle, BundleError, type LoadSample } from '../bundle.ts';
import { mergeHistograms, readIntervals } from '../hlog.ts';

/** A cell, and why it was measured. */
export interface MeasuredCell {
  readonly purpose: Capacity['cells'][number]['purpose'];
  readonly handlers: number;
  readonly cell: Cell;
  readonly load: readonly LoadSample[];
  /** Of all measured jobs; absent where there is none. */
  readonly pickup: Histogram | undefined;
}

/** One that was just measured: `log` is its interval log. */
export function measuredNow(
  { purpose, handlers = 1 }: Pick<Capacity['cells'][number], 'purpose' | 'handlers'>,
  { cell, samples, histogramLog }: { cell: Cell; samples: readonly Sample[]; histogramLog: string },
): MeasuredCell {
  const intervals = readIntervals(histogramLog, new Set(['pickup']));
  return {
    ...{ purpose, handlers, cell },
    load: samples.filter((sample) => sample.kind === 'load'),
    pickup: mergeHistograms(intervals.map(({ histogram }) => histogram)),
  };
}

/** @throws BundleError where the bundle was not made for a question of capacity. */
export function measuredOf({ result, load, histograms }: Bundle): MeasuredCell[] {
  const { capacity, cells } = result;
  if (capacity === undefined)
    throw new BundleError(
      'this bundle holds no measurements of capacity: give one that `claimbench plan` wrote',
    );
  return capacity.cells.flatMap(({ id, purpose, handlers = 1 }) => {
    const cell = cells.find((one) => one.id === id);
    if (cell === undefined) return [];
    return [{ purpose, handlers, cell, load: load.get(id) ?? [], pickup: histograms.get(id)?.get('pickup') }];
  });
}

/** Those of one purpose that count. */
export function validOf(
  cells: readonly MeasuredCell[],
  ...purposes: readonly MeasuredCell['purpose'][]
): MeasuredCell[] {
  return cells.filter(({ purpose, cell }) => purposes.includes(purpose) && cell.verdict === 'valid');
}

const PERCENTILES = { 50: 'p50', 90: 'p90', 95: 'p95', 99: 'p99', 99.9: 'p999' } as const;

/** Of one latency of a cell, µs; absent where the load could not tell it, or no such percentile is told. */
export function percentileOf(
  { latencyUs }: Cell,
  of: LatencySlo['of'],
  percentile: number,
): number | undefined {
  const name = Object.entries(PERCENTILES).find(([one]) => Number(one) === percentile)?.[1];
  return name && latencyUs?.[of]?.[name];
}
