// Does each fault of a queue raise its own count and no other, and does a correct queue raise none?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, randomStream } from '../../stats/random.ts';
import type { HeldJob, Promises } from '../contender.ts';
import { ENQUEUE, Ledger, SETTLE } from '../measure/ledger.ts';
import { SETTLE_KINDS } from '../measure/ledger-writer.ts';
import type { Cell } from '../result/result.ts';
import { emptyAudit } from './audit.ts';
import { type CheckInput, check } from './checker.ts';

const MS = 1_000;
const LEASE_MS = 100;
const [ACK, RETRY, DEAD, RELEASE] = SETTLE_KINDS.map((_, i) => i) as [number, number, number, number];

const CLEAN = emptyAudit();

/** A ledger of preloaded jobs and a database, written by hand. Times in ms. */
class Book {
  readonly ledger: Ledger;
  readonly held: HeldJob[] = [];
  #claims = 0;

  constructor(size = 1, preloaded = size) {
    this.ledger = new Ledger(size, preloaded, 0);
  }

  enqueue(key: number, state: number): this {
    this.ledger.enqueueState[key] = state;
    return this;
  }

  /** Asked for at `from`, answered at `to`. */
  claim(key: number, from: number, to: number, claimer = 0, agent = claimer): this {
    this.#claims += 1;
    const times = { requestedUs: from * MS, answeredUs: to * MS };
    this.ledger.addClaim(key, { agent, claimer, attempt: 1, ...times }, this.#claims);
    return this;
  }

  settle(
    key: number,
    from: number,
    to: number,
    state: number,
    kind = ACK,
    claimer = 0,
    agent = claimer,
  ): this {
    const answeredUs = state === SETTLE.unknown ? Number.NaN : to * MS;
    this.ledger.addSettle(key, { agent, claimer, kind, sentUs: from * MS, state, answeredUs });
    return this;
  }

  /** The usual life of a job. */
  done(key: number, at = 1, claimer = 0): this {
    return this.claim(key, at, at + 1, claimer).settle(key, at + 2, at + 3, SETTLE.effective, ACK, claimer);
  }

  has(key: number, state: HeldJob['state']): this {
    this.held.push({ key, state });
    return this;
  }

  /** A load of 10 s without a fault. That it was stopped cleanly is for each test to say. */
  check(over: Partial<CheckInput> = {}) {
    return check({
      ledger: this.ledger,
      promises: TIMED,
      leaseMs: LEASE_MS,
      preloaded: this.ledger.size,
      priorityOf: () => 0,
      held: listed(this.held),
      brokenAgents: new Set(),
      killedAgents: new Set(),
      startUs: 0,
      endUs: 10_000 * MS,
      lastFaultUs: 0,
      cleanStop: false,
      troubled: false,
      ...over,
    });
  }
}

const TIMED: Promises = { order: 'none', lease: 'timed' };
const SESSION: Promises = { order: 'none', lease: 'session' };

async function* listed(jobs: readonly HeldJob[]): AsyncGenerator<HeldJob> {
  yield* jobs;
}

interface Expected {
  readonly audit?: Partial<Cell['audit']>;
  readonly jobs?: Partial<Cell['jobs']>;
  readonly violations?: readonly RegExp[];
  readonly assumedSettled?: number;
}

/** Everything that `expected` does not name is zero. */
async function expect(
  book: Book,
  expected: Expected,
  over: Partial<CheckInput> = {},
  message = '',
): Promise<void> {
  const found = await book.check(over);
  assert.deepEqual(found.audit, { ...CLEAN, ...expected.audit }, message);
  const none = {
    settled: 0,
    retried: 0,
    deadLettered: 0,
    skipped: 0,
    failed: 0,
    inFlight: 0,
    offered: book.ledger.size,
    enqueued: book.ledger.size,
  };
  assert.deepEqual(found.jobs, { ...none, ...expected.jobs }, message);
  assert.equal(found.assumedSettled.size, expected.assumedSettled ?? 0, message);
  const violations = expected.violations ?? [];
  assert.equal(found.violations.length, violations.length, `${message} ${found.violations.join('; ')}`);
  for (const [i, pattern] of violations.entries()) assert.match(found.violations[i] ?? '', pattern, message);
}

test('jobs that went the usual way raise nothing', async () => {
  await expect(new Book(3).done(0).done(1, 5).done(2, 9, 1), { jobs: { settled: 3 } });
});

test('where jobs are when the load ends: waiting, delayed, dead, leased', async () => {
  const book = new Book(5).has(0, 'ready').has(3, 'leased');
  book.claim(1, 1, 2).settle(1, 3, 4, SETTLE.effective, RETRY).has(1, 'delayed');
  book.claim(2, 1, 2).settle(2, 3, 4, SETTLE.effective, DEAD).has(2, 'dead');
  book.claim(4, 1, 2).settle(4, 3, 4, SETTLE.effective, RELEASE).has(4, 'ready');
  await expect(book, { jobs: { inFlight: 3, retried: 1, deadLettered: 1 } });
});

test('lost: enqueued for sure, not settled, and gone', async () => {
  const lost = { audit: { lost: 1 }, violations: [/^1 job was lost/] };
  await expect(new Book(), lost, {}, 'never claimed');
  await expect(new Book().claim(0, 1, 2), lost, {}, 'claimed');
  await expect(new Book().claim(0, 1, 2).settle(0, 3, 4, SETTLE.stale), {
    audit: { lost: 1, staleSettles: 1 },
    violations: [/lost/],
  });
  await expect(new Book().claim(0, 1, 2).settle(0, 3, 4, SETTLE.effective, RETRY), lost, {}, 'retried');
  await expect(new Book().claim(0, 1, 2).settle(0, 3, 4, SETTLE.effective, DEAD), lost, {}, 'dead-lettered');
  await expect(new Book().claim(0, 1, 2).settle(0, 3, 4, SETTLE.unknown, RETRY), lost, {}, 'unknown retry');
});

test('a system that cannot list its jobs cannot be said to have lost one: they are in flight', async () => {
  await expect(new Book(2).done(0), { jobs: { settled: 1, inFlight: 1 } }, { held: undefined });
});

test('a settle that a killed worker sent: settled when the job is gone, in flight when it is still there', async () => {
  const book = (): Book => new Book().claim(0, 1, 2).settle(0, 3, 4, SETTLE.unknown);
  await expect(book(), { jobs: { settled: 1 }, assumedSettled: 1 });
  await expect(book().has(0, 'leased'), { jobs: { inFlight: 1 } });
  // What took effect at the first try is stale at the second.
  await expect(book().settle(0, 10, 11, SETTLE.stale), {
    jobs: { settled: 1 },
    assumedSettled: 1,
    audit: { staleSettles: 1 },
  });
});

test('enqueues: skipped, refused, unknown and gone, unknown and turned up', async () => {
  const book = new Book(4, 0).enqueue(1, ENQUEUE.refused).enqueue(2, ENQUEUE.sent).enqueue(3, ENQUEUE.sent);
  book.done(3);
  await expect(book, {
    jobs: { skipped: 1, failed: 2, settled: 1, enqueued: 1 },
    audit: { recovered: 1 },
  });
  assert.deepEqual([...(await book.check()).failed], [1, 2], 'by their keys too');
  await expect(new Book(1, 0).enqueue(0, ENQUEUE.sent).has(0, 'ready'), {
    jobs: { inFlight: 1 },
    audit: { recovered: 1 },
  });
});

test('an enqueue that the server refused was rolled back: a job of it that turns up is unexpected, not recovered', async () => {
  const refused = (): Book => new Book(1, 0).enqueue(0, ENQUEUE.refused);
  const said = { audit: { unexpected: 1 }, violations: [/without having been offered/] };
  await expect(refused(), { jobs: { failed: 1, enqueued: 0 } }, {}, 'stays away');
  await expect(refused().has(0, 'ready'), { ...said, jobs: { inFlight: 1 } }, {}, 'stored');
  await expect(refused().done(0), { ...said, jobs: { settled: 1 } }, {}, 'handed out');
});

test('a job that backpressure turned away is failed and told apart; one that turns up all the same is unexpected', async () => {
  const rejected = (): Book => new Book(1, 0).enqueue(0, ENQUEUE.rejected);
  const said = { audit: { unexpected: 1 }, violations: [/without having been offered/] };
  await expect(rejected(), { jobs: { failed: 1, rejected: 1, enqueued: 0 } }, {}, 'stays away');
  await expect(rejected().has(0, 'ready'), { ...said, jobs: { inFlight: 1 } }, {}, 'stored');
  await expect(rejected().done(0), { ...said, jobs: { settled: 1 } }, {}, 'handed out');
});

test('unexpected: stored or handed out without having been offered', async () => {
  const said = { audit: { unexpected: 1 }, violations: [/without having been offered/] };
  const one = { ...said, jobs: { settled: 1 } };
  await expect(new Book().done(0).has(7, 'ready'), one, {}, 'a key beyond the offer');
  const foreign = new Book().done(0);
  foreign.ledger.foreignKeys.add(0xffff_ffff);
  await expect(foreign, one, {}, 'handed out');
  const skipped = { ...said, jobs: { skipped: 1, enqueued: 0 } };
  await expect(new Book(1, 0).claim(0, 1, 2), skipped, {}, 'never sent, and claimed');
  await expect(new Book(1, 0).has(0, 'ready'), skipped, {}, 'never sent, and stored');
});

test('a job that is stored twice was offered once', async () => {
  await expect(new Book().has(0, 'ready').has(0, 'ready'), {
    audit: { unexpected: 1 },
    jobs: { inFlight: 1 },
    violations: [/without having been offered/],
  });
});

test('what was handed out beyond what its claim asked for voids the cell', async () => {
  const book = new Book().done(0);
  book.ledger.overClaims = 3;
  await expect(book, {
    audit: { overClaims: 3 },
    jobs: { settled: 1 },
    violations: [/^3 jobs were handed out beyond/],
  });
});

const STUCK = {
  audit: { stuck: 1 },
  jobs: { inFlight: 1 },
  violations: [/^1 job was left under a lease that nobody holds/],
};
const LEASED = { jobs: { inFlight: 1 } };

test('after a clean stop no job is leased, whether or not anybody was seen to claim it', async () => {
  const clean = { cleanStop: true };
  await expect(new Book().claim(0, 1, 2).has(0, 'leased'), STUCK, clean);
  await expect(new Book().has(0, 'leased'), STUCK, clean, 'an unseen claim');
  await expect(new Book().claim(0, 1, 2).has(0, 'leased'), LEASED, { cleanStop: false });
  await expect(new Book().has(0, 'ready'), LEASED, clean);
  await expect(new Book().claim(0, 1, 2).has(0, 'delayed'), LEASED, clean);
});

test('what a broken agent held comes back with the end of its lease, and a margin for the reaper', async () => {
  // The lease lasts 100 ms, the margin 5 s; the last fault may have prolonged what was claimed long before it.
  const at = (endMs: number, lastFaultMs: number): Partial<CheckInput> => ({
    brokenAgents: new Set([0]),
    endUs: endMs * MS,
    lastFaultUs: lastFaultMs * MS,
    cleanStop: true,
  });
  const claimed = (): Book => new Book().claim(0, 1_999, 2_000).has(0, 'leased');
  await expect(claimed(), LEASED, at(7_100, 0));
  await expect(claimed(), STUCK, at(7_100.001, 0));
  await expect(claimed(), LEASED, at(8_100, 3_000), 'a later fault');
  await expect(claimed(), STUCK, at(8_100.001, 3_000), 'a later fault');
  await expect(claimed().claim(0, 2_999, 3_000, 1), { ...LEASED, audit: { redelivered: 1 } }, at(8_100, 0));
  await expect(new Book().has(0, 'leased'), LEASED, at(5_100, 0), 'never seen claimed');
  await expect(new Book().has(0, 'leased'), STUCK, at(5_100.001, 0), 'never seen claimed');
});

test('a session lease does not outlive the sessions: nothing is leased at the end unless an agent was broken', async () => {
  const book = (): Book => new Book().claim(0, 1, 2).has(0, 'leased');
  await expect(book(), STUCK, { promises: SESSION });
  await expect(book(), LEASED, { promises: SESSION, brokenAgents: new Set([0]) });
});

test('settled, and still there', async () => {
  for (const state of ['ready', 'delayed', 'leased', 'dead'] as const) {
    await expect(new Book().done(0).has(0, state), {
      audit: { settledButPresent: 1 },
      jobs: { settled: 1 },
      violations: [/settled, and still in the database/],
    });
  }
});

test('dead-lettered, and still to be handed out', async () => {
  for (const state of ['ready', 'delayed', 'leased'] as const) {
    await expect(new Book().claim(0, 1, 2).settle(0, 3, 4, SETTLE.effective, DEAD).has(0, state), {
      audit: { settledButPresent: 1 },
      jobs: { deadLettered: 1 },
      violations: [/settled, and still in the database/],
    });
  }
});

test('settled twice with effect: by one holder, by two, and by ack and dead letter', async () => {
  const twice = {
    audit: { duplicateSettlements: 1 },
    jobs: { settled: 1 },
    violations: [/settled twice with effect/],
  };
  await expect(new Book().done(0).settle(0, 10, 11, SETTLE.effective), twice);
  await expect(new Book().done(0).settle(0, 10, 11, SETTLE.effective, DEAD), twice, {}, 'dead letter');
  await expect(new Book().done(0).settle(0, 10, 11, SETTLE.effective, RETRY), { jobs: { settled: 1 } });
  await expect(new Book().done(0).settle(0, 10, 11, SETTLE.stale), {
    jobs: { settled: 1 },
    audit: { staleSettles: 1 },
  });
});

test('timed lease: handed out again before its end is a duplicate, from then on a redelivery', async () => {
  // The lease begins with the request at the earliest: at 1 ms, and ends at 101.
  const again = (answeredMs: number): Book =>
    new Book()
      .claim(0, 1, 5, 0)
      .claim(0, answeredMs - 1, answeredMs, 1)
      .settle(0, answeredMs + 1, answeredMs + 2, SETTLE.effective, ACK, 1);
  await expect(again(100.999), {
    audit: { duplicateClaims: 1 },
    jobs: { settled: 1 },
    violations: [/handed out twice within one lease/],
  });
  await expect(again(101), { audit: { redelivered: 1 }, jobs: { settled: 1 } });
});

test('three hand-outs: each is judged against the one before it', async () => {
  const book = new Book()
    .claim(0, 0, 1, 0)
    .claim(0, 110, 111, 1)
    .claim(0, 120, 121, 2)
    .settle(0, 130, 131, SETTLE.effective, ACK, 2);
  await expect(book, {
    audit: { redelivered: 1, duplicateClaims: 1 },
    jobs: { settled: 1 },
    violations: [/handed out twice/],
  });
});

test('timed lease: a job that its holder gave back may be handed out at once, settled by it it may not', async () => {
  for (const kind of [RETRY, RELEASE]) {
    for (const state of [SETTLE.effective, SETTLE.unknown]) {
      const book = new Book().claim(0, 1, 2).settle(0, 3, 4, state, kind);
      await expect(book.done(0, 5, 1), { jobs: { settled: 1 } }, {}, `kind ${kind}, state ${state}`);
    }
  }
  const acked = new Book().done(0).claim(0, 1_000, 1_001, 1).settle(0, 1_002, 1_003, SETTLE.stale, ACK, 1);
  await expect(acked, {
    audit: { duplicateClaims: 1, staleSettles: 1 },
    jobs: { settled: 1 },
    violations: [/handed out twice/],
  });
});

test('timed lease: a worker that stood still over the answer to its claim does not make a duplicate', async () => {
  // Worker 0 asked at 0, was served, stood still until 150; worker 1 got the job at 115, after the lease.
  const book = new Book()
    .claim(0, 0, 150, 0)
    .claim(0, 110, 115, 1)
    .settle(0, 151, 152, SETTLE.stale, ACK, 0)
    .settle(0, 160, 161, SETTLE.effective, ACK, 1);
  await expect(book, { audit: { redelivered: 1, staleSettles: 1 }, jobs: { settled: 1 } });
  // Served within one lease in either order.
  const twice = new Book().claim(0, 0, 60, 0).claim(0, 10, 50, 1).settle(0, 70, 71, SETTLE.effective, ACK, 1);
  await expect(twice, {
    audit: { duplicateClaims: 1 },
    jobs: { settled: 1 },
    violations: [/handed out twice/],
  });
});

/** Claimed by session 10 of agent 0, and 5 s later by session 20 of agent 1, which settles it. */
function againUnderSessions(size = 1): Book {
  return new Book(size)
    .claim(0, 0, 1, 10, 0)
    .claim(0, 5_000, 5_001, 20, 1)
    .settle(0, 5_002, 5_003, SETTLE.effective, ACK, 20, 1);
}

const SESSION_DUPLICATE = {
  audit: { duplicateClaims: 1 },
  jobs: { settled: 1 },
  violations: [/handed out twice/],
};

test('session lease: handed out again is a duplicate, however late, unless the holder gave the job back', async () => {
  const over = { promises: SESSION };
  const again = againUnderSessions;
  await expect(again(), SESSION_DUPLICATE, over);
  const returned = again().settle(0, 10, 11, SETTLE.effective, RETRY, 10, 0);
  await expect(returned, { jobs: { settled: 1 } }, over, 'given back');
  // A session whose settle failed has let go of the job; one that tries only afterwards has not.
  const letGo = { audit: { redelivered: 1 }, jobs: { settled: 1 } };
  await expect(
    again().settle(0, 4_000, 0, SETTLE.unknown, ACK, 10, 0),
    letGo,
    over,
    'a settle without an answer',
  );
  // That its holder heard of it too late excuses nothing: its session was there, and so was the lease.
  const stale = again().settle(0, 6_000, 6_001, SETTLE.stale, ACK, 10, 0);
  const fenced = { ...SESSION_DUPLICATE, audit: { duplicateClaims: 1, staleSettles: 1 } };
  await expect(stale, fenced, over, 'the fence held, after two had run the job');
});

test('session lease: the job of a session whose connection broke is redelivered, that of no other', async () => {
  const over = { promises: SESSION };
  const lost = (...claimers: number[]): Book => {
    const book = againUnderSessions();
    for (const claimer of claimers) book.ledger.lostSessions.add(claimer);
    return book;
  };
  const fine = { audit: { redelivered: 1 }, jobs: { settled: 1 } };
  await expect(lost(10), fine, over);
  await expect(lost(10, 11, 20), fine, over);
  // Another session of the holder's agent; the session that got the job; an agent's number is no session's.
  for (const other of [11, 20, 0]) await expect(lost(other), SESSION_DUPLICATE, over, `session ${other}`);
});

test('session lease: a session that was heard from after somebody else had its job was not lost by then', async () => {
  const lostAfter = (sentMs: number, state: number): Book => {
    const book = againUnderSessions(2)
      .claim(1, 2, 3, 10, 0)
      .settle(1, sentMs, sentMs + 1, state, ACK, 10, 0);
    book.ledger.lostSessions.add(10);
    return book;
  };
  const over = { promises: SESSION };
  const found = async (book: Book, more: Partial<CheckInput> = {}) =>
    (await book.check({ ...over, ...more })).audit.duplicateClaims;
  assert.equal(await found(lostAfter(5_500, SETTLE.effective)), 1);
  assert.equal(await found(lostAfter(10, SETTLE.effective)), 0);
  assert.equal(await found(lostAfter(5_500, SETTLE.unknown)), 0, 'nobody answered it');
  const killed = lostAfter(5_500, SETTLE.effective);
  killed.ledger.lostSessions.clear();
  assert.equal(await found(killed, { brokenAgents: new Set([0]), killedAgents: new Set([0]) }), 1);
});

test('session lease: a killed agent has lost its sessions, one that merely stood still has not', async () => {
  const fine = { audit: { redelivered: 1 }, jobs: { settled: 1 } };
  const harmed = (broken: readonly number[], killed: readonly number[]): Partial<CheckInput> => ({
    promises: SESSION,
    brokenAgents: new Set(broken),
    killedAgents: new Set(killed),
  });
  await expect(againUnderSessions(), fine, harmed([0], [0]), 'killed');
  await expect(againUnderSessions(), SESSION_DUPLICATE, harmed([0], []), 'stalled');
  // The killed agent must be the one that held the job, not the one that got it.
  await expect(againUnderSessions(), SESSION_DUPLICATE, harmed([1], [1]));
});

test('a session that is lost later is not charged with what a session beside it settles of its own hand-out', async () => {
  // Handed out, its late settle refused, and handed out anew to another session of the agent; then both connections break.
  const book = new Book()
    .claim(0, 0, 1, 0, 0)
    .settle(0, 150, 160, SETTLE.stale, ACK, 0, 0)
    .claim(0, 200, 201, 1, 0)
    .settle(0, 202, 203, SETTLE.effective, ACK, 1, 0);
  for (const claimer of [0, 1]) book.ledger.lostSessions.add(claimer);
  await expect(book, { audit: { redelivered: 1, staleSettles: 1 }, jobs: { settled: 1 } });
  // The heir of the first: it never was handed the job, and its settle came through after somebody else had been.
  const heir = new Book()
    .claim(0, 0, 1, 0, 0)
    .claim(0, 200, 201, 2, 1)
    .settle(0, 202, 203, SETTLE.effective, ACK, 1, 0);
  heir.ledger.lostSessions.add(0);
  const said = { audit: { redelivered: 1, acceptedStaleSettles: 1 }, jobs: { settled: 1 } };
  await expect(heir, { ...said, violations: [/stale lease/] });
});

test('timed lease: neither a killed agent nor a lost session ends it early', async () => {
  const book = new Book().claim(0, 1, 2, 0).claim(0, 50, 51, 1).settle(0, 52, 53, SETTLE.effective, ACK, 1);
  book.ledger.lostSessions.add(0);
  await expect(book, SESSION_DUPLICATE, { brokenAgents: new Set([0]), killedAgents: new Set([0]) });
});

test('a stale settle that was accepted, whether it settled for good or gave the job back', async () => {
  const late = (state: number, kind: number): Book =>
    new Book()
      .claim(0, 0, 1, 0)
      .claim(0, 110, 111, 1)
      .settle(0, 120, 121, state, kind, 0)
      .settle(0, 130, 131, SETTLE.stale, ACK, 1);
  const accepted = {
    audit: { acceptedStaleSettles: 1, redelivered: 1, staleSettles: 1 },
    jobs: { settled: 1 },
    violations: [/settled under a stale lease/],
  };
  await expect(late(SETTLE.effective, ACK), accepted);
  await expect(late(SETTLE.effective, RETRY).has(0, 'delayed'), { ...accepted, jobs: { retried: 1 } });
  await expect(late(SETTLE.stale, ACK).settle(0, 140, 141, SETTLE.effective, ACK, 1), {
    audit: { redelivered: 1, staleSettles: 2 },
    jobs: { settled: 1 },
  });
});

test('who settles what it claimed itself does not settle for the lost session that had the job before', async () => {
  const redelivered = (claimer: number): Book => {
    const book = new Book()
      .claim(0, 0, 1, 0, 0)
      .settle(0, 2, 3, SETTLE.unknown, ACK, 0, 0)
      .claim(0, 110, 111, claimer, 0)
      .settle(0, 120, 121, SETTLE.effective, ACK, 2, 0);
    book.ledger.lostSessions.add(0);
    return book;
  };
  await expect(redelivered(2), { audit: { redelivered: 1 }, jobs: { settled: 1 } });
  // Claimed by another one, it is the lost session's settle that came late.
  await expect(redelivered(1), {
    audit: { redelivered: 1, acceptedStaleSettles: 1, unclaimedSettles: 0 },
    jobs: { settled: 1 },
    violations: [/settled under a stale lease/],
  });
});

test('the heir of a lost session that had the job once before may not settle it either after somebody else got it', async () => {
  const book = new Book()
    .claim(0, 0, 1, 1, 0)
    .settle(0, 2, 3, SETTLE.effective, RETRY, 1, 0)
    .claim(0, 10, 11, 0, 0)
    .claim(0, 200, 201, 2, 1)
    .settle(0, 202, 203, SETTLE.effective, ACK, 1, 0);
  book.ledger.lostSessions.add(0);
  await expect(book, {
    audit: { redelivered: 1, acceptedStaleSettles: 1 },
    jobs: { settled: 1 },
    violations: [/stale lease/],
  });
});

test('a job that was settled at the second try is not handed out again, however long after its lease', async () => {
  const book = new Book()
    .claim(0, 0, 1, 0, 0)
    .settle(0, 2, 0, SETTLE.unknown, ACK, 0, 0)
    .settle(0, 50, 51, SETTLE.effective, ACK, 1, 0)
    .claim(0, 200, 201, 2, 1)
    .settle(0, 202, 203, SETTLE.stale, ACK, 2, 1);
  book.ledger.lostSessions.add(0);
  await expect(book, {
    audit: { duplicateClaims: 1, staleSettles: 1 },
    jobs: { settled: 1 },
    violations: [/handed out/],
  });
});

test('a refused settle does not hide that the job was given back by the next one', async () => {
  const book = new Book()
    .claim(0, 0, 1, 0, 0)
    .claim(0, 200, 201, 1, 0)
    .settle(0, 202, 203, SETTLE.stale, ACK, 1, 0)
    .settle(0, 204, 205, SETTLE.effective, RETRY, 1, 0)
    .claim(0, 210, 211, 2, 1)
    .settle(0, 212, 213, SETTLE.effective, ACK, 2, 1);
  book.ledger.lostSessions.add(0);
  await expect(book, { audit: { redelivered: 1, staleSettles: 1 }, jobs: { settled: 1 } });
});

test('a stale settle that is accepted at its second try does not hide behind the first', async () => {
  const book = new Book()
    .claim(0, 0, 1, 0)
    .settle(0, 50, 0, SETTLE.unknown, ACK, 0)
    .claim(0, 110, 111, 1)
    .settle(0, 120, 121, SETTLE.effective, ACK, 0)
    .settle(0, 130, 131, SETTLE.stale, ACK, 1);
  await expect(book, {
    audit: { acceptedStaleSettles: 1, redelivered: 1, staleSettles: 1 },
    jobs: { settled: 1 },
    violations: [/settled under a stale lease/],
  });
});

test('one session that gets its job again after the lease settles the second hand-out, not the first', async () => {
  const book = new Book()
    .claim(0, 0, 1, 0)
    .claim(0, 110, 111, 0)
    .settle(0, 120, 121, SETTLE.effective, ACK, 0);
  await expect(book, { audit: { redelivered: 1 }, jobs: { settled: 1 } });
});

test('order and priority reach the verdict only where they are promised', async () => {
  const reversed = (): Book => new Book(2).done(1, 1).done(0, 5);
  await expect(reversed(), { jobs: { settled: 2 } });
  await expect(
    reversed(),
    { audit: { orderViolations: 1 }, jobs: { settled: 2 }, violations: [/against the order enqueue/] },
    { promises: { order: 'enqueue', lease: 'timed' } },
  );
  await expect(
    reversed(),
    { audit: { priorityInversions: 1 }, jobs: { settled: 2 }, violations: [/lower priority/] },
    { promises: { order: 'priority-then-enqueue', lease: 'timed' }, priorityOf: (key) => key },
  );
});

test('whatever histories hold, the books balance', async () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const book = randomBook(randomStream(seed, 'histories'));
    const over: Partial<CheckInput> = {
      promises: seed % 2 === 0 ? TIMED : SESSION,
      ...(seed % 5 === 0 ? { held: undefined } : {}),
      cleanStop: seed % 7 === 0,
      ...(seed % 3 === 0 ? { brokenAgents: new Set([0]), killedAgents: new Set([0]) } : {}),
    };
    const { jobs, audit, violations } = await book.check(over);
    const { settled, retried, deadLettered, skipped, failed, inFlight, offered, enqueued } = jobs;
    const said = `seed ${seed}: ${JSON.stringify({ jobs, audit })}`;
    assert.equal(offered, book.ledger.size, said);
    assert.equal(settled + retried + deadLettered + skipped + failed + inFlight + audit.lost, offered, said);
    assert.equal(enqueued, offered - skipped - failed, said);
    assert.ok(!violations.some((v) => v.includes('balance')), said);
    assert.ok(
      Object.values(audit).every((count) => count >= 0),
      said,
    );
  }
});

