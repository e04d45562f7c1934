// Does whoever takes a job out, or brings one back, get along with claims, with workers of before, and with a long table?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import { type ClaimStrategy, type Driver, pgDriver, qualify, strategies } from '../index.ts';
import { PlanReader } from '../plans/touched.ts';
import { MIGRATIONS } from '../schema/migrations.ts';

const LEASE_MS = 60_000;

let database: TestDatabase;
let driver: Driver;
before(async () => {
  database = await testDatabase();
  // The strictest that a database may say: whoever waits for a claim would be aborted by it.
  await using admin = pgDriver(database.settings);
  await admin.query({
    text: `ALTER DATABASE ${database.settings.database} SET default_transaction_isolation = 'serializable'`,
  });
  driver = pgDriver({ ...database.settings, max: 6 });
});
after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** Strategies whose dead letters lie in a table as shared/table.ts makes it, one of each layout. */
const LAYOUTS = ['skip-locked', 'sharded', 'visibility-timeout', 'table-move'];
const CANCELLING = strategies.filter(
  ({ create }) => create({ schema: 'looked at' }).cancellation !== undefined,
);

function make(name: string, schema: string): ClaimStrategy {
  return (strategies.find(({ strategyName }) => strategyName === name) ?? assert.fail()).create({ schema });
}

