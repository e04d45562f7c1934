// Does a settle do what it says, and only for whom the job belongs to?

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import { ack, type Check, claimOne, ids, LEASE_MS, QUEUE, storedStates } from './bench.ts';

/** This part of the suite, by the names of its tests. */
export const settling: Readonly<Record<string, Check>> = {
  'outcomes of every kind are settled together': async (bench) => {
    await bench.enqueue({}, {}, {}, {}, {});
    const session = await bench.open();
    const [a, b, c, d, e] = await session.claim(QUEUE, 5, LEASE_MS);
    assert(a && b && c && d && e);
    const result = await session.settle([
      ack(a),
      { kind: 'retry', job: b, delayMs: 0, error: 'again' },
      { kind: 'retry', job: c, delayMs: 60_000, error: 'later' },
      { kind: 'dead-letter', job: d, error: 'poison \0' },
      { kind: 'release', job: e },
    ]);
    assert.deepEqual(result, { acked: 1, retried: 2, deadLettered: 1, released: 1, stale: [] });
    const stored = await bench.strategy.contents(bench.driver, undefined, 10);
    assert.deepEqual(
      stored.map((job) => [job.id, job.state]),
      [
        [b.id, 'ready'],
        [c.id, 'delayed'],
        [d.id, 'dead'],
        [e.id, 'ready'],
      ],
    );
  },

  'attempts grow with retries and not with releases': async (bench) => {
    await bench.enqueue({ maxAttempts: 7 });
    const session = await bench.open();
    const first = await claimOne(session);
    assert.deepEqual([first.attempt, first.maxAttempts], [1, 7]);
    await session.settle([{ kind: 'release', job: first }]);
    const second = await claimOne(session);
    assert.equal(second.attempt, 1);
    await session.settle([{ kind: 'retry', job: second, delayMs: 0, error: 'x' }]);
    assert.equal((await claimOne(session)).attempt, 2);
  },

  'each claim of a job has a greater fencing token, and an older one is stale': async (bench) => {
    await bench.enqueue({});
    const session = await bench.open();
    const first = await claimOne(session);
    await session.settle([{ kind: 'retry', job: first, delayMs: 0, error: 'x' }]);
    const second = await claimOne(await bench.open());
    assert(BigInt(second.lease.fencingToken) > BigInt(first.lease.fencingToken));
    for (const outcome of [ack(first), { kind: 'retry', job: first, delayMs: 0, error: 'late' } as const]) {
      const late = await session.settle([outcome]);
      assert.deepEqual(late, { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: [first.id] });
    }
    assert.deepEqual(await storedStates(bench), ['leased']);
  },

  'a settle names exactly the stale ones among many': async (bench) => {
    await bench.enqueue({}, {}, {});
    const session = await bench.open();
    const [a, b, c] = await session.claim(QUEUE, 3, LEASE_MS);
    assert(a && b && c);
    await session.settle([ack(b)]);
    assert.deepEqual(await session.settle([ack(a), ack(b)]), {
      acked: 1,
      retried: 0,
      deadLettered: 0,
      released: 0,
      stale: [b.id],
    });
    const mixed = await session.settle([ack(b), { kind: 'release', job: c }]);
    assert.deepEqual([mixed.released, mixed.stale], [1, [b.id]]);
  },

  'a delayed job is not claimed before it is due, and is promoted when it is': async (bench) => {
    const { strategy, driver } = bench;
    assert(strategy.delay, 'the strategy has delays');
    const [later, soon] = await bench.enqueue(
      { runAt: new Date(Date.now() + 3_600_000) },
      { runAt: new Date(Date.now() + 300) },
      { runAt: new Date(Date.now() - 1000), queue: 'past' },
    );
    const session = await bench.open();
    const past = await session.claim('past', 5, LEASE_MS);
    assert.equal((await session.settle(past.map(ack))).acked, 1);
    assert.deepEqual(await session.claim(QUEUE, 5, LEASE_MS), []);
    const { delay } = strategy;
    await eventually(async () => (await delay.promote(driver, 10)).promoted === 1, 'a due job');
    assert.deepEqual(ids(await session.claim(QUEUE, 5, LEASE_MS)), [soon]);
    const { nextDueInMs } = await delay.promote(driver, 10);
    assert(nextDueInMs !== undefined && nextDueInMs > 3_000_000 && nextDueInMs <= 3_600_000);
    const states = new Map((await strategy.contents(driver, undefined, 9)).map((job) => [job.id, job.state]));
    assert.equal(states.get(later ?? ''), 'delayed');
  },

  'promote is bounded, and says that there is more': async (bench) => {
    const { strategy, driver } = bench;
    await bench.enqueue(...[1, 2, 3].map(() => ({ runAt: new Date(Date.now() + 50) })));
    await sleep(100);
    assert.deepEqual(await strategy.delay?.promote(driver, 2), { promoted: 2, nextDueInMs: 0 });
    assert.deepEqual(await strategy.delay?.promote(driver, 2), { promoted: 1 });
  },

  'a job of a transaction that commits late is found': async (bench) => {
    const { driver, strategy } = bench;
    const session = await bench.open();
    const committing = Promise.withResolvers<void>();
    const inserted = Promise.withResolvers<string>();
    const late = driver.transaction(async (tx) => {
      const [id] = await strategy.enqueue(tx, [{ queue: QUEUE, payload: 'late' }]);
      inserted.resolve(id ?? '');
      await committing.promise;
    });
    const lateId = await inserted.promise;
    const [early] = await bench.enqueue({ payload: 'early' });
    assert(BigInt(lateId) < BigInt(early ?? 0));
    const [first] = await session.claim(QUEUE, 5, LEASE_MS);
    assert(first);
    assert.equal(first.id, early);
    await session.settle([ack(first)]);
    committing.resolve();
    await late;
    assert.deepEqual(ids(await session.claim(QUEUE, 5, LEASE_MS)), [lateId]);
  },
};
