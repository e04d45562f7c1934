// What of packed leases does the conformance suite not ask: shares of a lease, turns, and jobs that come late?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { pgDriver } from '../drivers/pg.ts';
import { eventually } from '../eventually.ts';
import type { ClaimedJob, Driver, NewJob, Outcome, WorkerSession } from '../index.ts';
import { packedLease } from './packed-lease.ts';

const QUEUE = 'q';
const LEASE_MS = 60_000;

let database: TestDatabase;
let driver: Driver;
let schemas = 0;

before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 4 });
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** A strategy in a fresh schema, with `jobs` in its queue, and two sessions. */
async function bench(t: { after(fn: () => Promise<void>): void }, ...jobs: readonly Partial<NewJob>[]) {
  schemas += 1;
  const strategy = packedLease.create({ schema: `packed${schemas}` });
  await strategy.install(driver);
  const open = async (): Promise<WorkerSession> => {
    const session = await strategy.openWorker(await driver.connect('packed'), 'tester');
    t.after(async () => session[Symbol.asyncDispose]());
    return session;
  };
  const enqueue = (...more: readonly Partial<NewJob>[]) =>
    strategy.enqueue(
      driver,
      more.map((job) => ({ queue: QUEUE, payload: {}, ...job })),
    );
  const ids = await enqueue(...jobs);
  const stored = async () =>
    (await strategy.contents(driver, undefined, 1000)).map(({ id, state }) => [id, state]);
  return { strategy, ids, stored, enqueue, open, session: await open(), other: await open() };
}

const ack = (job: ClaimedJob): Outcome => ({ kind: 'ack', job });
const release = (job: ClaimedJob): Outcome => ({ kind: 'release', job });
const ids = (jobs: readonly ClaimedJob[]): readonly string[] => jobs.map((job) => job.id);
const many = (count: number): readonly Partial<NewJob>[] => Array.from({ length: count }, () => ({}));
const NONE = { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: [] };

test('jobs settled one by one never come back, the others do when the worker has died', async (t) => {
  const { session, other, strategy, ids: enqueued, stored } = await bench(t, ...many(9));
  const jobs = await session.claim(QUEUE, 9, 300);
  for (const job of jobs.slice(0, 7)) assert.equal((await session.settle([ack(job)])).acked, 1);
  assert.deepEqual(
    await stored(),
    enqueued.slice(7).map((id) => [id, 'leased']),
  );
  await eventually(async () => (await strategy.reap(driver, 100)).ended === 2, 'an expired lease');
  assert.deepEqual(
    await stored(),
    enqueued.slice(7).map((id) => [id, 'ready']),
  );
  const late = await session.settle(jobs.map(ack));
  assert.deepEqual([late.acked, [...late.stale].sort()], [0, [...ids(jobs)].sort()]);
  const again = await other.claim(QUEUE, 9, LEASE_MS);
  assert.deepEqual(
    again.map((job) => [job.id, job.attempt]),
    enqueued.slice(7).map((id) => [id, 2]),
  );
  assert.equal((await other.settle(again.map(ack))).acked, 2);
  assert.deepEqual(await stored(), []);
});

test('a reap that stops within a lease leaves the fence of the rest', async (t) => {
  const { session, strategy, stored } = await bench(t, ...many(5));
  const jobs = await session.claim(QUEUE, 5, 1);
  await sleep(30);
  assert.equal((await strategy.reap(driver, 2)).ended, 2);
  const result = await session.settle(jobs.map(ack));
  assert.deepEqual([result.acked, result.stale.length], [3, 2]);
  assert.equal((await strategy.reap(driver, 2)).ended, 0);
  assert.deepEqual(
    (await stored()).map(([, state]) => state),
    ['ready', 'ready'],
  );
});

