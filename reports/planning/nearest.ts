// What could be had, where a wish cannot be?

import type { PlanAnswer, PlanQuestion } from '../../harness/result/result.ts';
import { drainSeconds } from '../../stats/queueing.ts';
import { latencyTerms } from '../capacity/evidence.ts';
import { formatNumber, formatSeconds, plural } from '../render/format.ts';
import type { HandlerChoice } from './handlers.ts';
import type { PlanInput } from './input.ts';
import type { Law } from './law.ts';
import { validOf } from './measured.ts';
import { drainingPerSec, type SeenOutage } from './recovery.ts';
import { ceilingText, hardCeiling } from './verdict.ts';

export interface NearestFacts {
  readonly input: Pick<PlanInput, 'question' | 'cells'>;
  readonly law: Law;
  readonly choice: HandlerChoice;
  readonly limits: PlanAnswer['limits'];
  readonly seen: SeenOutage | undefined;
  /** That the workers need. */
  readonly connections: number;
}

/** What could be had instead of a wish that cannot be had for sure. */
export function nearestTo({ input, law, choice, limits, seen, connections }: NearestFacts): string[] {
  const { question, cells } = input;
  const peakPerSec = question.ratePerSec * question.peakFactor;
  const leastPerSec = Math.min(...limits.map(({ perSec = Number.POSITIVE_INFINITY }) => perSec));
  const ceiling = hardCeiling(law, limits, peakPerSec);
  const nearest: string[] = [];
  if (leastPerSec === 0) nearest.push(...longerSlo(question, cells));
  if (ceiling !== undefined)
    nearest.push(
      `less than that with an SLO, by another contender, or over several servers: ${ceilingText(ceiling, question.contender)}`,
    );
  if (leastPerSec > 0 && leastPerSec < peakPerSec) {
    nearest.push(
      ...(limits.some(({ perSec }) => perSec === undefined)
        ? [
            `no more than ${formatNumber(leastPerSec)} jobs/s at the peak; how much of it is safe cannot be told`,
          ]
        : lowerRate(question, choice, leastPerSec, law)),
    );
    const settledAtPeak = drainingPerSec(law, choice.capacityPerSec, seen, peakPerSec);
    if (question.outage !== undefined) nearest.push(...slowerRecovery(question, settledAtPeak, peakPerSec));
  }
  if (question.connections !== undefined && connections > question.connections)
    nearest.push(
      `${plural(connections, 'connection')} for the workers instead of ${question.connections}: so many are the fewest that one takes`,
    );
  return nearest;
}

/** What is safe, with these handlers or over several databases. */
function lowerRate(
  { ratePerSec, peakFactor }: PlanQuestion,
  { handlers }: HandlerChoice,
  safePerSec: number,
  law: Law,
): string[] {
  const average = peakFactor > 1 ? `, which is ${formatNumber(safePerSec / peakFactor)} on average` : '';
  const most = handlers >= law.saidUpTo ? ', the most of which anything can be said' : '';
  return [
    `${formatNumber(safePerSec)} jobs/s at the peak${average}, with ${plural(handlers, 'handler')}${most}`,
    `the whole rate over ${Math.ceil((ratePerSec * peakFactor) / safePerSec)} databases on servers of their own, by the law of one`,
  ];
}

const PERCENTILES = [
  ['p999', 99.9],
  ['p99', 99],
  ['p95', 95],
  ['p90', 90],
  ['p50', 50],
] as const;

/** The shortest that was seen of what the SLO asks, with some room: of its percentile, or of the highest below it that a load could tell. */
function longerSlo({ slo }: PlanQuestion, cells: PlanInput['cells']): string[] {
  const asked = slo.map(({ text }) => text).join(' and ');
  const [term] = latencyTerms(slo);
  const seen = validOf(cells, 'light', 'probe');
  for (const [name, percentile] of PERCENTILES) {
    if (term === undefined || percentile > term.percentile) continue;
    const [best] = seen
      .flatMap(({ cell: { latencyUs, throughput } }) => {
        const us = latencyUs?.[term.of]?.[name];
        return us === undefined ? [] : [{ us, perSec: throughput?.offeredPerSec ?? 0 }];
      })
      .sort((x, y) => x.us - y.us);
    if (best === undefined) continue;
    const { us: shortest, perSec } = best;
    // It was shorter at times than what was asked: a longer one is not what was lacking.
    if (percentile === term.percentile && shortest * 1.25 <= term.limitUs) return [];
    return [
      `an SLO of ${term.of}.${name} < ${formatNumber((shortest * 1.25) / 1_000)} ms: the shortest ${name} that was seen here is ${formatNumber(shortest / 1_000)} ms, at ${formatNumber(perSec)} jobs/s, and ${asked} held at no rate`,
    ];
  }
  return [`another SLO than ${asked}, which held at no rate; what would hold was not measured`];
}

function slowerRecovery(
  { outage }: PlanQuestion,
  capacityPerSec: number | undefined,
  peakPerSec: number,
): string[] {
  if (outage === undefined || capacityPerSec === undefined) return [];
  const seconds = drainSeconds({
    arrivalPerSec: peakPerSec,
    capacityPerSec,
    outageSeconds: outage.seconds,
  });
  return seconds === undefined || seconds <= outage.recoverSeconds
    ? []
    : [
        `${formatSeconds(seconds)} to recover from the outage, instead of ${formatSeconds(outage.recoverSeconds)}`,
      ];
}
