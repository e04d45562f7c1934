// What do arrivals take away from the handlers? By loads in which all of these were busy while jobs came.

import { type UslFit, uslAt } from '../../stats/usl.ts';
import { type MeasuredCell, validOf } from './measured.ts';

/** Jobs at hand for each handler, running ones among them: with so many none of them is ever idle. */
const BUSY_FROM = 2;
/** A load in which all were busy for less says nothing. */
const SECONDS_AT_LEAST = 3;
/** What is lost counts where it is so many standard errors above nothing. */
const STANDARD_ERRORS = 2;

/** One load in which all handlers were busy for a while, and jobs came. */
interface Busy {
  readonly arrivalPerSec: number;
  /** Settled in those seconds ÷ what the law says of them. */
  readonly kept: number;
  readonly settled: number;
}

/**
 * Share of the law's throughput that is lost for each job per second that comes: least squares of `1 − kept` = k × rate over the loads, more jobs
 * weighing more. 0 where it does not stand out of what chance does to counts. Absent without a load that tells.
 */
export function lostPerArrival(fit: UslFit, cells: readonly MeasuredCell[]): number | undefined {
  const loads = validOf(cells, 'catch-up', 'probe').flatMap((cell) => busyIn(fit, cell));
  if (loads.length === 0) return undefined;
  const squares = sum(loads, ({ arrivalPerSec, settled }) => settled * arrivalPerSec ** 2);
  const lost =
    sum(loads, ({ arrivalPerSec, kept, settled }) => settled * arrivalPerSec * (1 - kept)) / squares;
  // Of a count n the standard error is √n, and so that of `kept` is 1/√n.
  const error = Math.sqrt(sum(loads, ({ arrivalPerSec, settled }) => settled * arrivalPerSec ** 2)) / squares;
  return lost > STANDARD_ERRORS * error ? lost : 0;
}

function busyIn(fit: UslFit, { cell, handlers, load }: MeasuredCell): Busy[] {
  const arrivalPerSec = cell.throughput?.offeredPerSec;
  if (arrivalPerSec === undefined) return [];
  const { warmupSeconds, measuredSeconds } = cell.window;
  const measured = load.filter(
    ({ t, seconds }) => t - seconds >= warmupSeconds && t <= warmupSeconds + measuredSeconds + 0.1,
  );
  const busy = measured.filter(
    ({ backlog }, i) => Math.min(backlog, measured[i - 1]?.backlog ?? 0) >= BUSY_FROM * handlers,
  );
  const seconds = sum(busy, (one) => one.seconds);
  if (seconds < SECONDS_AT_LEAST) return [];
  const settled = sum(busy, (one) => one.settled);
  return settled === 0 ? [] : [{ arrivalPerSec, kept: settled / seconds / uslAt(fit, handlers), settled }];
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
