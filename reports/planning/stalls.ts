// What held up all jobs at once? The slowest of an open load, where base and wait do not explain them.

import { type Stalls, sumQuantile } from '../../stats/queueing.ts';
import { uslAt } from '../../stats/usl.ts';
import type { MeasuredCell } from './measured.ts';
import { type CalmCrowd, handlerWait, UTILISATION_MAX } from './pickup.ts';

const STALL_POINTS = 1_000;
/** Of the jobs of a load, the slowest: what makes more of them wait is no stall. */
const STALLED_MOST = 0.1;
/** Of all jobs of a load, so many may by chance have waited longer than that without a stall. */
const BY_CHANCE = 0.5;

/**
 * What held up jobs for longer than base and wait explain, of stable open loads with the same handlers: the slowest of them, where hardly one in
 * the whole load would have been that slow.
 */
export function stallsOf(crowd: CalmCrowd, loads: readonly MeasuredCell[]): Stalls {
  const told = loads.flatMap((one) => stalledIn(crowd, one) ?? []);
  const seconds = told.reduce((sum, one) => sum + one.seconds, 0);
  return told.flatMap((one) =>
    one.stalls.map((stall) => ({ ...stall, share: stall.share * (one.seconds / seconds) })),
  );
}

function stalledIn(
  crowd: CalmCrowd,
  { handlers, cell, pickup }: MeasuredCell,
): { readonly seconds: number; readonly stalls: Stalls } | undefined {
  const { ratePerSec } = cell.parameters;
  const capacity = uslAt(crowd.law.fit, crowd.handlers);
  if (handlers !== crowd.handlers || pickup === undefined || typeof ratePerSec !== 'number') return undefined;
  const wait = handlerWait(crowd, ratePerSec, capacity);
  if (wait.state === 'saturated' || wait.utilisation > UTILISATION_MAX) return undefined;
  const explained = sumQuantile(crowd.base, wait, 1 - Math.min(0.5, BY_CHANCE / pickup.totalCount));
  const share = ((1 - wait.utilisation) * STALLED_MOST) / STALL_POINTS;
  const slowest = Array.from({ length: STALL_POINTS }, (_, i) => {
    const percentile = 100 * (1 - (STALLED_MOST * (i + 0.5)) / STALL_POINTS);
    return { seconds: pickup.getValueAtPercentile(percentile) / 1e6, share };
  });
  return {
    seconds: cell.window.measuredSeconds,
    stalls: slowest.filter((stall) => stall.seconds > explained),
  };
}
