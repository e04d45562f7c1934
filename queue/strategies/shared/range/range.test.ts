// Is no number ever forgotten between the cursor and the floor, whatever is cut off, late, rolled back or slow?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../../../testing/database.ts';
import type { Connection, Driver } from '../../../drivers/driver.ts';
import { pgDriver } from '../../../drivers/pg.ts';
import { eventually } from '../../../eventually.ts';
import type { ClaimedJob, ClaimStrategy, Outcome } from '../../../strategy.ts';
import { rangeLease } from '../../range-lease.ts';
import { ring } from '../../ring.ts';
import { LEASE_MS, rangeBench, SCHEMA } from './range-bench.ts';
import { rangeTables } from './relations.ts';
import { tend } from './upkeep-sql.ts';

async function bench(t: TestContext, factory = rangeLease) {
  const { settings } = await testDatabase(t);
  return { ...(await rangeBench(t, factory, settings)), settings };
}

const jobs = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({ queue: 'q', payload: from + n }));
const acks = (claimed: readonly ClaimedJob[]): Outcome[] => claimed.map((job) => ({ kind: 'ack', job }));
const payloads = (claimed: readonly ClaimedJob[]) => claimed.map((job) => job.payload);

async function count(db: Driver | Connection, relation: string): Promise<number> {
  const { rows } = await db.query<{ n: number }>({
    text: `SELECT count(*)::integer AS n FROM ${SCHEMA}.${relation}`,
  });
  return rows[0]?.n ?? Number.NaN;
}

/** Two looks: what is missing twice, with nobody left to claim it, is brought back by the second. */
async function reapTwice(strategy: ClaimStrategy, driver: Driver): Promise<number> {
  const first = await strategy.reap(driver, 1000);
  return first.ended + (await strategy.reap(driver, 1000)).ended;
}

