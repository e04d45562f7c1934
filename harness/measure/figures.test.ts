// Do the figures say what happened to the jobs: all of them, from the instant at which each was intended?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { type Sample, sampleSchema } from '../result/result.ts';
import { type FigureInput, figures } from './figures.ts';
import { ENQUEUE, Ledger, SETTLE } from './ledger.ts';
import { SETTLE_KINDS } from './ledger-writer.ts';
import { timeline } from './timeline.ts';

const START = 1e9;
const MS = 1_000;
const [ACK, RETRY, DEAD, RELEASE] = SETTLE_KINDS.map((_, i) => i) as [number, number, number, number];

/** A ledger whose instants are written in ms from the start of the load. */
class Book {
  readonly ledger: Ledger;

  constructor(size: number, preloaded = 0) {
    this.ledger = new Ledger(size, preloaded, START);
  }

  at(ms: number): number {
    return START + ms * MS;
  }

  sent(key: number, intendedMs: number, lagMs = 0): this {
    this.ledger.intendedUs[key] = this.at(intendedMs);
    this.ledger.sentUs[key] = this.at(intendedMs + lagMs);
    this.ledger.enqueueState[key] = ENQUEUE.sent;
    return this;
  }

  /** Of the schedule, and never sent. */
  unsent(key: number, intendedMs: number): this {
    this.ledger.intendedUs[key] = this.at(intendedMs);
    return this;
  }

  enqueued(key: number, ms: number, state: number = ENQUEUE.confirmed): this {
    this.ledger.enqueuedUs[key] = this.at(ms);
    this.ledger.enqueueState[key] = state;
    return this;
  }

  claimed(key: number, ms: number, claimer = 0, agent = 1): this {
    const answeredUs = this.at(ms);
    this.ledger.addClaim(
      key,
      { agent, claimer, attempt: 1, requestedUs: answeredUs - MS, answeredUs },
      this.ledger.size,
    );
    return this;
  }

  settled(
    key: number,
    sentMs: number,
    ms: number,
    state: number = SETTLE.effective,
    kind = ACK,
    claimer = 0,
  ) {
    const [sentUs, answeredUs] = [this.at(sentMs), this.at(ms)];
    this.ledger.addSettle(key, { agent: 1, claimer, kind, sentUs, state, answeredUs });
    return this;
  }

  /** A job that goes the usual way: 1 ms to enqueue, 2 to be picked up, 3 until it is settled. */
  whole(key: number, intendedMs: number, lagMs = 0): this {
    const ms = intendedMs + lagMs;
    return this.sent(key, intendedMs, lagMs)
      .enqueued(key, ms + 1)
      .claimed(key, ms + 2)
      .settled(key, ms + 2.5, ms + 3);
  }

  figures(over: Partial<FigureInput> & { readonly measuredMs: readonly [number, number]; endMs: number }) {
    return figures(this.input(over));
  }

  input({
    measuredMs,
    endMs,
    ...over
  }: Partial<FigureInput> & {
    readonly measuredMs: readonly [number, number];
    endMs: number;
  }): FigureInput {
    return {
      ledger: this.ledger,
      preloaded: 0,
      openLoop: true,
      startUs: START,
      endUs: this.at(endMs),
      assumedSettled: new Set(),
      failed: new Set(),
      measured: [{ fromUs: this.at(measuredMs[0]), toUs: this.at(measuredMs[1]) }],
      ...over,
    };
  }
}

test('a job that went the usual way gives each latency from its own pair of instants', () => {
  const found = new Book(1).whole(0, 100, 5).figures({ measuredMs: [0, 1000], endMs: 1000 });
  const one = (us: number) => ({ count: 1, min: us, mean: us, max: us });
  assert.deepEqual(found.latencyUs, {
    enqueue: one(1 * MS),
    pickup: one(7 * MS),
    service: one(1 * MS),
    response: one(8 * MS),
    generatorLag: one(5 * MS),
  });
  assert.deepEqual(found.notes, []);
});