test('a checker that lost sight of a job says that the books do not balance', async () => {
  const book = new Book(3).has(0, 'ready').has(1, 'ready').has(2, 'ready');
  assert.deepEqual((await book.check()).violations, []);
  // From some look on the last job is overlooked, after it was counted as offered.
  let looks = 0;
  Object.defineProperty(book.ledger, 'size', {
    get: () => {
      looks += 1;
      return looks <= LOOKS_BEFORE_THE_COUNT ? 3 : 2;
    },
  });
  assert.deepEqual((await book.check()).violations, ['the books do not balance: 3 offered, 2 accounted for']);
});

/** The preload, the column of what is held, one look for each held job, and the number of jobs offered. */
const LOOKS_BEFORE_THE_COUNT = 6;

test('a settle counts for those who hold the job, or followed on a broken connection, and for nobody else', async () => {
  const one = {
    audit: { unclaimedSettles: 1 },
    jobs: { settled: 1 },
    violations: [/session that had not claimed it/],
  };
  await expect(new Book().settle(0, 3, 4, SETTLE.effective), one, {}, 'never claimed');
  const foreign = (): Book => new Book().claim(0, 1, 2, 0, 0).settle(0, 3, 4, SETTLE.effective, ACK, 1, 0);
  await expect(foreign(), one, {}, 'claimed by another');
  const heir = foreign();
  heir.ledger.lostSessions.add(0);
  await expect(heir, { jobs: { settled: 1 } }, {}, 'the heir of a lost session');
  const stale = new Book().settle(0, 3, 4, SETTLE.stale).has(0, 'ready');
  await expect(stale, { audit: { staleSettles: 1 }, jobs: { inFlight: 1 } }, {}, 'refused');
});

