// How did the backlog of an outage go, and how long was it predicted to last?

import type { Cell, Prediction } from '../../harness/result/result.ts';
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
    .flatMap((cell) => {
      const { id } = cell;
      const samples = load.get(id) ?? [];
      if (samples.length === 0) return [];
      const outage = outageOf(cell);
      const predicted = capacity?.predictions?.find(
        ({ what, cells }) => what.startsWith('drain') && cells.includes(id),
      );
      return [
        { cell: id, backlog: samples.map(({ t, backlog }) => ({ t, jobs: backlog })), outage, predicted },
      ];
    });
}

/** What the recovery was measured against; else all faults that last, or the phase that is called so. */
function outageOf({ window, recovery }: Cell): Drain['outage'] {
  if (recovery !== undefined) return { from: recovery.faultsFromSeconds, to: recovery.faultsToSeconds };
  const spans = faultSpans(window).filter(({ from, to }) => to > from);
  if (spans.length > 0)
    return {
      from: Math.min(...spans.map(({ from }) => from)),
      to: Math.max(...spans.map(({ to }) => to)),
    };
  const phase = window.phases.find(({ label }) => label.includes('outage'));
  return phase && { from: phase.fromSeconds, to: phase.toSeconds };
}
