// Does a job whose number was passed over stay ahead of all that are enqueued after its commit?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../../../testing/database.ts';
import type { Database } from '../../../drivers/driver.ts';
import type { StrategyFactory } from '../../../strategy.ts';
import { rangeLease } from '../../range-lease.ts';
import { ring } from '../../ring.ts';
import { rangeBench, SCHEMA } from './range-bench.ts';

/** A queue with an enqueue of `late` that has its number, and is still open. */
async function withLateJob(t: TestContext, factory: StrategyFactory) {
  const { driver, strategy, claimer } = await rangeBench(t, factory, (await testDatabase(t)).settings);
  const enqueue = (payload: string, db: Database = driver) =>
    strategy.enqueue(db, [{ queue: 'q', payload, priority: payload === 'minor' ? 1 : 0 }]);
  await enqueue('first');
  const late = await driver.connect('late');
  await late.query({ text: 'BEGIN' });
  await enqueue('late', late);
  return { driver, enqueue, session: claimer, commitLate: () => late.query({ text: 'COMMIT' }) };
}

for (const factory of [rangeLease, ring]) {
  const name = factory.strategyName;

  for (const [after, expected] of [
    ['next', ['late', 'next']],
    ['minor', ['late', 'minor']],
  ] as const)
    test(`${name}: a job in a gap whose claim has not committed yet goes before the ${after} one`, async (t) => {
      const { enqueue, session, commitLate } = await withLateJob(t, factory);
      await enqueue('second');
      const [one, other] = [await session(), await session()];
      assert.deepEqual(await one.claim(), ['first'], 'a run ends at a hole');
      await one.connection.query({ text: 'BEGIN' });
      assert.deepEqual(await one.claim(), ['second'], 'what is missing becomes a gap');
      await commitLate();
      await enqueue(after);
      const claiming = other.claim();
      await sleep(100);
      await one.connection.query({ text: 'COMMIT' });
      assert.deepEqual([...(await claiming), ...(await other.claim())], expected);
    });

  test(`${name}: a job in a gap whose horizon is being set goes before the next one`, async (t) => {
    const { driver, enqueue, session, commitLate } = await withLateJob(t, factory);
    await enqueue('second');
    const { claim } = await session();
    assert.deepEqual([await claim(), await claim()], [['first'], ['second']]);
    const keeper = await driver.connect('keeper');
    const { rows } = await keeper.query<{ routine: string }>({
      text: `SELECT oid::regproc::text AS routine FROM pg_proc WHERE proname LIKE 'set_horizons_%'`,
    });
    await keeper.query({ text: 'BEGIN' });
    await keeper.query({ text: `SELECT ${rows[0]?.routine}()` });
    await commitLate();
    await enqueue('next');
    const claiming = claim();
    await sleep(100);
    await keeper.query({ text: 'COMMIT' });
    assert.deepEqual(await claiming, ['late', 'next']);
  });

  test(`${name}: a job among many gaps in which nothing came goes before the next one`, async (t) => {
    const { driver, enqueue, session, commitLate } = await withLateJob(t, factory);
    for (let hole = 0; hole < 150; hole += 1) {
      await driver.query({ text: `SELECT nextval(numbers) FROM ${SCHEMA}.lanes` });
      await enqueue('other');
    }
    const { claim } = await session();
    for (let claimed = 0; claimed < 151; ) claimed += (await claim(500)).length;
    assert.deepEqual(await claim(500), [], 'gaps were looked into, all in vain');
    await commitLate();
    await enqueue('next');
    assert.deepEqual(await claim(), ['late', 'next']);
  });
}
