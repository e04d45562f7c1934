// How did a load go, bucket by bucket? The timeline of a cell, from the jobs' own instants.

import type { Sample } from '../result/result.ts';
import type { FigureInput } from './figures.ts';
import { LatencyHistogram } from './histogram.ts';
import { enteredUs, finished, leftUs } from './job-ends.ts';
import { ENQUEUE } from './ledger.ts';

/** The load side of a cell's timeline: buckets of `seconds`, from the start of the load to its end. */
export function timeline(input: FigureInput, cell: string, seconds: number): Sample[] {
  const totalSeconds = (input.endUs - input.startUs) / 1e6;
  // Rounded: a sliver at the end joins the bucket before it, or its few events would make a spike.
  const buckets = Math.max(1, Math.round(totalSeconds / seconds));
  const rows = Array.from({ length: buckets }, () => ({ enqueued: 0, claimed: 0, settled: 0 }));
  const pickup: number[][] = rows.map(() => []);
  const response: number[][] = rows.map(() => []);
  // What nobody heard of an enqueue is not counted as enqueued; where its job was handed out, it had come.
  const came = rows.map(() => 0);
  const left = rows.map(() => 0);
  const at = (us: number): number =>
    Number.isNaN(us)
      ? -1
      : Math.min(buckets - 1, Math.max(0, Math.floor((us - input.startUs) / 1e6 / seconds)));
  const { ledger } = input;
  for (let key = 0; key < ledger.size; key += 1) {
    const eligibleUs = ledger.eligibleUs(key);
    const enqueued = key < input.preloaded ? undefined : rows[at(ledger.enqueuedUs[key] ?? Number.NaN)];
    if (enqueued !== undefined && ledger.enqueueState[key] === ENQUEUE.confirmed) enqueued.enqueued += 1;
    const claimedUs = ledger.claimedUs[key] ?? Number.NaN;
    const claimed = rows[at(claimedUs)];
    if (claimed !== undefined) {
      claimed.claimed += 1;
      pickup[at(claimedUs)]?.push(claimedUs - eligibleUs);
    }
    const entered = key < input.preloaded ? -1 : at(enteredUs(ledger, key));
    if (entered >= 0) came[entered] = (came[entered] ?? 0) + 1;
    const gone = at(leftUs(input, key));
    if (gone >= 0) left[gone] = (left[gone] ?? 0) + 1;
    const done = finished(input, key);
    const settled = done === undefined ? undefined : rows[at(done.settledUs)];
    if (done !== undefined && settled !== undefined) {
      settled.settled += 1;
      response[at(done.settledUs)]?.push(done.settledUs - eligibleUs);
    }
  }
  let backlog = input.preloaded;
  return rows.map((row, i) => {
    backlog += (came[i] ?? 0) - (left[i] ?? 0);
    return {
      kind: 'load' as const,
      cell,
      t: round3(i === buckets - 1 ? totalSeconds : (i + 1) * seconds),
      // The last bucket ends with the load: divided by a whole one, it would show a fall that never was.
      seconds: round3(i === buckets - 1 ? totalSeconds - i * seconds : seconds),
      ...row,
      // An answer to an enqueue may be read after the job was settled: never below zero.
      backlog: Math.max(0, backlog),
      ...latencyOfBucket(pickup[i] ?? [], response[i] ?? []),
    };
  });
}

function latencyOfBucket(pickup: readonly number[], response: readonly number[]) {
  const p = histogramOf(pickup);
  const r = histogramOf(response);
  const optional = (name: string, value: number | undefined) =>
    value === undefined ? {} : { [name]: value };
  return {
    ...optional('pickupP50Us', p.quotable(50)),
    ...optional('pickupP99Us', p.quotable(99)),
    ...optional('responseP50Us', r.quotable(50)),
    ...optional('responseP99Us', r.quotable(99)),
    ...(r.count === 0 ? {} : { responseMaxUs: Math.round(r.maxUs) }),
  };
}

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
