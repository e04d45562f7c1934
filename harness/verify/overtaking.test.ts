// Is a job that was overtaken or starved among many producers and workers found, and none that only had bad luck?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStream } from '../../stats/random.ts';
import type { Promises } from '../contender.ts';
import { ENQUEUE, Ledger } from '../measure/ledger.ts';
import { type OrderInput, orderAudit } from './order.ts';

const S = 1e6;

/** Jobs of one load, by hand. Times in seconds. */
class Book {
  readonly ledger: Ledger;

  constructor(size: number, preloaded = 0) {
    this.ledger = new Ledger(size, preloaded, 0);
  }

  enqueued(key: number, sent: number, confirmed: number): this {
    this.ledger.sentUs[key] = sent * S;
    this.ledger.enqueuedUs[key] = confirmed * S;
    this.ledger.enqueueState[key] = ENQUEUE.confirmed;
    return this;
  }

  claimed(key: number, requested: number, answered: number, claimer = key): this {
    const times = { requestedUs: requested * S, answeredUs: answered * S };
    this.ledger.addClaim(key, { agent: 1, claimer, attempt: 1, ...times }, key + 1);
    return this;
  }

  askedInVain(requested: number, answered: number): this {
    this.ledger.emptyClaims.push({ requestedUs: requested * S, answeredUs: answered * S });
    return this;
  }

  /** Late, inverted, starved. */
  audit(order: Promises['order'], over: Partial<OrderInput> = {}): [number, number, number] {
    const found = orderAudit({
      ledger: this.ledger,
      promises: { order, lease: 'timed' },
      preloaded: 0,
      priorityOf: (key) => key % 10,
      brokenAgents: new Set(),
      troubled: false,
      isReady: () => true,
      ...over,
    });
    return [found.orderViolations, found.priorityInversions, found.starved];
  }
}

test('overtaken: confirmed before the other was sent, asked for after the other’s claim was answered', () => {
  const book = (y: { confirmed: number; requested: number }): Book =>
    new Book(2)
      .enqueued(0, 0.9, y.confirmed)
      .enqueued(1, 2, 2.1)
      .claimed(1, 3, 4)
      .claimed(0, y.requested, y.requested + 1);
  assert.deepEqual(book({ confirmed: 1.9, requested: 4.1 }).audit('enqueue'), [1, 0, 0]);
  assert.deepEqual(
    book({ confirmed: 2.05, requested: 4.1 }).audit('enqueue'),
    [0, 0, 0],
    'enqueued side by side',
  );
  assert.deepEqual(
    book({ confirmed: 1.9, requested: 3.9 }).audit('enqueue'),
    [0, 0, 0],
    'claims side by side',
  );
  assert.deepEqual(book({ confirmed: 1.9, requested: 4.1 }).audit('none'), [0, 0, 0], 'nothing was promised');
});

test('a contender that promises its order within some time is held to that', () => {
  const book = new Book(2).enqueued(0, 0.9, 1).enqueued(1, 2, 2.1).claimed(1, 3, 4).claimed(0, 4.1, 5);
  const within = (orderWithinMs: number): number =>
    book.audit('enqueue', { promises: { order: 'enqueue', orderWithinMs, lease: 'timed' } })[0];
  // The later one was sent a second after the earlier was confirmed.
  assert.deepEqual([within(0), within(999), within(1_001)], [1, 1, 0]);
});

test('where each agent hands out jobs of its own, those of one agent are held to their order, and no others', () => {
  const audit = (agentOfLate: number) => {
    const book = new Book(2).enqueued(0, 0.9, 1.9).enqueued(1, 2, 2.1).claimed(1, 3, 4);
    const times = { requestedUs: 4.1 * S, answeredUs: 5 * S };
    book.ledger.addClaim(0, { agent: agentOfLate, claimer: 9, attempt: 1, ...times }, 9);
    return book;
  };
  assert.deepEqual(audit(1).audit('enqueue-per-agent'), [1, 0, 0]);
  assert.deepEqual(audit(2).audit('enqueue-per-agent'), [0, 0, 0]);
  assert.deepEqual(audit(2).audit('enqueue'), [1, 0, 0]);
});

test('a claim that was on its way before a job came saw that job when it got a later one', () => {
  const book = new Book(2).enqueued(0, 2, 2.5).enqueued(1, 3, 3.1).claimed(1, 1, 4).claimed(0, 4.1, 5);
  assert.deepEqual(book.audit('enqueue'), [1, 0, 0]);
});

test('inverted: ready before a less urgent one was asked for, taken after that was answered', () => {
  const book = (confirmed: number): Book =>
    new Book(2).enqueued(0, 1, confirmed).enqueued(1, 0.1, 0.2).claimed(1, 2, 3).claimed(0, 3.1, 4);
  assert.deepEqual(book(1.9).audit('priority-then-enqueue'), [0, 1, 0]);
  assert.deepEqual(book(2.1).audit('priority-then-enqueue'), [0, 0, 0], 'came while the claim was under way');
  const rightly = new Book(2).enqueued(0, 1, 1.1).enqueued(1, 1, 1.1).claimed(0, 2, 3).claimed(1, 3.1, 4);
  assert.deepEqual(rightly.audit('priority-then-enqueue'), [0, 0, 0], 'the urgent one first');
});

test('the backlog has the order of its keys, across claimers too', () => {
  const book = new Book(2, 2).claimed(1, 2, 3).claimed(0, 3.1, 4);
  assert.deepEqual(book.audit('enqueue', { preloaded: 2 }), [1, 0, 0]);
});

