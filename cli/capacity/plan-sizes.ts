// How large are the loads of a plan? How many handlers, for how long, and how fast.

import type { PlanQuestion } from '../../harness/result/result.ts';
import { roundHandlers } from '../../reports/planning/crew.ts';
import { erlangC } from '../../stats/queueing.ts';
import { ROUNDS } from './loads.ts';
import { FASTEST_PER_SEC } from './room.ts';

/** A rate at which hardly a job waits for a handler, jobs/s: half the peak at most, and 1 at least. */
export function lightRate(
  { ratePerSec, peakFactor }: PlanQuestion,
  handlers: number,
  capacityPerSec: number,
): number {
  const servicePerSec = capacityPerSec / handlers;
  let low = 0;
  let high = Math.min(0.5 * ratePerSec * peakFactor, 0.4 * capacityPerSec);
  const waits = (arrivalPerSec: number): number =>
    erlangC({ servers: handlers, arrivalPerSec, servicePerSec });
  if (waits(high) > LIGHT_WAITS)
    for (let i = 0; i < 30; i += 1) {
      const middle = (low + high) / 2;
      if (waits(middle) > LIGHT_WAITS) high = middle;
      else low = middle;
    }
  else low = high;
  return Math.max(1, low);
}

/** Share of the jobs that wait, by Erlang C. */
const LIGHT_WAITS = 0.01;

/**
 * Even jobs come in rounds, of which so many are counted that one more or less matters little; of jobs that vary so many are counted that
 * their mean is known to some 5 %. Before that the handlers fill up: until then the jobs at hand are shorter than those of a busy queue.
 */
export function closedSeconds(
  jobMs: number,
  { scv, p99Ms }: { readonly scv: number; readonly p99Ms: number },
  handlers: number,
): number {
  const counted = (scv === 0 ? ROUNDS : (JOBS_PER_SCV * scv) / handlers) * (jobMs / 1_000);
  return Math.min(20, Math.max(3, 1 + counted)) + p99Ms / 1_000;
}

const JOBS_PER_SCV = 400;

/** What so many handlers cannot settle faster, jobs/s: by the time of a job, or by what one was seen to do. */
export function mostPerSec(jobMs: number, handlers: number, fastestPerHandler: number): number {
  const seen = fastestPerHandler === 0 ? FIRST_PER_SEC : fastestPerHandler * handlers * 1.8;
  return Math.min(FASTEST_PER_SEC, jobMs === 0 ? seen : (handlers * 1_100) / jobMs);
}

/** Of one handler whose jobs take no time. */
const FIRST_PER_SEC = 70_000;

const HANDLERS_MAX = 256;

/** Levels of the closed loads: from one handler to nearly twice what the question would need if handlers did not hinder each other, and two that are kept from the fit. */
export function levelsFor({ ratePerSec, peakFactor, jobMs, outage }: PlanQuestion): {
  readonly closed: readonly number[];
  readonly heldBack: readonly number[];
} {
  const perHandler = 1_000 / (jobMs + CLAIM_MS);
  const room = Math.max(1 / 0.8, outage === undefined ? 1 : 1 + outage.seconds / outage.recoverSeconds);
  const needed = (ratePerSec * peakFactor * room) / perHandler;
  const most = roundHandlers(Math.min(HANDLERS_MAX, Math.max(MOST_AT_LEAST, needed * 1.8)), true);
  const even = Array.from({ length: LEVELS }, (_, i) => roundHandlers(most ** (i / (LEVELS - 1))));
  const closed = [...new Set([...even, 1, most])].sort((x, y) => x - y);
  for (let n = 2; closed.length < LEVELS; n += 1) if (!closed.includes(n)) closed.push(n);
  closed.sort((x, y) => x - y);
  const heldBack: number[] = [];
  for (const share of [0.35, 0.75]) {
    const nearest = nearestTo(most * share, most, [...closed, ...heldBack]);
    if (nearest !== undefined) heldBack.push(nearest);
  }
  return { closed, heldBack };
}

/** What claim and settle take of a handler's time, to begin with. */
const CLAIM_MS = 3;
const LEVELS = 7;
const MOST_AT_LEAST = 16;

/** The nearest number of handlers that is none of `taken`, lies between the ends and divides over sessions. */
function nearestTo(wanted: number, most: number, taken: readonly number[]): number | undefined {
  const free = Array.from({ length: most - 2 }, (_, i) => i + 2).filter(
    (n) => !taken.includes(n) && (n < 8 || n % 4 === 0),
  );
  return free.toSorted((x, y) => Math.abs(x - wanted) - Math.abs(y - wanted))[0];
}