test('in the open loop a job belongs by its intended instant, wherever it ended', () => {
  const book = new Book(4);
  // Intended in the warm-up, done in the window.
  book.sent(0, 99).enqueued(0, 100).claimed(0, 300).settled(0, 301, 302);
  book.whole(1, 100);
  // Intended in the window, done long after it.
  book.sent(2, 999).enqueued(2, 1000).claimed(2, 4000).settled(2, 4001, 4002);
  book.whole(3, 1000);
  const found = book.figures({ measuredMs: [100, 1000], endMs: 5000 });
  assert.equal(found.latencyUs.response?.count, 2);
  assert.equal(found.latencyUs.response?.max, (4002 - 999) * MS);
  assert.equal(found.latencyUs.generatorLag?.count, 2);
});

test('a job that never ended counts with its age, in pickup, response and enqueue', () => {
  const book = new Book(3).whole(0, 100);
  book.sent(1, 200).enqueued(1, 201);
  book.sent(2, 300);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 5_000 });
  assert.equal(found.latencyUs.response?.count, 3);
  assert.equal(found.latencyUs.response?.max, 4_800 * MS);
  assert.equal(found.latencyUs.pickup?.count, 3);
  assert.equal(found.latencyUs.pickup?.max, 4_800 * MS);
  assert.equal(found.latencyUs.enqueue?.count, 3, 'an enqueue that nobody answered is not a fast one');
  assert.equal(found.latencyUs.enqueue?.max, 4_700 * MS);
  assert.equal(found.latencyUs.service?.count, 1);
  const unfinished = (metric: 'pickup' | 'response' | 'enqueue' | 'service' | 'generatorLag') => {
    const { unfinished: jobs, unfinishedFromUs } = found.latencyUs[metric] ?? {};
    return [jobs, unfinishedFromUs];
  };
  assert.deepEqual(unfinished('pickup'), [2, 4_700 * MS]);
  assert.deepEqual(unfinished('response'), [2, 4_700 * MS]);
  assert.deepEqual(unfinished('enqueue'), [1, 4_700 * MS]);
  assert.deepEqual(unfinished('service'), [undefined, undefined]);
  assert.deepEqual(unfinished('generatorLag'), [undefined, undefined]);
  assert.match(found.notes.join(), /^2 jobs were still unsettled .* lower bounds$/);
});

test('a queue that stops for a second shows a second’s worth of late responses, not one', () => {
  const book = new Book(500);
  for (let key = 0; key < 500; key += 1) {
    const ms = key * 10;
    const served = ms >= 2_000 && ms < 3_000 ? 3_000 : ms;
    book
      .sent(key, ms)
      .enqueued(key, ms + 1)
      .claimed(key, served + 2)
      .settled(key, served + 2.5, served + 3);
  }
  const found = book.figures({ measuredMs: [0, 5_000], endMs: 5_100 });
  const p50 = found.latencyUs.response?.p50 ?? Number.NaN;
  assert.ok(Math.abs(p50 - 3 * MS) < 10);
  assert.equal(found.latencyUs.response?.max, 1_003 * MS);
  // Of 500 jobs 100 were late by 10 ms … 1 s, evenly: their mean is 505 ms.
  assert.ok(Math.abs((found.latencyUs.response?.mean ?? 0) - (3 + 505 / 5) * MS) < 10);
});

test('a job that backpressure turned away was answered: it has a lag, and no age in any other figure', () => {
  const book = new Book(2).whole(0, 100).sent(1, 200, 20).enqueued(1, 230, ENQUEUE.rejected);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 9000, failed: new Set([1]) });
  assert.equal(found.latencyUs.generatorLag?.count, 2);
  assert.equal(found.lateShare, 0.5);
  for (const metric of ['enqueue', 'pickup', 'service', 'response'] as const)
    assert.equal(found.latencyUs[metric]?.count, 1, metric);
  assert.equal(found.failedShare, 0);
  assert.deepEqual(found.notes, []);
  assert.equal(found.throughput.offeredPerSec, 2);
});