for (const factory of [rangeLease, ring]) {
  const name = factory.strategyName;

  test(`${name}: a claim that is rolled back after it moved the cursor loses nothing, and one under way is let be`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(10));
    const { connection, session } = await open();
    await connection.query({ text: 'BEGIN' });
    assert.deepEqual(payloads(await session.claim('q', 4, LEASE_MS)), [0, 1, 2, 3]);
    const other = await open();
    assert.deepEqual(
      payloads(await other.session.claim('q', 2, LEASE_MS)),
      [4, 5],
      'nobody waits for a commit',
    );
    assert.equal(await reapTwice(strategy, driver), 0, 'its transaction is under way');
    await connection.query({ text: 'ROLLBACK' });
    assert.equal(await reapTwice(strategy, driver), 4);
    assert.deepEqual(payloads(await other.session.claim('q', 9, LEASE_MS)), [0, 1, 2, 3, 6, 7, 8, 9]);
  });

  test(`${name}: a claim that is cancelled leaves no latch behind`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(3));
    const blocker = await open();
    const { rows } = await blocker.connection.query<{ id: number }>({
      text: `SELECT id FROM ${SCHEMA}.lanes`,
    });
    // Somebody sits on the latch; the claim that waits for it is cancelled.
    const { rows: locks } = await heldBy(blocker.connection, blocker.session.claim('q', 1, LEASE_MS));
    assert.deepEqual(locks, [], 'no lock outlives a claim');
    const latch = rangeTables({ schema: SCHEMA }, false).locks.latch;
    await blocker.connection.query({ text: `SELECT pg_advisory_lock(${latch}, ${rows[0]?.id})` });
    const { connection, session } = await open();
    await connection.query({ text: `SET statement_timeout = '100ms'` });
    await assert.rejects(session.claim('q', 1, LEASE_MS), /statement timeout/);
    await blocker.connection.query({ text: `SELECT pg_advisory_unlock(${latch}, ${rows[0]?.id})` });
    const { rows: left } = await heldBy(driver, undefined);
    assert.deepEqual(left, []);
    assert.deepEqual(payloads(await session.claim('q', 5, LEASE_MS)), [1, 2]);
  });

  test(`${name}: late and rolled back numbers become gaps, found when they commit and closed when they cannot`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(1));
    const late = await driver.connect('late');
    await late.query({ text: 'BEGIN' });
    await strategy.enqueue(late, jobs(3, 100));
    const undone = await driver.connect('undone');
    await undone.query({ text: 'BEGIN' });
    await strategy.enqueue(undone, jobs(2, 200));
    await strategy.enqueue(driver, jobs(2, 1));
    const { session } = await open();
    const first = [...(await session.claim('q', 10, LEASE_MS)), ...(await session.claim('q', 10, LEASE_MS))];
    assert.deepEqual(payloads(first), [0, 1, 2], 'nobody waits for an open transaction');
    assert.equal(await count(driver, 'gaps'), 1);
    await undone.query({ text: 'ROLLBACK' });
    await reapTwice(strategy, driver);
    assert.equal(await count(driver, 'gaps'), 1, 'the other one may still commit');
    await late.query({ text: 'COMMIT' });
    const second = await session.claim('q', 2, LEASE_MS);
    assert.deepEqual(payloads(second), [100, 101]);
    const third = await session.claim('q', 2, LEASE_MS);
    assert.deepEqual(payloads(third), [102]);
    await session.settle(acks([...first, ...second, ...third]));
    // Ids are the whole server's: somebody else's transaction may hold a horizon for a while.
    await eventually(async () => {
      await strategy.reap(driver, 10);
      return (await count(driver, 'gaps')) === 0 && (await count(driver, 'spans')) === 0;
    }, 'a floor over all that is settled');
    assert.deepEqual(await strategy.contents(driver, undefined, 10), []);
  });

  test(`${name}: the books stay short under one long job, and end when it does`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(200));
    const { session } = await open();
    const long = await session.claim('q', 1, LEASE_MS);
    for (let round = 0; round < 60; round += 1)
      await session.settle(acks(await session.claim('q', 3, LEASE_MS)));
    await strategy.reap(driver, 1000);
    assert.ok((await count(driver, 'spans')) <= 2, 'settled neighbours are one row');
    assert.equal((await session.settle(acks(long))).acked, 1);
    await strategy.reap(driver, 1000);
    assert.equal(await count(driver, 'spans'), 0);
    assert.equal((await strategy.stats(driver, 'q')).ready, 19);
  });

  test(`${name}: a lease that is reaped in parts is settled in the part that is left`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(10));
    const { session } = await open();
    const claimed = await session.claim('q', 10, 1);
    await sleep(20);
    assert.equal((await strategy.reap(driver, 4)).ended, 4);
    const { acked, stale } = await session.settle(acks(claimed));
    assert.deepEqual([acked, stale], [6, claimed.slice(0, 4).map((job) => job.id)]);
    const again = await (await open()).session.claim('q', 10, LEASE_MS);
    assert.deepEqual(
      again.map((job) => [job.payload, job.attempt]),
      [0, 1, 2, 3].map((n) => [n, 2]),
    );
  });

  test(`${name}: a job keeps its id, attempts and place through retries, releases and crashes`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    const [id] = await strategy.enqueue(driver, [{ queue: 'q', payload: 'x', maxAttempts: 5 }]);
    const { session } = await open();
    const claim = async (leaseMs = LEASE_MS) => {
      const [job] = await session.claim('q', 1, leaseMs);
      assert(job);
      assert.deepEqual([job.id, job.maxAttempts, job.payload], [id, 5, 'x']);
      return job;
    };
    const first = await claim();
    await session.settle([{ kind: 'release', job: first }]);
    const second = await claim();
    assert.equal(second.attempt, 1);
    await session.settle([{ kind: 'retry', job: second, delayMs: 1, error: 'no' }]);
    await sleep(20);
    assert.equal((await strategy.delay?.promote(driver, 10))?.promoted, 1);
    assert.equal((await claim(1)).attempt, 2);
    await sleep(20);
    assert.equal((await strategy.reap(driver, 10)).ended, 1);
    const last = await claim();
    assert.equal(last.attempt, 3);
    await session.settle([{ kind: 'dead-letter', job: last, error: 'enough' }]);
    const [dead] = (await strategy.deadLetters?.list(driver, {}, undefined, 10)) ?? [];
    assert.deepEqual([dead?.id, dead?.attempt], [id, 3]);
    assert.deepEqual(
      dead?.errors.map(({ attempt, error }) => [attempt, error]),
      [
        [1, 'no'],
        [3, 'enough'],
      ],
    );
  });
}

