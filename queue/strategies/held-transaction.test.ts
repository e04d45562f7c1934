// Is a transaction a lease: does it end when it should, and never outlive its job?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../testing/database.ts';
import type { Driver } from '../drivers/driver.ts';
import { pgDriver } from '../drivers/pg.ts';
import { eventually } from '../eventually.ts';
import { createQueue } from '../queue.ts';
import type { ClaimStrategy, WorkerSession } from '../strategy.ts';
import { createWorker } from '../worker.ts';
import { heldTransaction } from './held-transaction.ts';

interface Bench extends AsyncDisposable {
  readonly driver: Driver;
  readonly strategy: ClaimStrategy;
  readonly session: WorkerSession;
  /** The session's backend as the server sees it. */
  backend(): Promise<string>;
  /** What the session sent, with a `+` before what left together with the one before. */
  readonly sent: string[];
}

async function openBench(t: TestContext, jobs: number): Promise<Bench> {
  const sent: string[] = [];
  const { settings } = await testDatabase(t);
  const driver = pgDriver({
    ...settings,
    onStatement({ text }, { joined }, purpose) {
      if (purpose === 'worker') sent.push(`${joined ? '+' : ''}${/^\s*(\w+)/.exec(text)?.[1]}`);
    },
  });
  const strategy = heldTransaction.create({ schema: 's' });
  await strategy.install(driver);
  await strategy.enqueue(
    driver,
    Array.from({ length: jobs }, (_, n) => ({ queue: 'q', payload: { n } })),
  );
  const connection = await driver.connect('worker');
  const session = await strategy.openWorker(connection, 'w');
  return {
    driver,
    strategy,
    session,
    sent,
    async backend() {
      const { rows } = await driver.query<{ readonly state: string; readonly holds: boolean }>({
        text: `SELECT state, (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) AS holds
          FROM pg_stat_activity WHERE pid = $1`,
        values: [connection.backendPid],
      });
      return `${rows[0]?.state}${rows[0]?.holds ? ', holds' : ''}`;
    },
    [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose](),
  };
}

async function claimed(session: WorkerSession) {
  const [job] = await session.claim('q', 1, 1);
  assert(job);
  return job;
}

test('a transaction is open while a job is held, and at no other time', async (t) => {
  await using bench = await openBench(t, 1);
  const { session } = bench;
  assert.equal(await bench.backend(), 'idle');
  const job = await claimed(session);
  assert.equal(await bench.backend(), 'idle in transaction, holds');
  assert.equal((await session.settle([{ kind: 'ack', job }])).acked, 1);
  assert.equal(await bench.backend(), 'idle');
  assert.deepEqual(await session.claim('q', 1, 1), []);
  assert.equal(await bench.backend(), 'idle', 'an empty claim leaves nothing open');
});

test('a claim beside a job that stays held asks nothing; one beside a settle leaves in the same write', async (t) => {
  await using bench = await openBench(t, 3);
  const { session, sent } = bench;
  const job = await claimed(session);
  sent.length = 0;
  assert.deepEqual(await session.claim('q', 1, 1), []);
  assert.deepEqual(sent, []);
  const settling = session.settle([{ kind: 'ack', job }]);
  const claims = [session.claim('q', 1, 1), session.claim('q', 1, 1)];
  assert.equal((await claims[0])?.length, 1);
  assert.deepEqual(await claims[1], []);
  assert.equal((await settling).acked, 1);
  assert.deepEqual(sent, ['DELETE', '+COMMIT', '+BEGIN', '+WITH']);
});

test('a claim that waits for the settle of the held job leaves in the same write', async (t) => {
  await using bench = await openBench(t, 2);
  const { session, sent } = bench;
  const job = await claimed(session);
  sent.length = 0;
  const claiming = session.claim('q', 1, 1);
  await sleep(20);
  assert.equal((await session.settle([{ kind: 'ack', job }])).acked, 1);
  assert.equal((await claiming).length, 1);
  assert.deepEqual(sent, ['DELETE', '+COMMIT', '+BEGIN', '+WITH']);
});

