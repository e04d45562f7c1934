// Which models were not tried, since the loads that were to try them have no figures?

import type { Capacity, CapacityPurpose, RunResult } from '../../harness/result/result.ts';
import { plural } from '../render/format.ts';

/** A model, the circumstances it was to be tried under, and the cells that were lost. */
export type Untried = { readonly what: string; readonly at: string; readonly cells: readonly string[] };

/** What the load of each purpose tries. */
const TRIES: Partial<Record<CapacityPurpose, string>> = {
  'held back': 'throughput',
  check: 'pickup',
  outage: 'drain time',
};

/** In the order of the run; a load that was measured again, and then is valid, is none of them. */
export function untriedOf({ capacity, cells }: Pick<RunResult, 'capacity' | 'cells'>): Untried[] {
  const verdicts = new Map(cells.map(({ id, verdict }) => [id, verdict]));
  const loads = Map.groupBy(capacity?.cells ?? [], loadOf);
  return [...loads.values()].flatMap((own) => {
    const [first] = own;
    const what = first === undefined ? undefined : TRIES[first.purpose];
    if (first === undefined || what === undefined) return [];
    if (own.some(({ id }) => verdicts.get(id) !== 'invalid')) return [];
    const at = first.handlers === undefined ? '' : plural(first.handlers, 'handler');
    return [{ what, at, cells: own.map(({ id }) => id) }];
  });
}

function loadOf({ purpose, handlers }: Capacity['cells'][number]): string {
  return `${purpose} ${handlers ?? ''}`;
}
