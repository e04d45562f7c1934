// Is what a scenario asks of its jobs held against the ledger: failures, leases, unique keys, limits and orders?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobSchema } from '../../scenarios/job.ts';
import type { HeldJob } from '../contender.ts';
import { JobTraits } from '../load/job-traits.ts';
import { ENQUEUE, Ledger, SETTLE } from '../measure/ledger.ts';
import { SETTLE_KINDS } from '../measure/ledger-writer.ts';
import { type CheckInput, check } from './checker.ts';

const MS = 1_000;
const LEASE_MS = 100;
const [ACK, RETRY, DEAD] = SETTLE_KINDS.map((_, i) => i) as [number, number, number];

/** Jobs that a producer sent and that were confirmed at 0; events by hand, in ms. */
class Book {
  readonly ledger: Ledger;
  readonly held: HeldJob[] = [];

  constructor(size: number, preloaded = 0) {
    this.ledger = new Ledger(size, preloaded, 0);
    for (let key = preloaded; key < size; key += 1) this.enqueued(key, 0);
  }

  enqueued(key: number, atMs: number, state: number = ENQUEUE.confirmed): this {
    this.ledger.sentUs[key] = this.ledger.intendedUs[key] = (atMs - 1) * MS;
    this.ledger.enqueuedUs[key] = atMs * MS;
    this.ledger.enqueueState[key] = state;
    return this;
  }

  claim(key: number, atMs: number, claimer = 0, attempt = 1): this {
    const times = { requestedUs: (atMs - 1) * MS, answeredUs: atMs * MS };
    this.ledger.addClaim(key, { agent: claimer, claimer, attempt, ...times }, 1);
    return this;
  }

  settle(key: number, atMs: number, kind = ACK, claimer = 0, state: number = SETTLE.effective): this {
    const answeredUs = (atMs + 1) * MS;
    this.ledger.addSettle(key, { agent: claimer, claimer, kind, sentUs: atMs * MS, state, answeredUs });
    return this;
  }

  extended(key: number, atMs: number, claimer = 0, agent = claimer): this {
    const known = this.ledger.extensions.get(key) ?? [];
    const one = { agent, claimer, requestedUs: (atMs - 1) * MS, answeredUs: atMs * MS };
    this.ledger.extensions.set(key, [...known, one]);
    return this;
  }

  run(key: number, fromMs: number, untilMs: number, agent = 0): this {
    this.ledger.runs.push({ key, agent, startedUs: fromMs * MS, endedUs: untilMs * MS });
    return this;
  }

  has(key: number, state: HeldJob['state']): this {
    this.held.push({ key, state });
    return this;
  }

  check(over: Partial<CheckInput> = {}) {
    return check({
      ledger: this.ledger,
      promises: { order: 'none', lease: 'timed' },
      ...{ leaseMs: LEASE_MS, preloaded: 0, priorityOf: () => 0, held: listed(this.held) },
      ...{ brokenAgents: new Set(), killedAgents: new Set(), troubled: false, cleanStop: true },
      ...{ startUs: 0, endUs: 10_000 * MS, lastFaultUs: 0 },
      ...over,
    });
  }
}

async function* listed(jobs: readonly HeldJob[]): AsyncGenerator<HeldJob> {
  yield* jobs;
}

function traits(job: Parameters<typeof jobSchema.parse>[0]): JobTraits {
  const drawn = { seed: 1, stream: 's', preloaded: 0, retries: true, rollbackShare: 0 };
  return new JobTraits({ job: jobSchema.parse(job), ...drawn });
}

test('an ack of an attempt that had thrown is found; one of an attempt that had not is none', async () => {
  const failing = traits({ failShare: 0.5 });
  const [first = -1] = Array.from({ length: 100 }, (_, key) => key).filter(
    (key) => failing.fails(key, 1) && !failing.fails(key, 2),
  );
  assert.ok(first >= 0);
  const right = new Book(first + 1)
    .claim(first, 5)
    .settle(first, 6, RETRY)
    .claim(first, 20, 0, 2)
    .settle(first, 21);
  const wrong = new Book(first + 1).claim(first, 5).settle(first, 6, ACK);
  const of = { rules: { traits: failing } };
  assert.equal((await right.check(of)).audit.ackedFailures, 0);
  const found = await wrong.check(of);
  assert.equal(found.audit.ackedFailures, 1);
  assert.match(found.violations.join('\n'), /1 job was acked by an attempt whose handler had thrown/);
});

