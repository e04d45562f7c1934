// Which figures does a cell's ledger give? Latencies and throughput, all from the jobs' own instants.

import type { Cell } from '../result.ts';
import { LatencyHistogram } from './histogram.ts';
import { ENQUEUE, type Ledger, SETTLE, type Settle } from './ledger.ts';
import { SETTLE_KINDS } from './ledger-writer.ts';

const ACK = SETTLE_KINDS.indexOf('ack');
const DEAD = SETTLE_KINDS.indexOf('dead-letter');
const METRICS = ['enqueue', 'pickup', 'service', 'response', 'generatorLag'] as const;
type Metric = (typeof METRICS)[number];

/** A measured stretch, in µs of the machine's clock. */
export interface Stretch {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface FigureInput {
  readonly ledger: Ledger;
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
  /** Keys of jobs that are gone from the database, their settle sent and never answered: it ended when it was sent. */
  readonly assumedSettled: ReadonlySet<number>;
}

export interface Figures {
  readonly throughput: NonNullable<Cell['throughput']>;
  readonly latencyUs: NonNullable<Cell['latencyUs']>;
  /** Lines of the interval log, without its head. */
  readonly log: readonly string[];
  readonly measuredSeconds: number;
  /** Share of the open loop's jobs that were sent more than 10 ms late, 0 … 1. */
  readonly lateShare: number;
  /** Of however many samples, for the audit's limits only; 0 without any. */
  readonly lagP99Us: number;
  readonly pickupP99Us: number;
  readonly notes: readonly string[];
}

/**
 * When jobs arrive, on a schedule or from clients, a job belongs to the figures when its **intended** instant lies in a measured stretch, wherever it
 * ended; one that never ended counts with its age, so that a queue that falls behind cannot hide its worst jobs. The clock
 * of a delayed job starts when it is eligible; one that is not yet when the load is over has nothing to tell. In a
 * drain a job belongs to them when it was settled there, and only its service time is told: how long it lay in the backlog
 * says when the backlog was made and how long we looked, not how good the queue is.
 */
export function figures(input: FigureInput): Figures {
  const log = new IntervalLog(input.startUs);
  const total = new Map<Metric, LatencyHistogram>(METRICS.map((m) => [m, new LatencyHistogram()]));
  const counts = { late: 0, sent: 0, unsettled: 0, notDue: 0, settled: 0, enqueued: 0, offered: 0 };
  const record = (metric: Metric, valueUs: number, atUs: number): void => {
    total.get(metric)?.record(valueUs);
    log.add(metric, valueUs, atUs);
  };
  const inside = (us: number): boolean => input.measured.some((s) => us >= s.fromUs && us < s.toUs);
  for (let key = 0; key < input.ledger.size; key += 1) {
    if (input.openLoop && key >= input.preloaded) openLoopJob(input, key, inside, record, counts);
    else if (!input.openLoop) drainJob(input, key, inside, record);
    countRates(input, key, inside, counts);
  }
  const measuredSeconds = input.measured.reduce((sum, s) => sum + (s.toUs - s.fromUs) / 1e6, 0);
  const negative = [...total.values()].reduce((sum, h) => sum + h.negative, 0);
  const notes: string[] = [];
  if (counts.unsettled > 0) {
    notes.push(
      `${counts.unsettled} jobs were still unsettled at the end: they count with their age, so response and pickup are lower bounds`,
    );
  }
  if (counts.notDue > 0)
    notes.push(
      `${counts.notDue} delayed jobs were not yet due at the end: they have neither pickup nor response`,
    );
  if (negative > 0) notes.push(`${negative} latencies were below zero: see min`);
  return {
    throughput: rates(input, counts, measuredSeconds),
    latencyUs: latencies(total),
    log: log.lines(),
    measuredSeconds,
    lateShare: counts.sent === 0 ? 0 : counts.late / counts.sent,
    lagP99Us: total.get('generatorLag')?.unquotable(99) ?? 0,
    pickupP99Us: total.get('pickup')?.unquotable(99) ?? 0,
    notes,
  };
}

const LATE_US = 10_000;
type Record = (metric: Metric, valueUs: number, atUs: number) => void;
interface Counts {
  late: number;
  sent: number;
  unsettled: number;
  notDue: number;
  settled: number;
  enqueued: number;
  offered: number;
}

function openLoopJob(
  input: FigureInput,
  key: number,
  inside: (us: number) => boolean,
  record: Record,
  counts: Counts,
): void {
  const { ledger } = input;
  const intendedUs = ledger.intendedUs[key] ?? Number.NaN;
  if (!inside(intendedUs)) return;
  const sentUs = ledger.sentUs[key] ?? Number.NaN;
  counts.sent += 1;
  if (input.closedLoop !== true) {
    if (sentUs - intendedUs > LATE_US) counts.late += 1;
    record('generatorLag', sentUs - intendedUs, sentUs);
  }
  const enqueuedUs = ledger.enqueuedUs[key] ?? Number.NaN;
  if (ledger.enqueueState[key] === ENQUEUE.confirmed) record('enqueue', enqueuedUs - sentUs, enqueuedUs);
  // No answer at all: like every job that never ended, it counts with its age.
  else if (Number.isNaN(enqueuedUs)) record('enqueue', input.endUs - sentUs, input.endUs);
  const claimedUs = ledger.claimedUs[key] ?? Number.NaN;
  const claimed = !Number.isNaN(claimedUs);
  const done = finished(input, key);
  if (!claimed && ledger.enqueueState[key] === ENQUEUE.refused) return;
  const eligibleUs = ledger.eligibleUs(key);
  if (!claimed && done === undefined && eligibleUs > input.endUs) {
    counts.notDue += 1;
    return;
  }
  const pickedUs = claimed ? claimedUs : input.endUs;
  record('pickup', pickedUs - eligibleUs, pickedUs);
  if (done === undefined) {
    counts.unsettled += 1;
    record('response', input.endUs - eligibleUs, input.endUs);
    return;
  }
  if (!Number.isNaN(done.claimedUs)) record('service', done.settledUs - done.claimedUs, done.settledUs);
  record('response', done.settledUs - eligibleUs, done.settledUs);
}

function drainJob(input: FigureInput, key: number, inside: (us: number) => boolean, record: Record): void {
  const done = finished(input, key);
  if (done === undefined || !inside(done.settledUs)) return;
  if (!Number.isNaN(done.claimedUs)) record('service', done.settledUs - done.claimedUs, done.settledUs);
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

/** The claim (NaN when unknown) and the settle by which a job was acked with effect; undefined when it never was. */
export function finished(
  input: FigureInput,
  key: number,
): { claimedUs: number; settledUs: number } | undefined {
  const { ledger } = input;
  if (input.assumedSettled.has(key)) {
    const sent = ledger
      .settlesOf(key)
      .findLast((s) => s.state === SETTLE.unknown && (s.kind === ACK || s.kind === DEAD));
    return sent === undefined ? undefined : { ...claimBehind(ledger, key, sent), settledUs: sent.sentUs };
  }
  if (!ledger.histories.has(key)) {
    if (ledger.settleState[key] !== SETTLE.effective || ledger.settleKind[key] !== ACK) return undefined;
    return { claimedUs: ledger.claimedUs[key] ?? Number.NaN, settledUs: ledger.settledUs[key] ?? Number.NaN };
  }
  const settle = ledger.settlesOf(key).find((s) => s.state === SETTLE.effective && s.kind === ACK);
  if (settle === undefined) return undefined;
  return { ...claimBehind(ledger, key, settle), settledUs: settle.answeredUs };
}

function claimBehind(ledger: Ledger, key: number, settle: Settle): { claimedUs: number } {
  const before = ledger.claimsOf(key).filter((c) => c.answeredUs <= settle.sentUs);
  // A session whose connection was lost is followed by another of the same agent, which settles for it.
  const claim =
    before.findLast((c) => c.claimer === settle.claimer) ?? before.findLast((c) => c.agent === settle.agent);
  return { claimedUs: claim?.answeredUs ?? Number.NaN };
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

function latencies(total: ReadonlyMap<Metric, LatencyHistogram>): Figures['latencyUs'] {
  const found = METRICS.flatMap((metric) => {
    const percentiles = total.get(metric)?.percentiles();
    return percentiles === undefined ? [] : [[metric, percentiles] as const];
  });
  return Object.fromEntries(found);
}

/**
 * Histograms of one second each, per metric. The values are kept until the lines are made, one histogram at a time: at
 * more than 100 kB each, those of a long run would not fit in memory together.
 */
class IntervalLog {
  readonly #startUs: number;
  readonly #intervals = new Map<Metric, Map<number, number[]>>();

  constructor(startUs: number) {
    this.#startUs = startUs;
  }

  add(metric: Metric, valueUs: number, atUs: number): void {
    const second = Math.max(0, Math.floor((atUs - this.#startUs) / 1e6));
    let seconds = this.#intervals.get(metric);
    if (seconds === undefined) {
      seconds = new Map();
      this.#intervals.set(metric, seconds);
    }
    const values = seconds.get(second);
    if (values === undefined) seconds.set(second, [valueUs]);
    else values.push(valueUs);
  }

  lines(): string[] {
    const histogram = new LatencyHistogram();
    return METRICS.flatMap((metric) =>
      [...(this.#intervals.get(metric) ?? [])]
        .sort(([x], [y]) => x - y)
        .map(([second, values]) => {
          histogram.reset();
          for (const value of values) histogram.record(value);
          return histogram.logLine(metric, second, 1);
        }),
    );
  }
}

/** The head of an interval log whose values are microseconds. */
export const LOG_HEAD =
  '#[Histogram log format version 1.3]\n"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n';