function randomBook(random: Random): Book {
  const pick = (n: number): number => Math.floor(random() * n);
  const book = new Book(50, pick(50));
  for (let key = 0; key < 50; key += 1) {
    if (random() < 0.7) book.enqueue(key, pick(4));
    for (let i = pick(4); i > 0; i -= 1) {
      const at = random() * 500;
      book.claim(key, at, at + random() * 150, pick(3), pick(2));
    }
    for (let i = pick(4); i > 0; i -= 1) {
      const at = random() * 600;
      book.settle(key, at, at + random() * 50, 1 + pick(3), pick(4), pick(3), pick(2));
    }
    for (let i = pick(3); i > 0; i -= 1)
      book.has(key, (['ready', 'delayed', 'leased', 'dead'] as const)[pick(4)] ?? 'ready');
  }
  if (random() < 0.5) book.has(1_000, 'ready');
  if (random() < 0.5) book.ledger.lostSessions.add(pick(3));
  return book;
}

test('a delayed job that is handed out before it is due is early, beyond what is not known of the clocks', async () => {
  const early = (claimedAt: number): Book => {
    const book = new Book(2).done(0, claimedAt).done(1, claimedAt);
    book.ledger.delay(0, 100 * MS);
    return book;
  };
  const over = { earlyToleranceUs: 5 * MS };
  const settled = { settled: 2 };
  await expect(
    early(93.9),
    {
      audit: { earlyHandOuts: 1 },
      jobs: settled,
      violations: [/1 job was handed out earlier than asked for/],
    },
    over,
  );
  // A claim is answered a millisecond after it was asked for.
  await expect(early(94), { jobs: settled }, over);
  await expect(early(200), { jobs: settled }, over);
});

test('in a closed loop what was not sent was not offered; what turns up all the same is unexpected', async () => {
  const book = new Book(5, 1)
    .done(0)
    .enqueue(1, ENQUEUE.confirmed)
    .done(1)
    .enqueue(2, ENQUEUE.confirmed)
    .done(2);
  const over = { closedLoop: true, preloaded: 1 };
  await expect(book, { jobs: { offered: 3, enqueued: 3, settled: 3 } }, over);
  await expect(
    book.claim(4, 5, 6),
    {
      audit: { unexpected: 1 },
      jobs: { offered: 3, enqueued: 3, settled: 3 },
      violations: [/without having been offered/],
    },
    over,
  );
});

test('where order cannot be proven, its counts are told as not judged', async () => {
  const book = new Book().done(0);
  assert.deepEqual([...(await book.check()).unjudged], []);
  assert.deepEqual(
    [...(await book.check({ troubled: true })).unjudged],
    ['orderViolations', 'priorityInversions', 'starved'],
  );
});