test('ring: tables are truncated when all in them is settled, and never before', async (t) => {
  const { driver, strategy, open } = await bench(t, ring);
  const { session } = await open();
  const sizes = async () => {
    const { rows } = await driver.query<{ rows: number }>({
      text: `SELECT count(job.slot)::integer AS rows
        FROM generate_series(0, 2) AS number LEFT JOIN ${SCHEMA}.jobs AS job ON job.slot = number GROUP BY number ORDER BY number`,
    });
    return rows.map((row) => row.rows);
  };
  const turn = async (slot: number) => {
    await driver.query({ text: `SELECT setval('${SCHEMA}.turns', ${slot})` });
  };
  await strategy.enqueue(driver, jobs(5));
  const first = await session.claim('q', 5, LEASE_MS);
  await turn(1);
  await strategy.enqueue(driver, jobs(5, 5));
  const writer = await driver.connect('writer');
  await writer.query({ text: 'BEGIN' });
  await strategy.enqueue(writer, jobs(1, 50));
  await turn(2);
  assert.deepEqual(await sizes(), [5, 5, 0]);
  await strategy.upkeep?.run(driver);
  assert.deepEqual(await sizes(), [5, 5, 0], 'a lease holds the floor');
  await session.settle(acks(first));
  await strategy.reap(driver, 10);
  await strategy.upkeep?.run(driver);
  assert.deepEqual(await sizes(), [0, 5, 0]);
  const second = await session.claim('q', 5, LEASE_MS);
  await session.settle(acks(second));
  await strategy.reap(driver, 10);
  await turn(3);
  await strategy.upkeep?.run(driver);
  assert.deepEqual(await sizes(), [0, 5, 0], 'an open transaction has a job in it');
  // By now claims no longer look there; the job is passed by, and found as a gap.
  await strategy.enqueue(driver, jobs(1, 60));
  assert.deepEqual(payloads(await session.claim('q', 5, LEASE_MS)), [60]);
  await writer.query({ text: 'COMMIT' });
  await strategy.reap(driver, 10);
  await strategy.upkeep?.run(driver);
  assert.deepEqual(await sizes(), [1, 6, 0], 'and it is not truncated before it was done');
  const late = await session.claim('q', 5, LEASE_MS);
  assert.deepEqual(payloads(late), [50]);
  await session.settle(acks(late));
});

