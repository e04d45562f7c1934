// How long will a job wait to be picked up? What claiming takes by itself, and the queue for a handler.

import type { Cell, LatencySlo, Prediction } from '../../harness/result/result.ts';
import {
  erlangC,
  type Saturated,
  type Stalls,
  stallsBeyond,
  sumBeyond,
  sumQuantile,
  type Wait,
  waitOf,
} from '../../stats/queueing.ts';
import { type Law, leftBeside, settledBeside } from './law.ts';
import type { MeasuredCell } from './measured.ts';

/** What sessions claim before a handler is free for it: it waits for one after pickup. */
export interface Ahead {
  /** Held beside what the handlers run, at most, by a session that claims still more: of all sessions together. 0 where a handler is free first. */
  readonly jobs: number;
  /** Of one claim, at most. */
  readonly batch: number;
}

/** What is known of how long claiming takes by itself. */
export interface Claiming {
  /** Where no job waits for a handler, seconds, ascending: of a light load. */
  readonly base: readonly number[];
  /** Squared coefficient of variation of the handlers' time. */
  readonly serviceScv: number;
  /** What held up all jobs at once in the light load. */
  readonly stalls: Stalls;
  readonly ahead: Ahead;
}

/** So many handlers at work. */
export interface Crowd extends Claiming {
  readonly law: Law;
  readonly handlers: number;
}

/** Of which it is not known yet what held all of them up. */
export type CalmCrowd = Omit<Crowd, 'stalls'>;

type Claimed = Pick<Cell, 'contender' | 'parameters'>;

/** Whether workers claim more than their handlers can begin, of jobs that take time: those wait on after they were picked up. */
export function claimsAhead(cell: Claimed): boolean {
  const { batch, prefetch, concurrency } = claiming(cell);
  return cell.parameters['handlerMs'] !== 0 && (prefetch > 0 || batch > concurrency);
}

/**
 * Jobs that all sessions together may hold beside those that run, and still claim more: a session claims a batch where it has room for a whole
 * one, or where a handler is idle (queue/worker/claim-size.ts). So `prefetch` of one batch leaves room for one more job, and less for none.
 */
export function aheadOf(cell: Claimed): Ahead {
  const { batch, prefetch, sessions } = claiming(cell);
  const none = cell.parameters['handlerMs'] === 0 || prefetch < batch;
  return { jobs: none ? 0 : sessions * (prefetch - batch + 1), batch };
}

function claiming({ contender: { declared = {} } }: Claimed) {
  const of = (name: string, usual: number): number => Number(declared[name] ?? usual);
  return {
    batch: of('batch', 1),
    prefetch: of('prefetch', 0),
    concurrency: of('concurrency', 1),
    sessions: of('workerConnections', 1),
  };
}

const BASE_POINTS = 400;
const SLOWEST_LEFT = 0.02;

/**
 * What claiming takes by itself, of a light load: so many values, each as likely as any other, seconds, ascending. Jobs that waited for a
 * handler even so are its slowest, as many of them as Erlang C says: they are left out, or their wait would be counted twice. Where
 * workers claim ahead, hardly any. The slowest fiftieth is left out in any case: what it says beyond the rest is for `stallsOf` to say. Absent
 * where nothing was picked up.
 */
export function baseOf(
  law: Law,
  { handlers, cell, pickup }: Pick<MeasuredCell, 'handlers' | 'cell' | 'pickup'>,
): number[] | undefined {
  if (pickup === undefined) return undefined;
  const arrivalPerSec = cell.throughput?.offeredPerSec ?? 0;
  const servicePerSec = settledBeside(law, handlers, arrivalPerSec) / handlers;
  const busy = arrivalPerSec / (handlers * servicePerSec);
  const waiting = erlangC({ servers: handlers, arrivalPerSec, servicePerSec }) * busy ** aheadOf(cell).jobs;
  const left = Math.min(0.5, Math.max(SLOWEST_LEFT, waiting));
  return Array.from(
    { length: BASE_POINTS },
    (_, i) => pickup.getValueAtPercentile(((i + 0.5) / BASE_POINTS) * (1 - left) * 100) / 1e6,
  );
}

/**
 * A percentile (0 … 100) of pickup at a rate, seconds: base and wait together, the wait by Allen and Cunneen with the service
 * rate that the law gives so many handlers, and Poisson arrivals; and what stalls add. Absent where the handlers would not keep up.
 */
export function pickupSeconds(crowd: Crowd, ratePerSec: number, percentile: number): number | undefined {
  const wait = handlerWait(crowd, ratePerSec, settledBeside(crowd.law, crowd.handlers, ratePerSec));
  return wait.state === 'saturated'
    ? undefined
    : sumQuantile(crowd.base, wait, percentile / 100, crowd.stalls);
}

