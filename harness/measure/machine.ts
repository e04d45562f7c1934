// How was the machine when the run began? Read before anything is started or pinned, which would change the answer.

import { availableParallelism, loadavg } from 'node:os';
import { measureClock } from '../calibrate/clock.ts';
import { type Processors, readProcessors } from './processors.ts';

/** What only the start of a run can tell. */
export interface MachineAtStart {
  /** Processors that Node.js would use: allowed ones, or fewer where a control group grants less. */
  readonly parallelism: number;
  readonly processors: Processors;
  /** Processes that ran or waited to run, over the last minute; absent where the system does not count them. */
  readonly loadAverage?: number;
  readonly clockResolutionUs: number;
}

/** Takes about 10 ms. */
export function readMachine(): MachineAtStart {
  // Windows always says 0.
  const loadAverage = process.platform === 'win32' ? undefined : loadavg()[0];
  return {
    parallelism: availableParallelism(),
    processors: readProcessors(),
    ...(loadAverage === undefined ? {} : { loadAverage }),
    clockResolutionUs: measureClock().typicalStepUs,
  };
}