/** Advisory locks of this database, once `work` is done. */
async function heldBy(db: Driver | Connection, work: Promise<unknown> | undefined) {
  await work;
  return db.query({
    text: `SELECT pid FROM pg_locks WHERE locktype = 'advisory'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  });
}

for (const factory of [rangeLease, ring])
  test(`${factory.strategyName}: a lease of which another session has settled a job is not settled whole`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(3));
    const { session } = await open();
    const other = await open();
    const [first, second, third] = await session.claim('q', 3, LEASE_MS);
    assert(first && second && third);
    const retry = { kind: 'retry', job: second, delayMs: 0, error: 'no' } as const;
    assert.equal((await other.session.settle([retry])).retried, 1);
    const { acked, stale } = await session.settle(acks([first, second, third]));
    assert.deepEqual([acked, stale], [2, [second.id]]);
    const [again] = await session.claim('q', 3, LEASE_MS);
    assert.deepEqual([again?.id, again?.attempt], [second.id, 2]);
  });

/** A transaction with an id of its own, and nothing else. */
async function withId(driver: Driver) {
  const connection = await driver.connect('writer');
  await connection.query({ text: 'BEGIN' });
  await connection.query({ text: 'SELECT pg_current_xact_id()' });
  return connection;
}

for (const factory of [rangeLease, ring]) {
  const name = factory.strategyName;

  test(`${name}: a late job whose transaction has the highest id of all is not taken for one that cannot come`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(1));
    const { session } = await open();
    await session.settle(acks(await session.claim('q', 1, LEASE_MS)));
    // The second number commits before the first, in a transaction with the lower id; after that nothing is given an id.
    const early = await withId(driver);
    const late = await withId(driver);
    await strategy.enqueue(late, jobs(1, 100));
    await strategy.enqueue(early, jobs(1, 200));
    await early.query({ text: 'COMMIT' });
    assert.deepEqual(payloads(await session.claim('q', 5, LEASE_MS)), [200]);
    for (let looks = 0; looks < 4; looks += 1) {
      await strategy.reap(driver, 100);
      await strategy.upkeep?.run(driver);
    }
    await late.query({ text: 'COMMIT' });
    assert.deepEqual(payloads(await session.claim('q', 5, LEASE_MS)), [100]);
  });

  test(`${name}: what a reap has not committed does not carry the floor`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, [{ queue: 'q', payload: 'last', maxAttempts: 1 }]);
    const { session } = await open();
    await session.claim('q', 1, 1);
    await sleep(20);
    await assert.rejects(
      driver.transaction(async (tx) => {
        await strategy.reap(tx, 10);
        throw new Error('the server stops');
      }),
      /the server stops/,
    );
    await strategy.reap(driver, 10);
    const [dead] = await strategy.contents(driver, undefined, 10);
    assert.deepEqual([dead?.state, dead?.payload], ['dead', 'last']);
  });

  test(`${name}: orphans that two have found are brought back once`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(4));
    const { connection, session } = await open();
    await connection.query({ text: 'BEGIN' });
    await session.claim('q', 4, LEASE_MS);
    await connection.query({ text: 'ROLLBACK' });
    const other = factory.create({ schema: SCHEMA });
    await Promise.all([strategy.reap(driver, 10), other.reap(driver, 10)]);
    await Promise.all([strategy.reap(driver, 10), other.reap(driver, 10)]);
    await strategy.reap(driver, 10);
    const claimed = await session.claim('q', 9, LEASE_MS);
    assert.deepEqual(payloads(claimed), [0, 1, 2, 3]);
    await session.settle(acks(claimed));
    for (let looks = 0; looks < 3; looks += 1) await other.reap(driver, 10);
    assert.deepEqual(await session.claim('q', 9, LEASE_MS), []);
    assert.equal(await count(driver, 'gaps'), 0);
  });

  test(`${name}: a lease goes on while a job of it is not settled, whatever was under way`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(3));
    const { session } = await open();
    const [first, second, third] = await session.claim('q', 3, 300);
    assert(first && second && third);
    const [failed] = await Promise.allSettled([
      session.settle([{ kind: 'retry', job: first, delayMs: 1e18, error: 'x' }]),
      session.settle([
        { kind: 'ack', job: second },
        { kind: 'release', job: third },
      ]),
    ]);
    assert.equal(failed.status, 'rejected');
    await sleep(400);
    await strategy.reap(driver, 10);
    const again = await session.claim('q', 9, LEASE_MS);
    assert.deepEqual(payloads(again).sort(), [0, 2]);
  });

  test(`${name}: its maintenance works under a stricter default isolation`, async (t) => {
    const { driver, strategy, open, settings } = await bench(t, factory);
    const { rows } = await driver.query<{ name: string }>({ text: 'SELECT current_database() AS name' });
    await driver.query({
      text: `ALTER DATABASE ${rows[0]?.name} SET default_transaction_isolation = 'serializable'`,
    });
    await using strict = pgDriver({ ...settings, max: 2 });
    await strategy.enqueue(strict, jobs(2));
    const { session } = await open();
    await session.claim('q', 2, 1);
    await sleep(20);
    assert.equal((await strategy.reap(strict, 10)).ended, 2);
    await strategy.upkeep?.run(strict);
    assert.equal((await session.claim('q', 2, LEASE_MS)).length, 2);
  });
}

test('ring: a job that commits after its table has left the claims is found, in a lane where nothing else comes', async (t) => {
  const { driver, strategy, open } = await bench(t, ring);
  const { session } = await open();
  await strategy.enqueue(driver, jobs(1));
  await session.settle(acks(await session.claim('q', 1, LEASE_MS)));
  const late = await driver.connect('late');
  await late.query({ text: 'BEGIN' });
  await strategy.enqueue(late, jobs(1, 7));
  await driver.query({ text: `SELECT setval('${SCHEMA}.turns', 2)` });
  await late.query({ text: 'COMMIT' });
  assert.deepEqual(payloads(await session.claim('q', 1, LEASE_MS)), [7]);
});

test('ring: a claim leaves the table alone whose turn to be truncated it is', async (t) => {
  const { driver, strategy, open } = await bench(t, ring);
  await strategy.enqueue(driver, jobs(3));
  const { connection, session } = await open();
  await connection.query({ text: 'BEGIN' });
  assert.equal((await session.claim('q', 3, LEASE_MS)).length, 3);
  const { rows } = await connection.query({
    text: `SELECT relation::regclass::text AS name FROM pg_locks
      WHERE pid = pg_backend_pid() AND relation IN ('${SCHEMA}.jobs_1'::regclass, '${SCHEMA}.jobs'::regclass)`,
  });
  assert.deepEqual(rows, []);
  await connection.query({ text: 'COMMIT' });
});

for (const factory of [rangeLease, ring]) {
  test(`${factory.strategyName}: plans that were made over empty books read no more when the books are long`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    const { connection, session } = await open();
    assert(session.turn);
    const later = (job: ClaimedJob) => ({ kind: 'retry', job, delayMs: 60_000, error: 'x' }) as const;
    for (const outcome of [(job: ClaimedJob) => acks([job])[0], later]) {
      await strategy.enqueue(driver, jobs(1));
      const [job] = await session.claim('q', 1, LEASE_MS);
      const one = job && outcome(job);
      assert(one);
      await driver.query({ text: 'ANALYZE' });
      await session.settle([one]);
    }
    await strategy.enqueue(driver, jobs(600));
    const read = async (): Promise<number> => {
      await connection.query({ text: 'SELECT pg_stat_force_next_flush()' });
      const { rows } = await driver.query<{ tuples: number }>({
        text: `SELECT sum(idx_tup_read)::integer AS tuples FROM pg_stat_user_indexes WHERE schemaname = '${SCHEMA}'`,
      });
      return rows[0]?.tuples ?? Number.NaN;
    };
    const each = 200;
    let before = await read();
    let claimed = await session.claim('q', 1, LEASE_MS);
    for (let turn = 0; turn < each; turn += 1)
      claimed = (await session.turn.settleAndClaim(acks(claimed), 'q', 1, LEASE_MS)).jobs;
    const ofTurns = (await read()) - before;
    before = await read();
    for (const job of await session.claim('q', each, LEASE_MS)) await session.settle([later(job)]);
    const ofRetries = (await read()) - before;
    // A handful for each; whatever read the books or the jobs whole would read hundreds.
    assert(ofTurns < each * 20, `${ofTurns} index entries were read by ${each} turns`);
    assert(ofRetries < each * 20, `${ofRetries} index entries were read by ${each} retries`);
  });

  test(`${factory.strategyName}: a look at the books reads what came since the last one, however much is dead beside an open snapshot`, async (t) => {
    const { strategy, open, settings } = await bench(t, factory);
    await using driver = pgDriver({ ...settings, max: 1 });
    const reader = await open();
    await reader.connection.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1' });
    const { session } = await open();
    const { upkeep } = strategy;
    assert(session.turn && upkeep);
    const pass = async (count: number): Promise<void> => {
      await strategy.enqueue(driver, jobs(count));
      let claimed = await session.claim('q', 1, LEASE_MS);
      while (claimed.length > 0)
        claimed = (await session.turn?.settleAndClaim(acks(claimed), 'q', 1, LEASE_MS))?.jobs ?? [];
    };
    const read = async (): Promise<number> => {
      await driver.query({ text: 'SELECT pg_stat_force_next_flush()' });
      const { rows } = await driver.query<{ tuples: number }>({
        text: `SELECT sum(idx_tup_read)::integer AS tuples FROM pg_stat_user_indexes WHERE schemaname = '${SCHEMA}'`,
      });
      return rows[0]?.tuples ?? Number.NaN;
    };
    for (let dead = 0; dead < 3; dead += 1) {
      await pass(800);
      const { earlyMs = 0 } = await upkeep.run(driver);
      assert(earlyMs >= 1_000, 'while leases come it asks to be called early');
      await driver.query({ text: 'ANALYZE' });
    }
    const cost = async (look: () => Promise<unknown>): Promise<number> => {
      const before = await read();
      await look();
      return (await read()) - before;
    };
    await pass(120);
    const ofLook = await cost(() => upkeep.run(driver));
    assert(ofLook > 120 && ofLook < 1_500, `${ofLook} index entries were read by a look at 120 leases`);
    const ofCount = await cost(async () =>
      assert.deepEqual(await upkeep.run(driver, true), { ready: false }),
    );
    assert.equal(ofCount, 0, 'an early look where hardly a lease has come');
    await upkeep.run(driver);
    await pass(120);
    const another = factory.create({ schema: SCHEMA });
    const ofStart = await cost(() => another.reap(driver, 1));
    assert(ofStart < 1_500, `${ofStart} index entries were read by the first look of a worker`);
    await upkeep.run(driver);
    assert.deepEqual(await upkeep.run(driver), { ready: false });
  });

  test(`${factory.strategyName}: what a look left that was cut off is swept up by the next, and an idle look writes nothing`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    const { session } = await open();
    await strategy.enqueue(driver, jobs(3));
    await session.settle(acks(await session.claim('q', 3, LEASE_MS)));
    const tables = rangeTables({ schema: SCHEMA }, factory === ring);
    const looker = await driver.connect('looker');
    await looker.query({ text: `BEGIN; SELECT ${tend(tables).name}(); ROLLBACK` });
    assert.equal(await count(driver, 'spans'), 1, 'the floor has risen, and the row is still there');
    const another = factory.create({ schema: SCHEMA });
    await another.reap(driver, 1);
    assert.equal(await count(driver, 'spans'), 0);
    await another.reap(driver, 1);
    await looker.query({ text: `BEGIN; SELECT ${tend(tables).name}()` });
    const { rows } = await looker.query({ text: 'SELECT pg_current_xact_id_if_assigned() AS id' });
    assert.deepEqual(rows, [{ id: null }], 'a look with nothing to do takes no transaction id');
    await looker.query({ text: 'ROLLBACK' });
  });

  test(`${factory.strategyName}: a claim stands although the settle of its turn failed`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(2));
    const { connection, session } = await open();
    const [first, second] = await session.claim('q', 2, LEASE_MS);
    assert(first && second && session.turn);
    // Somebody else has settled a job of the lease: it does not close whole, and is settled job by job behind the claim.
    await (await open()).session.settle(acks([first]));
    await strategy.enqueue(driver, [{ queue: 'q', payload: 'more' }]);
    const { spans } = rangeTables({ schema: SCHEMA }, false);
    const blocker = await driver.connect('blocker');
    await blocker.query({ text: `BEGIN; SELECT FROM ${spans} FOR UPDATE` });
    await connection.query({ text: `SET statement_timeout = '200ms'` });
    const { jobs: claimed, settleError } = await session.turn.settleAndClaim(
      acks([first, second]),
      'q',
      1,
      LEASE_MS,
    );
    assert.deepEqual(payloads(claimed), ['more']);
    assert.match(settleError?.message ?? '', /statement timeout/);
    await blocker.query({ text: 'ROLLBACK' });
    const { acked, stale } = await session.settle(acks([first, second]));
    assert.deepEqual({ acked, stale }, { acked: 1, stale: [first.id] });
  });

  test(`${factory.strategyName}: outcomes that are sent again after a turn failed do not settle their neighbours`, async (t) => {
    const { driver, strategy, open } = await bench(t, factory);
    await strategy.enqueue(driver, jobs(3));
    const { connection, session } = await open();
    const [first, second, running] = await session.claim('q', 3, 300);
    assert(first && second && running && session.turn);
    const retry = { kind: 'retry', job: first, delayMs: 60_000, error: 'x' } as const;
    // The settle of a turn succeeds and its claim does not: the worker sends the outcomes once more.
    await strategy.enqueue(driver, [{ queue: 'q', payload: 'more' }]);
    await connection.query({ text: `SET statement_timeout = '200ms'` });
    const blocker = await driver.connect('blocker');
    const { rows } = await blocker.query<{ id: number }>({ text: `SELECT id FROM ${SCHEMA}.lanes` });
    const { latch } = rangeTables({ schema: SCHEMA }, false).locks;
    await blocker.query({ text: `SELECT pg_advisory_lock(${latch}, ${rows[0]?.id})` });
    await assert.rejects(session.turn.settleAndClaim([retry], 'q', 1, LEASE_MS), /statement timeout/);
    await blocker.query({ text: `SELECT pg_advisory_unlock(${latch}, ${rows[0]?.id})` });
    assert.deepEqual((await session.settle([retry])).stale, [first.id]);
    assert.equal((await session.settle(acks([second]))).acked, 1);
    await sleep(400);
    await strategy.reap(driver, 10);
    assert.deepEqual(
      payloads(await session.claim('q', 9, LEASE_MS)),
      [2, 'more'],
      'the running job comes back',
    );
  });
}
