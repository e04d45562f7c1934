// Does every built-in strategy keep the contract, over every driver?

import { after, before, describe, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import { openBench } from './conformance/bench.ts';
import { type Deviation, deviationsOf } from './conformance/deviations.ts';
import { driverKinds } from './conformance/drivers.ts';
import { CROWDED } from './conformance/ownership.ts';
import { describeConformance } from './conformance/suite.ts';
import { HELD_TEN_SECONDS, holdEnqueueOpen } from './conformance/transactions.ts';
import type { Driver } from './drivers/driver.ts';
import { strategies } from './strategies/index.ts';

/** Left out over every driver but one, and that is the strategies' turn by turn: it is the dearest. */
const ELSEWHERE: Deviation = {
  test: CROWDED,
  reason: 'whom a claim hands a job to is not for the driver to say: asked over another one',
};

// postgres.js without pipeline is left to queue/drivers/drivers.test.ts: to a strategy it is like pg without.
const kinds = driverKinds.filter(({ library, pipeline }) => library === 'pg' || pipeline);

// Side by side, each in a database of its own: most of the suite is waiting for a clock.
describe('conformance', { concurrency: kinds.length + 1 }, () => {
  for (const kind of kinds) {
    describe(`over ${kind.label}`, { concurrency: 1 }, () => {
      let database: TestDatabase;
      let driver: Driver;
      before(async () => {
        database = await testDatabase();
        driver = kind.open({ ...database.settings, max: 4 });
      });
      after(async () => {
        await driver[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      });
      for (const [i, factory] of strategies.entries())
        describeConformance(factory, () => driver, [
          ...deviationsOf(factory),
          ...(kind === kinds[i % kinds.length] ? [] : [ELSEWHERE]),
        ]);
    });
  }

  // All at once, since each of them mostly waits.
  test(HELD_TEN_SECONDS, { timeout: 60_000, concurrency: true }, async (t) => {
    const database = await testDatabase(t);
    const [kind] = kinds;
    if (kind === undefined) throw new Error('there is no driver');
    const driver = kind.open({ ...database.settings, max: 4 });
    t.after(() => driver[Symbol.asyncDispose]());
    await Promise.all(
      strategies.map((factory) => {
        const reason = deviationsOf(factory).find((deviation) => deviation.test === HELD_TEN_SECONDS)?.reason;
        return t.test(factory.strategyName, { skip: reason ?? false }, async () => {
          await using closing = new AsyncDisposableStack();
          await holdEnqueueOpen(
            await openBench(factory, driver, `held ${factory.strategyName}`, closing),
            10_000,
          );
        });
      }),
    );
  });
});
