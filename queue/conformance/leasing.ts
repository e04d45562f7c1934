// Do leases end as declared, and is what the tables hold reported truly?

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import { ack, type Check, claimOne, expireAndReap, ids, LEASE_MS, QUEUE, storedStates } from './bench.ts';

/** This part of the suite, by the names of its tests. */
export const leasing: Readonly<Record<string, Check>> = {
  'an expired lease is reaped, its job runs again, and the late settle is stale': async (bench) => {
    await bench.enqueue({});
    const slow = await bench.open();
    const lost = await claimOne(slow, 50);
    await expireAndReap(bench);
    const other = await bench.open();
    const again = await claimOne(other);
    assert.deepEqual([again.id, again.attempt], [lost.id, 2]);
    assert.deepEqual((await slow.settle([ack(lost)])).stale, [lost.id]);
    assert.equal((await other.settle([ack(again)])).acked, 1);
  },

  'a lease that expires in the last attempt makes a dead letter': async (bench) => {
    const [id] = await bench.enqueue({ maxAttempts: 1 });
    await claimOne(await bench.open(), 50);
    const named = await expireAndReap(bench);
    assert.deepEqual(await storedStates(bench), ['dead']);
    if (bench.strategy.deadLetters !== undefined) assert.deepEqual(named, [id]);
  },

  'a reap names the jobs that it buries, and no others': async (bench) => {
    const buried = [2, 5, 7];
    const jobs = Array.from({ length: 10 }, (_, nth) => ({ maxAttempts: buried.includes(nth) ? 1 : 3 }));
    const enqueued = await bench.enqueue(...jobs);
    const session = await bench.open();
    await session.claim(QUEUE, 10, 1);
    const named: string[] = [];
    while (named.length < buried.length) named.push(...(await expireAndReap(bench)));
    assert.deepEqual(
      named.sort((one, other) => Number(one) - Number(other)),
      buried.map((nth) => enqueued[nth]),
    );
  },

  'reap is bounded and leaves living leases alone': async (bench) => {
    await bench.enqueue({}, {}, {}, {});
    const session = await bench.open();
    await claimOne(session);
    await session.claim(QUEUE, 3, 1);
    await sleep(50);
    assert.equal((await bench.strategy.reap(bench.driver, 2)).ended, 2);
    assert.equal((await bench.strategy.reap(bench.driver, 2)).ended, 1);
    assert.equal((await bench.strategy.reap(bench.driver, 2)).ended, 0);
  },

  'a heartbeat keeps a lease, and names those that were lost': async (bench) => {
    await bench.enqueue({}, {});
    const session = await bench.open();
    const [kept, lost] = await session.claim(QUEUE, 2, 400);
    assert(kept && lost && session.heartbeat);
    assert.deepEqual(await session.heartbeat.extend([kept], LEASE_MS), []);
    await expireAndReap(bench);
    assert.deepEqual(await session.heartbeat.extend([kept, lost], LEASE_MS), [lost.id]);
    assert.equal((await session.settle([ack(kept)])).acked, 1);
  },

  'when a session dies its jobs come back at once, and its settle is stale': async (bench) => {
    const [id] = await bench.enqueue({});
    const { session, pid } = await bench.openOn();
    const lost = await claimOne(session);
    assert.deepEqual(await storedStates(bench), ['leased']);
    await bench.driver.query({ text: 'SELECT pg_terminate_backend($1, 5000)', values: [pid] });
    await eventually(async () => (await storedStates(bench))[0] === 'ready', 'a free job');
    const other = await bench.open();
    const again = await claimOne(other);
    assert.deepEqual([again.id, again.attempt], [id, 1]);
    await eventually(async () => {
      const late = await session.settle([ack(lost)]).catch(() => undefined);
      return late?.stale.includes(lost.id) === true;
    }, 'a stale settle');
    assert.equal((await other.settle([ack(again)])).acked, 1);
  },

  'schemas do not touch each other': async (bench) => {
    const other = bench.sibling();
    await other.install(bench.driver);
    const [mine] = await bench.enqueue({});
    const [theirs] = await other.enqueue(bench.driver, [{ queue: QUEUE, payload: {} }]);
    assert.equal(mine, theirs, 'both count from one');
    await claimOne(await bench.open());
    await other.upkeep?.run(bench.driver);
    await using session = await other.openWorker(await bench.driver.connect('sibling'), 'tester');
    assert.equal((await other.stats(bench.driver, QUEUE)).ready, 1);
    assert.deepEqual(ids(await session.claim(QUEUE, 2, LEASE_MS)), [theirs]);
  },

  'stats count every standing': async (bench) => {
    const { strategy, driver } = bench;
    await bench.enqueue({}, {}, {}, {}, { runAt: new Date(Date.now() + 60_000) }, { queue: 'other' });
    const first = await bench.open();
    const dead = await claimOne(first);
    await claimOne(await bench.open());
    await first.settle([{ kind: 'dead-letter', job: dead, error: 'x' }]);
    const { oldestReadyAgeMs, ...counts } = await strategy.stats(driver, QUEUE);
    assert.deepEqual(counts, { ready: 2, delayed: 1, leased: 1, dead: 1 });
    assert(oldestReadyAgeMs !== undefined && oldestReadyAgeMs >= 0 && oldestReadyAgeMs < 60_000);
    assert.deepEqual(await strategy.stats(driver, 'none'), { ready: 0, delayed: 0, leased: 0, dead: 0 });
  },

  'stats tell delayed jobs that are due, or count them as ready': async (bench) => {
    const { strategy, driver } = bench;
    const dueMs = Date.now() + 300;
    await bench.enqueue({ runAt: new Date(dueMs) }, { runAt: new Date(dueMs + 60_000) });
    const canRun = async () => {
      const { ready, delayed, due = 0 } = await strategy.stats(driver, QUEUE);
      assert.equal(ready + delayed, 2, 'a due job is one of the delayed');
      return ready + due;
    };
    await eventually(async () => (await canRun()) === 1, 'one of them is due');
  },

  'contents are paged by id': async (bench) => {
    const all = await bench.enqueue({}, {}, {}, {}, {});
    const found: string[] = [];
    for (let afterId: string | undefined; ; ) {
      const page = await bench.strategy.contents(bench.driver, afterId, 2);
      if (page.length === 0) break;
      found.push(...page.map((job) => job.id));
      afterId = page.at(-1)?.id;
    }
    assert.deepEqual(found, all);
  },
};