test('the same settle sent twice, by another session too, is stale and changes nothing', async (t) => {
  const { session, other, stored } = await bench(t, ...many(6));
  const jobs = await session.claim(QUEUE, 6, LEASE_MS);
  const [a, b, c] = jobs;
  assert(a && b && c);
  const outcomes: readonly Outcome[] = [
    ack(a),
    { kind: 'retry', job: b, delayMs: 60_000, error: 'x' },
    { kind: 'dead-letter', job: c, error: 'x' },
  ];
  assert.deepEqual(await session.settle(outcomes), { ...NONE, acked: 1, retried: 1, deadLettered: 1 });
  const after = await stored();
  assert.deepEqual(await other.settle(outcomes), { ...NONE, stale: ids([a, b, c]) });
  assert.deepEqual(await stored(), after);
  assert.deepEqual(await other.settle([...jobs.slice(3), a].map(ack)), { ...NONE, acked: 3, stale: [a.id] });
  assert.deepEqual(await session.settle(jobs.map(ack)), { ...NONE, stale: ids(jobs) });
  assert.deepEqual(
    (await stored()).map(([, state]) => state),
    ['delayed', 'dead'],
  );
});

test('settles of one lease by two sessions at once count each job once', async (t) => {
  const { session, other, stored } = await bench(t, ...many(60));
  const jobs = await session.claim(QUEUE, 60, LEASE_MS);
  const results = await Promise.all(
    jobs.flatMap((job, n) => [
      session.settle([n % 3 === 0 ? release(job) : ack(job)]),
      other.settle([n % 3 === 0 ? release(job) : ack(job)]),
    ]),
  );
  assert.equal(results.filter((result) => result.acked === 1).length, 40);
  assert.equal(results.filter((result) => result.released === 1).length, 20);
  assert.equal(results.filter((result) => result.stale.length === 1).length, 60);
  assert.equal((await stored()).length, 20);
});

test('a job named twice in one settle is settled once', async (t) => {
  const { session } = await bench(t, {}, {});
  const [a, b] = await session.claim(QUEUE, 2, LEASE_MS);
  assert(a && b);
  assert.deepEqual(await session.settle([ack(a), release(a)]), { ...NONE, acked: 1, stale: [a.id] });
  assert.equal((await session.settle([ack(b)])).acked, 1);
});

test('a turn settles every kind and claims the next, under new tokens', async (t) => {
  const { session, ids: enqueued, stored } = await bench(t, ...many(12));
  assert(session.turn);
  const [a, b, c, d, e] = await session.claim(QUEUE, 5, LEASE_MS);
  assert(a && b && c && d && e);
  const first = await session.turn.settleAndClaim([ack(a), ack(b)], QUEUE, 2, LEASE_MS);
  assert.deepEqual([first.settled, ids(first.jobs)], [{ ...NONE, acked: 2 }, enqueued.slice(5, 7)]);
  const mixed: readonly Outcome[] = [
    { kind: 'dead-letter', job: c, error: 'x' },
    release(d),
    ack(e),
    ...first.jobs.map(ack),
  ];
  const second = await session.turn.settleAndClaim(mixed, QUEUE, 2, LEASE_MS);
  assert.deepEqual(second.settled, { ...NONE, acked: 3, deadLettered: 1, released: 1 });
  assert.deepEqual(ids(second.jobs), enqueued.slice(7, 9));
  const third = await session.turn.settleAndClaim(second.jobs.map(ack), QUEUE, 9, LEASE_MS);
  assert.deepEqual(third.settled, { ...NONE, acked: 2 });
  const again = await session.turn.settleAndClaim(second.jobs.map(ack), QUEUE, 9, LEASE_MS);
  assert.deepEqual(again.settled, { ...NONE, stale: ids(second.jobs) });
  // What was released lies behind the hint: found by the first claim that finds nothing ahead.
  assert.deepEqual(ids(again.jobs), [d.id]);
  assert.deepEqual(ids(third.jobs), enqueued.slice(9));
  const states = new Map((await stored()).map(([id, state]) => [id, state]));
  assert.deepEqual([states.get(c.id), states.get(d.id), states.size], ['dead', 'leased', 5]);
});

