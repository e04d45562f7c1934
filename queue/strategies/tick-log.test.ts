// What of the event log does the conformance suite not ask?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import type { Driver } from '../drivers/driver.ts';
import type { DriverSettings } from '../drivers/options.ts';
import { pgDriver } from '../drivers/pg.ts';
import { eventually } from '../eventually.ts';
import type { ClaimedJob, Database, Outcome, WorkerSession } from '../strategy.ts';
import { tickLog } from './tick-log.ts';

const LEASE_MS = 60_000;
const ack = (job: ClaimedJob): Outcome => ({ kind: 'ack', job });
const ids = (jobs: readonly ClaimedJob[]): readonly string[] => jobs.map((job) => job.id);
const idsOf = (stored: readonly { readonly id: string }[]): readonly string[] => stored.map((job) => job.id);

async function openLog(t: TestContext, settings: DriverSettings = {}) {
  const { settings: address } = await testDatabase(t);
  const driver = pgDriver({ ...address, ...settings });
  t.after(() => driver[Symbol.asyncDispose]());
  const strategy = tickLog.create({ schema: 'log' });
  await strategy.install(driver);
  return {
    driver,
    strategy,
    tick: async () => strategy.upkeep?.run(driver),
    enqueue: (db: Database, payloads: readonly unknown[], queue = 'q') =>
      strategy.enqueue(
        db,
        payloads.map((payload) => ({ queue, payload })),
      ),
    open: async () => strategy.openWorker(await driver.connect('test'), 'tester'),
    rotate: async (enoughBytes: number): Promise<number> => {
      const { rows } = await driver.query<{ readonly emptied: number }>({
        text: `SELECT "log"."rotate_log"($1) AS emptied`,
        values: [enoughBytes],
      });
      return rows[0]?.emptied ?? -1;
    },
    /** Bytes of each of the three tables. */
    sizes: async (): Promise<readonly number[]> => {
      const { rows } = await driver.query<{ readonly bytes: number }>({
        text: `SELECT pg_relation_size(name::regclass)::float8 AS bytes
          FROM unnest(ARRAY['log.event_0', 'log.event_1', 'log.event_2']) AS name`,
      });
      return rows.map((row) => row.bytes);
    },
  };
}

test('a heartbeat keeps the chunk of its job, and names the jobs of a chunk that was lost', async (t) => {
  const log = await openLog(t);
  await log.enqueue(log.driver, [1, 2, 3]);
  await log.tick();
  await using session = await log.open();
  const kept = await session.claim('q', 2, 300);
  const lost = await session.claim('q', 1, 300);
  assert.deepEqual(await session.heartbeat?.extend(kept.slice(0, 1), LEASE_MS), []);
  await eventually(async () => (await log.strategy.reap(log.driver, 10)).ended === 1, 'an expired chunk');
  assert.deepEqual(await session.heartbeat?.extend([...kept, ...lost], LEASE_MS), ids(lost));
  await session.settle(kept.slice(0, 1).map(ack));
  assert.deepEqual(await session.heartbeat?.extend(kept, LEASE_MS), ids(kept.slice(0, 1)));
  assert.equal((await session.settle(kept.slice(1).map(ack))).acked, 1);
});

test('a crash brings back what was not settled of a chunk, a part at a time, and nothing else', async (t) => {
  const log = await openLog(t);
  const [a, b, c, d, e] = await log.enqueue(log.driver, [1, 2, 3, 4, 5]);
  await log.tick();
  await using session = await log.open();
  const jobs = await session.claim('q', 5, 1);
  await session.settle(jobs.filter((job) => job.id === b || job.id === d).map(ack));
  await eventually(async () => (await log.strategy.reap(log.driver, 2)).ended === 2, 'an expired chunk');
  const late = await session.settle(jobs.map(ack));
  assert.deepEqual([late.acked, late.stale], [1, [a, b, c, d]], 'the rest was still its own');
  await log.tick();
  const again = await session.claim('q', 5, LEASE_MS);
  assert.deepEqual(ids(again), [a, c]);
  assert.deepEqual(new Set(again.map((job) => job.attempt)), new Set([2]));
  assert(e !== undefined);
});

test('a turn settles and claims, and what is stale in it hinders nothing', async (t) => {
  const log = await openLog(t);
  const all = await log.enqueue(log.driver, [1, 2, 3, 4, 5, 6]);
  await log.tick();
  await using session = await log.open();
  assert(session.turn);
  const first = await session.claim('q', 2, LEASE_MS);
  const { settled, jobs } = await session.turn.settleAndClaim(first.map(ack), 'q', 2, LEASE_MS);
  assert.deepEqual([settled.acked, ids(jobs)], [2, all.slice(2, 4)]);
  const [one, two] = jobs;
  assert(one && two);
  const next = await session.turn.settleAndClaim(
    [...first.map(ack), ack(one), ack(one), { kind: 'retry', job: two, delayMs: 0, error: 'x' }],
    'q',
    2,
    LEASE_MS,
  );
  assert.deepEqual(next.settled, {
    acked: 1,
    retried: 1,
    deadLettered: 0,
    released: 0,
    stale: [...ids(first), one.id],
  });
  assert.deepEqual(ids(next.jobs), all.slice(4));
  const last = await session.turn.settleAndClaim(next.jobs.map(ack), 'q', 2, LEASE_MS);
  assert.deepEqual([last.settled.acked, last.jobs], [2, []], 'what is retried waits for the next tick');
});

