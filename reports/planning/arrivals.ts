// What do arrivals take away from the handlers? By loads in which all of these were busy while jobs came.

import type { Prediction } from '../../harness/result/result.ts';
import { type UslFit, uslAt } from '../../stats/usl.ts';
import { type Law, type LostPerArrival, settledBeside } from './law.ts';
import { type MeasuredCell, validOf } from './measured.ts';

/** A load in which all were busy for less says nothing. */
const SECONDS_AT_LEAST = 2;
/** What is lost is believed where it is so many standard errors above nothing. */
const STANDARD_ERRORS = 2;
/** What a stall of the generator costs may be more than its own length. */
const STALL_COST = 2;

/**
 * Of the catch-up loads, in the mean. Absent without one. Probes tell it too, but handlers are chosen before the search, and an answer that went by
 * more would choose others than were searched. `lawError` is the standard error of what the law says of so many handlers, as a share.
 */
export function lostToArrivals(
  fit: UslFit,
  cells: readonly MeasuredCell[],
  lawError: (handlers: number) => number,
): LostPerArrival | undefined {
  const loads = cells.flatMap((cell) => {
    const stalled = cell.purpose === 'catch-up' ? stalledShare(cell) : undefined;
    const busy = stalled === undefined ? undefined : busyIn(cell);
    if (stalled === undefined || busy === undefined) return [];
    const kept = busy.settled / busy.seconds / uslAt(fit, cell.handlers) + STALL_COST * stalled;
    return [{ ...busy, handlers: cell.handlers, lost: 1 - kept }];
  });
  const [first] = loads;
  if (first === undefined) return undefined;
  const mean = (of: (load: (typeof loads)[number]) => number): number => sum(loads.map(of)) / loads.length;
  const [lost, arrivalPerSec] = [mean((one) => one.lost), mean((one) => one.arrivalPerSec)];
  // Of a count n the standard error is √n.
  const error = Math.hypot(1 / Math.sqrt(sum(loads.map(({ settled }) => settled))), lawError(first.handlers));
  return {
    lostPerArrival: lost > STANDARD_ERRORS * error ? lost / arrivalPerSec : 0,
    mayLosePerArrival: Math.max(0, lost) / arrivalPerSec,
  };
}

/**
 * Of a load that counts, for how much of the time its generator is to be excused: 0 of a valid one. Who has more than it can do takes the cores of a
 * generator beside it, and just such a load says most.
 */
function stalledShare({ cell: { verdict, reasons, generator } }: MeasuredCell): number | undefined {
  if (verdict === 'valid') return 0;
  const alone = verdict === 'invalid' && reasons.every((reason) => reason.startsWith('generator:'));
  return alone ? generator.stalledShare : undefined;
}

interface Busy {
  readonly arrivalPerSec: number;
  readonly settled: number;
  readonly seconds: number;
}

/** The looks at a load between which its backlog cannot have gone below a job for each handler. */
function busyIn({ cell, handlers, load }: MeasuredCell): Busy | undefined {
  const arrivalPerSec = cell.throughput?.offeredPerSec ?? 0;
  const { warmupSeconds, measuredSeconds } = cell.window;
  const busy = load.filter(({ t, seconds, settled }, i) => {
    const before = load[i - 1];
    const measured = t - seconds >= warmupSeconds && t <= warmupSeconds + measuredSeconds;
    return measured && before !== undefined && before.backlog - settled >= handlers;
  });
  const seconds = sum(busy.map((one) => one.seconds));
  const settled = sum(busy.map((one) => one.settled));
  return seconds < SECONDS_AT_LEAST || settled === 0 || arrivalPerSec === 0
    ? undefined
    : { arrivalPerSec, settled, seconds };
}

const GOOD_WITHIN = 0.1;

/** What handlers settle while jobs come, beside the probe that showed most of it: probes have no part in the law. */
export function besidePrediction(law: Law, cells: readonly MeasuredCell[]): Prediction[] {
  const [most] = validOf(cells, 'probe')
    .flatMap(({ cell, handlers, ...rest }) => {
      const busy = busyIn({ cell, handlers, ...rest });
      return busy === undefined ? [] : [{ ...busy, handlers, id: cell.id }];
    })
    .sort((x, y) => y.seconds - x.seconds);
  if (most === undefined) return [];
  const measured = most.settled / most.seconds;
  const predicted = settledBeside(law, most.handlers, most.arrivalPerSec);
  return [
    {
      what: 'throughput',
      at: `${most.handlers} handlers, ${Math.round(most.arrivalPerSec)} jobs/s coming`,
      unit: 'jobs/s',
      ...{ predicted, measured, error: predicted / measured - 1, goodWithin: GOOD_WITHIN },
      cells: [most.id],
    },
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
