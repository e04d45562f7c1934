// What limits the rate, and to what? The SLO, the time to recover from an outage, a transaction that stays open.

import type { LatencySlo, PlanAnswer, PlanQuestion, Search } from '../../harness/result/result.ts';
import { formatCount, formatNumber, formatSeconds } from '../render/format.ts';
import { type BloatLaw, reachPerSec, survivablePerSec } from './bloat.ts';
import type { HandlerChoice } from './handlers.ts';
import type { PlanInput } from './input.ts';
import { type Law, leftBeside, rateAt } from './law.ts';
import { type Crowd, claimingHolds, pickupHolds, UTILISATION_MAX } from './pickup.ts';
import { drainingPerSec, recoverablePerSec, type SeenOutage } from './recovery.ts';

type Limit = PlanAnswer['limits'][number];

export interface LimitFacts {
  readonly question: PlanQuestion;
  readonly law: Law;
  /** Where nothing comes. */
  readonly capacityPerSec: number;
  /** Absent without a law or a light load. */
  readonly crowd: Crowd | undefined;
  /** With as many handlers as are recommended, and the same SLO; absent where there was none. */
  readonly search: Search | undefined;
  /** With as many handlers; absent where none was measured. */
  readonly bloat: BloatLaw | undefined;
  /** Why it was not, where it was tried. */
  readonly bloatVoid: string | undefined;
  /** The outage in miniature, with as many handlers; absent where none was measured. */
  readonly seen: SeenOutage | undefined;
  /** Whether one was, with however many handlers. */
  readonly tried: boolean;
}

/** A search says nothing of other handlers, nor of another SLO. One that had no time for any load says so, and no model speaks for it. */
export function searchFor(
  { search, cells, question }: PlanInput,
  { handlers }: Pick<HandlerChoice, 'handlers'>,
): Search | undefined {
  const first = cells.find(({ cell }) => cell.id === search?.probes[0]?.cell);
  const asked = question.slo.map(({ text }) => text).sort();
  const held = search?.slo.map(({ text }) => text).sort();
  const same = first?.handlers === handlers || search?.probes.length === 0;
  return same && JSON.stringify(asked) === JSON.stringify(held) ? search : undefined;
}

/** Each limit that was asked for, the SLO's first. */
export function limitsOf(facts: LimitFacts): Limit[] {
  return [sloLimit(facts), ...recoveryLimit(facts), ...bloatLimit(facts)];
}

function sloLimit({ question, search, crowd, capacityPerSec }: LimitFacts): Limit {
  const slo = question.slo.map(({ text }) => text).join(' and ');
  if (search !== undefined) return searchedLimit(slo, search);
  const [only, ...others] = question.slo;
  if (crowd === undefined || only === undefined || only.of !== 'pickup' || others.length > 0)
    return {
      by: 'slo',
      text: `${slo}: not searched for with this SLO and these handlers, and no model tells it`,
    };
  const perSec = modelledRate(crowd, only, capacityPerSec);
  if (perSec !== undefined)
    return {
      by: 'slo',
      perSec,
      text: `${slo} should hold up to ${rate(perSec)}: by the model, not searched for with this SLO and these handlers`,
    };
  // What held up one short load is no proof that it always will.
  return claimingHolds({ ...crowd, stalls: [] }, only)
    ? {
        by: 'slo',
        text: `${slo}: the server stood still in the light load, for longer than the SLO has room for; whether it does so again is to be measured with that SLO`,
      }
    : { by: 'slo', perSec: 0, text: `${slo}: longer than that is what claiming takes here by itself` };
}

/** What was searched for goes before any model, also where nothing was found. */
function searchedLimit(slo: string, { answer, probes }: Search): Limit {
  const { passPerSec, failPerSec, state } = answer;
  if (state === 'no pass') return { by: 'slo', perSec: 0, text: `${slo} held at no rate that was tried` };
  if (passPerSec !== undefined) {
    const above =
      failPerSec === undefined
        ? '; no higher rate could be told to fail'
        : ` and no more at ${rate(failPerSec)}`;
    return {
      by: 'slo',
      perSec: passPerSec,
      text: `${slo} held at ${rate(passPerSec)}${above}${ENDED[state] ?? ''}`,
    };
  }
  if (failPerSec !== undefined)
    return {
      by: 'slo',
      text: `${slo} failed at ${rate(failPerSec)}, and was not shown to hold at any lower rate`,
    };
  if (probes.length === 0)
    return { by: 'slo', text: `${slo}: not searched for, as no time was left; give a longer --budget` };
  const carried = probes.some(({ outcome }) => outcome !== 'void');
  return {
    by: 'slo',
    text: carried
      ? `${slo}: nothing could be told at any rate that was tried`
      : `${slo}: no rate that was tried could be carried by the load generator and its environment`,
  };
}

