// What could be had, where a wish cannot be?

import type { PlanQuestion } from '../../harness/result/result.ts';
import { drainSeconds } from '../../stats/queueing.ts';
import { formatNumber, formatSeconds, plural } from '../render/format.ts';
import type { HandlerChoice } from './handlers.ts';
import type { PlanInput } from './input.ts';
import { validOf } from './measured.ts';
import type { Law } from './scaling.ts';

/** What stands in the way, each with what could be had instead; nothing where nothing does. */
export function nearestTo(
  { question, cells }: Pick<PlanInput, 'question' | 'cells'>,
  choice: HandlerChoice,
  safePerSec: number | undefined,
  connections: number,
  law: Law,
): string[] {
  const peakPerSec = question.ratePerSec * question.peakFactor;
  const nearest: string[] = [];
  const light = validOf(cells, 'light', 'probe').flatMap(({ cell }) => cell.latencyUs?.pickup?.p99 ?? []);
  const pickup = question.slo.find(({ of }) => of === 'pickup');
  if (safePerSec === 0 && pickup?.of === 'pickup' && light.length > 0)
    nearest.push(
      `an SLO of pickup.p99 < ${formatNumber((Math.min(...light) * 1.25) / 1_000)} ms: the shortest p99 that was seen here is ${formatNumber(Math.min(...light) / 1_000)} ms, and ${pickup.text} is less than a claim takes`,
    );
  if (safePerSec !== undefined && safePerSec > 0 && safePerSec < peakPerSec) {
    const average = safePerSec / question.peakFactor;
    nearest.push(
      `${formatNumber(safePerSec)} jobs/s at the peak${question.peakFactor > 1 ? `, which is ${formatNumber(average)} on average` : ''}, with ${plural(choice.handlers, 'handler')}${choice.handlers >= law.saidUpTo ? ', the most of which anything can be said' : ''}`,
    );
    nearest.push(
      `the whole rate over ${Math.ceil(peakPerSec / safePerSec)} databases on servers of their own, by the law of one`,
    );
    if (question.outage !== undefined)
      nearest.push(...slowerRecovery(question, choice.capacityPerSec, peakPerSec));
  }
  if (question.connections !== undefined && connections > question.connections)
    nearest.push(
      `${plural(connections, 'connection')} for the workers instead of ${question.connections}; or fewer sessions with more handlers each, which is to be measured anew`,
    );
  return nearest;
}

function slowerRecovery({ outage }: PlanQuestion, capacityPerSec: number, peakPerSec: number): string[] {
  if (outage === undefined) return [];
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
