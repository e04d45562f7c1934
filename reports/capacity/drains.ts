// How did the backlog of an outage go, and how long was it predicted to last?

import type { Prediction } from '../../harness/result/result.ts';
import type { Bundle } from '../bundle.ts';
import { faultSpans } from '../fault-spans.ts';

/** Seconds from the start of the load. */
export type Drain = {
  readonly cell: string;
  readonly backlog: readonly { readonly t: number; readonly jobs: number }[];
  /** Absent where the load bears no mark of it. */
  readonly outage: { readonly from: number; readonly to: number } | undefined;
  /** From the end of the outage; absent without a prediction of this cell. */
  readonly predicted: Prediction | undefined;
};

/** The cells of an outage that were sampled, those that are incorrect left out. */
export function drainsOf({ result, load }: Pick<Bundle, 'result' | 'load'>): Drain[] {
  const { capacity } = result;
  const ids = new Set(capacity?.cells.filter(({ purpose }) => purpose === 'outage').map(({ id }) => id));
  return result.cells
    .filter(({ id, verdict }) => ids.has(id) && verdict === 'valid')
    .flatMap(({ id, window }) => {
      const samples = load.get(id) ?? [];
      if (samples.length === 0) return [];
      const spans = faultSpans(window).filter(({ from, to }) => to > from);
      const outage =
        spans.length === 0
          ? undefined
          : {
              from: Math.min(...spans.map(({ from }) => from)),
              to: Math.max(...spans.map(({ to }) => to)),
            };
      const predicted = capacity?.predictions?.find(
        ({ what, cells }) => what.startsWith('drain') && cells.includes(id),
      );
      return [
        { cell: id, backlog: samples.map(({ t, backlog }) => ({ t, jobs: backlog })), outage, predicted },
      ];
    });
}
