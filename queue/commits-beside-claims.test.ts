// Does a claim hand out the jobs that it leases, while others commit between two of its statements?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../testing/database.ts';
import { pgDriver } from './drivers/pg.ts';
import { strategies } from './strategies/index.ts';
import type { ClaimedJob, SettleResult } from './strategy.ts';

const PRODUCERS = 8;
const CLAIMERS = 2;
/** When a claim of ranges looked for the end of its run among jobs that had come in before it, this took 0.7 to 3 s to show. */
const FOR_MS = 3500;

for (const factory of strategies) {
  test(`${factory.strategyName}: every job comes under its own id, once, while its neighbours commit in any order`, async (t) => {
    const database = await testDatabase(t);
    const driver = pgDriver(database.settings);
    t.after(() => driver[Symbol.asyncDispose]());
    const strategy = factory.create({ schema: 'beside' });
    await strategy.install(driver);
    const batch = Math.max(100, strategy.workerDefaults.batch);

    const enqueued = new Map<string, unknown>();
    const stopAt = performance.now() + FOR_MS;
    const produce = async (producer: number): Promise<void> => {
      const connection = await driver.connect('producer');
      for (let n = 0; performance.now() < stopAt; n += 1) {
        const payload = `${producer} ${n}`;
        const [id] = await strategy.enqueue(connection, [{ queue: 'q', payload }]);
        enqueued.set(id ?? 'none', payload);
      }
    };
    let producing = true;
    const claim = async (): Promise<readonly ClaimedJob[]> => {
      const session = await strategy.openWorker(await driver.connect('claimer'), 'claimer');
      const came: ClaimedJob[] = [];
      let held: readonly ClaimedJob[] = [];
      for (;;) {
        const last = !producing;
        const outcomes = held.map((job) => ({ kind: 'ack', job }) as const);
        let settled: SettleResult;
        if (session.turn !== undefined)
          ({ settled, jobs: held } = await session.turn.settleAndClaim(outcomes, 'q', batch, 60_000));
        else {
          settled = await session.settle(outcomes);
          held = await session.claim('q', batch, 60_000);
        }
        assert.deepEqual([settled.acked, settled.stale], [outcomes.length, []]);
        came.push(...held);
        if (held.length > 0) continue;
        if (last) return came;
        await strategy.upkeep?.run(driver);
      }
    };
    const claiming = Promise.all(Array.from({ length: CLAIMERS }, claim));
    await Promise.all(Array.from({ length: PRODUCERS }, (_, producer) => produce(producer)));
    producing = false;
    await claiming;
    await strategy.upkeep?.run(driver);
    // A claim beside others may come back empty, and one that has met many gaps leaves them alone for a while: not a lone, new one.
    const claimed = [...(await claiming), await claim()].flat();

    const strangers = claimed.filter((job) => enqueued.get(job.id) !== job.payload);
    assert.deepEqual(
      strangers.map((job) => `${job.id} came with ${job.payload}`),
      [],
    );
    assert.equal(new Set(claimed.map((job) => job.id)).size, claimed.length, 'none came twice');
    assert.equal(claimed.length, enqueued.size, 'none is missing');
  });
}
