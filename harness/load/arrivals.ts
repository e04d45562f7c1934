// When is each job intended? The schedule of an open loop: pure, seeded, and deaf to the system under test.

import type { TraceJob } from '../../scenarios/arrival.ts';
import type { Random } from '../../stats/random.ts';

/** A stretch in which the rate changes in a straight line, or not at all. Jobs per second. */
export interface Segment {
  readonly seconds: number;
  readonly fromPerSec: number;
  readonly toPerSec: number;
}

/** A stretch of the load with one arrival process: the whole of it, or one producer's part. */
export type ArrivalPhase =
  | { readonly kind: 'silent'; readonly seconds: number }
  | {
      readonly kind: 'rate';
      readonly seconds: number;
      readonly spacing: 'poisson' | 'uniform';
      /** One after another; they begin again when they end before the phase does. */
      readonly segments: readonly Segment[];
      /** Place of the first uniform job between two jobs, in [0, 1): interleaves producers. */
      readonly shift: number;
    }
  | {
      readonly kind: 'clumps';
      readonly seconds: number;
      readonly everySeconds: number;
      /** Of the whole clump; of all clumps' jobs, counted through, this producer sends `first`, `first + stride`, … */
      readonly jobs: number;
      readonly first: number;
      readonly stride: number;
    }
  /** `at` in seconds from the start of the phase, ascending; the speed has been taken in. */
  | { readonly kind: 'trace'; readonly seconds: number; readonly jobs: readonly TraceJob[] };

/** One job of the schedule. `atUs` counts from the start of the load; `job` is there when a trace says more than the instant. */
export interface Arrival {
  readonly atUs: number;
  readonly job?: TraceJob;
}

/**
 * The intended instants, ascending. By the lack of memory a Poisson process may start afresh at the border of a phase;
 * so does a uniform one.
 */
export function* arrivals(phases: readonly ArrivalPhase[], random: Random): Generator<Arrival> {
  let startUs = 0;
  for (const phase of phases) {
    const endUs = startUs + phase.seconds * 1e6;
    if (phase.kind === 'rate') {
      for (const at of rated(phase, random)) {
        if (startUs + at >= endUs) break;
        yield { atUs: startUs + at };
      }
    } else if (phase.kind === 'clumps') yield* clumps(phase, startUs);
    else if (phase.kind === 'trace')
      for (const job of phase.jobs) yield { atUs: startUs + job.at * 1e6, job };
    startUs = endUs;
  }
}

/**
 * A Poisson process whose rate changes, by inversion of the cumulative rate (Çinlar 1975): jobs come where the cumulative
 * rate passes the sums of exponential draws of mean 1. Uniform spacing is the same with steps of 1, so that every job
 * has one job's worth of the rate to itself. Offsets in µs from the start of the phase.
 */
function* rated(phase: Extract<ArrivalPhase, { kind: 'rate' }>, random: Random): Generator<number> {
  const uniform = phase.spacing === 'uniform';
  const gap = uniform ? () => 1 : () => -Math.log(1 - random());
  let next = uniform ? phase.shift : gap();
  let passed = 0;
  let startUs = 0;
  while (startUs < phase.seconds * 1e6) {
    for (const segment of phase.segments) {
      const held = (segment.seconds * (segment.fromPerSec + segment.toPerSec)) / 2;
      while (next < passed + held) {
        yield startUs + instantOf(segment, next - passed);
        next += gap();
      }
      passed += held;
      startUs += segment.seconds * 1e6;
    }
  }
}

/** When, in µs, `jobs` jobs' worth of the segment's rate have passed: the root of slope/2·t² + from·t = jobs. */
function instantOf(segment: Segment, jobs: number): number {
  if (jobs <= 0) return 0;
  const slope = (segment.toPerSec - segment.fromPerSec) / segment.seconds;
  const root = Math.sqrt(Math.max(0, segment.fromPerSec ** 2 + 2 * slope * jobs));
  // This form of the root does not cancel where the slope is small.
  return ((2 * jobs) / (segment.fromPerSec + root)) * 1e6;
}

function* clumps(phase: Extract<ArrivalPhase, { kind: 'clumps' }>, startUs: number): Generator<Arrival> {
  let own = phase.first;
  for (let clump = 0; ; clump += 1) {
    const at = (clump + 0.5) * phase.everySeconds;
    if (at >= phase.seconds) return;
    const end = (clump + 1) * phase.jobs;
    for (; own < end; own += phase.stride) yield { atUs: startUs + at * 1e6 };
  }
}

/**
 * What producer number `producer` of `producers` gets: its share of every rate, every so-manieth job of a clump or a
 * trace. Together they are the whole: uniform ones interleave to it, Poisson ones add up to it.
 */
export function shareOf(
  phases: readonly ArrivalPhase[],
  producer: number,
  producers: number,
): ArrivalPhase[] {
  return phases.map((phase) => {
    if (phase.kind === 'rate') {
      const segments = phase.segments.map((s) => ({
        seconds: s.seconds,
        fromPerSec: s.fromPerSec / producers,
        toPerSec: s.toPerSec / producers,
      }));
      return { ...phase, segments, shift: (producer + 0.5) / producers };
    }
    if (phase.kind === 'clumps') return { ...phase, first: producer, stride: producers };
    if (phase.kind === 'trace')
      return { ...phase, jobs: phase.jobs.filter((_, i) => i % producers === producer) };
    return phase;
  });
}
