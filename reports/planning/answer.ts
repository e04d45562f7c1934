// What is the answer to a capacity question? From what was measured: what to run, how much it carries, and what gives way first.

import type { Capacity, PlanAnswer, Prediction, Scaling } from '../../harness/result/result.ts';
import { besidePrediction } from './arrivals.ts';
import { bloatLaw } from './bloat.ts';
import { contradictionsTo, untoldBelow, untoldRisk } from './contradictions.ts';
import { costsOf } from './costs.ts';
import { chooseHandlers, type HandlerChoice, judgeHandlers } from './handlers.ts';
import type { PlanInput } from './input.ts';
import type { Law } from './law.ts';
import { type LimitFacts, limitsOf, searchFor } from './limits.ts';
import { type MeasuredCell, validOf } from './measured.ts';
import { nearestTo } from './nearest.ts';
import { heldTogether, partitionsOf } from './partitions.ts';
import { aheadOf, baseOf, type Claiming, type Crowd, pickupPredictions } from './pickup.ts';
import { otherCrewRisks, recommendationOf } from './recommendation.ts';
import { drainingPerSec, drainOf, drainPrediction, drainRisks, seenOutage } from './recovery.ts';
import { scalingOf } from './scaling.ts';
import { stallsOf } from './stalls.ts';
import { verdictOf } from './verdict.ts';
import { assumptionsOf, breaksFirstOf, busyAt, headlineOf, risksOf } from './words.ts';

/** All that is told of a plan. The same measurements and the same question give the same answer. */
export function planOf(input: PlanInput): Pick<Capacity, 'scaling' | 'predictions' | 'plan'> {
  const { question, cells } = input;
  const { scaling, law, predictions: throughput } = scalingOf(question.contender, cells, input.seed);
  const crowds = crowdsOf(input, law);
  const predictions = [
    ...throughput,
    ...(law === undefined ? [] : besidePrediction(law, cells)),
    ...checkedPredictions(crowds, validOf(cells, 'check')),
    ...(law === undefined ? [] : validOf(cells, 'outage').flatMap((cell) => drainPrediction(law, cell))),
  ];
  return {
    ...(scaling === undefined ? {} : { scaling }),
    predictions,
    plan: { question, answer: answerOf(input, { scaling, law, crowds, predictions }) },
  };
}

/** By the light load of as many handlers; where there was no time for one, by the last there was. */
function checkedPredictions(crowds: readonly Crowd[], checks: readonly MeasuredCell[]): Prediction[] {
  return checks.flatMap((check) => {
    const crowd = crowds.findLast(({ handlers }) => handlers === check.handlers) ?? crowds.at(-1);
    return crowd === undefined ? [] : pickupPredictions({ ...crowd, handlers: check.handlers }, [check]);
  });
}

/** What the models say, and how far they were off. */
interface Models {
  readonly scaling: Scaling | undefined;
  readonly law: Law | undefined;
  readonly crowds: readonly Crowd[];
  readonly predictions: readonly Prediction[];
}

/** What is known of handlers at work, for each number of them of which there is a light load. */
function crowdsOf({ cells, serviceScv }: PlanInput, law: Law | undefined): Crowd[] {
  if (law === undefined) return [];
  return validOf(cells, 'light').flatMap((cell) => {
    const base = baseOf(law, cell);
    if (base === undefined) return [];
    const crowd = { law, handlers: cell.handlers, base, serviceScv, ahead: aheadOf(cell.cell) };
    return [{ ...crowd, stalls: stallsOf(crowd, cell) }];
  });
}

function answerOf(input: PlanInput, models: Models): PlanAnswer {
  return models.law === undefined ? withoutLaw(input, models) : withLaw(input, models, models.law);
}

function withoutLaw(input: PlanInput, models: Models): PlanAnswer {
  const refused = models.scaling?.refused ?? 'no closed load could be measured';
  return {
    ...{ possible: false, confirmed: false, limits: [], nearest: [], partitions: [] },
    ...{ peakPerSec: peakOf(input), costs: costsFor(input) },
    undecided: [refused],
    headline: `No answer: ${refused}.`,
    breaksFirst: 'Not known.',
    assumptions: assumptionsOf(input, models.scaling),
    risks: risksOf(input, models),
  };
}