test('an enqueue that was refused, or whose outcome is unknown, gives its age', () => {
  const book = new Book(2);
  book.sent(0, 100).enqueued(0, 150, ENQUEUE.refused);
  book.sent(1, 300, 5).enqueued(1, 350, ENQUEUE.sent);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 1000, failed: new Set([0, 1]) });
  const ages = (least: number) => ({
    ...{ count: 2, min: least * MS, mean: ((900 + least) / 2) * MS, max: 900 * MS },
    ...{ unfinished: 2, unfinishedFromUs: least * MS },
  });
  assert.deepEqual(found.latencyUs.pickup, ages(700));
  assert.deepEqual(found.latencyUs.response, ages(700));
  assert.deepEqual(found.latencyUs.enqueue, ages(695));
  assert.equal(found.latencyUs.generatorLag?.unfinished, undefined, 'both were sent, and it is known when');
  assert.equal(found.latencyUs.service, undefined);
  assert.equal(found.throughput.offeredPerSec, 2);
  assert.equal(found.throughput.enqueuedPerSec, 0);
  assert.equal(found.failedShare, 1);
  assert.match(
    found.notes.join(),
    /^2 jobs were still unsettled at the end \(2 never got in\): .* lower bounds$/,
  );
});

test('a job that was never sent gives its age: in pickup, response and generator lag', () => {
  const book = new Book(4).whole(0, 100).whole(1, 200, 2).unsent(2, 400).unsent(3, 3_000);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 5_000 });
  for (const metric of ['pickup', 'response', 'generatorLag'] as const) {
    const { count, max, unfinished, unfinishedFromUs } = found.latencyUs[metric] ?? {};
    assert.deepEqual([count, max, unfinished, unfinishedFromUs], [3, 4_600 * MS, 1, 4_600 * MS], metric);
  }
  assert.equal(found.latencyUs.enqueue?.count, 2);
  assert.equal(found.throughput.offeredPerSec, 2, 'offered to the system under test it was not');
  assert.equal(found.unsentShare, 1 / 3);
  assert.equal(found.lateShare, 0);
  assert.match(found.notes.join(), /^1 jobs were still unsettled at the end \(1 never sent\): /);
});

test('a load that broke off has no age for a job that was to be sent later', () => {
  const found = new Book(2)
    .whole(0, 100)
    .unsent(1, 900)
    .figures({ measuredMs: [0, 1000], endMs: 500 });
  assert.equal(found.latencyUs.pickup?.count, 1);
  assert.equal(found.latencyUs.generatorLag?.count, 1);
  assert.equal(found.unsentShare, 0.5);
  assert.deepEqual(found.notes, []);
});

test('a stall whose refused jobs are left out would look like none', () => {
  // Of 20,000 jobs the queue stood still for 1.5 %: six in ten of those it refused, the others waited.
  const book = new Book(20_000);
  const failed = new Set<number>();
  for (let key = 0; key < 20_000; key += 1) {
    const stalled = key >= 10_000 && key < 10_300;
    if (!stalled) book.whole(key, key);
    else if (key % 5 < 3) {
      failed.add(key);
      book.sent(key, key).enqueued(key, key + 1, ENQUEUE.refused);
    } else {
      book
        .sent(key, key)
        .enqueued(key, key + 1)
        .claimed(key, 10_302)
        .settled(key, 10_302.5, 10_303);
    }
  }
  const { latencyUs, failedShare } = book.figures({ measuredMs: [0, 20_000], endMs: 20_100, failed });
  assert.equal(failedShare, 0.009, 'few enough for a valid cell');
  assert.ok((latencyUs.pickup?.p99 ?? 0) > 100 * MS, `${latencyUs.pickup?.p99} µs`);
  assert.ok((latencyUs.response?.p99 ?? 0) > 100 * MS);
  assert.equal(latencyUs.pickup?.unfinished, 180);
  assert.ok(
    (latencyUs.pickup?.p99 ?? 0) < (latencyUs.pickup?.unfinishedFromUs ?? 0),
    'a figure, and no bound',
  );
});

test('of a job that was handed out again: pickup by the first claim, service by the claim that was settled', () => {
  const book = new Book(1).sent(0, 100).enqueued(0, 101);
  book.claimed(0, 110, 0, 1).claimed(0, 1_200, 5, 2);
  book.settled(0, 1_250, 1_260, SETTLE.stale, ACK, 0).settled(0, 1_210, 1_211, SETTLE.effective, ACK, 5);
  const { latencyUs } = book.figures({ measuredMs: [0, 1000], endMs: 2000 });
  assert.equal(latencyUs.pickup?.max, 10 * MS);
  assert.equal(latencyUs.service?.max, 11 * MS);
  assert.equal(latencyUs.response?.max, 1_111 * MS);
  assert.equal(latencyUs.response?.count, 1);
});

