// Is a job that somebody takes out either removed or claimed, whoever is at work, and does nobody wait for an open removal?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../../../testing/database.ts';
import type { Database, Driver } from '../../../drivers/driver.ts';
import { pgDriver } from '../../../drivers/pg.ts';
import { eventually } from '../../../eventually.ts';
import type { ClaimStrategy, JobId, StrategyFactory, WorkerSession } from '../../../strategy.ts';
import { rangeLease } from '../../range-lease.ts';
import { ring } from '../../ring.ts';
import { LEASE_MS, rangeBench, SCHEMA } from './range-bench.ts';
import { rangeTables } from './relations.ts';

async function bench(t: TestContext, factory: StrategyFactory) {
  const { settings: own } = await testDatabase(t);
  // Whoever waits for what never comes fails.
  const settings = { ...own, sessionOptions: '-c statement_timeout=20s' };
  const { driver, strategy, open } = await rangeBench(t, factory, settings);
  const enqueue = (count: number, db: Database = driver): Promise<readonly JobId[]> =>
    strategy.enqueue(
      db,
      Array.from({ length: count }, (_, n) => ({ queue: 'q', payload: n })),
    );
  const remove = async (ids: readonly (JobId | undefined)[], db: Database = driver) =>
    (await strategy.cancellation?.removeWaiting(
      db,
      ids.flatMap((id) => id ?? []),
    )) ?? assert.fail();
  return { settings, driver, strategy, open, enqueue, remove };
}

/** Ids that `session` is handed out by one claim; all are acked. */
async function workOff(session: WorkerSession, limit: number): Promise<readonly JobId[]> {
  const jobs = await session.claim('q', limit, LEASE_MS);
  if (jobs.length > 0)
    assert.deepEqual((await session.settle(jobs.map((job) => ({ kind: 'ack', job })))).stale, []);
  return jobs.map(({ id }) => id);
}

/** All that was numbered is settled for good, and the books are empty. */
async function booksEnd(strategy: ClaimStrategy, driver: Driver): Promise<void> {
  await eventually(async () => {
    await strategy.reap(driver, 1000);
    const { rows } = await driver.query<{ over: boolean }>({
      text: `SELECT bool_and(pg_sequence_last_value(numbers) = pg_sequence_last_value(floor))
        AND NOT EXISTS (SELECT FROM ${SCHEMA}.gaps) AND NOT EXISTS (SELECT FROM ${SCHEMA}.spans) AS over FROM ${SCHEMA}.lanes`,
    });
    return rows[0]?.over ?? false;
  }, 'a floor over all that was numbered');
}

