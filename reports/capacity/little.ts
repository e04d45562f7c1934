// Does Little's law hold in a load? Jobs in the system against rate × time in it: it does wherever that is stable, and so checks the measuring.

import type { Cell } from '../../harness/result/result.ts';
import { littleError } from '../../stats/queueing.ts';
import type { LoadSample } from '../bundle.ts';

const LITTLE_WITHIN = 0.1;
const LOOKS_ERROR = 4;

/** Mean jobs in the system ÷ (rate × mean time in it) − 1, and whether that is as near to 0 as so many looks at the backlog can tell. */
export interface LittleCheck {
  readonly error: number;
  readonly kept: boolean;
}

interface Stable {
  readonly cell: Cell;
  readonly load: readonly LoadSample[];
}

/** Of an open load that was stable. Absent where it was looked at too rarely. */
export function littleCheck({ cell, load }: Stable): LittleCheck | undefined {
  const { throughput, latencyUs, window } = cell;
  const within = load.filter(
    ({ t }) => t > window.warmupSeconds && t <= window.warmupSeconds + window.measuredSeconds + 1e-6,
  );
  const [settled, response, enqueue] = [
    throughput?.settledPerSec,
    latencyUs?.response?.mean,
    latencyUs?.enqueue?.mean,
  ];
  if (within.length < 6 || settled === undefined || response === undefined || enqueue === undefined)
    return undefined;
  const meanJobs = within.reduce((sum, { backlog }) => sum + backlog, 0) / within.length;
  // A job is in the queue from the answer to its enqueue on.
  const error = littleError({
    arrivalPerSec: settled,
    meanSeconds: (response - enqueue) / 1e6,
    meanJobs,
  });
  if (error === undefined) return undefined;
  const spread = within.reduce((sum, { backlog }) => sum + (backlog - meanJobs) ** 2, 0) / within.length;
  // Of so few looks at the backlog: twice the error that they would have if they were independent.
  const chance = meanJobs === 0 ? 0 : (LOOKS_ERROR * Math.sqrt(spread / within.length)) / meanJobs;
  return { error, kept: Math.abs(error) <= Math.max(LITTLE_WITHIN, chance) };
}
