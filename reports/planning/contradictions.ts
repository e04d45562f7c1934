// Which loads broke the SLO at a rate that is said to hold it? Those that no search chose: a light one, and the one that checks the models.

import type { PlanQuestion } from '../../harness/result/result.ts';
import { latencyTerms } from '../capacity/evidence.ts';
import { formatDuration, formatNumber } from '../render/format.ts';
import { type MeasuredCell, percentileOf, validOf } from './measured.ts';

/** A load beyond the SLO. */
export interface Contradiction {
  readonly perSec: number;
  /** A clause: at which rate which percentile was how long. */
  readonly text: string;
}

/** Of so many handlers, at no more than that rate; the lowest first. */
export function contradictionsTo(
  cells: readonly MeasuredCell[],
  slo: PlanQuestion['slo'],
  { handlers, upToPerSec }: { readonly handlers: number; readonly upToPerSec: number },
): Contradiction[] {
  return validOf(cells, 'light', 'check')
    .filter((one) => one.handlers === handlers)
    .flatMap(({ cell }) => {
      const perSec = cell.throughput?.offeredPerSec ?? Number.POSITIVE_INFINITY;
      if (perSec > upToPerSec) return [];
      return latencyTerms(slo).flatMap(({ of, percentile, limitUs }) => {
        const us = percentileOf(cell, of, percentile);
        return us === undefined || us <= limitUs
          ? []
          : [
              {
                perSec,
                text: `at ${formatNumber(perSec)} jobs/s p${percentile} of ${of} was ${formatDuration(us)}`,
              },
            ];
      });
    })
    .sort((x, y) => x.perSec - y.perSec);
}
