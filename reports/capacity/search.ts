// What did a search for the highest sustainable rate find? Its answer, with what limits the rate, in one sentence.

import type { Probe, Search } from '../../harness/result/result.ts';
import type { RateInterval } from '../../stats/rate-search.ts';
import { formatNumber, plural } from '../render/format.ts';

/** What was searched for, and what came of it. */
export type SearchOutcome = Pick<Search, 'contender' | 'slo' | 'probes'> & {
  readonly interval: RateInterval;
  /** At work at once, in each of its loads. */
  readonly handlers: number;
  /** Mean time of a job: what `handlers` settle at most on any queue is told where the search came near it. */
  readonly jobMs: number;
};

/** The answer as a bundle has it. */
export function describeSearch(outcome: SearchOutcome): Search['answer'] {
  const { interval } = outcome;
  return {
    state: interval.state,
    ...(interval.passPerSec === undefined ? {} : { passPerSec: interval.passPerSec }),
    ...(interval.failPerSec === undefined ? {} : { failPerSec: interval.failPerSec }),
    passConfirmed: interval.passConfirmed,
    failConfirmed: interval.failConfirmed,
    limitedBy: failedBy(outcome),
    text: `${[sentence(outcome), unconfirmed(interval), unclear(interval), boundByHandlers(outcome)].filter((part) => part !== '').join('; ')}.`,
  };
}

/** What the last load that failed at the lowest failing rate failed by. */
function failedBy({ interval, probes }: SearchOutcome): string[] {
  const last = probes.findLast(
    ({ ratePerSec, outcome }: Probe) => outcome === 'fail' && ratePerSec === interval.failPerSec,
  );
  return [...(last?.why ?? [])];
}

/** From so much of what the handlers can do at most, it is them that a search has found the limit of. */
const NEAR_BOUND = 0.7;

function boundByHandlers({ interval: { failPerSec }, handlers, jobMs }: SearchOutcome): string {
  const most = (handlers * 1_000) / jobMs;
  return failPerSec === undefined || failPerSec < NEAR_BOUND * most
    ? ''
    : `${plural(handlers, 'handler')} of ${formatNumber(jobMs)} ms settle no more than ${rate(most)} on any queue: more of them may carry more`;
}

function sentence({ contender: name, slo, interval, probes, handlers, jobMs }: SearchOutcome): string {
  const contender = `${name} with ${plural(handlers, 'handler')} of ${formatNumber(jobMs)} ms`;
  const wish = slo.map(({ text }) => text).join(' and ');
  const { state, passPerSec: pass, failPerSec: fail } = interval;
  const held = pass === undefined ? '' : `${contender} held ${wish} at ${rate(pass)}`;
  const failed = fail === undefined ? '' : `failed at ${rate(fail)}`;
  const tried = probes.map(({ ratePerSec }) => ratePerSec);
  switch (state) {
    case 'bracketed':
      return `${held} and ${failed}`;
    case 'no fail':
      return `${held}; no rate that was tried, up to ${rate(Math.max(...tried))}, failed`;
    case 'no pass':
      return `${contender} held ${wish} at no rate that was tried, down to ${rate(Math.min(...tried))}`;
    case 'unmeasurable': {
      const [first] = interval.unmeasurablePerSec.filter((one) => pass === undefined || one > pass);
      const above =
        serverFailure(probes, first) ??
        `this machine could not carry the load${first === undefined ? '' : ` of ${rate(first)}`}`;
      if (held === '' && failed !== '')
        return `${contender} ${failed}; of no lower rate could anything be told: ${serverFailure(probes) ?? lastDoubt(probes) ?? above}`;
      return held === ''
        ? `nothing could be told: ${serverFailure(probes) ?? lastDoubt(probes) ?? above}`
        : `${held}; where it fails is unknown: ${above}`;
    }
    case 'interrupted': {
      const parts = [held, held === '' && failed !== '' ? `${contender} ${failed}` : failed];
      const so = parts.filter((part) => part !== '').join(' and ');
      const doubt = lastDoubt(probes);
      const said = so === '' ? (doubt ?? '') : `so far ${so}`;
      return `the search ended before its answer${said === '' ? '' : `; ${said}`}`;
    }
  }
}

/** A server that failed twice at one rate is what stood in the way, and no lack of processors. */
function serverFailure(probes: readonly Probe[], ratePerSec?: number): string | undefined {
  const failures = probes.flatMap((probe) => {
    const why = probe.why.find((text) => SERVER_FAILED.test(text));
    return probe.outcome !== 'void' || why === undefined ? [] : [{ ratePerSec: probe.ratePerSec, why }];
  });
  const twice = failures.findLast(
    (one, i) =>
      (ratePerSec === undefined || one.ratePerSec === ratePerSec) &&
      failures.findIndex((other) => other.ratePerSec === one.ratePerSec) < i,
  );
  return twice && `at ${rate(twice.ratePerSec)} ${twice.why}`;
}

/** How a cell begins to say that its server did not last. */
export const SERVER_FAILED = /^the server (failed|was lost|crashed|was started again)/;

/** What stood in the way of the last load of which nothing could be told. */
function lastDoubt(probes: readonly Probe[]): string | undefined {
  const last = probes.findLast(({ outcome, why }) => /void|unclear/.test(outcome) && why.length > 0);
  return last && `at ${rate(last.ratePerSec)} ${last.why.join('; ')}`;
}

function unconfirmed({ passPerSec, passConfirmed, failPerSec, failConfirmed }: RateInterval): string {
  const ends = [
    ...(passPerSec !== undefined && !passConfirmed ? ['the pass'] : []),
    ...(failPerSec !== undefined && !failConfirmed ? ['the fail'] : []),
  ];
  return ends.length === 0 ? '' : `not all loads that confirm were had of ${ends.join(' and ')}`;
}

function unclear({ unclearPerSec }: RateInterval): string {
  if (unclearPerSec.length === 0) return '';
  return `${unclearPerSec.map(formatNumber).join(', ')} jobs/s could not be told`;
}

function rate(perSec: number): string {
  return `${formatNumber(perSec)} jobs/s`;
}