test('pickup ends with the claim that came first, whichever agent’s ledger is read first', () => {
  const late = new Book(1).sent(0, 0).enqueued(0, 1);
  late.claimed(0, 900, 5, 2).claimed(0, 10, 0, 1).settled(0, 910, 911, SETTLE.effective, ACK, 5);
  assert.equal(late.figures({ measuredMs: [0, 1000], endMs: 2000 }).latencyUs.pickup?.max, 10 * MS);
});

test('a session that settles for the lost one of its agent does not make the service look short', () => {
  const book = new Book(1).sent(0, 0).enqueued(0, 1).claimed(0, 10, 3);
  book
    .settled(0, 400, 405, SETTLE.unknown, ACK, 3)
    .settled(0, 500, 510, SETTLE.effective, ACK, 4)
    .claimed(0, 9, 7, 2);
  assert.equal(book.figures({ measuredMs: [0, 1000], endMs: 2000 }).latencyUs.service?.max, 500 * MS);
});

test('a job that is gone, its settle sent and never answered, ended when the settle was sent', () => {
  const book = new Book(2).sent(0, 0).enqueued(0, 1).claimed(0, 2).settled(0, 20, Number.NaN, SETTLE.unknown);
  book.sent(1, 0).enqueued(1, 1).claimed(1, 2).settled(1, 20, 30, SETTLE.unknown);
  book.settled(1, 40, 41, SETTLE.stale);
  const known = book.figures({ measuredMs: [0, 1000], endMs: 9_000, assumedSettled: new Set([0, 1]) });
  assert.equal(known.latencyUs.response?.max, 20 * MS);
  assert.equal(known.latencyUs.service?.max, 18 * MS);
  assert.equal(known.throughput.settledPerSec, 2);
  assert.deepEqual(known.notes, []);
  // Still in the database, it is not done.
  const held = book.figures({ measuredMs: [0, 1000], endMs: 9_000 });
  assert.equal(held.latencyUs.response?.max, 9_000 * MS);
  assert.equal(held.throughput.settledPerSec, 0);
});

test('a retry is no end: the job goes on until it is acked', () => {
  const book = new Book(1).sent(0, 0).enqueued(0, 1).claimed(0, 2).settled(0, 3, 4, SETTLE.effective, RETRY);
  const before = book.figures({ measuredMs: [0, 1000], endMs: 1000 });
  assert.equal(before.latencyUs.service, undefined);
  assert.equal(before.latencyUs.response?.max, 1000 * MS);
  assert.equal(before.throughput.settledPerSec, 0);
  book.claimed(0, 100).settled(0, 101, 102);
  assert.equal(book.figures({ measuredMs: [0, 1000], endMs: 1000 }).latencyUs.response?.max, 102 * MS);
});

test('throughput counts what happened in the window, over the seconds of the window', () => {
  const book = new Book(400);
  for (let key = 0; key < 400; key += 1) book.whole(key, key * 10);
  const found = book.figures({ measuredMs: [1000, 3000], endMs: 5000 });
  assert.equal(found.measuredSeconds, 2);
  assert.deepEqual(found.throughput, { offeredPerSec: 100, enqueuedPerSec: 100, settledPerSec: 100 });
  const apart = figures({
    ...book.input({ measuredMs: [0, 1], endMs: 5000 }),
    measured: [
      { fromUs: book.at(0), toUs: book.at(500) },
      { fromUs: book.at(2000), toUs: book.at(3500) },
    ],
  });
  assert.equal(apart.measuredSeconds, 2);
  assert.equal(apart.throughput.offeredPerSec, 100);
  assert.equal(apart.latencyUs.response?.count, 200);
});

test('a preload before an open loop is settled work, but its latency is not the open loop’s', () => {
  const book = new Book(2, 1).whole(1, 100);
  book.claimed(0, 500).settled(0, 501, 502);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 1000, preloaded: 1 });
  assert.equal(found.latencyUs.response?.count, 1);
  assert.equal(found.throughput.settledPerSec, 2);
  assert.equal(found.throughput.offeredPerSec, 1);
});