for (const factory of [rangeLease, ring]) {
  const name = factory.strategyName;

  test(`${name}: of ten thousand jobs each is claimed once or removed once, some in transactions that stay open`, async (t) => {
    const { settings, driver, strategy, open, enqueue } = await bench(t, factory);
    await using pool = pgDriver({ ...settings, max: 8 });
    const all: JobId[] = [];
    for (let chunk = 0; chunk < 5; chunk += 1) all.push(...(await enqueue(2_000)));
    let removing = 4;
    const claims = [1, 7, 60, 300].map(async (limit) => {
      const { session } = await open();
      const claimed: JobId[] = [];
      for (;;) {
        const last = removing === 0;
        const ids = await workOff(session, limit);
        claimed.push(...ids);
        if (ids.length === 0 && last) return claimed;
      }
    });
    // From the back to the front, with and without regard for the claims' pace; two of them meet on the same jobs.
    const cancel = async (step: number, size: number, holdMs: number) => {
      const removed: JobId[] = [];
      for (let end = all.length; end > 0; end -= step) {
        const ids = all.slice(Math.max(0, end - size), end);
        const undone = holdMs > 0 && (end / step) % 3 === 0;
        const work = async (): Promise<readonly JobId[]> =>
          pool.transaction(async (tx) => {
            const gone = (await strategy.cancellation?.removeWaiting(tx, ids)) ?? [];
            await sleep(holdMs);
            if (undone) throw new Error('rolled back');
            return gone;
          });
        if (undone) await assert.rejects(work(), /rolled back/);
        else removed.push(...(await work()));
      }
      removing -= 1;
      return removed;
    };
    const removals = [cancel(53, 5, 0), cancel(101, 30, 3), cancel(101, 20, 10), cancel(400, 100, 1)];
    const removed = (await Promise.all(removals)).flat();
    const claimed = (await Promise.all(claims)).flat();
    assert(
      removed.length > 500 && claimed.length > 500,
      `${removed.length} removed, ${claimed.length} claimed`,
    );
    assert.deepEqual([...claimed, ...removed].sort(), all.toSorted());
    await enqueue(1);
    assert.equal((await workOff((await open()).session, 5)).length, 1);
    await booksEnd(strategy, driver);
  });

  test(`${name}: nobody waits for an open removal, and its job is neither handed out nor forgotten`, async (t) => {
    const { driver, strategy, open, enqueue, remove } = await bench(t, factory);
    const ids = await enqueue(8);
    const { session } = await open();
    const caller = await driver.connect('caller');
    await caller.query({ text: 'BEGIN' });
    assert.deepEqual(await remove([ids[1], ids[4]], caller), [ids[1], ids[4]]);
    const seen: JobId[] = [];
    for (let claims = 0; claims < 4; claims += 1) seen.push(...(await workOff(session, 5)));
    assert.deepEqual(seen, [ids[0], ids[2], ids[3], ids[5], ids[6], ids[7]]);
    await caller.query({ text: 'ROLLBACK' });
    const [late] = await enqueue(1);
    assert.deepEqual(await workOff(session, 1), [ids[1]], 'it goes before what came after it');
    assert.deepEqual([...(await workOff(session, 5)), ...(await workOff(session, 5))], [ids[4], late]);
    await booksEnd(strategy, driver);
  });

  test(`${name}: a removal of the first job lets a claim of one have the next, and leaves no trace once it commits`, async (t) => {
    const { driver, strategy, open, enqueue, remove } = await bench(t, factory);
    const ids = await enqueue(4);
    const { session } = await open();
    const caller = await driver.connect('caller');
    await caller.query({ text: 'BEGIN' });
    await remove([ids[0], ids[1]], caller);
    assert.deepEqual(await workOff(session, 1), [ids[2]]);
    await caller.query({ text: 'COMMIT' });
    assert.deepEqual(await workOff(session, 9), [ids[3]]);
    assert.deepEqual(await remove(ids), []);
    await booksEnd(strategy, driver);
  });

  test(`${name}: beside an open removal nobody overtakes what a claim has looked at and not taken`, async (t) => {
    const { driver, open, enqueue, remove } = await bench(t, factory);
    const ids = await enqueue(4);
    const caller = await driver.connect('caller');
    await caller.query({ text: 'BEGIN' });
    await remove([ids[1]], caller);
    const one = await open();
    const other = await open();
    await one.connection.query({ text: 'BEGIN' });
    assert.deepEqual(await workOff(one.session, 9), [ids[0]], 'a run ends at a hole');
    const claiming = workOff(other.session, 9);
    await sleep(100);
    await one.connection.query({ text: 'COMMIT' });
    assert.deepEqual(await claiming, [ids[2], ids[3]]);
    await caller.query({ text: 'COMMIT' });
  });

  test(`${name}: a claim over several priorities takes what it asked for, beside an open removal in one of them`, async (t) => {
    const { driver, strategy, open, remove } = await bench(t, factory);
    const { session } = await open();
    const at = (priority: number, count: number): Promise<readonly JobId[]> =>
      strategy.enqueue(
        driver,
        Array.from({ length: count }, () => ({ queue: 'q', payload: null, priority })),
      );
    const claimed = async (limit: number): Promise<number> =>
      (await session.claim('q', limit, LEASE_MS)).length;
    // Nothing is left in the lane of the removal, then three jobs: neither number may go into the count twice, or go out of it.
    for (const beside of [0, 3]) {
      await at(0, 1);
      const [held] = await at(1, 1);
      await at(1, beside);
      await at(2, 9);
      await driver.transaction(async (tx) => {
        assert.deepEqual(await remove([held], tx), [held]);
        assert.equal(await claimed(2 + beside), 2 + beside);
      });
      assert.equal(await claimed(9), 8);
      assert.equal(await claimed(9), 0);
    }
  });

  test(`${name}: jobs of a gap are removed or claimed like others, beside an open removal too`, async (t) => {
    const { driver, strategy, open, enqueue, remove } = await bench(t, factory);
    const { session } = await open();
    const lost = await enqueue(5);
    await session.claim('q', 5, 1);
    const late = await driver.connect('late');
    await late.query({ text: 'BEGIN' });
    const slow = await enqueue(3, late);
    const [last] = await enqueue(1);
    await sleep(20);
    assert.equal((await strategy.reap(driver, 10)).ended, 5);
    assert.deepEqual(await remove([lost[4]]), [lost[4]]);
    const caller = await driver.connect('caller');
    await caller.query({ text: 'BEGIN' });
    assert.deepEqual(await remove([lost[0], lost[2]], caller), [lost[0], lost[2]]);
    const claimed: JobId[] = [];
    for (let claims = 0; claims < 4; claims += 1) claimed.push(...(await workOff(session, 9)));
    assert.deepEqual(claimed, [lost[1], lost[3], last]);
    await late.query({ text: 'COMMIT' });
    assert.deepEqual(await remove([slow[1]]), [slow[1]]);
    assert.deepEqual(await workOff(session, 9), [slow[0], slow[2]]);
    await caller.query({ text: 'ROLLBACK' });
    assert.deepEqual(
      (await session.claim('q', 9, LEASE_MS)).map(({ id, attempt }) => [id, attempt]),
      [
        [lost[0], 2],
        [lost[2], 2],
      ],
    );
  });

  test(`${name}: what a claim under way has named is not removed, in a gap or not`, async (t) => {
    const { driver, strategy, open, enqueue, remove } = await bench(t, factory);
    const { connection, session } = await open();
    const lost = await enqueue(3);
    await session.claim('q', 3, 1);
    const [next] = await enqueue(1);
    await sleep(20);
    await strategy.reap(driver, 10);
    await connection.query({ text: 'BEGIN' });
    assert.equal((await session.claim('q', 9, LEASE_MS)).length, 4);
    assert.deepEqual(await remove([...lost, next]), []);
    await connection.query({ text: 'COMMIT' });
    assert.deepEqual(await remove([...lost, next]), []);
  });

  test(`${name}: a claim that was past the mark when a removal came has the jobs, and their rows are let go`, async (t) => {
    const { driver, open, enqueue, remove } = await bench(t, factory);
    const ids = await enqueue(3);
    const { latch } = rangeTables({ schema: SCHEMA }, false).locks;
    const claim = await open();
    const { rows } = await claim.connection.query<{ id: number }>({ text: `SELECT id FROM ${SCHEMA}.lanes` });
    const lane = rows[0]?.id;
    await claim.connection.query({ text: `SELECT pg_advisory_lock(${latch}, ${lane})` });
    const caller = await driver.connect('caller');
    await caller.query({ text: 'BEGIN' });
    const removing = remove(ids, caller);
    await eventually(async () => {
      const { rows: waiting } = await driver.query({
        text: `SELECT FROM pg_locks WHERE pid = ${caller.backendPid} AND locktype = 'advisory' AND NOT granted`,
      });
      return waiting.length > 0;
    }, 'a removal that waits for the latch');
    // As a claim does that saw no mark: the cursor first, then the latch.
    await claim.connection.query({ text: `SELECT setval(cursor, 2) FROM ${SCHEMA}.lanes` });
    await claim.connection.query({ text: `SELECT pg_advisory_unlock(${latch}, ${lane})` });
    assert.deepEqual(await removing, [ids[2]]);
    const { rows: free } = await driver.query({
      text: `SELECT seq::text FROM ${SCHEMA}.jobs ORDER BY seq FOR UPDATE SKIP LOCKED`,
    });
    assert.deepEqual(free, [{ seq: '1' }, { seq: '2' }]);
    await caller.query({ text: 'COMMIT' });
  });

  test(`${name}: a removal waits for another one's transaction, and has what that gives back`, async (t) => {
    const { driver, enqueue, remove } = await bench(t, factory);
    const ids = await enqueue(4);
    const caller = await driver.connect('caller');
    for (const end of ['ROLLBACK', 'COMMIT']) {
      await caller.query({ text: 'BEGIN' });
      const [mine, other] = end === 'ROLLBACK' ? [ids[0], ids[1]] : [ids[2], ids[3]];
      await remove([mine], caller);
      let answered = false;
      const removing = remove([mine, other]).finally(() => {
        answered = true;
      });
      await sleep(100);
      assert.equal(answered, false);
      await caller.query({ text: end });
      assert.deepEqual((await removing).toSorted(), end === 'ROLLBACK' ? [mine, other] : [other]);
    }
  });

  test(`${name}: of two removals that meet one waits for the other, never each for the other`, async (t) => {
    const { driver, enqueue, remove } = await bench(t, factory);
    const [one, two, three] = await enqueue(3);
    const waitingFor = async (pid: number) =>
      eventually(async () => {
        const text = `SELECT FROM pg_stat_activity WHERE ${pid} = ANY (pg_blocking_pids(pid))`;
        return (await driver.query({ text })).rows.length > 0;
      }, 'somebody who waits');
    const holder = async (seq: number) => {
      const connection = await driver.connect('holder');
      await connection.query({ text: 'BEGIN' });
      await connection.query({ text: `SELECT FROM ${SCHEMA}.jobs WHERE seq = ${seq} FOR UPDATE` });
      return connection;
    };
    const second = await holder(2);
    const third = await holder(3);
    const caller = await driver.connect('caller');
    await caller.query({ text: 'BEGIN' });
    const mine = remove([one, two, three], caller);
    await waitingFor(second.backendPid);
    await third.query({ text: 'COMMIT' });
    // The third is free, and the first is not: whoever keeps the one while it waits for the other is in the caller's way.
    const others = remove([one, three]);
    await waitingFor(caller.backendPid);
    await second.query({ text: 'COMMIT' });
    assert.deepEqual((await mine).toSorted(), [one, two, three]);
    await caller.query({ text: 'COMMIT' });
    assert.deepEqual(await others, []);
  });

  test(`${name}: a transaction removes what it has enqueued itself, in a lane or before there is one`, async (t) => {
    const { driver, strategy, open, enqueue, remove } = await bench(t, factory);
    await assert.rejects(
      driver.transaction(async (tx) => {
        const first = await enqueue(2, tx);
        assert.deepEqual(await remove(first, tx), first);
        throw new Error('rolled back');
      }),
      /rolled back/,
    );
    await enqueue(1);
    const { session } = await open();
    await workOff(session, 1);
    await driver.transaction(async (tx) => {
      const [one, two] = await enqueue(2, tx);
      await enqueue(1);
      // The cursor passes them: they lie in a gap by the time they are removed.
      assert.equal((await workOff(session, 5)).length, 1);
      assert.deepEqual(await remove([two], tx), [two]);
      assert.deepEqual(await remove([one, two], tx), [one]);
    });
    assert.deepEqual(await workOff(session, 5), []);
    await booksEnd(strategy, driver);
  });

  test(`${name}: removals go by what is there now, whatever the database's default isolation`, async (t) => {
    const { settings, driver, strategy, open, enqueue, remove } = await bench(t, factory);
    await driver.query({
      text: `ALTER DATABASE ${settings.database} SET default_transaction_isolation = 'serializable'`,
    });
    await using strict = pgDriver({ ...settings, max: 2 });
    const ids = await enqueue(3, strict);
    assert.deepEqual(await remove([ids[0]], strict), [ids[0]]);
    assert.deepEqual(await strict.transaction((tx) => remove([ids[1]], tx)), [ids[1]]);
    const { session } = await open();
    const [job] = await session.claim('q', 3, LEASE_MS);
    assert.equal(job?.id, ids[2]);
    await session.settle(job === undefined ? [] : [{ kind: 'dead-letter', job, error: 'x' }]);
    assert.deepEqual(
      (await strategy.deadLetters?.redrive(strict, {}, 5))?.map(({ id }) => id),
      [ids[2]],
    );
    assert.deepEqual(await remove(ids, strict), [ids[2]]);
  });
}
