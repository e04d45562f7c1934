// When had a load warmed up? Found in the jobs' own instants, between the scenario's floor and a cap.

import { warmUp } from '../../stats/warm-up.ts';
import type { Ledger } from './ledger.ts';

/** The head of a load that is left out of its figures. Seconds from the start of the load. */
export interface FoundWarmUp {
  readonly seconds: number;
  /** What the scenario leaves out in any case. */
  readonly floorSeconds: number;
  readonly capSeconds: number;
  /** Whether a steady part begins before the cap. */
  readonly found: boolean;
}

export interface WarmUpInput {
  readonly ledger: Ledger;
  readonly startUs: number;
  /** End of the first phase, or of the last settle in it: the search looks no further. */
  readonly untilUs: number;
  readonly openLoop: boolean;
  /** Keys below it are no arrivals. */
  readonly preloaded: number;
  readonly floorSeconds: number;
  /** Of the scenario; absent for the share of the first phase below. */
  readonly capSeconds?: number;
}

/** Share of the first phase beyond which nothing is discarded. */
const CAP_SHARE = 0.4;
const BINS = 200;
const LEAST_BIN_US = 5_000;
/** In standard deviations of the batches that are kept: one batch in 400 lies beyond it by chance. */
const BAND = 3;
/** Of MSER-5. */
const BATCH = 5;

/**
 * In a drain the series is jobs settled per bin; in an open loop the median pickup of the jobs intended for a bin, as a
 * logarithm, so that one late job is no trend. MSER-5 says from where on the series has one level. Only an **initial**
 * stretch off that level is discarded: a stall in the midst of the first phase is a finding, not a warm-up, and the rule
 * alone would cut it off together with all that came before it.
 */
export function findWarmUp(input: WarmUpInput): FoundWarmUp {
  const lengthUs = input.untilUs - input.startUs;
  const { floorSeconds } = input;
  if (!(lengthUs > 0)) return { seconds: floorSeconds, floorSeconds, capSeconds: floorSeconds, found: true };
  const capSeconds = Math.max(
    floorSeconds,
    Math.min((lengthUs * CAP_SHARE) / 1e6, input.capSeconds ?? Number.POSITIVE_INFINITY),
  );
  const binUs = Math.max(LEAST_BIN_US, lengthUs / BINS);
  const series = input.openLoop ? pickups(input, binUs) : settles(input, binUs);
  const floor = Math.min(series.length, Math.ceil((floorSeconds * 1e6) / binUs));
  const cap = Math.min(series.length, Math.max(floor, Math.floor((capSeconds * 1e6) / binUs)));
  const rule = warmUp(series, { floor, cap, batch: BATCH });
  const index = Math.min(rule.index, endOfTransient(series, floor, rule.index));
  const seconds = index <= floor ? floorSeconds : (index * binUs) / 1e6;
  // The rule may look past the cap for a level that began before it: noise has minima of its own.
  return { seconds, floorSeconds, capSeconds, found: rule.found || index < cap };
}

/** From `floor` on, how long batch after batch lies off the level of what MSER keeps, on one and the same side. */
function endOfTransient(series: readonly number[], floor: number, kept: number): number {
  const level = batchMeans(series, kept);
  if (level.length < 2) return kept;
  const mean = level.reduce((sum, value) => sum + value, 0) / level.length;
  const deviation = noiseOf(level);
  let side = 0;
  let end = floor;
  for (const value of batchMeans(series.slice(0, kept), floor)) {
    const off = value - mean;
    if (Math.abs(off) <= BAND * deviation) break;
    side ||= Math.sign(off);
    if (Math.sign(off) !== side) break;
    end += BATCH;
  }
  return end;
}

/** Standard deviation from one value to the next (von Neumann), which a trend does not enlarge. */
function noiseOf(values: readonly number[]): number {
  const steps = values.slice(1).map((value, i) => (value - (values[i] ?? value)) ** 2);
  return Math.sqrt(steps.reduce((sum, step) => sum + step, 0) / (2 * steps.length));
}

function batchMeans(series: readonly number[], from: number): number[] {
  const means: number[] = [];
  for (let at = from; at + BATCH <= series.length; at += BATCH) {
    means.push(series.slice(at, at + BATCH).reduce((sum, value) => sum + value, 0) / BATCH);
  }
  return means;
}

function settles({ ledger, startUs, untilUs }: WarmUpInput, binUs: number): number[] {
  const bins = new Array<number>(Math.floor((untilUs - startUs) / binUs)).fill(0);
  for (const us of ledger.settledUs) {
    const bin = Math.floor((us - startUs) / binUs);
    const count = bins[bin];
    if (count !== undefined) bins[bin] = count + 1;
  }
  return bins;
}

/** Bins without an arrival take the value before them. */
function pickups({ ledger, startUs, untilUs, preloaded }: WarmUpInput, binUs: number): number[] {
  const bins = Array.from({ length: Math.floor((untilUs - startUs) / binUs) }, (): number[] => []);
  for (let key = preloaded; key < ledger.size; key += 1) {
    const eligibleUs = ledger.eligibleUs(key);
    const waitedUs = (ledger.claimedUs[key] ?? Number.NaN) - eligibleUs;
    if (waitedUs > 0) bins[Math.floor((eligibleUs - startUs) / binUs)]?.push(Math.log(waitedUs));
  }
  let last = bins.find((values) => values.length > 0)?.[0] ?? 0;
  return bins.map((values) => {
    last = values.toSorted((a, b) => a - b)[values.length >> 1] ?? last;
    return last;
  });
}