test('a drain tells the service time of what was settled in its window, and nothing of how long jobs lay there', () => {
  const book = new Book(100, 100);
  for (let key = 0; key < 80; key += 1) {
    const ms = key * 10;
    // The longer, the later: service times of 5 … 84 ms, each belonging to the instant of its settle.
    book.claimed(key, ms - key).settled(key, ms + 4, ms + 5);
  }
  const found = book.figures({ measuredMs: [200, 700], endMs: 1000, openLoop: false, preloaded: 100 });
  assert.deepEqual(found.throughput, { settledPerSec: 100 });
  // Keys 20 … 69 are settled in 205 … 695 ms.
  const service = { count: 50, min: 25 * MS, mean: 49.5 * MS, max: 74 * MS };
  assert.deepEqual(found.latencyUs, { service });
  assert.ok(
    found.log.every((line) => line.startsWith('Tag=service,')),
    'nor does its interval log',
  );
  assert.equal(found.lateShare, 0);
  assert.equal(found.lagP99Us, 0);
  assert.equal(found.pickupP99Us, 0);
});

/** What may become of a claim at 500 ms that was not acked, and how many service samples count by their age then. */
const OPEN_CLAIMS: readonly (readonly [string, (book: Book) => Book, number])[] = [
  ['no settle was sent', (book) => book, 1],
  ['an ack was never answered', (book) => book.settled(0, 600, Number.NaN, SETTLE.unknown), 1],
  ['nor was a dead letter', (book) => book.settled(0, 600, Number.NaN, SETTLE.unknown, DEAD), 1],
  ['an ack was answered by an error', (book) => book.settled(0, 600, 700, SETTLE.unknown), 1],
  ['it was given back', (book) => book.settled(0, 600, 700, SETTLE.effective, RELEASE), 0],
  ['it was given back, unheard', (book) => book.settled(0, 600, Number.NaN, SETTLE.unknown, RELEASE), 0],
  ['it is to be tried again', (book) => book.settled(0, 600, 700, SETTLE.effective, RETRY), 0],
  ['it is a dead letter', (book) => book.settled(0, 600, 700, SETTLE.effective, DEAD), 0],
  ['its lease was lost', (book) => book.settled(0, 600, 700, SETTLE.stale), 0],
  [
    'given back, and handed out again for good',
    (book) => book.settled(0, 600, 700, SETTLE.effective, RELEASE).claimed(0, 800),
    1,
  ],
  [
    'handed out again, and then given back',
    (book) => book.claimed(0, 800, 5).settled(0, 900, 950, SETTLE.effective, RELEASE, 5),
    0,
  ],
  [
    'handed out again; the first holder gives back late',
    (book) => book.claimed(0, 800, 5).settled(0, 900, 950, SETTLE.stale, ACK, 0),
    1,
  ],
  [
    'given back by the heir of a lost session',
    (book) => {
      book.ledger.lostSessions.add(5);
      return book.claimed(0, 800, 5).settled(0, 900, 950, SETTLE.effective, RELEASE, 6);
    },
    0,
  ],
];

test('a claim of which nothing more was heard counts with its age in service, in open loops and drains', () => {
  for (const [name, then, unfinished] of OPEN_CLAIMS) {
    for (const openLoop of [true, false]) {
      const book = openLoop ? new Book(1).sent(0, 0).enqueued(0, 1) : new Book(1, 1);
      then(book.claimed(0, 500));
      const { latencyUs, notes } = book.figures({
        measuredMs: [100, 1_000],
        ...(openLoop ? { measuredMs: [0, 1_000] } : { preloaded: 1 }),
        endMs: 5_000,
        openLoop,
      });
      const claimedMs = Math.max(...book.ledger.claimsOf(0).map((c) => (c.answeredUs - START) / MS));
      const ageUs = (5_000 - claimedMs) * MS;
      const age = { count: 1, min: ageUs, mean: ageUs, max: ageUs, unfinished: 1, unfinishedFromUs: ageUs };
      assert.deepEqual(latencyUs.service, unfinished === 0 ? undefined : age, `${name}, ${openLoop}`);
      assert.equal(/no answer to a settle/.test(notes.join()), unfinished === 1, name);
    }
  }
});