test('a worker whose handlers end at once never sleeps beside a full queue', async (t) => {
  const { settings } = await testDatabase(t);
  await using driver = pgDriver(settings);
  await using queue = createQueue({ driver, strategy: 'held-transaction', wakeup: 'poll' });
  await queue.install();
  await queue.enqueueMany(Array.from({ length: 300 }, (_, n) => ({ queue: 'q', payload: n })));
  let empty = 0;
  await using _worker = createWorker(queue, {
    queue: 'q',
    // Who sleeps once does not end in time.
    pollMs: 3_600_000,
    handler: () => undefined,
    events: { emptyClaim: () => (empty += 1) },
  });
  await eventually(async () => (await queue.stats('q')).ready === 0, 'an empty queue');
  assert.ok(empty <= 1, `${empty} claims came back empty`);
});

test('each kind of outcome is what it says, once its settle is answered', async (t) => {
  await using bench = await openBench(t, 4);
  const { session, strategy, driver } = bench;
  const kinds = [
    { kind: 'retry', delayMs: 60_000, error: 'later' },
    { kind: 'dead-letter', error: 'poison' },
    { kind: 'ack' },
    { kind: 'release' },
  ] as const;
  const results = [];
  for (const kind of kinds) results.push(await session.settle([{ ...kind, job: await claimed(session) }]));
  const none = { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: [] };
  assert.deepEqual(results, [
    { ...none, retried: 1 },
    { ...none, deadLettered: 1 },
    { ...none, acked: 1 },
    { ...none, released: 1 },
  ]);
  const stored = await strategy.contents(driver, undefined, 9);
  assert.deepEqual(
    stored.map(({ state }) => state),
    ['delayed', 'dead', 'ready'],
  );
  const again = await claimed(session);
  assert.deepEqual([again.id, again.attempt], ['4', 1], 'a release costs no attempt');
});

test('of many outcomes only that of the held job counts', async (t) => {
  await using bench = await openBench(t, 2);
  const { session } = bench;
  const first = await claimed(session);
  await session.settle([{ kind: 'ack', job: first }]);
  const second = await claimed(session);
  const { acked, stale } = await session.settle([
    { kind: 'ack', job: first },
    { kind: 'ack', job: second },
  ]);
  assert.deepEqual([acked, stale], [1, [first.id]]);
});

test('a settle that fails gives its job back, and the session goes on', async (t) => {
  await using bench = await openBench(t, 2);
  const { session, driver, strategy } = bench;
  const job = await claimed(session);
  await driver.query({ text: 'ALTER TABLE s.dead ADD CONSTRAINT none CHECK (false)' });
  await assert.rejects(session.settle([{ kind: 'dead-letter', job, error: 'x' }]));
  assert.equal(await bench.backend(), 'idle');
  assert.equal((await strategy.stats(driver, 'q')).ready, 2);
  assert.deepEqual((await session.settle([{ kind: 'ack', job }])).stale, [job.id]);
  assert.equal((await claimed(session)).id, job.id);
});

test('a claim that fails leaves no transaction behind', async (t) => {
  await using bench = await openBench(t, 1);
  const { session, driver } = bench;
  await driver.query({ text: 'ALTER SEQUENCE s.jobs_claim_number RENAME TO elsewhere' });
  await assert.rejects(session.claim('q', 1, 1));
  assert.equal(await bench.backend(), 'idle');
  await driver.query({ text: 'ALTER SEQUENCE s.elsewhere RENAME TO jobs_claim_number' });
  assert.equal((await claimed(session)).attempt, 1);
});

test('looking at a queue neither waits for held jobs nor hides ready ones from claims', async (t) => {
  await using bench = await openBench(t, 50);
  const { session, strategy, driver } = bench;
  await claimed(session);
  await using other = await strategy.openWorker(await driver.connect('other'), 'o');
  let looking = true;
  const looks = (async () => {
    while (looking) {
      const { ready, leased } = await strategy.stats(driver, 'q');
      assert.ok(leased >= 1 && ready + leased <= 50, `${ready} ready, ${leased} leased`);
      await sleep(1);
    }
  })();
  for (let n = 2; n <= 50; n += 1) {
    const job = await claimed(other);
    assert.equal(job.id, String(n), 'the next in order, whoever looks');
    await other.settle([{ kind: 'ack', job }]);
  }
  looking = false;
  await looks;
  assert.deepEqual(await strategy.stats(driver, 'q'), { ready: 0, delayed: 0, leased: 1, dead: 0 });
});
