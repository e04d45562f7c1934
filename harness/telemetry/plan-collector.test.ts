// Do sessions send their first plans in full and then few, and is nothing that they do changed by it?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';

import {
  type Database,
  type Driver,
  type DriverOptions,
  pgDriver,
  postgresDriver,
} from '../../queue/index.ts';
import { testDatabase } from '../../testing/database.ts';
import { withConnection } from '../server/connect.ts';
import { PlanCollector } from './plan-collector.ts';
import { planAccess } from './plans.ts';

const FIRST = 40;

type OpenDriver = (options: DriverOptions) => Driver;
/** How a session is watched is each driver's own affair. */
const DRIVERS: readonly OpenDriver[] = [pgDriver, postgresDriver];

/** A driver whose sessions send their plans, in a database of which `prepare` is said first. */
async function watched(
  t: TestContext,
  prepare: (database: string) => string = () => 'SELECT 1',
  open: OpenDriver = pgDriver,
) {
  const { settings } = await testDatabase(t);
  await withConnection(settings, { applicationName: 'set-up' }, (client) =>
    client.query(prepare(settings.database)),
  );
  const { sampling, missing } = await planAccess(settings);
  assert.deepEqual(missing, []);
  const collector = new PlanCollector(sampling);
  const driver = open({ ...settings, ...collector.driverOptions() });
  t.after(() => driver[Symbol.asyncDispose]());
  const seen = () => collector.report().plans.reduce((sum, plan) => sum + plan.seen, 0);
  return { driver, collector, seen };
}

async function show(session: Database, name: string): Promise<string | undefined> {
  const { rows } = await session.query<{ value: string }>({
    text: `SELECT current_setting('${name}') AS value`,
  });
  return rows[0]?.value;
}

async function repeat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i += 1) await work();
}

for (const open of DRIVERS)
  test(`${open.name}: of each purpose the first two sessions send plans in full, and no other one does`, async (t) => {
    const { driver, seen } = await watched(t, undefined, open);
    const rates: (string | undefined)[] = [];
    for (const purpose of ['a', 'a', 'a', 'b'])
      rates.push(await show(await driver.connect(purpose), 'auto_explain.sample_rate'));
    assert.deepEqual(rates, ['1', '1', '0.002', '1']);
    const before = seen();
    // The slow one sends each plan with a probability of 0.002: almost never the one that it sent.
    assert.ok(before === 3 || before === 4, String(before));
    const session = await driver.connect('b');
    await repeat(300, () => session.query({ text: 'SELECT 1' }));
    assert.ok(seen() >= before + FIRST && seen() < before + FIRST + 20, String(seen()));
  });

for (const open of DRIVERS)
  test(`${open.name}: a session that puts its settings back is slow, and stays so`, async (t) => {
    for (const text of ['RESET ALL', 'DISCARD ALL']) {
      const { driver, seen } = await watched(t, undefined, open);
      const session = await driver.connect('worker');
      await repeat(100, async () => {
        await session.query({ text });
        await session.query({ text: 'SELECT 1' });
      });
      assert.ok(seen() < 10, `${text}: ${seen()}`);
    }
  });

for (const open of DRIVERS)
  test(`${open.name}: slowing down is no part of a transaction of the load’s, whatever its role and its end`, async (t) => {
    const { driver, collector } = await watched(t, undefined, open);
    const session = await driver.connect('worker');
    await repeat(2, async () => {
      await session.query({ text: 'BEGIN' });
      await session.query({ text: 'SET LOCAL ROLE pg_monitor' });
      await repeat(FIRST + 5, () => session.query({ text: 'SELECT 1' }));
      await session.query({ text: 'ROLLBACK' });
    });
    assert.equal(await show(session, 'auto_explain.sample_rate'), '0.002');
    const { ownCommits, unslowed } = collector.report();
    assert.deepEqual([ownCommits, unslowed], [2, 0]);
  });

for (const open of DRIVERS)
  test(`${open.name}: a session that may not be slowed down goes on undisturbed, and is told of`, async (t) => {
    const { driver, collector, seen } = await watched(t, undefined, open);
    const session = await driver.connect('worker');
    await session.query({ text: 'SET ROLE pg_monitor' });
    await repeat(4 * FIRST, () => driver.query({ text: 'SELECT 1' }));
    await repeat(4 * FIRST, () => session.query({ text: 'SELECT 1' }));
    assert.equal(collector.report().unslowed, 1);
    assert.ok(seen() >= 5 * FIRST);
    await session.query({ text: 'RESET ROLE' });
    await repeat(FIRST + 1, () => session.query({ text: 'SELECT 1' }));
    assert.equal(collector.report().unslowed, 0);
  });

test('plans that cannot be read count all the same', () => {
  const said: string[] = [];
  const { onSession } = new PlanCollector({ sessionOptions: '-c x=y' }).driverOptions();
  const hear = onSession?.({ purpose: 'worker', between: async (text) => void said.push(text) });
  for (let i = 0; i < 3 * FIRST; i += 1) hear?.('duration: 0.010 ms  plan:\n{"Query Text": "SELECT 1"}');
  assert.equal(said.length, 2, said.join('\n'));
});

test('what the owner of a database has set auto_explain to, and preloads, is no hindrance, and is kept', async (t) => {
  const { driver, collector } = await watched(
    t,
    (database) => `
      ALTER DATABASE ${database} SET session_preload_libraries = pg_prewarm, "pg_trgm";
      ALTER DATABASE ${database} SET auto_explain.log_format = json;
      ALTER DATABASE ${database} SET auto_explain.log_verbose = on`,
  );
  const session = await driver.connect('worker');
  assert.equal(await show(session, 'session_preload_libraries'), 'pg_prewarm, pg_trgm, auto_explain');
  const [plan] = collector.report().plans;
  assert.match(plan?.query ?? '', /^SELECT current_setting/);
  assert.doesNotMatch(plan?.plan ?? '', /Output:/);
});

test('that plans get into the log of a server which logs so much is told', async (t) => {
  const { settings } = await testDatabase(t);
  await withConnection(settings, { applicationName: 'set-up' }, (client) =>
    client.query(`ALTER DATABASE ${settings.database} SET log_min_messages = info`),
  );
  const { missing } = await planAccess(settings);
  assert.match(missing.join(), /server's log as well, as its log_min_messages is info/);
});

test('what is preloaded by the owner is not preloaded twice', async (t) => {
  const { driver, collector } = await watched(
    t,
    (database) => `ALTER DATABASE ${database} SET session_preload_libraries = '$libdir/auto_explain'`,
  );
  const session = await driver.connect('worker');
  assert.equal(await show(session, 'session_preload_libraries'), '"$libdir/auto_explain"');
  assert.equal(collector.report().plans.length, 1);
});

for (const open of DRIVERS)
  test(`${open.name}: sampled or not, a session has the options of PGOPTIONS`, async (t) => {
    const before = process.env['PGOPTIONS'];
    process.env['PGOPTIONS'] = '-c synchronous_commit=local';
    t.after(() => {
      if (before === undefined) delete process.env['PGOPTIONS'];
      else process.env['PGOPTIONS'] = before;
    });
    const { driver } = await watched(t, undefined, open);
    const { settings } = await testDatabase(t);
    await using plain = open(settings);
    assert.equal(await show(driver, 'synchronous_commit'), 'local');
    assert.equal(await show(plain, 'synchronous_commit'), 'local');
  });
