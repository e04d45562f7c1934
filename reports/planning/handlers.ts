// How many handlers does a rate need? The fewest that keep the SLO and are through with an outage in time.

import type { PlanQuestion } from '../../harness/result/result.ts';
import { uslAt } from '../../stats/usl.ts';
import { roundHandlers } from './crew.ts';
import { type Law, leftBeside } from './law.ts';
import { type Claiming, claimingHolds, pickupHolds, UTILISATION_MAX } from './pickup.ts';

export interface HandlerChoice {
  readonly handlers: number;
  /** What so many handlers settle when there is always work and nothing comes, jobs/s: by the lower edge of the law's band. */
  readonly capacityPerSec: number;
  /** Why it is not enough, in words; empty where it is, or where more handlers would not mend it. */
  readonly lacks: readonly string[];
}

/** The fewest handlers that lack nothing; where all lack something, those that settle the most. */
export function chooseHandlers(question: PlanQuestion, law: Law, claiming?: Claiming): HandlerChoice {
  const candidates: HandlerChoice[] = [];
  for (const handlers of candidatesUpTo(law.saidUpTo)) {
    const one = judgeHandlers(handlers, question, law, claiming);
    if (one.lacks.length === 0) return one;
    candidates.push(one);
  }
  return candidates.reduce((best, one) => (one.capacityPerSec > best.capacityPerSec ? one : best));
}

/** What any number of handlers settles at most, by the law. */
export interface Ceiling {
  readonly handlers: number;
  readonly perSec: number;
  /** It still rises where no more can be said: more handlers might settle more. */
  readonly open: boolean;
}

export function ceilingOf({ fit, saidUpTo }: Law): Ceiling {
  const candidates = candidatesUpTo(saidUpTo);
  const handlers = candidates.reduce((best, n) => (uslAt(fit, n) > uslAt(fit, best) ? n : best), 1);
  return { handlers, perSec: uslAt(fit, handlers), open: handlers === candidates.at(-1) };
}

/** Every number that divides well over sessions. */
function candidatesUpTo(most: number): number[] {
  const all = new Set<number>();
  for (let n = 1; n <= most; n += n < 8 ? 1 : 8) if (roundHandlers(n) <= most) all.add(roundHandlers(n));
  return [...all].sort((x, y) => x - y);
}

/** Whether so many are enough. Of an SLO that claiming breaks by itself, which no number of them mends, the wait for a handler alone is to keep it. */
export function judgeHandlers(
  handlers: number,
  question: PlanQuestion,
  law: Law,
  claiming?: Claiming,
): HandlerChoice {
  const peakPerSec = question.ratePerSec * question.peakFactor;
  const capacityPerSec = law.lowPerSec(handlers);
  const atPeak = capacityPerSec * leftBeside(law, peakPerSec);
  const lacks: string[] = [];
  if (peakPerSec > UTILISATION_MAX * atPeak)
    lacks.push(
      `${handlers} handlers settle ${Math.round(atPeak)} jobs/s, and the peak of ${Math.round(peakPerSec)} would keep them more than ${UTILISATION_MAX * 100} % busy`,
    );
  const { outage } = question;
  if (outage !== undefined && peakPerSec * (1 + outage.seconds / outage.recoverSeconds) > atPeak)
    lacks.push('the backlog of the outage would not be gone in time');
  if (claiming !== undefined && lacks.length === 0) {
    for (const slo of question.slo) {
      if (slo.of !== 'pickup') continue;
      const judged = claimingHolds(claiming, slo) ? claiming : { ...claiming, base: [0], stalls: [] };
      if (!pickupHolds({ ...judged, law, handlers }, peakPerSec, slo))
        lacks.push(`${slo.text} would not hold`);
    }
  }
  return { handlers, capacityPerSec, lacks };
}
