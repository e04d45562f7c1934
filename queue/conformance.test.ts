// Does every built-in strategy keep the contract, over every driver?

import { after, before, describe } from 'node:test';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import { driverKinds } from './conformance/drivers.ts';
import { type Deviation, describeConformance } from './conformance/suite.ts';
import type { Driver } from './drivers/driver.ts';
import { strategies } from './strategies/index.ts';

const SESSION_ENDS = 'its leases end with the session, not by the clock: no lease can expire';
const TIMED = {
  test: 'when a session dies its jobs come back at once, and its settle is stale',
  reason: 'its leases end by the clock: a dead session keeps them until they expire',
};

const ONE_LEASE = {
  test: 'a heartbeat keeps a lease, and names those that were lost',
  reason: 'one lease covers a claim: a heartbeat for one of its jobs keeps the others too',
};

/** Excuses from what leases that end with their session cannot show. */
const BY_SESSION: readonly Deviation[] = [
  'an expired lease is reaped, its job runs again, and the late settle is stale',
  'a lease that expires in the last attempt makes a dead letter',
  'reap is bounded and leaves living leases alone',
  'a heartbeat keeps a lease, and names those that were lost',
].map((test) => ({ test, reason: SESSION_ENDS }));

const ONE_JOB = 'a session holds one job at a time, in the one transaction that it can have open';

const deviations: Readonly<Record<string, readonly Deviation[]>> = {
  'skip-locked': [TIMED],
  batch: [TIMED],
  'range-lease': [TIMED, ONE_LEASE],
  ring: [TIMED, ONE_LEASE],
  'visibility-timeout': [
    TIMED,
    {
      test: 'jobs come by priority, then in the order of their enqueue',
      reason: 'it has no priorities, and jobs come in the order in which they become visible',
    },
    {
      test: 'reap is bounded and leaves living leases alone',
      reason:
        'a job whose lease has ended is ready by itself: reap buries, and reports that there are such jobs',
    },
    {
      test: 'promote is bounded, and says that there is more',
      reason:
        'a due job is ready by itself: promote only reports that there are some, and when the next will be',
    },
  ],
  'table-move': [TIMED],
  sharded: [TIMED],
  advisory: BY_SESSION,
  'advisory-candidates': BY_SESSION,
  'held-transaction': [
    ...BY_SESSION,
    { test: 'overlapping claims of one session hand out different jobs', reason: ONE_JOB },
    { test: 'outcomes of every kind are settled together', reason: ONE_JOB },
    { test: 'a settle names exactly the stale ones among many', reason: ONE_JOB },
  ],
  blocking: [TIMED],
  nowait: [TIMED],
  optimistic: [TIMED],
  'packed-lease': [TIMED],
  'tick-log': [
    TIMED,
    {
      test: 'jobs come by priority, then in the order of their enqueue',
      reason: 'a log has one order: it has no priorities',
    },
    {
      test: 'a heartbeat keeps a lease, and names those that were lost',
      reason:
        "a lease is the chunk's: to keep it for one job keeps it for all. tick-log.test.ts asks the same of two chunks",
    },
  ],
};

/** Deviations of a driver, by its label: none so far. */
const driverDeviations: Readonly<Record<string, readonly Deviation[]>> = {};

// postgres.js without pipeline is left to queue/drivers/drivers.test.ts: to a strategy it is like pg without.
const kinds = driverKinds.filter(({ library, pipeline }) => library === 'pg' || pipeline);

// Side by side, each in a database of its own: most of the suite is waiting for a clock.
describe('conformance', { concurrency: kinds.length }, () => {
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
      for (const factory of strategies)
        describeConformance(factory, () => driver, [
          ...(deviations[factory.strategyName] ?? []),
          ...(driverDeviations[kind.label] ?? []),
        ]);
    });
  }
});
