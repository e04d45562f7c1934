// What could be had, where a wish cannot be?

import type { PlanAnswer, PlanQuestion } from '../../harness/result/result.ts';
import { drainSeconds } from '../../stats/queueing.ts';
import { latencyTerms } from '../capacity/evidence.ts';
import { formatNumber, formatSeconds, plural } from '../render/format.ts';
import type { HandlerChoice } from './handlers.ts';
import type { PlanInput } from './input.ts';
import { searchFor } from './limits.ts';
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
  if (safePerSec === 0) nearest.push(...longerSlo(question, cells));
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
    const found = seen.flatMap(({ cell }) => cell.latencyUs?.[term.of]?.[name] ?? []);
    if (found.length === 0) continue;
    const shortest = Math.min(...found);
    return [
      `an SLO of ${term.of}.${name} < ${formatNumber((shortest * 1.25) / 1_000)} ms: the shortest ${name} that was seen here is ${formatNumber(shortest / 1_000)} ms, and ${asked} held at no rate`,
    ];
  }
  return [`another SLO than ${asked}, which held at no rate; what would hold was not measured`];
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

/**
 * Why it cannot be told whether the wish can be had: a limit of which nothing is known, or a peak between what held and what failed.
 * Empty where something else stands in the way for sure.
 */
export function undecidedOf(
  input: PlanInput,
  choice: HandlerChoice,
  limits: PlanAnswer['limits'],
  connections: number,
): string[] {
  const { question } = input;
  const peakPerSec = question.ratePerSec * question.peakFactor;
  const answer = searchFor(input, choice)?.answer;
  const between =
    answer?.passPerSec !== undefined &&
    answer.passPerSec < peakPerSec &&
    (answer.failPerSec === undefined || answer.failPerSec > peakPerSec);
  const hard = limits.some(
    ({ by, perSec }) => perSec !== undefined && perSec < peakPerSec && !(by === 'slo' && between),
  );
  if (hard || (question.connections !== undefined && connections > question.connections)) return [];
  const unknown = limits.flatMap(({ perSec, text }) => (perSec === undefined ? [text] : []));
  const slo = question.slo.map(({ text }) => text).join(' and ');
  return [
    ...unknown,
    ...(between
      ? [
          `${slo} held at ${formatNumber(answer.passPerSec ?? 0)} jobs/s; of ${formatNumber(peakPerSec)} it could not be told${answer.failPerSec === undefined ? ', and no rate could be told to fail' : `, and at ${formatNumber(answer.failPerSec)} it failed`}`,
        ]
      : []),
  ];
}