/** Why a search has no narrower answer. */
const ENDED: Readonly<Partial<Record<Search['answer']['state'], string>>> = {
  interrupted: '; the search ended early, before both ends were near each other',
  unmeasurable: '; above it nothing could be carried by the load generator and its environment',
};

/** The highest rate at which the model keeps a percentile of pickup, up to where the model is held to be good. */
function modelledRate(crowd: Crowd, slo: LatencySlo, capacityPerSec: number): number | undefined {
  const keeps = (perSec: number): boolean => pickupHolds(crowd, perSec, slo);
  let [low, high] = [capacityPerSec / 1_000, rateAt(crowd.law, capacityPerSec, UTILISATION_MAX)];
  if (keeps(high)) return high;
  if (!keeps(low)) return undefined;
  for (let i = 0; i < 40; i += 1) {
    const middle = (low + high) / 2;
    if (keeps(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function recoveryLimit({ question: { outage }, law, capacityPerSec, seen, tried }: LimitFacts): Limit[] {
  if (outage === undefined) return [];
  const asked = `${formatSeconds(outage.seconds)} without workers`;
  if (!tried)
    return [
      { by: 'recovery', text: `${asked}: no outage in miniature was measured; plan anew with --outage` },
    ];
  const perSec = recoverablePerSec(law, capacityPerSec, seen, outage);
  if (perSec === undefined)
    return [
      {
        by: 'recovery',
        text: `${asked}: after the outage in miniature the backlog was not seen to go away, so that how fast one does cannot be told`,
      },
    ];
  const byLaw = capacityPerSec * leftBeside(law, perSec);
  const draining = drainingPerSec(law, capacityPerSec, seen, perSec) ?? 0;
  return [
    {
      by: 'recovery',
      perSec,
      text: `up to ${rate(perSec)} the backlog of ${asked} is gone ${formatSeconds(outage.recoverSeconds)} after, as ${rate(draining)} are settled meanwhile, ${settledText(draining < byLaw, seen)}`,
    },
  ];
}

/** By what the rate is known at which a backlog goes away. */
function settledText(slower: boolean, seen: SeenOutage | undefined): string {
  if (seen === undefined) return 'by the law alone: an outage was tried with other handlers';
  if (seen.drainSeconds === undefined)
    return 'by the outage in miniature, whose backlog fell but was not gone';
  return slower ? 'by the outage in miniature' : 'by the law, as the outage in miniature was over no later';
}

function bloatLimit({ question, law, bloat, bloatVoid }: LimitFacts): Limit[] {
  const { bloatSeconds, ratePerSec, peakFactor } = question;
  if (bloatSeconds === undefined) return [];
  if (bloat === undefined)
    return [
      {
        by: 'bloat',
        text: `a transaction open for ${formatSeconds(bloatSeconds)}: ${bloatVoid === undefined ? 'not measured with these handlers' : `the load could not be measured, ${bloatVoid}`}`,
      },
    ];
  const survived = survivablePerSec(bloat, bloatSeconds, law);
  // Beyond what was seen nothing is said; up to there, a wish can be told to be carried.
  const reach = reachPerSec(bloat, bloatSeconds);
  const perSec = Math.min(survived, reach);
  const open = `a transaction open for ${formatSeconds(bloatSeconds)}`;
  const seen = `seen beside ${formatCount(Math.round(bloat.seenJobs))} jobs, of ${formatCount(Math.round(survived * bloatSeconds))} that it might be`;
  if (reach < survived && reach < ratePerSec * peakFactor)
    return [
      {
        by: 'bloat',
        text: `${open}: not seen far enough to say what it costs (${seen}); ask for a shorter --bloat, as a plan watches for 20 s and tells of five times the jobs that it saw: claimbench search --hold-xmin watches for longer`,
      },
    ];
  // What may hide in noise is no proof against a wish.
  if (!bloat.slows && perSec < ratePerSec * peakFactor)
    return [
      {
        by: 'bloat',
        text: `${open}: no slowing could be told from noise, but what may hide in it would be too much beyond ${rate(perSec)} (${seen})`,
      },
    ];
  const noise =
    bloat.slows || reach < survived
      ? ''
      : '; no slowing could be told from noise, and as much as may hide in it is counted';
  return [
    {
      by: 'bloat',
      perSec,
      text: `up to ${rate(perSec)} is still carried beside ${open}, with handlers ${100 * UTILISATION_MAX} % busy at most${noise}${reach < survived ? '; of more too little was seen' : ''}; ${seen}`,
    },
  ];
}

function rate(perSec: number): string {
  return `${formatNumber(perSec)} jobs/s`;
}
