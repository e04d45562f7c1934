// Can a wish be had, can it not, or can it not be told?

import type { PlanAnswer, PlanQuestion } from '../../harness/result/result.ts';
import { formatNumber, plural } from '../render/format.ts';
import type { Contradiction } from './contradictions.ts';
import { type Ceiling, ceilingOf, type HandlerChoice } from './handlers.ts';
import type { PlanInput } from './input.ts';
import { type Law, leftBeside } from './law.ts';
import { searchFor } from './limits.ts';
import { UTILISATION_MAX } from './pickup.ts';

/** Where both are empty it can be had; never is anything in both. */
export interface Verdict {
  /** What stands in the way for sure. */
  readonly obstacles: readonly string[];
  /** Why it cannot be told. */
  readonly undecided: readonly string[];
}

export interface VerdictFacts {
  readonly input: PlanInput;
  readonly law: Law;
  readonly choice: HandlerChoice;
  readonly limits: PlanAnswer['limits'];
  readonly contradictions: readonly Contradiction[];
  /** That the workers need. */
  readonly connections: number;
}

export function verdictOf(facts: VerdictFacts): Verdict {
  const { input, law, choice, limits, contradictions, connections } = facts;
  const { question } = input;
  const peakPerSec = question.ratePerSec * question.peakFactor;
  const ceiling = hardCeiling(law, limits, peakPerSec);
  const between = betweenEnds(input, choice, peakPerSec);
  const more = moreMayDo(law, choice, question);
  const least = limits.filter(({ perSec }) => perSec !== undefined && perSec < peakPerSec);
  // Each limit was measured with these handlers alone, the fewest that should do: more of them may carry more.
  const others = choice.handlers < ceilingOf(law).handlers;
  // No number of handlers is of any help where the limit is 0.
  const hard = least.filter(
    ({ by, perSec }) => perSec === 0 || !(more || others || (by === 'slo' && between !== undefined)),
  );
  const incorrect = input.cells.filter(({ cell }) => cell.verdict === 'incorrect').length;
  const obstacles = [
    ...(incorrect === 0 ? [] : [`${plural(incorrect, 'load')} lost, doubled or disordered jobs`]),
    ...(ceiling === undefined ? [] : [ceilingText(ceiling, question.contender)]),
    ...hard.map(({ text }) => text),
    ...(question.connections !== undefined && connections > question.connections
      ? [
          `it takes ${plural(connections, 'connection')} for the workers, and the queue may take ${question.connections}`,
        ]
      : []),
  ];
  if (obstacles.length > 0) return { obstacles, undecided: [] };
  return {
    obstacles,
    undecided: [
      ...(more && least.length > 0
        ? [
            `of more than ${plural(law.saidUpTo, 'handler')} nothing can be said: ${law.saidUpTo / 2} at most were measured`,
          ]
        : []),
      ...limits.flatMap(({ perSec, text }) => (perSec === undefined ? [text] : [])),
      ...least.flatMap(({ text }) =>
        others
          ? [
              `${text}; more than ${plural(choice.handlers, 'handler')} may carry more: try them with claimbench search`,
            ]
          : [],
      ),
      ...(between === undefined ? [] : [between]),
      ...contradictions.flatMap(({ perSec, text }) =>
        perSec <= peakPerSec ? [`the SLO did not hold in every load: ${text}`] : [],
      ),
    ],
  };
}

/** A law with a maximum below the peak: unless a load has held the peak all the same. */
export function hardCeiling(law: Law, limits: PlanAnswer['limits'], peakPerSec: number): Ceiling | undefined {
  const held = limits.some(({ by, perSec = 0 }) => by === 'slo' && perSec >= peakPerSec);
  const ceiling = ceilingOf(law);
  // By no more of the law than was measured, nor by its best guess alone.
  const sure = law.quality !== 'poor' && 2 * ceiling.handlers <= law.saidUpTo;
  return ceiling.open || held || !sure || peakPerSec <= law.highPerSec(ceiling.handlers)
    ? undefined
    : ceiling;
}

export function ceilingText({ perSec, handlers }: Ceiling, contender: string): string {
  return `${formatNumber(perSec)} jobs/s is the most that a worker of ${contender} settles here however many handlers it has, with ${handlers} that are never idle`;
}

/** Below so many times what was said of the most handlers, some more of them may well do. */
const WITHIN_REACH = 2;

/**
 * Whether what these handlers do not carry might be carried by more of them than can be told of. A wish for recovery that is far beyond all that
 * was seen is none that a few more would fulfil.
 */
function moreMayDo(
  law: Law,
  { lacks, capacityPerSec }: HandlerChoice,
  { ratePerSec, peakFactor, outage }: PlanQuestion,
): boolean {
  const ceiling = ceilingOf(law);
  if (lacks.length === 0 || !ceiling.open) return false;
  const peakPerSec = ratePerSec * peakFactor;
  const wanted = peakPerSec * (1 + (outage === undefined ? 0 : outage.seconds / outage.recoverSeconds));
  const left = leftBeside(law, peakPerSec);
  return (
    peakPerSec > UTILISATION_MAX * capacityPerSec * left || wanted <= WITHIN_REACH * ceiling.perSec * left
  );
}

/** A peak between what held and what failed. */
function betweenEnds(input: PlanInput, choice: HandlerChoice, peakPerSec: number): string | undefined {
  const { passPerSec, failPerSec } = searchFor(input, choice)?.answer ?? {};
  if (passPerSec === undefined || passPerSec >= peakPerSec) return undefined;
  if (failPerSec !== undefined && failPerSec <= peakPerSec) return undefined;
  const slo = input.question.slo.map(({ text }) => text).join(' and ');
  const above =
    failPerSec === undefined
      ? ', and no rate could be told to fail'
      : `, and at ${formatNumber(failPerSec)} it failed`;
  return `${slo} held at ${formatNumber(passPerSec)} jobs/s; of ${formatNumber(peakPerSec)} it could not be told${above}`;
}
