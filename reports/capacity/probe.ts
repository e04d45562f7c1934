// Did a load at one rate hold its SLO? Pass, fail, or neither, from the evidence of that load alone.

import type { LatencySlo, Probe, Slo } from '../../harness/result/result.ts';
import { studentQuantile } from '../../stats/distributions.ts';
import { type Slope, slopeInterval } from '../../stats/trend.ts';
import { formatDuration, formatNumber, formatShare, plural } from '../render/format.ts';
import { latencyTerms, type ProbeEvidence } from './evidence.ts';

/** The outcome, what speaks against the rate in words, and the figures that it rests on. */
export type Judged = Pick<
  Probe,
  'outcome' | 'why' | 'achievedShare' | 'backlogPerSec' | 'beyondShares' | 'percentileUs' | 'deadTuplesPerSec'
>;

/** Of what is offered, this share must be settled; and so much of the rate the backlog may grow by. */
const ACHIEVED_SHARE = 0.99;
const GROWTH_SHARE = 0.01;
/** Jobs that a load needs for its percentiles, and between which lengths that may take. Seconds. */
const JOBS_WANTED = 8_000;
const SHORTEST_SECONDS = 6;
const LONGEST_SECONDS = 20;
export const LONG_FACTOR = 2.5;

/** For how long a rate is tried, the warm-up before it left out; `long` for repeats and confirmations. Seconds. */
export function probeSeconds(ratePerSec: number, long: boolean): number {
  const seconds = Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, JOBS_WANTED / ratePerSec));
  return Math.round(seconds * (long ? LONG_FACTOR : 1));
}

/** One condition: held, clearly broken, or neither; `why` unless it is held. */
type Finding = { readonly state: 'held' | 'broken' | 'unclear'; readonly why: string };

/**
 * Three outcomes of a load that was carried, `void` for one that was not. **pass**: every condition holds with all of its interval. **fail**: at least one is
 * clearly violated. **unclear**: all else; so short a load cannot tell. See `overloaded` for the one fail of a load that was not carried.
 */
export function judgeProbe(evidence: ProbeEvidence, slo: readonly Slo[]): Judged {
  if (evidence.verdict === 'incorrect' || evidence.lost > 0) {
    const why =
      evidence.reasons.length > 0 ? [...evidence.reasons] : [`${plural(evidence.lost, 'job')} lost`];
    return { outcome: 'fail', why };
  }
  if (evidence.verdict === 'invalid')
    return overloaded(evidence) ?? { outcome: 'void', why: evidence.reasons.map(withoutAdvice) };
  const terms = latencyTerms(slo);
  const shares = terms.map((_, i) => sharesOf(evidence, i));
  const backlog = backlogSlope(evidence);
  const growth = slo.find((term) => term.of === 'deadTuples');
  const dead =
    growth &&
    slopeInterval(
      evidence.deadTuples.map(({ t }) => t),
      evidence.deadTuples.map(({ tuples }) => tuples),
    );
  const findings = [
    achieved(evidence),
    steady(backlog, evidence),
    ...terms.map((term, i) => latency(term, shares[i] ?? [])),
    ...(growth ? [level('dead tuples', 'per second', dead, growth.limitPerSec)] : []),
  ];
  return {
    outcome: outcomeOf(findings),
    why: tellingOf(findings).map(({ why }) => why),
    ...(evidence.offered === 0 ? {} : { achievedShare: evidence.settled / evidence.offered }),
    ...(backlog && { backlogPerSec: { low: backlog.low, high: backlog.high } }),
    beyondShares: shares,
    ...(evidence.percentileUs === undefined ? {} : { percentileUs: evidence.percentileUs }),
    ...(dead && { deadTuplesPerSec: { low: dead.low, high: dead.high } }),
  };
}

/** What a run of scenarios is advised is no help here: a search tries void rates again, and chooses its rates itself. */
function withoutAdvice(reason: string): string {
  return reason.replace(/: close other programs.*$/, '');
}

/** What a stall costs may be more than its own length: connections and caches come back slowly. */
const STALL_COST = 2;

/**
 * A server that has more than it can do takes the processors of a generator beside it, which then stands still: no such load would ever be
 * called a fail. So one is, where its jobs got in and its backlog grew by more than all that the stalls could have cost.
 */
function overloaded(evidence: ProbeEvidence): Judged | undefined {
  const { ratePerSec, offered, enqueued, settled, generatorAlone, stalledShare } = evidence;
  if (!generatorAlone || offered === 0 || enqueued < ACHIEVED_SHARE * offered) return undefined;
  const backlog = backlogSlope(evidence);
  const excused = STALL_COST * stalledShare * ratePerSec;
  if (backlog === undefined || backlog.low - excused <= GROWTH_SHARE * ratePerSec) return undefined;
  const [low, high] = [formatNumber(backlog.low), formatNumber(backlog.high)];
  return {
    outcome: 'fail',
    why: [
      `the backlog grew by ${low} to ${high} jobs/s, of which ${formatNumber(excused)} may be due to a generator that stood still for ${formatShare(stalledShare)} of the time (limit ${formatNumber(GROWTH_SHARE * ratePerSec)})`,
    ],
    achievedShare: settled / offered,
    backlogPerSec: { low: backlog.low, high: backlog.high },
  };
}