test('in a drain a claim without an end belongs to the window in which it was made', () => {
  const book = new Book(3, 3).claimed(0, 150).claimed(1, 250).claimed(2, 750);
  const found = book.figures({ measuredMs: [200, 700], endMs: 1_000, openLoop: false, preloaded: 3 });
  assert.equal(found.latencyUs.service?.count, 1);
  assert.equal(found.latencyUs.service?.max, 750 * MS);
});

test('a drain says how its rate moved from the first third of its window to the last', () => {
  const drained = (thirds: readonly [number, number, number], over: Partial<FigureInput> = {}) => {
    const size = 1_000;
    const book = new Book(size, size);
    let key = 0;
    const settle = (ms: number): void => {
      book.claimed(key, ms - 1).settled(key, ms - 0.5, ms);
      key += 1;
    };
    // Outside the window: in the warm-up, and after its end.
    for (let i = 0; i < 50; i += 1) settle(90);
    for (let i = 0; i < 50; i += 1) settle(3_100);
    // Each third from its first instant to just before its end.
    for (const [third, n] of thirds.entries())
      for (let i = 0; i < n; i += 1) settle(100 + third * 1_000 + (i * 999) / n);
    const input = book.input({ measuredMs: [100, 3_100], endMs: 4_000, openLoop: false, preloaded: size });
    return figures({ ...input, ...over }).throughput.lastToFirstThird;
  };
  assert.equal(drained([300, 200, 150]), 0.5);
  assert.equal(drained([300, 0, 301]), 1.003);
  assert.equal(drained([300, 0, 0]), 0, 'one that came to a standstill');
  assert.equal(drained([299, 300, 300]), undefined, 'of too few jobs nothing is said');
  assert.equal(drained([400, 0, 400], { measured: [] }), undefined);
  assert.equal(
    drained([400, 0, 400], { openLoop: true, preloaded: 0 }),
    undefined,
    'an open loop has its timeline',
  );
});

test('for the limits of the audit, lag and pickup have a p99 of however few jobs', () => {
  const found = new Book(2)
    .whole(0, 100, 5)
    .whole(1, 200)
    .figures({ measuredMs: [0, 1000], endMs: 1000 });
  assert.equal(found.lagP99Us, 5 * MS);
  assert.equal(found.pickupP99Us, 7 * MS);
  assert.equal(found.latencyUs.pickup?.p99, undefined);
});

test('jobs sent more than 10 ms late are the late share', () => {
  const book = new Book(4).whole(0, 100, 10).whole(1, 200, 10.1).whole(2, 300, 500).whole(3, 5_000, 500);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 6_000 });
  assert.equal(found.lateShare, 2 / 3);
  assert.equal(found.latencyUs.generatorLag?.max, 500 * MS);
});

test('a latency below zero is noted, not dropped', () => {
  const book = new Book(1).sent(0, 100).enqueued(0, 99).claimed(0, 101).settled(0, 102, 103);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 1000 });
  assert.equal(found.latencyUs.enqueue?.min, -1 * MS);
  assert.equal(found.latencyUs.enqueue?.count, 1);
  assert.match(found.notes.join(), /1 latencies were below zero/);
});

test('the interval log, merged, is the whole histogram', () => {
  const book = new Book(3_000);
  for (let key = 0; key < 3_000; key += 1) book.whole(key, key, key % 7);
  const { log, latencyUs } = book.figures({ measuredMs: [0, 3_000], endMs: 3_100 });
  const count = new Map<string, number>();
  const places = new Set<string>();
  for (const line of log) {
    const [tag = '', start, length, , base64 = ''] = line.split(',');
    const metric = tag.replace('Tag=', '');
    count.set(metric, (count.get(metric) ?? 0) + decodeFromCompressedBase64(base64, 32, false).totalCount);
    places.add(`${metric} ${start}`);
    assert.equal(length, '1.000');
  }
  assert.equal(places.size, log.length, 'one line per metric and second');
  assert.deepEqual(
    Object.fromEntries(count),
    Object.fromEntries(Object.entries(latencyUs).map(([metric, p]) => [metric, p?.count])),
  );
});

test('the interval log of an hour fits in memory', () => {
  const book = new Book(3_600);
  for (let key = 0; key < 3_600; key += 1) book.whole(key, key * 1000);
  const before = process.resourceUsage().maxRSS;
  const { log } = book.figures({ measuredMs: [0, 3_600_000], endMs: 3_600_000 });
  assert.equal(log.length, 5 * 3_600);
  const grownMb = (process.resourceUsage().maxRSS - before) / 1000;
  assert.ok(grownMb < 400, `${grownMb} MB: one histogram at a time, not 18,000 of more than 100 kB`);
});