test('an idle log writes no ticks', async (t) => {
  const log = await openLog(t);
  await log.enqueue(log.driver, [1]);
  assert.equal((await log.tick())?.ready, true);
  // Numbers of transactions are the whole server's, and other tests may be writing: quiet moments are waited for.
  await eventually(async () => {
    const runs = [await log.tick(), await log.tick(), await log.tick()];
    return runs.every((run) => run?.ready === false);
  }, 'three looks without a tick');
});

/** A transaction that has done `work` and stays open until it is committed or the test is over. */
async function heldOpen<T>(driver: Driver, work: (tx: Database) => Promise<T>) {
  const worked = Promise.withResolvers<T>();
  const committing = Promise.withResolvers<void>();
  const open = driver.transaction(async (tx) => {
    worked.resolve(await work(tx));
    await committing.promise;
  });
  open.catch(worked.reject);
  const commit = async (): Promise<void> => {
    committing.resolve();
    await open;
  };
  return { result: await worked.promise, commit, [Symbol.asyncDispose]: commit };
}

test('a transaction that stays open delays nobody, and its jobs come after its commit, whatever was handed out', async (t) => {
  const log = await openLog(t);
  await using session = await log.open();
  await using open = await heldOpen(log.driver, (tx) => log.enqueue(tx, [1, 2, 3]));
  const held = open.result;
  for (let round = 0; round < 20; round += 1) {
    const [id] = await log.enqueue(log.driver, [round]);
    await log.tick();
    const jobs = await session.claim('q', 10, LEASE_MS);
    assert.deepEqual(ids(jobs), [id]);
    await session.settle(jobs.map(ack));
  }
  assert.equal((await log.strategy.stats(log.driver, 'q')).ready, 0);
  await open.commit();
  assert.equal((await log.strategy.stats(log.driver, 'q')).ready, 3);
  const [after] = await log.enqueue(log.driver, ['after']);
  assert.deepEqual(idsOf(await log.strategy.contents(log.driver, undefined, 9)), [...held, after]);
  await log.tick();
  // In chunks of two, so that one ends among the late events and the next goes on with both kinds.
  const first = await session.claim('q', 2, LEASE_MS);
  assert.equal((await log.strategy.stats(log.driver, 'q')).ready, 2);
  const second = await session.claim('q', 2, LEASE_MS);
  assert.deepEqual([...ids(first), ...ids(second)], [...held, after]);
  const [, two, three, four] = [...first, ...second];
  assert(two && three && four);
  const releases = [two, three, four].map((job): Outcome => ({ kind: 'release', job }));
  assert.equal((await session.settle(releases)).released, 3);
  await log.tick();
  assert.deepEqual(
    (await session.claim('q', 9, LEASE_MS)).map((job) => [job.id, job.payload, job.attempt]),
    [two, three, four].map((job) => [job.id, job.payload, 1]),
  );
});

/** Commits or rolls back after a random time, so that ticks fall between its inserts and its end. */
async function produce(
  log: Awaited<ReturnType<typeof openLog>>,
  transactions: number,
  random: () => number,
  done: string[],
): Promise<void> {
  for (let n = 0; n < transactions; n += 1) {
    const size = 1 + Math.floor(random() * 4);
    const committed = await log.driver
      .transaction(async (tx) => {
        const found: string[] = [];
        for (let part = 0; part < 2; part += 1) {
          found.push(...(await log.enqueue(tx, Array(size).fill(n))));
          await new Promise((resolve) => setTimeout(resolve, random() * 12));
        }
        if (random() < 0.2) throw new Error('rolled back on purpose');
        return found;
      })
      .catch((error: unknown) => {
        assert(error instanceof Error && error.message === 'rolled back on purpose', String(error));
        return [];
      });
    done.push(...committed);
  }
}

/** Settles at random: whole chunks, parts of them, retries, releases, or not at all. */
async function consume(
  log: Awaited<ReturnType<typeof openLog>>,
  session: WorkerSession,
  random: () => number,
  acked: Map<string, number>,
  rotated: { count: number },
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    await log.tick();
    await log.strategy.reap(log.driver, 5);
    rotated.count += await log.rotate(8192);
    const jobs = await session.claim('q', 1 + Math.floor(random() * 9), random() < 0.2 ? 1 : LEASE_MS);
    const whole = random() < 0.5;
    const outcomes = jobs.map((job): Outcome => {
      const dice = random();
      if (whole || dice < 0.6) return ack(job);
      return dice < 0.8 ? { kind: 'retry', job, delayMs: 0, error: 'x' } : { kind: 'release', job };
    });
    const parts = random() < 0.5 ? [outcomes] : [outcomes.slice(0, 2), outcomes.slice(2)];
    for (const part of parts) {
      const { stale } = await session.settle(part);
      for (const { kind, job } of part)
        if (kind === 'ack' && !stale.includes(job.id)) acked.set(job.id, (acked.get(job.id) ?? 0) + 1);
    }
  }
}