test('a dead letter that was not tried often enough is found, unless hand-outs may have gone unheard', async () => {
  const buried = (attempts: number): Book => {
    const book = new Book(1);
    for (let i = 1; i <= attempts; i += 1)
      book.claim(0, i * 10, 0, i).settle(0, i * 10 + 1, i === attempts ? DEAD : RETRY);
    return book.has(0, 'dead');
  };
  const of = { rules: { maxAttempts: 3 } };
  assert.equal((await buried(3).check(of)).audit.unexplainedDeadLetters, 0);
  const early = await buried(2).check(of);
  assert.equal(early.audit.unexplainedDeadLetters, 1);
  assert.match(early.violations.join('\n'), /dead letter before every attempt was used up/);
  assert.equal((await buried(2).check()).audit.unexplainedDeadLetters, 0, 'nobody said how many');
  const broken = { ...of, brokenAgents: new Set([3]), killedAgents: new Set([3]) };
  assert.equal((await buried(2).check(broken)).audit.unexplainedDeadLetters, 0);
});

test('a hand-out within a lease that was prolonged is a duplicate, and one after it is not', async () => {
  const taken = (extendedMs: number | undefined, againMs: number): Book => {
    const book = new Book(1)
      .claim(0, 5, 0)
      .claim(0, againMs, 1)
      .settle(0, againMs + 1, ACK, 1);
    return extendedMs === undefined ? book : book.extended(0, extendedMs);
  };
  const found = async (book: Book) => {
    const { audit } = await book.check();
    return [audit.duplicateClaims, audit.redelivered];
  };
  // Without a heartbeat the lease of 100 ms was over.
  assert.deepEqual(await found(taken(undefined, 150)), [0, 1]);
  assert.deepEqual(await found(taken(70, 150)), [1, 0]);
  assert.deepEqual(await found(taken(70, 180)), [0, 1]);
  // One that was asked for after the hand-out says nothing of it.
  assert.deepEqual(await found(taken(160, 150)), [0, 1]);
});

test('of a lost session another one of its worker prolongs the lease, and one of another worker does not', async () => {
  const taken = (agent: number, lost: boolean): Book => {
    const book = new Book(1).claim(0, 5, 0).extended(0, 70, 7, agent).claim(0, 150, 1).settle(0, 151, ACK, 1);
    if (lost) book.ledger.lostSessions.add(0);
    return book;
  };
  assert.equal((await taken(0, true).check()).audit.duplicateClaims, 1);
  assert.equal((await taken(3, true).check()).audit.duplicateClaims, 0);
  assert.equal((await taken(0, false).check()).audit.duplicateClaims, 0);
});

test('two jobs of a unique key that were there at once are found; one after the other they are none', async () => {
  const unique = traits({ unique: { count: 1 } });
  const of = { rules: { traits: unique } };
  const after = new Book(2).claim(0, 5).settle(0, 10).enqueued(1, 11).claim(1, 12).settle(1, 13);
  assert.equal((await after.check(of)).audit.uniqueViolations, 0);
  const within = new Book(2).enqueued(1, 8).claim(0, 5).settle(0, 10).claim(1, 12).settle(1, 13);
  const found = await within.check(of);
  assert.equal(found.audit.uniqueViolations, 1);
  assert.match(found.violations.join('\n'), /beside an unfinished job of the same unique key/);
  const never = new Book(2).has(0, 'ready').enqueued(1, 8).claim(1, 12).settle(1, 13);
  assert.equal((await never.check(of)).audit.uniqueViolations, 1, 'the other one was never worked off');
  const rejected = new Book(2).enqueued(1, 8, ENQUEUE.rejected).claim(0, 5).settle(0, 10);
  const { audit, jobs } = await rejected.check(of);
  assert.deepEqual([audit.uniqueViolations, jobs.failed, jobs.rejected], [0, 1, 1]);
});