type LoadSample = Extract<Sample, { kind: 'load' }>;

function buckets(input: FigureInput, seconds: number): LoadSample[] {
  return timeline(input, 'cell', seconds).map((sample) => {
    sampleSchema.parse(sample);
    assert.ok(sample.kind === 'load');
    return sample;
  });
}

test('the timeline counts each event in its bucket, warm-up included, and the backlog between them', () => {
  const book = new Book(5, 2);
  book.claimed(0, 100).settled(0, 200, 300);
  book.sent(2, 400).enqueued(2, 499).claimed(2, 500).settled(2, 900, 1_000);
  book.sent(3, 600).enqueued(3, 700).sent(4, 650).enqueued(4, 700, ENQUEUE.refused);
  const rows = buckets(book.input({ measuredMs: [500, 1_500], endMs: 1_450, preloaded: 2 }), 0.5);
  assert.deepEqual(
    rows.map((r) => [r.t, r.seconds, r.enqueued, r.claimed, r.settled, r.backlog]),
    [
      [0.5, 0.5, 1, 1, 1, 2],
      [1, 0.5, 1, 1, 0, 3],
      [1.45, 0.45, 0, 0, 1, 2],
    ],
  );
  assert.equal(rows[0]?.responseMaxUs, 300 * MS);
  assert.equal(rows[1]?.responseMaxUs, undefined);
  assert.equal(rows[2]?.responseMaxUs, 600 * MS);
});

test('a job whose enqueue was never heard of, and that was done, leaves no gap in the backlog behind it', () => {
  const book = new Book(3);
  book.sent(0, 100).claimed(0, 200).settled(0, 300, 400);
  book.sent(1, 600).enqueued(1, 700).sent(2, 600).enqueued(2, 700);
  const rows = buckets(book.input({ measuredMs: [0, 1_000], endMs: 1_000 }), 0.5);
  assert.deepEqual(
    rows.map((r) => [r.enqueued, r.backlog]),
    [
      [0, 0],
      [2, 2],
    ],
  );
});

test('what happens at the very end, or after it, is in the last bucket; the sum of the buckets is the whole', () => {
  const book = new Book(100, 100);
  for (let key = 0; key < 100; key += 1) book.claimed(key, key * 11).settled(key, key * 11 + 1, key * 11 + 2);
  const rows = buckets(
    book.input({ measuredMs: [0, 1000], endMs: 1000, openLoop: false, preloaded: 100 }),
    0.5,
  );
  assert.equal(rows.length, 2);
  assert.equal(
    rows.reduce((n, r) => n + r.settled, 0),
    100,
  );
  assert.equal(rows.at(-1)?.backlog, 0);
});

test('the last bucket is as long as the load lasted in it, so that a steady rate does not fall at its end', () => {
  const book = new Book(120, 120);
  for (let key = 0; key < 120; key += 1) book.claimed(key, key * 10).settled(key, key * 10, key * 10);
  const rows = buckets(
    book.input({ measuredMs: [0, 1200], endMs: 1200, openLoop: false, preloaded: 120 }),
    0.5,
  );
  for (const row of rows) assert.equal(row.settled / row.seconds, 100, `${row.t} s`);
  assert.deepEqual(
    rows.map((r) => [r.t, r.seconds]),
    [
      [0.5, 0.5],
      [1.2, 0.7],
    ],
  );
});

test('percentiles of a bucket need their samples too, and the backlog is never below zero', () => {
  const book = new Book(10_300);
  for (let key = 0; key < 10_000; key += 1) book.whole(key, key / 100);
  for (let key = 10_000; key < 10_199; key += 1) book.whole(key, 1_100);
  // Settled before its enqueue was known.
  book.sent(10_299, 2_100).claimed(10_299, 2_101).settled(10_299, 2_102, 2_103).enqueued(10_299, 3_010);
  const rows = buckets(book.input({ measuredMs: [0, 4_000], endMs: 4_000 }), 1);
  assert.ok(rows[0]?.pickupP99Us !== undefined && rows[0].responseP50Us !== undefined);
  assert.equal(rows[1]?.pickupP50Us, undefined);
  assert.equal(rows[1]?.responseMaxUs, 3 * MS);
  assert.deepEqual(
    rows.map((r) => r.backlog),
    [0, 0, 0, 0],
  );
});