/** At which claiming is asked whether it keeps an SLO by itself: handlers that are busier wait for each other, idler ones are none to plan. */
const HALF_BUSY = 0.5;

/** Whether a percentile is within its limit if nobody waits for a handler: where not, more of them are of no help. */
export function claimingHolds(
  { base, stalls }: Claiming,
  { percentile, limitUs }: Pick<LatencySlo, 'percentile' | 'limitUs'>,
): boolean {
  const slow = base.filter((seconds) => seconds > limitUs / 1e6).length / base.length;
  return slow + stallsBeyond(stalls, HALF_BUSY, limitUs / 1e6) <= 1 - percentile / 100;
}

/** Whether that percentile is within its limit, also where the handlers settle no more than the lower edge of the law's band. */
export function pickupHolds(
  crowd: Crowd,
  ratePerSec: number,
  { percentile, limitUs }: Pick<LatencySlo, 'percentile' | 'limitUs'>,
): boolean {
  const { law, handlers } = crowd;
  const wait = handlerWait(crowd, ratePerSec, law.lowPerSec(handlers) * leftBeside(law, ratePerSec));
  return (
    wait.state === 'stable' &&
    sumBeyond(crowd.base, wait, limitUs / 1e6, crowd.stalls) <= 1 - percentile / 100
  );
}

/** The wait for one of so many handlers that settle so much together; where sessions claim ahead of them, for one that has room. */
export function handlerWait(
  { handlers, serviceScv, ahead }: CalmCrowd,
  arrivalPerSec: number,
  capacityPerSec: number,
): Wait | Saturated {
  const servicePerSec = capacityPerSec / handlers;
  const wait = waitOf({ servers: handlers, arrivalPerSec, servicePerSec, arrivalScv: 1, serviceScv });
  if (ahead.jobs === 0 || wait.state === 'saturated') return wait;
  const { utilisation } = wait;
  // In M/M/c each further job that waits is rarer by the utilisation: only those beyond what is held ahead wait to be claimed.
  const rarer = utilisation ** ahead.jobs;
  // A claim that takes all who wait leaves nobody waiting for those before him: their wait falls off at cμ, nearly, in place of cμ − λ. Of
  // smaller batches several are needed, and that is left out.
  const sooner = ahead.batch >= handlers ? (1 - utilisation) / (1 - utilisation / ahead.batch) : 1;
  return {
    ...wait,
    waits: rarer * wait.waits,
    meanSeconds: sooner * rarer * wait.meanSeconds,
    beyond: (seconds) => (seconds < 0 ? 1 : rarer * wait.beyond(seconds / sooner)),
    quantileSeconds: (share) => sooner * wait.quantileSeconds(Math.max(0, 1 - (1 - share) / rarer)),
  };
}

/** Above this a queue's waiting times depend on what nobody knows beforehand, and the models are not held to be good. */
export const UTILISATION_MAX = 0.8;
const GOOD_WITHIN = 0.3;

/** The highest of these that a load could tell is foretold: a p99 takes 10,000 jobs. */
const PERCENTILES = [
  ['p99', 99],
  ['p95', 95],
  ['p90', 90],
] as const;

/** What the model says of open loads that it was not made from, beside what they showed. */
export function pickupPredictions(crowd: Crowd, cells: readonly MeasuredCell[]): Prediction[] {
  return cells.flatMap(({ cell, handlers }) => {
    const ratePerSec = cell.parameters['ratePerSec'];
    const pickup = cell.latencyUs?.pickup;
    const told = PERCENTILES.find(([name]) => pickup?.[name] !== undefined);
    if (handlers !== crowd.handlers || typeof ratePerSec !== 'number' || told === undefined) return [];
    const [name, percentile] = told;
    const measured = pickup?.[name] ?? 0;
    const utilisation = ratePerSec / settledBeside(crowd.law, crowd.handlers, ratePerSec);
    const seconds = utilisation < UTILISATION_MAX ? pickupSeconds(crowd, ratePerSec, percentile) : undefined;
    if (seconds === undefined || measured === 0) return [];
    const predicted = seconds * 1e6;
    return [
      {
        what: `pickup ${name}`,
        at: `${ratePerSec} jobs/s, ${Math.round(utilisation * 100)} % busy`,
        unit: 'us' as const,
        ...{ predicted, measured, error: predicted / measured - 1, goodWithin: GOOD_WITHIN },
        cells: [cell.id],
      },
    ];
  });
}