test('a job that commits late, or comes back, is found beside a backlog within half a second', async (t) => {
  const { session, strategy, enqueue } = await bench(t);
  const committing = Promise.withResolvers<void>();
  const inserted = Promise.withResolvers<string>();
  const late = driver.transaction(async (tx) => {
    const [id] = await strategy.enqueue(tx, [{ queue: QUEUE, payload: 'late' }]);
    inserted.resolve(id ?? '');
    await committing.promise;
  });
  const lateId = await inserted.promise;
  await enqueue(...many(5000));
  await session.claim(QUEUE, 1, LEASE_MS);
  committing.resolve();
  await late;
  const deadline = performance.now() + 2000;
  for (let found = false; !found; ) {
    const jobs = await session.claim(QUEUE, 1, LEASE_MS);
    found = jobs[0]?.id === lateId;
    assert(performance.now() < deadline, 'the late job was not found');
    assert.equal(jobs.length, 1, 'the backlog was used up');
    await sleep(5);
  }
});

test('a hint hides nothing that is more urgent, and nothing less urgent with a smaller id', async (t) => {
  const { session, enqueue, ids: enqueued } = await bench(t, { priority: 5 }, ...many(4), { priority: 5 });
  assert.deepEqual(ids(await session.claim(QUEUE, 2, LEASE_MS)), enqueued.slice(1, 3));
  const [urgent] = await enqueue({ priority: -1 });
  const [middle] = await enqueue({ priority: 4 });
  const rest = await session.claim(QUEUE, 10, LEASE_MS);
  assert.deepEqual(ids(rest), [urgent, enqueued[3], enqueued[4], middle, enqueued[0], enqueued[5]]);
});

test('jobs that a heartbeat leaves out are taken back, the others kept, however often', async (t) => {
  const { session, strategy, stored } = await bench(t, ...many(4));
  const jobs = await session.claim(QUEUE, 4, 250);
  const [kept, also, left, done] = jobs;
  assert(kept && also && left && done && session.heartbeat);
  await session.settle([ack(done)]);
  assert.deepEqual(await session.heartbeat.extend([kept, also, done], LEASE_MS), [done.id]);
  assert.deepEqual(await session.heartbeat.extend([kept, also], LEASE_MS), []);
  await eventually(async () => (await strategy.reap(driver, 9)).ended === 1, 'the job left out');
  assert.deepEqual(
    (await stored()).map(([, state]) => state),
    ['leased', 'leased', 'ready'],
  );
  assert.deepEqual(await session.heartbeat.extend(jobs, LEASE_MS), [left.id, done.id]);
  assert.equal((await strategy.reap(driver, 9)).ended, 0);
  assert.equal((await session.settle([kept, also].map(ack))).acked, 2);
});

test('the errors of all attempts go with a job until its end, and the crashed one is among them', async (t) => {
  const { session, other, strategy } = await bench(t, { maxAttempts: 2, payload: { q: '"\\\n' } });
  const [job] = await session.claim(QUEUE, 1, LEASE_MS);
  assert(job);
  await session.settle([{ kind: 'retry', job, delayMs: 0, error: 'why "so"?\n' }]);
  const [again] = await other.claim(QUEUE, 1, 1);
  assert.deepEqual([again?.id, again?.payload, again?.attempt], [job.id, job.payload, 2]);
  await eventually(async () => (await strategy.reap(driver, 9)).ended === 1, 'an expired lease');
  const [dead] = (await strategy.deadLetters?.list(driver, {}, undefined, 9)) ?? [];
  assert.deepEqual(
    dead?.errors.map(({ attempt, error }) => [attempt, error]),
    [
      [1, 'why "so"?\n'],
      [2, 'lease expired, held by tester'],
    ],
  );
});