test('starved: an idle session was given nothing a second after the job was ready', () => {
  const book = (requested: number): Book =>
    new Book(1).enqueued(0, 0.5, 1).askedInVain(requested, requested + 0.1);
  assert.deepEqual(book(2.1).audit('none'), [0, 0, 1], 'never taken');
  assert.deepEqual(book(1.9).audit('none'), [0, 0, 0], 'within a second');
  assert.deepEqual(
    book(2.1).audit('none', { isReady: () => false }),
    [0, 0, 0],
    'no longer ready: told elsewhere',
  );
  assert.deepEqual(book(2.1).claimed(0, 2.3, 2.4).audit('none'), [0, 0, 1], 'taken by a later claim');
  assert.deepEqual(book(2.1).claimed(0, 2.15, 2.4).audit('none'), [0, 0, 0], 'in somebody else’s hands');
  const backlog = new Book(1, 1).askedInVain(1.1, 1.2);
  assert.deepEqual(backlog.audit('none', { preloaded: 1 }), [0, 0, 1]);
});

test('starved: not while the network was cut, nor for a second after it', () => {
  const book = (requested: number): Book =>
    new Book(1).enqueued(0, 0.5, 1).askedInVain(requested, requested + 0.1);
  const outages = [{ fault: 'black-hole' as const, fromUs: 3 * S, toUs: 4 * S }];
  const starved = (requested: number): number => book(requested).audit('none', { outages })[2];
  assert.deepEqual([2.1, 2.9, 3.1, 4.5, 5, 5.2].map(starved), [1, 1, 0, 0, 0, 1]);
});

test('starved: what a worker does now and then it could not while it stood still', () => {
  const book = new Book(1).enqueued(0, 0.5, 1).askedInVain(3.1, 3.2);
  const starved = (share: number, longest: number): number =>
    book.audit('none', { stalls: { share, longestUs: longest * S } })[2];
  assert.deepEqual([starved(0, 0), starved(0.5, 0), starved(0.02, 1)], [1, 1, 1]);
  assert.deepEqual([starved(0.5, 0.2), starved(0.76, 0), starved(0, 1.2), starved(1, 0)], [0, 0, 0, 0]);
});

test('where something failed nothing of this can be proven', () => {
  const book = (): Book =>
    new Book(2)
      .enqueued(0, 0, 0.1)
      .enqueued(1, 1, 1.1)
      .claimed(1, 3, 4)
      .askedInVain(4.1, 4.2)
      .claimed(0, 5, 6);
  assert.deepEqual(book().audit('enqueue'), [1, 0, 1]);
  assert.deepEqual(book().audit('enqueue', { troubled: true }), [0, 0, 0]);
  assert.deepEqual(book().audit('enqueue', { brokenAgents: new Set([1]) }), [0, 0, 0]);
  const lost = book();
  lost.ledger.lostSessions.add(7);
  assert.deepEqual(lost.audit('enqueue'), [0, 0, 0]);
  assert.deepEqual(
    book().claimed(0, 7, 8).audit('enqueue'),
    [0, 0, 0],
    'a job that came back has lost its place',
  );
});

/**
 * A queue that locks what it hands out, as SKIP LOCKED does: enqueues and claims take time on the way and in the server,
 * a claim's rows are locked from its snapshot to its commit, and others pass over them.
 */
function simulated(seed: number, choose: 'first' | 'last'): [number, number, number] {
  const random = randomStream(seed, 'overtaking');
  const jobs = 300;
  const book = new Book(jobs);
  const times = Array.from({ length: jobs }, () => {
    const sent = random();
    const committed = sent + random() * 0.02;
    return { sent, committed, confirmed: committed + random() * 0.02 };
  }).sort((x, y) => x.committed - y.committed);
  for (const [key, { sent, confirmed }] of times.entries()) book.enqueued(key, sent, confirmed);
  // Ids are drawn at the insert, which lies anywhere between sending and commit.
  const id = times.map(({ sent, committed }) => sent + random() * (committed - sent));
  const free = new Set(times.keys());
  const claims = Array.from({ length: 6 }, (_, claimer) => ({ claimer, at: random() * 0.1 }));
  for (let round = 0; round < 3_000 && free.size > 0; round += 1) {
    claims.sort((x, y) => x.at - y.at);
    const next = claims[0];
    if (next === undefined) break;
    const requested = next.at;
    const snapshot = requested + 0.002;
    const answered = snapshot + 0.002 + random() * 0.03;
    next.at = answered + random() * 0.02;
    const ready = [...free].filter((key) => (times[key]?.committed ?? 9) < snapshot);
    const rank = (key: number): number => (key % 10) * 1_000 + (id[key] ?? 0);
    ready.sort((x, y) => rank(x) - rank(y));
    const taken = choose === 'first' ? ready[0] : ready.at(-1);
    if (taken === undefined) {
      book.askedInVain(requested, answered);
      continue;
    }
    free.delete(taken);
    book.claimed(taken, requested, answered, next.claimer);
  }
  return book.audit('priority-then-enqueue');
}

test('a sound queue is acquitted in 100 histories of six workers, one that takes the last job first is not', () => {
  for (let seed = 0; seed < 100; seed += 1) {
    assert.deepEqual(simulated(seed, 'first'), [0, 0, 0], `seed ${seed}`);
    const [late, inverted] = simulated(seed, 'last');
    assert.ok(late >= 2 && inverted >= 50, `seed ${seed}: ${late} late, ${inverted} inverted`);
  }
});
