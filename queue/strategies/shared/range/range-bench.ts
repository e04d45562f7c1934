// What do the tests of ranges run on? A database of their own, with a queue of one of the two designs.

import type { TestContext } from 'node:test';
import type { DriverOptions } from '../../../drivers/options.ts';
import { pgDriver } from '../../../drivers/pg.ts';
import type { StrategyFactory } from '../../../strategy.ts';

export const SCHEMA = 'range';
export const LEASE_MS = 60_000;

/** A driver, the installed strategy, and sessions in a database, until the test has ended. */
export async function rangeBench(t: TestContext, factory: StrategyFactory, settings: DriverOptions) {
  const driver = pgDriver(settings);
  t.after(() => driver[Symbol.asyncDispose]());
  const strategy = factory.create({ schema: SCHEMA });
  await strategy.install(driver);
  const open = async () => {
    const connection = await driver.connect('tester');
    return { connection, session: await strategy.openWorker(connection, 'w') };
  };
  /** A session whose claims are told by their payloads. */
  const claimer = async () => {
    const { connection, session } = await open();
    const claim = async (limit = 10): Promise<readonly unknown[]> =>
      (await session.claim('q', limit, LEASE_MS)).map((job) => job.payload);
    return { connection, claim };
  };
  return { driver, strategy, open, claimer };
}
