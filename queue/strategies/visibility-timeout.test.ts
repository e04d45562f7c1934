// What of a single column for schedule and lease does the conformance suite not ask?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../testing/database.ts';
import { pgDriver } from '../drivers/pg.ts';
import { createQueue } from '../queue.ts';
import type { ClaimedJob, Outcome, WorkerSession } from '../strategy.ts';

async function bench(t: Parameters<typeof testDatabase>[0]) {
  const { settings } = await testDatabase(t);
  const driver = pgDriver(settings);
  const queue = createQueue({ driver, strategy: 'visibility-timeout', wakeup: 'poll' });
  await queue.install();
  const session = await queue.strategy.openWorker(await driver.connect('worker'), 'w');
  const closing = new AsyncDisposableStack();
  for (const part of [driver, queue, session]) closing.use(part);
  return { driver, queue, session, closing };
}

const ids = (jobs: readonly ClaimedJob[]) => jobs.map((job) => job.id);

async function claimOne(session: WorkerSession, leaseMs = 60_000): Promise<ClaimedJob> {
  const [job] = await session.claim('q', 1, leaseMs);
  assert(job);
  return job;
}

test('a job whose lease has ended is claimed again though nobody reaped, and reap tells of it until then', async (t) => {
  const { driver, queue, session, closing } = await bench(t);
  await using _closing = closing;
  await queue.enqueueMany([
    { queue: 'q', payload: 1 },
    { queue: 'other', payload: 2 },
  ]);
  const lost = await claimOne(session, 1);
  await sleep(20);
  assert.equal((await queue.strategy.reap(driver, 100)).ended, 1);
  const again = await claimOne(session);
  assert.deepEqual([again.id, again.attempt], [lost.id, 2]);
  assert.equal((await queue.strategy.reap(driver, 100)).ended, 0);
  assert.deepEqual((await session.settle([{ kind: 'ack', job: lost }])).stale, [lost.id]);
});

test('a lease that has ended cannot be prolonged, and the job is not claimed in its last attempt again', async (t) => {
  const { driver, queue, session, closing } = await bench(t);
  await using _closing = closing;
  await queue.enqueue({ queue: 'q', payload: 1, maxAttempts: 1 });
  const lost = await claimOne(session, 1);
  await sleep(20);
  assert.deepEqual(await session.heartbeat?.extend([lost], 60_000), [lost.id]);
  assert.deepEqual(await session.claim('q', 1, 60_000), []);
  assert.equal((await queue.stats('q')).leased, 1);
  assert.equal((await queue.strategy.reap(driver, 100)).ended, 1);
  assert.equal((await queue.stats('q')).dead, 1);
});

test('who gave a job back can settle it no more, be it ready or delayed', async (t) => {
  const { queue, session, closing } = await bench(t);
  await using _closing = closing;
  await queue.enqueueMany([1, 2, 3].map((payload) => ({ queue: 'q', payload })));
  const [now, later, released] = await session.claim('q', 3, 60_000);
  assert(now && later && released);
  const back: readonly Outcome[] = [
    { kind: 'retry', job: now, delayMs: 0, error: 'x' },
    { kind: 'retry', job: later, delayMs: 60_000, error: 'x' },
    { kind: 'release', job: released },
  ];
  assert.deepEqual((await session.settle(back)).stale, []);
  for (const job of [now, later, released])
    assert.deepEqual((await session.settle([{ kind: 'ack', job }])).stale, [job.id]);
  assert.deepEqual((await session.settle(back)).stale.toSorted(), ids([now, later, released]).toSorted());
  const { ready, delayed } = await queue.stats('q');
  assert.deepEqual([ready, delayed], [2, 1]);
});

test('a retry beyond the last attempt is honoured, as by the other strategies', async (t) => {
  const { queue, session, closing } = await bench(t);
  await using _closing = closing;
  await queue.enqueue({ queue: 'q', payload: 1, maxAttempts: 1 });
  await session.settle([{ kind: 'retry', job: await claimOne(session), delayMs: 0, error: 'x' }]);
  assert.equal((await claimOne(session)).attempt, 2);
});

test('jobs that never waited come in the order of their enqueue, retries by their instant', async (t) => {
  const { queue, session, closing } = await bench(t);
  await using _closing = closing;
  const first = await queue.enqueue({ queue: 'q', payload: 1 });
  const second = await queue.enqueue({ queue: 'q', payload: 2 });
  await session.settle([{ kind: 'retry', job: await claimOne(session), delayMs: 0, error: 'x' }]);
  assert.equal((await claimOne(session)).id, second);
  assert.equal((await claimOne(session)).id, first);
});

test('due jobs are reported while nobody has claimed them, those that never waited are not', async (t) => {
  const { driver, queue, session, closing } = await bench(t);
  await using _closing = closing;
  const { delay } = queue.strategy;
  assert(delay);
  await queue.enqueue({ queue: 'q', payload: 1 });
  assert.deepEqual(await delay.promote(driver, 10), { promoted: 0 });
  await queue.enqueue({ queue: 'q', payload: 2, runAt: new Date(Date.now() + 100) });
  await sleep(200);
  assert.deepEqual(await delay.promote(driver, 10), { promoted: 1 });
  assert.equal((await session.claim('q', 2, 60_000)).length, 2);
  assert.deepEqual(await delay.promote(driver, 10), { promoted: 0 });
});

test('priorities are refused', async (t) => {
  const { queue, closing } = await bench(t);
  await using _closing = closing;
  await assert.rejects(queue.enqueue({ queue: 'q', payload: 1, priority: 1 }), { name: 'UnsupportedError' });
});
