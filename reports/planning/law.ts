// How much do so many handlers settle, with nothing else to do and while jobs come?

import { type UslFit, uslAt } from '../../stats/usl.ts';

/** Shares of what handlers settle where nothing comes, for each job per second that comes: whoever enqueues takes of the same server. */
export interface LostPerArrival {
  /** 0 where it does not stand out of what chance does to counts, and to the law. */
  readonly lostPerArrival: number;
  /** As it was measured: what may be chance counts where a limit is told. Never below 0. */
  readonly mayLosePerArrival: number;
}

/** The law of one contender on one machine, and how far it can be trusted. What is lost to arrivals is absent where no load told it. */
export interface Law extends Partial<LostPerArrival> {
  /** Of closed loads, which have no producers. */
  readonly fit: UslFit;
  /** No word of more handlers than this. */
  readonly saidUpTo: number;
  /** Lower edge of the band, jobs/s: what so many handlers settle at least, of 1 to `saidUpTo`. */
  readonly lowPerSec: (handlers: number) => number;
  /** Upper edge. */
  readonly highPerSec: (handlers: number) => number;
  /** `poor` where its own points or those held back are off it, `untried` where fewer than two were. */
  readonly quality: 'good' | 'poor' | 'untried';
}

type Loss = Pick<Law, 'mayLosePerArrival'>;

/** What so many handlers settle while jobs come at a rate, jobs/s: by the law's best guess. */
export function settledBeside(law: Law, handlers: number, arrivalPerSec: number): number {
  return uslAt(law.fit, handlers) * leftAfter(law.lostPerArrival, arrivalPerSec);
}

/** What is left of a throughput, as where nothing comes, beside arrivals at a rate; at least. */
export function leftBeside({ mayLosePerArrival }: Loss, arrivalPerSec: number): number {
  return leftAfter(mayLosePerArrival, arrivalPerSec);
}

/** The rate at which what comes is a share of what is settled beside it at least, jobs/s: λ = share · X · (1 − kλ). */
export function rateAt({ mayLosePerArrival = 0 }: Loss, perSec: number, share: number): number {
  return (share * perSec) / (1 + mayLosePerArrival * share * perSec);
}

function leftAfter(lost: number | undefined, arrivalPerSec: number): number {
  return Math.max(0, 1 - (lost ?? 0) * arrivalPerSec);
}
