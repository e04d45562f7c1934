// How long does each job's work take? A law and two draws give a time.

import type { HandlerTime } from '../../scenarios/job.ts';
import { normalQuantile } from '../../stats/distributions.ts';

const NORMAL_P99 = normalQuantile(0.99);

/** The time in ms, fractions and all, of the job that draws `u`, uniform in [0, 1). */
export function handlerMs(work: HandlerTime, u: number): number {
  switch (work.time) {
    case 'none':
      return 0;
    case 'constant':
    case 'cpu':
      return work.ms;
    case 'exponential':
      return -work.meanMs * Math.log(1 - u);
    case 'lognormal': {
      const sigma = Math.log(work.p99Ms / work.medianMs) / NORMAL_P99;
      // A normal variate has no place for 0 and 1.
      const z = normalQuantile(Math.min(1 - 2 ** -33, Math.max(2 ** -33, u)));
      return work.medianMs * Math.exp(sigma * z);
    }
  }
}

/** In whole ms, as timers take them: a fraction is made up for at random by `u`, so that the mean stays what it was. */
export function wholeMs(ms: number, u: number): number {
  const whole = Math.floor(ms);
  return u < ms - whole ? whole + 1 : whole;
}