test('whatever commits, when, and is settled how, each job is acked once, through many rotations', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const log = await openLog(t, { max: 8 });
  const enqueued: string[] = [];
  const acked = new Map<string, number>();
  const rotated = { count: 0 };
  let producing = true;
  const deadlineMs = performance.now() + 60_000;
  const isOver = (): boolean =>
    (!producing && acked.size === enqueued.length) || performance.now() > deadlineMs;
  const sessions = await Promise.all([log.open(), log.open(), log.open()]);
  const consumers = sessions.map((session) => consume(log, session, random, acked, rotated, isOver));
  await Promise.all(Array.from({ length: 4 }, () => produce(log, 40, random, enqueued)));
  producing = false;
  await Promise.all(consumers);
  assert.deepEqual([...acked.keys()].sort(), [...enqueued].sort());
  assert.deepEqual(new Set(acked.values()), new Set([1]), 'none is acked twice');
  assert.deepEqual(await log.strategy.contents(log.driver, undefined, 10), []);
  assert.ok(rotated.count > 0, 'no table was emptied meanwhile');
  for (const session of sessions) await session[Symbol.asyncDispose]();
});

test('a table is truncated when all of it is settled, and not before', async (t) => {
  const log = await openLog(t);
  await using session = await log.open();
  const some = Array.from({ length: 200 }, (_, n) => n);
  await log.enqueue(log.driver, some);
  assert.equal(await log.rotate(1), 0, 'the next table is taken into use');
  await log.enqueue(log.driver, some, 'other');
  const [full, next] = await log.sizes();
  assert(full !== undefined && full > 0 && next !== undefined && next > 0);

  await log.tick();
  assert.equal(await log.rotate(1e9), 0, 'nothing of it has been taken');
  const part = await session.claim('q', 150, LEASE_MS);
  assert.equal(await log.rotate(1e9), 0, 'some of it has not been taken');
  const rest = await session.claim('q', 150, LEASE_MS);
  await session.settle(part.map(ack));
  await session.settle(rest.slice(1).map(ack));
  assert.equal(await log.rotate(1e9), 0, 'one job of it is not settled');
  await session.settle(rest.slice(0, 1).map(ack));
  assert.equal(await log.rotate(1e9), 1);
  assert.deepEqual((await log.sizes()).map(Math.sign), [0, 1, 0]);
  assert.equal((await log.strategy.stats(log.driver, 'other')).ready, 200);
  assert.equal((await session.claim('other', 500, LEASE_MS)).length, 200);
});

test('a table is not truncated while a transaction that has written to it is open, and nobody waits for that', async (t) => {
  const log = await openLog(t);
  await using session = await log.open();
  await log.enqueue(log.driver, [1]);
  await log.tick();
  await session.settle((await session.claim('q', 1, LEASE_MS)).map(ack));
  await using open = await heldOpen(log.driver, (tx) => log.enqueue(tx, ['late']));
  const late = open.result;
  await log.rotate(1);
  const startedMs = performance.now();
  assert.equal(await log.rotate(1e9), 0);
  const [early] = await log.enqueue(log.driver, ['early']);
  await log.tick();
  assert.deepEqual(ids(await session.claim('q', 5, LEASE_MS)), [early]);
  assert.ok(performance.now() - startedMs < 10_000);
  await open.commit();
  assert.equal(await log.rotate(1e9), 0, 'it holds the late job');
  await log.tick();
  const jobs = await session.claim('q', 5, LEASE_MS);
  assert.deepEqual(ids(jobs), late);
  await session.settle(jobs.map(ack));
  assert.equal(await log.rotate(1e9), 1);
});

test('a job that was written to a table after that was left is found there, and keeps it', async (t) => {
  const log = await openLog(t);
  await using session = await log.open();
  // As a transaction would that had looked up the table just before the rotation, and wrote just after.
  await log.enqueue(log.driver, [1]);
  await log.rotate(1);
  await log.driver.query({
    text: `INSERT INTO "log"."event" (slot, queue, payload) VALUES (2, 'q', '"stray"')`,
  });
  assert.equal(await log.rotate(1e9), 0);
  await log.tick();
  const jobs = await session.claim('q', 5, LEASE_MS);
  assert.deepEqual(
    jobs.map((job) => job.payload),
    [1, 'stray'],
  );
  await session.settle(jobs.map(ack));
  assert.equal(await log.rotate(1e9), 2);
});
