// Do jobs that came before their lane enter it, all of them, and first?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../../../testing/database.ts';
import type { StrategyFactory } from '../../../strategy.ts';
import { rangeLease } from '../../range-lease.ts';
import { ring } from '../../ring.ts';
import { rangeBench, SCHEMA } from './range-bench.ts';
import { rangeTables } from './relations.ts';

async function bench(t: TestContext, factory: StrategyFactory) {
  const { driver, strategy, claimer } = await rangeBench(t, factory, (await testDatabase(t)).settings);
  const { claim } = await claimer();
  /** In a transaction no lane is made: the job waits for it. */
  const deposit = (payload: string, priority: number) =>
    driver.transaction((tx) => strategy.enqueue(tx, [{ queue: 'q', payload, priority }]));
  return { driver, strategy, claim, deposit };
}

for (const factory of [rangeLease, ring]) {
  const name = factory.strategyName;

  test(`${name}: of jobs whose lanes are known nothing is made before they enter`, async (t) => {
    const { driver, strategy } = await bench(t, factory);
    let encoded = 0;
    const payload = { toJSON: () => (encoded += 1) };
    const jobs = Array.from({ length: 20 }, (_, n) => ({ queue: 'q', payload, priority: n % 2 }));
    const lanes = async () =>
      (await driver.query({ text: `SELECT priority FROM ${SCHEMA}.lanes ORDER BY 1` })).rows;
    const waits = { queue: 'q', payload, priority: 7, runAt: new Date('2100-01-01') };
    await strategy.bulk?.prepare?.(driver, [...jobs, waits]);
    assert.deepEqual(await lanes(), [{ priority: 0 }, { priority: 1 }]);
    await strategy.bulk?.prepare?.(driver, jobs);
    assert.equal(encoded, 0);
  });

  test(`${name}: a job of a new priority that commits while lanes are made is not lost`, async (t) => {
    const { driver, claim, deposit } = await bench(t, factory);
    const blocker = await driver.connect('blocker');
    const { opening } = rangeTables({ schema: SCHEMA }, false).locks;
    await blocker.query({ text: `SELECT pg_advisory_lock(${opening}, 0)` });
    await deposit('one', 1);
    const claiming = claim();
    await sleep(100);
    await deposit('two', 2);
    await blocker.query({ text: `SELECT pg_advisory_unlock(${opening}, 0)` });
    assert.deepEqual([...(await claiming), ...(await claim())], ['one', 'two']);
  });

  test(`${name}: jobs that waited for their lane go before those that found it`, async (t) => {
    const { driver, strategy, claim, deposit } = await bench(t, factory);
    await deposit('one', 0);
    await deposit('two', 0);
    await strategy.enqueue(driver, [{ queue: 'q', payload: 'three' }]);
    assert.deepEqual(await claim(), ['one', 'two', 'three']);
  });

  test(`${name}: a lease is as long as asked for, however long its claim waited`, async (t) => {
    const { driver, strategy, claim } = await bench(t, factory);
    await strategy.enqueue(driver, [{ queue: 'q', payload: 'one' }]);
    const blocker = await driver.connect('blocker');
    const { latch } = rangeTables({ schema: SCHEMA }, false).locks;
    await blocker.query({ text: `SELECT pg_advisory_lock(${latch}, id) FROM ${SCHEMA}.lanes` });
    const claiming = claim();
    await sleep(300);
    const { rows } = await blocker.query<{ at: string }>({ text: 'SELECT clock_timestamp()::text AS at' });
    await blocker.query({ text: 'SELECT pg_advisory_unlock_all()' });
    assert.deepEqual(await claiming, ['one']);
    const { rows: leases } = await driver.query<{ whole: boolean }>({
      text: `SELECT expires_at >= $1::timestamptz + interval '60 s' AS whole FROM ${SCHEMA}.spans`,
      values: [rows[0]?.at],
    });
    assert.deepEqual(leases, [{ whole: true }]);
  });
}
