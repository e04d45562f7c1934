// What held up all jobs at once? The slowest of a light load, where base and wait do not explain them.

import { type Stalls, sumQuantile } from '../../stats/queueing.ts';
import { settledBeside } from './law.ts';
import type { MeasuredCell } from './measured.ts';
import { type CalmCrowd, handlerWait } from './pickup.ts';

const STALL_POINTS = 2_000;
/** Of the jobs of a load, the slowest that are looked at: half of them. */
const SLOWEST = 0.5;
/** Of all jobs of a load, so many may by chance have waited longer than that without a stall. */
const BY_CHANCE = 0.5;

/**
 * What held up jobs for longer than base and wait explain: the slowest, where hardly one in the whole load would have been that slow. By the
 * load that the base is of, so that all which is chosen by it is chosen by the same, and no other load has a part in what it is tried by.
 */
export function stallsOf(crowd: CalmCrowd, { cell, pickup }: Pick<MeasuredCell, 'cell' | 'pickup'>): Stalls {
  const ratePerSec = cell.throughput?.offeredPerSec;
  if (pickup === undefined || pickup.totalCount === 0 || ratePerSec === undefined) return [];
  const wait = handlerWait(crowd, ratePerSec, settledBeside(crowd.law, crowd.handlers, ratePerSec));
  if (wait.state === 'saturated') return [];
  const explained = sumQuantile(crowd.base, wait, 1 - Math.min(0.5, BY_CHANCE / pickup.totalCount));
  const share = ((1 - wait.utilisation) * SLOWEST) / STALL_POINTS;
  return Array.from({ length: STALL_POINTS }, (_, i) => {
    const percentile = 100 * (1 - (SLOWEST * (i + 0.5)) / STALL_POINTS);
    return { seconds: pickup.getValueAtPercentile(percentile) / 1e6, share };
  }).filter(({ seconds }) => seconds > explained);
}
