// Does every strategy that says so keep the contract behind PgBouncer in transaction mode, over both drivers?

import { after, before, describe } from 'node:test';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import { type Pooler, startPooler, withoutPooler } from '../testing/pooler.ts';
import { type Deviation, deviationsOf } from './conformance/deviations.ts';
import { driverKinds } from './conformance/drivers.ts';
import { CROWDED } from './conformance/ownership.ts';
import { describeConformance } from './conformance/suite.ts';
import type { Driver } from './drivers/driver.ts';
import { strategies } from './strategies/index.ts';

const able = strategies.filter(({ create }) => create({ schema: 'any' }).guarantees.transactionPooler);
/** Tests that are left out here. */
const ELSEWHERE: readonly Deviation[] = [
  { test: CROWDED, reason: 'whom a claim hands a job to is not for the pooler to say: asked without one' },
];
const kinds = driverKinds.filter(({ pipeline }) => pipeline);

// Side by side, each in a database of its own, and so with server connections of its own.
describe('conformance behind PgBouncer', { concurrency: kinds.length, skip: withoutPooler }, () => {
  let pooler: Pooler;
  before(async () => {
    pooler = await startPooler({ size: 8 });
  });
  after(() => pooler[Symbol.asyncDispose]());
  for (const kind of kinds)
    describe(`over ${kind.label}`, { concurrency: 1 }, () => {
      let database: TestDatabase;
      let driver: Driver;
      before(async () => {
        database = await testDatabase();
        driver = kind.open({ ...pooler.through(database), max: 4 });
      });
      after(async () => {
        await driver[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      });
      for (const factory of able)
        describeConformance(factory, () => driver, [...deviationsOf(factory), ...ELSEWHERE]);
    });
});
