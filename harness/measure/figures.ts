// Which figures does a cell's ledger give? Latencies and throughput, all from the jobs' own instants.

import { meetsOutage, type Outage } from '../faults/outages.ts';
import type { Cell } from '../result/result.ts';
import { type Finish, finished, type JobEnds, openClaimUs } from './job-ends.ts';
import { ENQUEUE } from './ledger.ts';
import { Samples } from './samples.ts';

/** A measured stretch, in µs of the machine's clock. */
export interface Stretch {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface FigureInput extends JobEnds {
  readonly preloaded: number;
  /** Whether jobs arrive during the load: on a schedule, or from clients. Else it is a drain. */
  readonly openLoop: boolean;
  /** Whether they come from clients, which have no schedule that they could be late on. */
  readonly closedLoop?: boolean;
  readonly startUs: number;
  /** When the agents had stopped: the age of what is still unsettled is counted up to here. */
  readonly endUs: number;
  /** Measured phases, less the warm-up. */
  readonly measured: readonly Stretch[];
  /** Keys of jobs that the system under test never had, though they were sent. */
  readonly failed: ReadonlySet<number>;
  /** When the scenario itself kept the load from the server; absent for never. */
  readonly outages?: readonly Outage[];
  /** Whether every attempt of a job fails, whatever the queue does; absent: of none. */
  readonly isPoison?: (key: number) => boolean;
  /** Preloaded keys from this one on were all due at one instant of the load; absent: none was. */
  readonly dueFrom?: number;
}

export interface Figures {
  readonly throughput: NonNullable<Cell['throughput']>;
  readonly latencyUs: NonNullable<Cell['latencyUs']>;
  /** Lines of the interval log, without its head. */
  readonly log: readonly string[];
  readonly measuredSeconds: number;
  /** Share of the open loop's measured jobs that were sent more than 10 ms late, 0 … 1, of those that were sent; this and the next two without those of `excused`. */
  readonly lateShare: number;
  /** Share of the open loop's measured jobs that were never sent, 0 … 1. */
  readonly unsentShare: number;
  /** Share of the open loop's measured jobs that were sent and never got in, 0 … 1. */
  readonly failedShare: number;
  /** Measured jobs to which that happened in an outage of the scenario's own making. */
  readonly excused: Excused;
  /** Of however many samples, for the audit's limits only; 0 without any. */
  readonly lagP99Us: number;
  readonly pickupP99Us: number;
  readonly notes: readonly string[];
}

/**
 * When jobs arrive, on a schedule or from clients, a job belongs to the figures when its **intended** instant lies in a measured stretch, wherever it
 * ended. One that never ended, was refused or was never sent counts with its age, so that neither a queue that falls behind
 * nor one that turns jobs away can hide its worst. The clock of a delayed job starts when it is eligible; one that is not
 * yet when the load is over has nothing to tell. In a drain a job belongs to them when it was settled there, or was claimed
 * there and its claim never ended, and only its service time is told: how long it lay in the backlog says when the backlog
 * was made and how long we looked, not how good the queue is.
 */
export function figures(input: FigureInput): Figures {
  const samples = new Samples(input.startUs, input.endUs);
  const counts: Counts = {
    ...{ measured: 0, late: 0, unsent: 0, failed: 0, unsettled: 0, openClaims: 0, notDue: 0 },
    ...{ settled: 0, enqueued: 0, offered: 0, poison: 0 },
    excused: { late: 0, unsent: 0, failed: 0 },
  };
  const inside = (us: number): boolean => input.measured.some((s) => us >= s.fromUs && us < s.toUs);
  for (let key = 0; key < input.ledger.size; key += 1) {
    if (key < input.preloaded && key >= (input.dueFrom ?? input.preloaded))
      dueJob(input, key, inside, samples, counts);
    if (input.openLoop && key >= input.preloaded) openLoopJob(input, key, inside, samples, counts);
    else if (!input.openLoop) drainJob(input, key, inside, samples, counts);
    countRates(input, key, inside, counts);
  }
  const measuredSeconds = input.measured.reduce((sum, s) => sum + (s.toUs - s.fromUs) / 1e6, 0);
  return {
    throughput: rates(input, counts, measuredSeconds),
    latencyUs: samples.latencies(),
    log: samples.lines(),
    measuredSeconds,
    ...sharesOf(counts),
    excused: counts.excused,
    lagP99Us: samples.unquotable('generatorLag', 99),
    pickupP99Us: samples.unquotable('pickup', 99),
    notes: notesOf(counts, samples.negative),
  };
}

const LATE_US = 10_000;
interface Counts {
  /** Of the open loop: intended in a measured stretch. Of these were sent late, never sent, never let in. */
  measured: number;
  late: number;
  unsent: number;
  failed: number;
  /** Count with their age: in response, in service. */
  unsettled: number;
  openClaims: number;
  /** Can never be acked, and so have no response. */
  poison: number;
  notDue: number;
  settled: number;
  enqueued: number;
  offered: number;
  /** Of late, unsent and failed: those that met an outage. */
  readonly excused: { -readonly [name in keyof Excused]: number };
}

/** Measured jobs of a schedule that met an outage. */
export interface Excused {
  readonly late: number;
  readonly unsent: number;
  readonly failed: number;
}

/** Of the jobs that no outage excuses. One that was sent late and failed counts as both. */
function sharesOf({ measured, late, unsent, failed, excused }: Counts) {
  const share = (what: number, of: number): number => what / Math.max(1, of);
  return {
    lateShare: share(late - excused.late, measured - unsent - excused.late),
    unsentShare: share(unsent - excused.unsent, measured - excused.unsent),
    failedShare: share(failed - excused.failed, measured - excused.failed),
  };
}

function notesOf(counts: Counts, negative: number): string[] {
  const notes: string[] = [];
  if (counts.unsettled > 0) {
    const among = [
      ...(counts.failed > 0 ? [`${counts.failed} never got in`] : []),
      ...(counts.unsent > 0 ? [`${counts.unsent} never sent`] : []),
    ];
    notes.push(
      `${counts.unsettled} jobs were still unsettled at the end${among.length === 0 ? '' : ` (${among.join(', ')})`}: they count with their age, so response and pickup are lower bounds`,
    );
  }
  if (counts.openClaims > 0)
    notes.push(
      `${counts.openClaims} claimed jobs had no answer to a settle at the end: they count with their age, so service is a lower bound`,
    );
  if (counts.notDue > 0)
    notes.push(
      `${counts.notDue} delayed jobs were not yet due at the end: they have neither pickup nor response`,
    );
  if (counts.poison > 0)
    notes.push(`${counts.poison} measured jobs are poison: they have pickup, and no response`);
  if (negative > 0) notes.push(`${negative} latencies were below zero: see min`);
  return notes;
}

function openLoopJob(
  input: FigureInput,
  key: number,
  inside: (us: number) => boolean,
  samples: Samples,
  counts: Counts,
): void {
  const { ledger } = input;
  const intendedUs = ledger.intendedUs[key] ?? Number.NaN;
  if (!inside(intendedUs)) return;
  counts.measured += 1;
  // Told to come again: it was neither let in nor left waiting, and its answer is told apart.
  if (wasTurnedAway(input, key)) {
    lagOf(input, key, intendedUs, samples, counts);
    return;
  }
  if (input.failed.has(key)) {
    counts.failed += 1;
    const answeredUs = ledger.enqueuedUs[key] ?? Number.NaN;
    const untilUs = Number.isNaN(answeredUs) ? input.endUs : answeredUs;
    if (meetsOutage(input.outages ?? [], intendedUs, untilUs)) counts.excused.failed += 1;
  }
  const sent = sending(input, key, intendedUs, samples, counts);
  const done = finished(input, key);
  const eligibleUs = ledger.eligibleUs(key);
  const pickup = pickupOf(input, key);
  if (pickup === undefined) {
    // A load that broke off has jobs that were not even to be sent yet: no delay of theirs.
    if (sent || intendedUs <= input.endUs) counts.notDue += 1;
    return;
  }
  if (pickup.claimedUs === undefined) samples.recordAge('pickup', eligibleUs);
  else samples.record('pickup', pickup.us, pickup.claimedUs);
  service(input, key, done, samples, counts);
  if (done !== undefined) samples.record('response', done.settledUs - eligibleUs, done.settledUs);
  // No queue could have it acked: an age would tell of the scenario alone.
  else if (input.isPoison?.(key) === true) counts.poison += 1;
  else {
    counts.unsettled += 1;
    samples.recordAge('response', eligibleUs);
  }
}

/** A preloaded job that waited for an instant of the load: its clock starts there, and it has no enqueue of its own. */
function dueJob(
  input: FigureInput,
  key: number,
  inside: (us: number) => boolean,
  samples: Samples,
  counts: Counts,
): void {
  const { ledger } = input;
  const dueUs = ledger.eligibleUs(key);
  if (!inside(dueUs) || dueUs > input.endUs) return;
  const claimedUs = ledger.claimedUs[key] ?? Number.NaN;
  const done = finished(input, key);
  if (Number.isNaN(claimedUs)) samples.recordAge('pickup', dueUs);
  else samples.record('pickup', claimedUs - dueUs, claimedUs);
  if (input.openLoop) service(input, key, done, samples, counts);
  if (done !== undefined) samples.record('response', done.settledUs - dueUs, done.settledUs);
  else if (input.isPoison?.(key) === true) counts.poison += 1;
  else {
    counts.unsettled += 1;
    samples.recordAge('response', dueUs);
  }
}

/**
 * How long a job of an open loop waited for its pickup, µs; one that was never picked up, without an instant of it, until
 * the end. Undefined for one that was not yet due when the load was over, or that was not to get in.
 */
export function pickupOf(
  input: FigureInput,
  key: number,
): { readonly us: number; readonly claimedUs?: number } | undefined {
  if (wasTurnedAway(input, key)) return undefined;
  const claimedUs = input.ledger.claimedUs[key] ?? Number.NaN;
  const eligibleUs = input.ledger.eligibleUs(key);
  if (!Number.isNaN(claimedUs)) return { us: claimedUs - eligibleUs, claimedUs };
  if (finished(input, key) === undefined && eligibleUs > input.endUs) return undefined;
  return { us: input.endUs - eligibleUs };
}

/** Turned away as asked, or rolled back on purpose: nobody waits for it. */
function wasTurnedAway({ ledger }: FigureInput, key: number): boolean {
  const state = ledger.enqueueState[key];
  return state === ENQUEUE.rejected || state === ENQUEUE.rolledBack;
}

/** Lag and enqueue of a job. Returns whether it was sent. */
function sending(
  input: FigureInput,
  key: number,
  intendedUs: number,
  samples: Samples,
  counts: Counts,
): boolean {
  const { ledger } = input;
  const sentUs = ledger.sentUs[key] ?? Number.NaN;
  if (Number.isNaN(sentUs)) {
    counts.unsent += 1;
    if (meetsOutage(input.outages ?? [], intendedUs, intendedUs)) counts.excused.unsent += 1;
    if (input.closedLoop !== true && intendedUs <= input.endUs) samples.recordAge('generatorLag', intendedUs);
    return false;
  }
  lagOf(input, key, intendedUs, samples, counts);
  const enqueuedUs = ledger.enqueuedUs[key] ?? Number.NaN;
  if (ledger.enqueueState[key] === ENQUEUE.confirmed)
    samples.record('enqueue', enqueuedUs - sentUs, enqueuedUs);
  // Refused, of unknown outcome, or not answered: never confirmed.
  else samples.recordAge('enqueue', sentUs);
  return true;
}

/** Of a job that was sent. Clients of a closed loop have no schedule to be late on. */
function lagOf(
  { ledger, closedLoop, outages = [] }: FigureInput,
  key: number,
  intendedUs: number,
  samples: Samples,
  counts: Counts,
): void {
  if (closedLoop === true) return;
  const sentUs = ledger.sentUs[key] ?? Number.NaN;
  if (sentUs - intendedUs > LATE_US) {
    counts.late += 1;
    // One that was late before the outage began is late without it.
    if (meetsOutage(outages, intendedUs, Math.min(sentUs, intendedUs + LATE_US))) counts.excused.late += 1;
  }
  samples.record('generatorLag', sentUs - intendedUs, sentUs);
}

function service(
  input: FigureInput,
  key: number,
  done: Finish | undefined,
  samples: Samples,
  counts: Counts,
): void {
  if (done !== undefined) {
    if (!Number.isNaN(done.claimedUs))
      samples.record('service', done.settledUs - done.claimedUs, done.settledUs);
    return;
  }
  const claimedUs = openClaimUs(input.ledger, key);
  if (Number.isNaN(claimedUs)) return;
  counts.openClaims += 1;
  samples.recordAge('service', claimedUs);
}

function drainJob(
  input: FigureInput,
  key: number,
  inside: (us: number) => boolean,
  samples: Samples,
  counts: Counts,
): void {
  const done = finished(input, key);
  if (inside(done === undefined ? openClaimUs(input.ledger, key) : done.settledUs))
    service(input, key, done, samples, counts);
}

function countRates(input: FigureInput, key: number, inside: (us: number) => boolean, counts: Counts): void {
  const { ledger } = input;
  const done = finished(input, key);
  if (done !== undefined && inside(done.settledUs)) counts.settled += 1;
  if (ledger.enqueueState[key] === ENQUEUE.confirmed && inside(ledger.enqueuedUs[key] ?? Number.NaN))
    counts.enqueued += 1;
  if (!Number.isNaN(ledger.sentUs[key] ?? Number.NaN) && inside(ledger.intendedUs[key] ?? Number.NaN))
    counts.offered += 1;
}

function rates(input: FigureInput, counts: Counts, seconds: number): Figures['throughput'] {
  const settledPerSec = counts.settled / seconds;
  if (!input.openLoop) return { settledPerSec, ...trendOf(input) };
  return {
    offeredPerSec: counts.offered / seconds,
    enqueuedPerSec: counts.enqueued / seconds,
    settledPerSec,
  };
}

const TREND_SAMPLES = 300;

/** How a drain's rate moved within its window: only then can a reader tell a lasting rate from a first rush. */
function trendOf(input: FigureInput): { lastToFirstThird?: number } {
  const [first, last] = [input.measured[0], input.measured.at(-1)];
  if (first === undefined || last === undefined) return {};
  const third = (last.toUs - first.fromUs) / 3;
  let [early, late] = [0, 0];
  for (let key = 0; key < input.ledger.size; key += 1) {
    const at = finished(input, key)?.settledUs ?? Number.NaN;
    if (at >= first.fromUs && at < first.fromUs + third) early += 1;
    else if (at >= last.toUs - third && at < last.toUs) late += 1;
  }
  return early < TREND_SAMPLES ? {} : { lastToFirstThird: Math.round((late / early) * 1000) / 1000 };
}