test('a job in a lease is told with the expiry that is its own, also when a heartbeat left it out', async (t) => {
  const { session, strategy, ids: enqueued } = await bench(t, {}, {}, {});
  const jobs = await session.claim(QUEUE, 3, LEASE_MS);
  const [kept, left, done] = jobs;
  assert(kept && left && done && session.heartbeat && strategy.inspection);
  await session.heartbeat.extend([kept, done], 2 * LEASE_MS);
  await session.settle([ack(done)]);
  const found = await strategy.inspection.find(driver, [...enqueued, enqueued[0] ?? '', '999']);
  const expiry = new Map(found.map(({ id, leaseExpiresAtMs }) => [id, leaseExpiresAtMs ?? 0]));
  assert.deepEqual([...expiry.keys()].sort(), [kept.id, left.id]);
  assert.equal(found.length, 2);
  assert(Math.abs((expiry.get(left.id) ?? 0) - left.lease.expiresAtMs) < 1);
  assert((expiry.get(kept.id) ?? 0) > kept.lease.expiresAtMs + LEASE_MS / 2);
  assert.deepEqual([...new Set(found.map(({ worker, state }) => `${worker} ${state}`))], ['tester leased']);
});

test('a delayed job that is being made ready is waited for, and removed where it went', async (t) => {
  const { strategy, stored } = await bench(t);
  const runAt = new Date(Date.now() + 20);
  const [id] = await strategy.enqueue(driver, [{ queue: QUEUE, payload: {}, runAt }]);
  assert(id !== undefined && strategy.delay && strategy.cancellation);
  const { cancellation, delay } = strategy;
  await sleep(Math.max(0, runAt.getTime() + 10 - Date.now()));
  let removing: Promise<readonly string[]> | undefined;
  await driver.transaction(async (tx) => {
    assert.equal((await delay.promote(tx, 9)).promoted, 1);
    removing = cancellation.removeWaiting(driver, [id]);
    await eventually(async () => (await waiters()) === 1, 'a removal that waits for the promotion');
  });
  assert.deepEqual(await removing, [id]);
  assert.deepEqual(await stored(), []);
});

/** Sessions that wait for a lock. */
async function waiters(): Promise<number> {
  const { rows } = await driver.query<{ readonly count: number }>({
    text: `SELECT count(*)::integer AS count FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  });
  return rows[0]?.count ?? 0;
}

test('a redriven job with a low id is found beside a backlog', async (t) => {
  const { session, strategy, enqueue, ids: enqueued } = await bench(t, {});
  const [job] = await session.claim(QUEUE, 1, LEASE_MS);
  assert(job && strategy.deadLetters);
  await session.settle([{ kind: 'dead-letter', job, error: 'x' }]);
  await enqueue(...many(5000));
  const claimOne = async () => (await session.claim(QUEUE, 1, LEASE_MS))[0]?.id;
  await claimOne();
  assert.deepEqual(
    (await strategy.deadLetters.redrive(driver, {}, 9)).map(({ id }) => id),
    enqueued,
  );
  const deadline = performance.now() + 2000;
  for (let found = false; !found; ) {
    const id = await claimOne();
    found = id === enqueued[0];
    assert(performance.now() < deadline, 'the redriven job was not found');
    assert(id !== undefined, 'the backlog was used up');
    await sleep(5);
  }
});

test('batches of large payloads and of many jobs go through a lease unharmed', async (t) => {
  const payload = { text: 'ünï☃"\\ '.repeat(2000) };
  const { session } = await bench(t, ...Array.from({ length: 50 }, () => ({ payload })), ...many(1200));
  const jobs = await session.claim(QUEUE, 1250, LEASE_MS);
  assert.equal(jobs.length, 1250);
  assert.deepEqual(jobs[49]?.payload, payload);
  assert.equal((await session.settle(jobs.slice(1, 1249).map(ack))).acked, 1248);
  assert.equal((await session.settle([...jobs.slice(0, 1), ...jobs.slice(1249)].map(ack))).acked, 2);
});
