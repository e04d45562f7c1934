// How long will a job wait to be picked up? What claiming takes by itself, and the queue for a handler.

import type { Histogram } from 'hdr-histogram-js';
import type { Prediction } from '../../harness/result/result.ts';
import { littleError, sumQuantile, waitOf } from '../../stats/queueing.ts';
import { uslAt } from '../../stats/usl.ts';
import type { MeasuredCell } from './measured.ts';
import type { Law } from './scaling.ts';

export interface Crowd {
  readonly law: Law;
  readonly handlers: number;
  /** What claiming takes where no job waits for a handler, seconds, ascending: of a light load. */
  readonly base: readonly number[];
  /** Squared coefficient of variation of the handlers' time. */
  readonly serviceScv: number;
}

const BASE_POINTS = 400;

/** A distribution as so many values, each as likely as any other: seconds, ascending. */
export function baseOf(histogram: Histogram): number[] {
  return Array.from(
    { length: BASE_POINTS },
    (_, i) => histogram.getValueAtPercentile(((i + 0.5) / BASE_POINTS) * 100) / 1e6,
  );
}

/**
 * A percentile (0 … 100) of pickup at a rate, seconds: base and wait together, the wait by Allen and Cunneen with the service
 * rate that the law gives so many handlers, and Poisson arrivals. Absent where the handlers would not keep up.
 */
export function pickupSeconds(
  { law, handlers, base, serviceScv }: Crowd,
  ratePerSec: number,
  percentile: number,
): number | undefined {
  const wait = waitOf({
    servers: handlers,
    arrivalPerSec: ratePerSec,
    servicePerSec: uslAt(law.fit, handlers) / handlers,
    arrivalScv: 1,
    serviceScv,
  });
  if ('saturated' in wait) return undefined;
  return sumQuantile(base, wait, percentile / 100);
}

/** Below so much the model is held to be good. */
const UTILISATION_MAX = 0.8;
const GOOD_WITHIN = 0.3;

/** What the model says of open loads that it was not made from, beside what they showed. */
export function pickupPredictions(crowd: Crowd, cells: readonly MeasuredCell[]): Prediction[] {
  const capacity = uslAt(crowd.law.fit, crowd.handlers);
  return cells.flatMap(({ cell, handlers }) => {
    const ratePerSec = cell.parameters['ratePerSec'];
    const measured = cell.latencyUs?.pickup?.p99;
    if (handlers !== crowd.handlers || typeof ratePerSec !== 'number' || measured === undefined) return [];
    const utilisation = ratePerSec / capacity;
    const seconds = utilisation < UTILISATION_MAX ? pickupSeconds(crowd, ratePerSec, 99) : undefined;
    if (seconds === undefined) return [];
    const predicted = seconds * 1e6;
    return [
      {
        what: 'pickup p99',
        at: `${ratePerSec} jobs/s, ${Math.round(utilisation * 100)} % busy`,
        unit: 'us' as const,
        ...{ predicted, measured, error: predicted / measured - 1, goodWithin: GOOD_WITHIN },
        cells: [cell.id],
      },
    ];
  });
}

/** Jobs in the system against rate × time in it: a law that holds for whatever is stable, and so a check of the measuring. */
const LITTLE_WITHIN = 0.1;

/** Little's law for each open load that was stable: which cells do not keep it, and by how much. */
export function littleChecks(
  cells: readonly MeasuredCell[],
): { readonly cell: string; readonly error: number; readonly kept: boolean }[] {
  return cells.flatMap(({ cell, load }) => {
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
      return [];
    const meanJobs = within.reduce((sum, { backlog }) => sum + backlog, 0) / within.length;
    // A job is in the queue from the answer to its enqueue on.
    const error = littleError({
      arrivalPerSec: settled,
      meanSeconds: (response - enqueue) / 1e6,
      meanJobs,
    });
    return [{ cell: cell.id, error, kept: Math.abs(error) <= LITTLE_WITHIN }];
  });
}
