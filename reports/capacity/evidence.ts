// What does a cell of a bundle testify of the rate that it was loaded with?

import type { Histogram } from 'hdr-histogram-js';
import type { Cell, LatencySlo, Slo } from '../../harness/result/result.ts';
import type { LoadSample, ServerSample } from '../bundle.ts';
import { mergeHistograms, type TaggedInterval } from '../hlog.ts';

/** A stretch of the measured window. */
export interface SubWindow {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** In the order of the SLO's latency terms: jobs that have this latency, and those among them that took longer than the limit. */
  readonly jobs: readonly number[];
  readonly beyond: readonly number[];
}

/** What one load left behind. Times in seconds from its start. */
export interface ProbeEvidence {
  readonly ratePerSec: number;
  /** Jobs that came, and that were settled, in the measured window. */
  readonly offered: number;
  readonly settled: number;
  /** Of the measured window. */
  readonly seconds: number;
  readonly backlog: readonly { readonly t: number; readonly jobs: number }[];
  readonly windows: readonly SubWindow[];
  readonly deadTuples: readonly { readonly t: number; readonly tuples: number }[];
  readonly verdict: Cell['verdict'];
  readonly reasons: readonly string[];
  readonly lost: number;
  /** Jobs that got in, in the measured window. */
  readonly enqueued: number;
  /** Of an invalid load: whether its generator alone is to blame, and for what share of the time its worst agent stood still. */
  readonly generatorAlone: boolean;
  readonly stalledShare: number;
  /** Of the SLO's first latency term; absent where it could not be quoted. */
  readonly percentileUs?: number;
}

/** One cell, as a bundle holds it. */
export interface ProbeCell {
  readonly cell: Cell;
  /** Of the load; the warm-up is left out. */
  readonly ratePerSec: number;
  readonly load: readonly LoadSample[];
  readonly server: readonly ServerSample[];
  /** Of the latencies that the SLO names. */
  readonly intervals: readonly TaggedInterval[];
}

/** The latency terms of an SLO, in their order. */
export function latencyTerms(slo: readonly Slo[]): LatencySlo[] {
  return slo.flatMap((term) => (term.of === 'deadTuples' ? [] : [term]));
}

export function evidenceOf({ cell, ratePerSec, load, server, intervals }: ProbeCell, slo: readonly Slo[]) {
  const { warmupSeconds: fromSeconds, measuredSeconds: seconds } = cell.window;
  const toSeconds = fromSeconds + seconds;
  const measured = ({ t }: { readonly t: number }): boolean => t >= fromSeconds && t <= toSeconds;
  const terms = latencyTerms(slo);
  const percentileUs = quoted(terms[0], intervals);
  return {
    ratePerSec,
    offered: Math.round((cell.throughput?.offeredPerSec ?? 0) * seconds),
    settled: Math.round((cell.throughput?.settledPerSec ?? 0) * seconds),
    seconds,
    backlog: load.filter(measured).map(({ t, backlog }) => ({ t, jobs: backlog })),
    windows: subWindows(
      terms.flatMap((term, i) => secondsOf(term, i, intervals)),
      { fromSeconds, toSeconds, terms: terms.length },
    ),
    deadTuples: server
      .filter(measured)
      .flatMap(({ t, deadTuples }) => (deadTuples === undefined ? [] : [{ t, tuples: deadTuples }])),
    verdict: cell.verdict,
    reasons: cell.reasons,
    lost: cell.audit.lost,
    enqueued: Math.round((cell.throughput?.enqueuedPerSec ?? 0) * seconds),
    generatorAlone:
      cell.verdict === 'invalid' && cell.reasons.every((reason) => reason.startsWith('generator:')),
    // Where it was not measured, it may have been all of the time.
    stalledShare: cell.generator.stalledShare ?? 1,
    ...(percentileUs === undefined ? {} : { percentileUs }),
  } satisfies ProbeEvidence;
}

/** Absent with fewer than 100 samples beyond it, as everywhere. */
function quoted(term: LatencySlo | undefined, intervals: readonly TaggedInterval[]): number | undefined {
  if (term === undefined) return undefined;
  const all = mergeHistograms(intervals.flatMap((one) => (one.tag === term.of ? one.histogram : [])));
  if (all === undefined) return undefined;
  const beyond = Math.floor(all.totalCount * (1 - term.percentile / 100) + 1e-9);
  return beyond < 100 ? undefined : all.getValueAtPercentile(term.percentile);
}

/** What was filed under one second, of one term. */
export interface SecondOfTerm {
  readonly term: number;
  readonly second: number;
  readonly jobs: number;
  readonly beyond: number;
}

function secondsOf(term: LatencySlo, index: number, intervals: readonly TaggedInterval[]): SecondOfTerm[] {
  return intervals
    .filter(({ tag }) => tag === term.of)
    .map(({ startSeconds, histogram }) => ({
      term: index,
      second: Math.floor(startSeconds),
      jobs: histogram.totalCount,
      beyond: countBeyond(histogram, term.limitUs),
    }));
}

/**
 * How many values lie above a limit; those of the bucket that holds it count as above, 0.1 % too many at most. The library tells values of counts
 * alone, so that the count is bisected.
 */
export function countBeyond(histogram: Histogram, limitUs: number): number {
  const total = histogram.totalCount;
  let within = 0;
  let above = total + 1;
  while (above - within > 1) {
    const count = Math.floor((within + above) / 2);
    // Half a job less: the library rounds up, and must not be led beyond by the last binary digit.
    if (histogram.getValueAtPercentile(((count - 0.5) / total) * 100) <= limitUs) within = count;
    else above = count;
  }
  return total - within;
}

const FEWEST_JOBS = 2_500;
const FEWEST_WINDOWS = 3;
const MOST_WINDOWS = 4;

/**
 * Groups seconds into 3 or 4 stretches of equal length, to a second: 4 where they have 2,500 jobs each on average. More of them would be broken by chance by a rate that is well within. What was filed before the
 * first measured second or after the last, since it was picked up or settled later than it came, joins the stretch beside.
 */
export function subWindows(
  filed: readonly SecondOfTerm[],
  { fromSeconds, toSeconds, terms }: { fromSeconds: number; toSeconds: number; terms: number },
): SubWindow[] {
  const first = Math.floor(fromSeconds);
  const length = Math.max(1, Math.ceil(toSeconds) - first);
  const totals = new Array<number>(terms).fill(0);
  for (const { term, jobs } of filed) totals[term] = (totals[term] ?? 0) + jobs;
  const wanted = Math.floor(Math.min(...totals) / FEWEST_JOBS);
  const count = Math.min(length, Math.max(FEWEST_WINDOWS, Math.min(MOST_WINDOWS, wanted)));
  const windows = Array.from({ length: count }, (_, i) => ({
    fromSeconds: Math.max(fromSeconds, first + Math.ceil((i * length) / count)),
    toSeconds: Math.min(toSeconds, first + Math.ceil(((i + 1) * length) / count)),
    jobs: new Array<number>(terms).fill(0),
    beyond: new Array<number>(terms).fill(0),
  }));
  for (const { term, second, jobs, beyond } of filed) {
    const at = Math.min(length - 1, Math.max(0, second - first));
    const window = windows[Math.floor((at * count) / length)];
    if (window === undefined) continue;
    window.jobs[term] = (window.jobs[term] ?? 0) + jobs;
    window.beyond[term] = (window.beyond[term] ?? 0) + beyond;
  }
  return windows;
}