function backlogSlope({ backlog }: ProbeEvidence): Slope | undefined {
  return slopeInterval(
    backlog.map(({ t }) => t),
    backlog.map(({ jobs }) => jobs),
  );
}

function outcomeOf(findings: readonly Finding[]): 'pass' | 'fail' | 'unclear' {
  if (findings.some(({ state }) => state === 'broken')) return 'fail';
  return findings.every(({ state }) => state === 'held') ? 'pass' : 'unclear';
}

/** Of a fail, what it failed by; what besides could not be told says nothing more. */
function tellingOf(findings: readonly Finding[]): Finding[] {
  const broken = findings.filter(({ state }) => state === 'broken');
  return broken.length > 0 ? broken : findings.filter(({ state }) => state !== 'held');
}

function sharesOf({ windows }: ProbeEvidence, term: number): number[] {
  return windows.flatMap(({ jobs, beyond }) => {
    const all = jobs[term] ?? 0;
    return all === 0 ? [] : [(beyond[term] ?? 0) / all];
  });
}

/** Jobs come and go by chance: what came and what was settled may differ by three standard deviations of either count. */
function achieved({ offered, settled }: ProbeEvidence): Finding {
  if (offered === 0) return { state: 'unclear', why: 'nothing was offered' };
  const why = `${formatShare(settled / offered)} of the offered jobs were settled (at least ${formatShare(ACHIEVED_SHARE)})`;
  const short = ACHIEVED_SHARE * offered - settled;
  if (short <= 0) return { state: 'held', why };
  return { state: short > 3 * Math.sqrt(2 * offered) ? 'broken' : 'unclear', why };
}

/**
 * The interval of a slope shrinks faster than its load grows. So does what is asked of a load that is longer than a first try: a backlog that still
 * wanders is no steady one, and its late jobs may yet come. The power of two is by simulation, and so it ends at the length of a long load.
 */
function steady(slope: Slope | undefined, { ratePerSec, seconds }: ProbeEvidence): Finding {
  const limit = GROWTH_SHARE * ratePerSec;
  const finding = level('the backlog', 'jobs/s', slope, limit);
  if (slope === undefined || finding.state !== 'held') return finding;
  const shorter = probeSeconds(ratePerSec, false) / seconds;
  const sure = limit * Math.max(1 / LONG_FACTOR, Math.min(1, shorter)) ** 2;
  if (slope.high < sure) return finding;
  return { state: 'unclear', why: `${finding.why}, but wandered too slowly for so short a load` };
}

function level(what: string, unit: string, slope: Slope | undefined, limit: number): Finding {
  if (slope === undefined) return { state: 'unclear', why: `${what}: too few readings for a trend` };
  const [low, high] = [formatNumber(slope.low), formatNumber(slope.high)];
  const why = `${what} grew by ${low} to ${high} ${unit} (limit ${formatNumber(limit)})`;
  if (slope.high < limit) return { state: 'held', why };
  return { state: slope.low > limit ? 'broken' : 'unclear', why };
}

function latency({ of, percentile, limitUs }: LatencySlo, shares: readonly number[]): Finding {
  const name = `${of} p${percentile}`;
  if (shares.length === 0) return { state: 'unclear', why: `${name}: no job has this latency` };
  const allowed = 1 - percentile / 100 + 1e-9;
  const beyond = shares.filter((share) => share > allowed).length;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const why = `${name}: ${formatShare(mean)} of the jobs beyond ${formatDuration(limitUs)}, too many in ${beyond} of ${shares.length} sub-windows`;
  if (beyond === 0) return { state: 'held', why };
  return { state: clearlyAbove(shares, beyond, mean, allowed) ? 'broken' : 'unclear', why };
}

/**
 * Neighbouring sub-windows share their bursts, and most of a queue's late jobs come in few of them: an interval of their mean says little. Clear
 * is what most of them show, and all together by twice of what is allowed; or, where they agree so well, all of them and the interval of their mean.
 */
function clearlyAbove(shares: readonly number[], beyond: number, mean: number, allowed: number): boolean {
  const n = shares.length;
  if (beyond < 2) return false;
  if (beyond > n / 2 && mean >= 2 * allowed) return true;
  const squares = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0);
  const half = studentQuantile(0.975, n - 1) * Math.sqrt(squares / (n - 1) / n);
  return beyond === n && mean - half > allowed;
}