/** Resolves once a statement of this database waits for a lock. */
const lockWait = () =>
  eventually(async () => {
    const { rows } = await driver.query({
      text: `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    });
    return rows.length > 0;
  }, 'a wait for a lock');

const enqueue = (strategy: ClaimStrategy, count: number) =>
  strategy.enqueue(
    driver,
    Array.from({ length: count }, () => ({ queue: 'q', payload: {} })),
  );

/** Claims of ranges lock no job: a removal looks where the cursor is, and waits for none (shared/range/removals.test.ts). */
const WAITED_FOR = CANCELLING.filter(({ strategyName }) => !['range-lease', 'ring'].includes(strategyName));

for (const { strategyName } of WAITED_FOR)
  for (const end of ['COMMIT', 'ROLLBACK'] as const)
    test(`${strategyName}: of a removal and a claim in flight the claim goes first, ${end}`, async () => {
      const strategy = make(strategyName, `${strategyName} ${end}`);
      await strategy.install(driver);
      const [id = ''] = await enqueue(strategy, 1);
      const connection = await driver.connect('claimer');
      await using session = await strategy.openWorker(connection, 'tester');
      await connection.query({ text: 'BEGIN' });
      assert.equal((await session.claim('q', 1, LEASE_MS)).length, 1);
      const removing = strategy.cancellation?.removeWaiting(driver, [id]);
      await lockWait();
      await connection.query({ text: end });
      assert.deepEqual(await removing, end === 'COMMIT' ? [] : [id]);
    });

for (const name of LAYOUTS)
  test(`${name}: a removal waits for no job while it has another one locked`, async () => {
    const strategy = make(name, `passing ${name}`);
    await strategy.install(driver);
    const ids = await enqueue(strategy, 5);
    const connection = await driver.connect('claimer');
    await using session = await strategy.openWorker(connection, 'tester');
    await connection.query({ text: 'BEGIN' });
    const [held] = await session.claim('q', 1, LEASE_MS);
    const removing = strategy.cancellation?.removeWaiting(driver, ids);
    await lockWait();
    // Seen from outside, so it is committed.
    const left = async () => (await strategy.contents(driver, undefined, 10)).map((job) => job.id);
    assert.deepEqual(await left(), [held?.id]);
    await connection.query({ text: 'COMMIT' });
    assert.deepEqual([...((await removing) ?? [])].sort(), ids.filter((id) => id !== held?.id).sort());
  });

/** Takes a layout back to its first version, as a worker of that has left it. */
async function takeBack(schema: string): Promise<void> {
  const dead = qualify(schema, 'dead');
  await driver.query({ text: `ALTER TABLE ${dead} DROP COLUMN fence` });
  await driver.query({ text: `DROP INDEX ${qualify(schema, 'dead_queue')}` });
  await driver.query({ text: `DELETE FROM ${qualify(schema, MIGRATIONS)} WHERE version = 2` });
}

/** What a worker of version 1 sends for a job that it gives up. */
const buryAsBefore = (schema: string, id: string) => ({
  name: `bury ${schema}`,
  text: `INSERT INTO ${qualify(schema, 'dead')} (id, created_at, attempt, max_attempts, priority, queue, error, payload)
         VALUES ($1, now(), 3, 3, 0, 'q', $2, '{}')`,
  values: [id, 'Error: of before\n    at line 1\n'],
});

for (const name of LAYOUTS)
  test(`${name}: version 2 comes beside open transactions, and leaves a worker of version 1 alone`, async () => {
    const schema = `upgraded ${name}`;
    const strategy = make(name, schema);
    await strategy.install(driver);
    await takeBack(schema);
    await using old = await driver.connect('old worker');
    await old.query(buryAsBefore(schema, '1001'));
    await using busy = await driver.connect('busy');
    await busy.query({ text: 'BEGIN' });
    await strategy.enqueue(busy, [{ queue: 'q', payload: 'open' }]);
    await strategy.install(driver);
    await busy.query({ text: 'ROLLBACK' });
    await old.query(buryAsBefore(schema, '1002'));

    const { deadLetters, inspection } = strategy;
    assert.deepEqual(await deadLetters?.redrive(driver, { queue: 'q' }, 10), [
      { id: '1001', queue: 'q' },
      { id: '1002', queue: 'q' },
    ]);
    const [record] = (await inspection?.find(driver, ['1001'])) ?? [];
    assert.deepEqual(record?.errors, [{ attempt: 0, atMs: 0, error: 'Error: of before\n    at line 1\n' }]);
    await using session = await strategy.openWorker(await driver.connect('worker'), 'tester');
    const jobs = await session.claim('q', 2, LEASE_MS);
    assert.equal(jobs.length, 2);
    for (const { lease } of jobs)
      assert(Number(lease.fencingToken) > 1_000_000, 'beyond any token of before');
    await session.settle(jobs.map((job) => ({ kind: 'retry', job, delayMs: 0, error: 'of now' })));
    const [again] = (await inspection?.find(driver, ['1001'])) ?? [];
    assert.deepEqual(
      again?.errors.map(({ attempt, error }) => [attempt, error]),
      [
        [0, 'Error: of before\n    at line 1\n'],
        [1, 'of now'],
      ],
    );
  });

test('a lease that expired before the last attempt is an error as well', async () => {
  for (const name of [...LAYOUTS, 'batch']) {
    const strategy = make(name, `expired ${name}`);
    await strategy.install(driver);
    const [id = ''] = await enqueue(strategy, 1);
    await using session = await strategy.openWorker(await driver.connect('worker'), 'tester');
    await session.claim('q', 1, 1);
    await eventually(async () => {
      await strategy.reap(driver, 10);
      return (await session.claim('q', 1, LEASE_MS)).length === 1;
    }, 'the job again');
    const [record] = (await strategy.inspection?.find(driver, [id])) ?? [];
    assert.deepEqual(
      record?.errors.map(({ attempt, error }) => [attempt, error]),
      [[1, 'lease expired, held by tester']],
      name,
    );
  }
});

const PAGE = 100;
const LETTERS = 30_000;

for (const name of LAYOUTS)
  test(`${name}: a page of dead letters costs what the page holds, and not what the table does`, async () => {
    const reader = new PlanReader();
    await using watched = pgDriver({ ...database.settings, max: 1, ...reader.options });
    const schema = `long ${name}`;
    const strategy = make(name, schema);
    await strategy.install(driver);
    const { deadLetters, inspection, cancellation } = strategy;
    assert(deadLetters && inspection && cancellation);
    // Few of `rare`, behind all others.
    await driver.query({
      text: `INSERT INTO ${qualify(schema, 'dead')} (id, created_at, attempt, max_attempts, priority, queue, fence, payload)
             SELECT n, now(), 1, 1, 0, CASE WHEN n > ${LETTERS - 10} THEN 'rare' ELSE 'q' END, 1, '{}'
             FROM generate_series(1, ${LETTERS}) AS n`,
    });
    const middle = String(LETTERS / 2);
    const some = Array.from({ length: PAGE }, (_, n) => String(20_000 + n));
    const steps = {
      list: () => deadLetters.list(watched, {}, middle, PAGE),
      'list of a queue': () => deadLetters.list(watched, { queue: 'rare' }, undefined, PAGE),
      find: () => inspection.find(watched, some),
      removal: () => cancellation.removeWaiting(watched, some),
      redrive: () => deadLetters.redrive(watched, {}, PAGE),
      'redrive further on': () => deadLetters.redrive(watched, {}, PAGE, middle),
      'redrive of a queue': () => deadLetters.redrive(watched, { queue: 'rare' }, 5),
      'redrive of some': () => deadLetters.redrive(watched, { ids: some }, PAGE),
      'purge of a queue': () => deadLetters.purge(watched, { queue: 'rare' }, PAGE),
      purge: () => deadLetters.purge(watched, { queue: 'q' }, PAGE),
    };
    for (const [step, act] of Object.entries(steps)) {
      const { touched } = await reader.during<unknown>(act);
      assert(touched.plans.length > 0, `no plan of ${step} was seen`);
      const said = `${step}: ${touched.rows} rows, ${touched.sorted} sorted\n${touched.plans.join('\n')}`;
      assert(touched.rows <= PAGE * 10, said);
      assert(touched.sorted <= PAGE * 10, said);
    }
  });
