// Which loads broke the SLO at a rate that is said to hold it? Those that no search chose: a light one, and the one that checks the models.

import type { LatencySlo, PlanQuestion, Search } from '../../harness/result/result.ts';
import { countBeyond, latencyTerms } from '../capacity/evidence.ts';
import { formatDuration, formatNumber, formatShare } from '../render/format.ts';
import { type MeasuredCell, percentileOf, validOf } from './measured.ts';

/** A load beyond the SLO. */
export interface Contradiction {
  readonly perSec: number;
  /** A clause: at which rate how much of which latency was too long. */
  readonly text: string;
}

/** As of a probe: in the mean so many times as many late jobs as the SLO allows; and of fewer than so many nothing is said. */
const TIMES_ALLOWED = 2;
const LATE_AT_LEAST = 10;

/** Of so many handlers, at no more than that rate; the lowest first. */
export function contradictionsTo(
  cells: readonly MeasuredCell[],
  slo: PlanQuestion['slo'],
  { handlers, upToPerSec }: { readonly handlers: number; readonly upToPerSec: number },
): Contradiction[] {
  return validOf(cells, 'light', 'check')
    .flatMap((one) => {
      const perSec = one.cell.throughput?.offeredPerSec ?? Number.POSITIVE_INFINITY;
      if (perSec > upToPerSec || one.handlers !== handlers) return [];
      return latencyTerms(slo).flatMap((term) => {
        const late = lateText(one, term);
        return late === undefined ? [] : [{ perSec, text: `at ${formatNumber(perSec)} jobs/s ${late}` }];
      });
    })
    .sort((x, y) => x.perSec - y.perSec);
}

/** Absent where the term held, or cannot be told. Counted where the histogram is at hand: short loads have no percentile as high. */
function lateText(
  { cell, pickup }: MeasuredCell,
  { of, percentile, limitUs }: LatencySlo,
): string | undefined {
  if (of !== 'pickup' || pickup === undefined) {
    const us = percentileOf(cell, of, percentile);
    return us === undefined || us <= limitUs
      ? undefined
      : `p${percentile} of ${of} was ${formatDuration(us)}`;
  }
  const late = countBeyond(pickup, limitUs);
  const allowed = (1 - percentile / 100) * pickup.totalCount;
  return late < LATE_AT_LEAST || late < TIMES_ALLOWED * allowed
    ? undefined
    : `${formatShare(late / pickup.totalCount)} of the jobs waited for longer than ${formatDuration(limitUs)}`;
}

/** Rates below the highest that passed of which the last load that could be carried did not tell. */
export function untoldBelow({ answer: { passPerSec = 0 }, probes }: Search): number[] {
  const last = new Map(
    probes.flatMap(({ outcome, ratePerSec }) => (outcome === 'void' ? [] : [[ratePerSec, outcome] as const])),
  );
  return [...last].flatMap(([perSec, outcome]) =>
    outcome === 'unclear' && perSec < passPerSec ? [perSec] : [],
  );
}

export function untoldRisk(search: Search): string[] {
  const rates = untoldBelow(search).toSorted((x, y) => x - y);
  if (rates.length === 0) return [];
  return [
    `Whether the SLO holds at ${rates.map(formatNumber).join(', ')} jobs/s could not be told, though a load of more held it.`,
  ];
}