test('an empty load has one empty bucket and no figures', () => {
  const book = new Book(0);
  const input = book.input({ measuredMs: [0, 1], endMs: 0 });
  assert.equal(buckets(input, 0.5).length, 1);
  assert.deepEqual(figures(input).latencyUs, {});
  assert.equal(figures(input).throughput.settledPerSec, 0);
});

test('the clock of a delayed job starts when it is due, that of the others when they were intended', () => {
  const book = new Book(2).whole(0, 100).whole(1, 100);
  book.ledger.delay(1, 1.5 * MS);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 1000 });
  assert.deepEqual([found.latencyUs.pickup?.min, found.latencyUs.pickup?.max], [0.5 * MS, 2 * MS]);
  assert.deepEqual([found.latencyUs.response?.min, found.latencyUs.response?.max], [1.5 * MS, 3 * MS]);
  assert.equal(found.latencyUs.generatorLag?.max, 0, 'lag is from the intended instant for all');
});

test('a delayed job that is not yet due at the end has no age; one that is due has', () => {
  const book = new Book(2).sent(0, 100).enqueued(0, 101).sent(1, 100).enqueued(1, 101);
  book.ledger.delay(0, 2_000 * MS);
  book.ledger.delay(1, 300 * MS);
  const found = book.figures({ measuredMs: [0, 1000], endMs: 1000 });
  assert.equal(found.latencyUs.pickup?.count, 1);
  assert.equal(found.latencyUs.pickup?.max, 600 * MS);
  assert.equal(found.latencyUs.response?.max, 600 * MS);
  assert.match(found.notes.join('; '), /1 delayed jobs were not yet due at the end/);
});

test('a closed loop has no generator lag, and all else', () => {
  const found = new Book(1).whole(0, 100).figures({ measuredMs: [0, 1000], endMs: 1000, closedLoop: true });
  assert.equal(found.latencyUs.generatorLag, undefined);
  assert.equal(found.lateShare, 0);
  assert.equal(found.latencyUs.pickup?.max, 2 * MS);
  assert.equal(found.throughput.offeredPerSec, 1);
});

test('what an outage of the scenario kept out, unsent or late is told apart, and no share of the load', () => {
  const book = new Book(100);
  for (let key = 0; key < 100; key += 1) {
    const ms = key * 10;
    // Down from 300 to 500 ms: of these jobs 18 fail, one is never sent, one is sent late, after that.
    // And one fails long after it, which nothing excuses.
    if (key === 31) book.unsent(key, ms);
    else if (key === 32) book.whole(key, ms, 250);
    else if ((key >= 30 && key < 50) || key === 90) book.sent(key, ms).enqueued(key, ms + 1, ENQUEUE.sent);
    else book.whole(key, ms);
  }
  const down = new Set(Array.from({ length: 20 }, (_, i) => 30 + i).filter((key) => key > 32 || key === 30));
  const failed = new Set([...down, 90]);
  // Late already when the outage came, and sent in it: the generator's own.
  book.ledger.sentUs[20] = book.at(400);
  const outages = [{ fault: 'restart-server' as const, fromUs: book.at(300), toUs: book.at(500) }];
  const asked = { measuredMs: [0, 1000], endMs: 1000, failed } as const;
  const found = book.figures({ ...asked, outages });
  assert.deepEqual(found.excused, { failed: 18, unsent: 1, late: 1 });
  assert.equal(found.failedShare, 1 / 82, 'of those that no outage met');
  assert.deepEqual([found.unsentShare, found.lateShare], [0, 1 / 98]);
  // Without the outage all of it voids the cell; and in either case it counts with its age.
  const held = book.figures(asked);
  assert.deepEqual(held.excused, { failed: 0, unsent: 0, late: 0 });
  assert.deepEqual([held.failedShare, held.unsentShare, held.lateShare], [0.19, 0.01, 2 / 99]);
  assert.deepEqual(held.latencyUs, found.latencyUs);
});