const limits = (
  given: NonNullable<NonNullable<CheckInput['rules']>['limits']>,
  keys = 1,
): Partial<CheckInput> => ({
  rules: { limits: given, traits: traits({ keys: { count: keys } }) },
});

test('more starts in a period than allowed are found, by as much as workers stood still', async () => {
  const rate = { rate: { jobs: 2, periodMs: 1_000 } };
  const started = (...atMs: number[]): Book =>
    atMs.reduce(
      (book, ms, key) =>
        book
          .run(key, ms, ms + 1)
          .claim(key, ms)
          .settle(key, ms + 1),
      new Book(atMs.length),
    );
  const violations = async (book: Book, stallUs: number | undefined) =>
    (await book.check(limits({ limits: rate, stallUs }))).audit.limitViolations;
  assert.equal(await violations(started(0, 10, 1_005, 1_020), 0), 0);
  assert.equal(await violations(started(0, 10, 900, 1_020), 0), 1);
  assert.equal(await violations(started(0, 10, 900, 1_020), 100 * MS), 0, 'a stall may explain it');
  const blind = await started(0, 1, 2).check(limits({ limits: rate, stallUs: undefined }));
  assert.equal(blind.audit.limitViolations, 0);
  assert.match(blind.notes.join('\n'), /the rate of starts was not judged/);
});

test('more handlers at work at once than allowed are found, over all and by key', async () => {
  const book = (): Book => {
    const made = new Book(3).run(0, 10, 30).run(1, 20, 40).run(2, 30, 50);
    for (let key = 0; key < 3; key += 1) made.claim(key, 5).settle(key, 60);
    return made;
  };
  const found = async (given: object, over: Partial<CheckInput> = {}) =>
    (await book().check({ ...limits({ limits: given, stallUs: 0 }), ...over })).audit.limitViolations;
  assert.equal(await found({ concurrency: 2 }), 0, 'one ends as another begins');
  assert.equal(await found({ concurrency: 1 }), 2);
  assert.equal(await found({ concurrencyPerKey: 1 }), 2);
  const excused = { brokenAgents: new Set([0]), killedAgents: new Set([0]) };
  assert.equal(await found({ concurrency: 1 }, excused), 0, 'its permits may have gone to others');
});

test('an order without its jobs and a job without its order are found', async () => {
  const placed = (...committed: number[]) => ({
    rules: { orders: { scheduled: [0, 2], committed: new Set(committed), jobs: 2 } },
  });
  const all = (): Book => {
    const book = new Book(4);
    for (let key = 0; key < 4; key += 1) book.claim(key, 5).settle(key, 6);
    return book;
  };
  assert.deepEqual((await all().check(placed(0, 2))).violations, []);
  const orphans = await all().check(placed(2));
  assert.equal(orphans.audit.jobsWithoutOrder, 2);
  assert.match(orphans.violations.join('\n'), /2 jobs were enqueued though the order/);
  const bare = new Book(4).enqueued(3, 1, ENQUEUE.sent);
  for (let key = 0; key < 3; key += 1) bare.claim(key, 5).settle(key, 6);
  const half = await bare.check(placed(0, 2));
  assert.equal(half.audit.ordersWithoutJobs, 1);
  assert.match(half.violations.join('\n'), /1 order was committed without all the jobs/);
});

test('a rolled-back job is counted apart, and is unexpected when it turns up', async () => {
  const gone = await new Book(1).enqueued(0, 1, ENQUEUE.rolledBack).check();
  assert.deepEqual([gone.jobs.failed, gone.jobs.rolledBack, gone.violations], [1, 1, []]);
  const there = await new Book(1).enqueued(0, 1, ENQUEUE.rolledBack).claim(0, 5).settle(0, 6).check();
  assert.equal(there.audit.unexpected, 1);
});