function withLaw(input: PlanInput, models: Models, law: Law): PlanAnswer {
  const { question, cells } = input;
  const peakPerSec = peakOf(input);
  // The last light load is the one by which handlers were chosen for all that was measured after it.
  const last = models.crowds.at(-1);
  const choice = searchedOr(chooseHandlers(question, law, last), input, law, last);
  const search = searchFor(input, choice);
  const seen = seenOutage(cells, choice.handlers);
  const crowd = last && { ...last, handlers: choice.handlers };
  const limits = limitsFor(input, { law, choice, crowd, search, seen });
  const least = leastOf(limits);
  const headroom = least === undefined ? undefined : least.perSec / peakPerSec - 1;
  const recommended = recommendationOf(input, choice);
  const otherCrew = otherCrewRisks(cells, recommended);
  const broken = contradictionsTo(cells, question.slo, {
    handlers: choice.handlers,
    upToPerSec: search?.answer.failPerSec ?? Number.POSITIVE_INFINITY,
  });
  const bySlo = limits.find(({ by }) => by === 'slo')?.perSec ?? Number.POSITIVE_INFINITY;
  const contradictions = broken.filter(({ perSec }) => perSec <= bySlo);
  const facts = { input, law, choice, limits, seen, contradictions, connections: recommended.connections };
  const { obstacles, undecided } = verdictOf(facts);
  const settledAtPeak = drainingPerSec(law, choice.capacityPerSec, seen, peakPerSec);
  const answer: Omit<PlanAnswer, 'headline' | 'breaksFirst' | 'assumptions' | 'risks'> = {
    possible: obstacles.length === 0 && undecided.length === 0,
    undecided: [...undecided],
    nearest: obstacles.length === 0 ? [] : nearestTo(facts),
    ...{ recommended, peakPerSec, limits, costs: costsFor(input) },
    ...(least === undefined ? {} : { safePerSec: least.perSec, limitedBy: least.by }),
    ...(least?.by === 'slo' && search !== undefined && search.answer.failPerSec === undefined
      ? { openEnded: true as const }
      : {}),
    ...(headroom === undefined ? {} : { headroom }),
    confirmed:
      search?.answer.passPerSec !== undefined &&
      search.answer.passConfirmed &&
      untoldBelow(search).length === 0 &&
      otherCrew.length === 0 &&
      contradictions.length === 0,
    ...usedUpOn(input, headroom),
    ...drainOf(question, settledAtPeak, peakPerSec),
    partitions: partitionsOf(least?.perSec, heldTogether(cells, question.slo)),
  };
  return {
    ...answer,
    headline: headlineOf(answer, question, obstacles),
    breaksFirst: `${breaksFirstOf(answer, search)}${busyAt(input, answer)}`,
    assumptions: assumptionsOf(input, models.scaling),
    risks: [
      ...otherCrew,
      ...broken.map(({ text }) => `The SLO did not hold in every load: ${text}.`),
      ...(search === undefined ? [] : untoldRisk(search)),
      ...drainRisks(law, cells, choice.handlers),
      ...risksOf(input, models, answer),
    ],
  };
}

function peakOf({ question }: PlanInput): number {
  return question.ratePerSec * question.peakFactor;
}

function costsFor(input: PlanInput): PlanAnswer['costs'] {
  const { question, cells } = input;
  return costsOf(cells, question.ratePerSec, question.outage && peakOf(input) * question.outage.seconds);
}

function limitsFor(
  { question, cells }: PlanInput,
  { choice, ...known }: Pick<LimitFacts, 'law' | 'crowd' | 'search' | 'seen'> & { choice: HandlerChoice },
): PlanAnswer['limits'] {
  const held = cells.filter(({ purpose, handlers }) => purpose === 'bloat' && handlers === choice.handlers);
  const [watched] = validOf(held, 'bloat');
  return limitsOf({
    ...{ question, ...known, capacityPerSec: choice.capacityPerSec },
    bloat: watched && bloatLaw(watched),
    bloatVoid: held.find(({ cell }) => cell.verdict === 'invalid')?.cell.reasons[0],
    tried: validOf(cells, 'outage').some(({ cell }) => cell.recovery !== undefined),
  });
}

/** The least of limits of which one is not known is not known. */
function leastOf(limits: PlanAnswer['limits']) {
  const known = limits.flatMap(({ by, perSec }) => (perSec === undefined ? [] : [{ by, perSec }]));
  return known.length < limits.length ? undefined : known.toSorted((x, y) => x.perSec - y.perSec)[0];
}

/** Fewer handlers might do for a smaller rate; those that were searched were seen to do. */
function searchedOr(
  choice: HandlerChoice,
  input: PlanInput,
  law: Law,
  claiming: Claiming | undefined,
): HandlerChoice {
  const { question, cells, search } = input;
  const handlers = cells.find(({ cell }) => cell.id === search?.probes[0]?.cell)?.handlers;
  if (handlers === undefined || handlers <= choice.handlers) return choice;
  const searched = judgeHandlers(handlers, question, law, claiming);
  const held = searchFor(input, searched)?.answer.passPerSec ?? 0;
  return searched.lacks.length === 0 && held >= question.ratePerSec * question.peakFactor ? searched : choice;
}

/** Growth by the same share each month. */
function usedUpOn(
  { question: { later, ratePerSec }, startedAt }: PlanInput,
  headroom: number | undefined,
): Pick<PlanAnswer, 'usedUpOn'> {
  if (later === undefined || headroom === undefined || later.ratePerSec <= ratePerSec) return {};
  const perMonth = Math.log(later.ratePerSec / ratePerSec) / later.months;
  const months = Math.max(0, Math.log(1 + headroom) / perMonth);
  // A thousand years are as good as never, and a date has four digits.
  if (!(months < 12_000)) return {};
  const day = new Date(Date.parse(startedAt) + months * 30.4375 * 86_400_000);
  return { usedUpOn: day.toISOString().slice(0, 10) };
}
