// Do operators of packed leases touch as little of a long queue as they ask for, and do the indexes for them come unnoticed?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { pgDriver } from '../drivers/pg.ts';
import { type Driver, type JobId, qualify } from '../index.ts';
import { PlanReader } from '../plans/touched.ts';
import { MIGRATIONS } from '../schema/migrations.ts';
import { packedLease } from './packed-lease.ts';

const READY = 200_000;
const DELAYED = 100_000;
const DEAD = 30_000;
/** Of a hundred jobs each. */
const LEASES = 50;
/** Where the ids of each begin. */
const FIRST = { ready: 1, delayed: 1_000_001, dead: 2_000_001, leased: 3_000_001 };
const PAGE = 100;
/** Queues times priorities, each of which a look-up steps on. */
const PLACES = 3 * 4;

let database: TestDatabase;
let driver: Driver;
before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 3 });
});
after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const idFrom = (first: number, n: number): JobId => String(first + n);
const idsFrom = (first: number, count: number) => Array.from({ length: count }, (_, n) => idFrom(first, n));

/** A long queue of which nobody has made statistics. */
async function fill(schema: string): Promise<void> {
  const table = (name: string) => qualify(schema, name);
  const job = (first: number) => `SELECT ${first} + n, 'q' || n % 3, n % 4, 20, '{"n": 1}'`;
  for (const name of ['ready', 'lease', 'delayed', 'dead'])
    await driver.query({ text: `ALTER TABLE ${table(name)} SET (autovacuum_enabled = off)` });
  await driver.query({
    text: `INSERT INTO ${table('ready')} (id, queue, priority, max_attempts, payload)
      ${job(FIRST.ready)} FROM generate_series(0, ${READY - 1}) AS n`,
  });
  await driver.query({
    text: `INSERT INTO ${table('delayed')} (id, queue, priority, max_attempts, payload, run_at)
      ${job(FIRST.delayed)}, now() + interval '1 day' FROM generate_series(0, ${DELAYED - 1}) AS n`,
  });
  await driver.query({
    text: `INSERT INTO ${table('dead')} (id, queue, priority, max_attempts, payload, attempt)
      ${job(FIRST.dead)}, 20 FROM generate_series(0, ${DEAD - 1}) AS n`,
  });
  await driver.query({
    text: `INSERT INTO ${table('dead')} (id, queue, priority, max_attempts, payload, attempt)
      SELECT ${FIRST.dead + DEAD} + n, 'rare', 0, 20, '{}', 20 FROM generate_series(0, 9) AS n`,
  });
  await driver.query({
    text: `INSERT INTO ${table('lease')} (expires_at, size, queue, worker, jobs)
      SELECT now() + interval '1 day', 100, 'q0', 'w', (
        SELECT concat('[', string_agg(concat('["', ${FIRST.leased} + n * 100 + slot, '",0,1,20,{}]'), ','), ']')
        FROM generate_series(0, 99) AS slot
      )
      FROM generate_series(0, ${LEASES - 1}) AS n`,
  });
}

test('a look-up, a removal and a page of dead letters cost what is asked for, with statistics and without', async () => {
  const schema = 'long queue';
  const reader = new PlanReader();
  await using watched = pgDriver({ ...database.settings, max: 1, ...reader.options });
  const strategy = packedLease.create({ schema });
  await strategy.install(driver);
  const { inspection, cancellation, deadLetters } = strategy;
  assert(inspection && cancellation && deadLetters);
  await fill(schema);
  let used = 0;
  /** The jobs of one removal, which are there once. */
  const fresh = (first: number, count: number): readonly JobId[] => {
    used += count;
    return idsFrom(first + used - count, count);
  };
  const look = async (what: string, rare: number) => {
    const standing = [
      idFrom(FIRST.ready, READY / 2),
      idFrom(FIRST.delayed, DELAYED / 2),
      idFrom(FIRST.dead, DEAD / 2),
    ];
    const leased = idsFrom(FIRST.leased, 2);
    // Each with what it must answer, and the rows that it may look at.
    const steps: readonly (readonly [string, number, number, () => Promise<number>])[] = [
      ['find one', 1, 40, async () => (await inspection.find(watched, standing.slice(0, 1))).length],
      [
        'find where no lease is unpacked',
        3,
        40,
        async () => (await inspection.find(watched, standing)).length,
      ],
      [
        'find in a lease',
        5,
        40 + LEASES,
        async () => (await inspection.find(watched, [...standing, ...leased])).length,
      ],
      [
        'find what is done',
        1,
        40 + LEASES,
        async () => (await inspection.find(watched, ['9000000', ...standing.slice(0, 1)])).length,
      ],
      [
        'remove a ready job',
        1,
        80,
        async () => (await cancellation.removeWaiting(watched, fresh(FIRST.ready, 1))).length,
      ],
      [
        'remove a delayed job',
        1,
        80,
        async () => (await cancellation.removeWaiting(watched, fresh(FIRST.delayed, 1))).length,
      ],
      [
        'remove what is leased',
        0,
        80,
        async () => (await cancellation.removeWaiting(watched, leased)).length,
      ],
      [
        'remove many',
        PAGE,
        10 * PAGE,
        async () => (await cancellation.removeWaiting(watched, fresh(FIRST.ready, PAGE))).length,
      ],
      ['list', PAGE, PAGE, async () => (await deadLetters.list(watched, {}, standing[2], PAGE)).length],
      [
        'list of a queue',
        rare,
        PAGE,
        async () => (await deadLetters.list(watched, { queue: 'rare' }, undefined, PAGE)).length,
      ],
      [
        'redrive of a queue',
        1,
        PAGE,
        async () => (await deadLetters.redrive(watched, { queue: 'rare' }, 1)).length,
      ],
      [
        'purge of a queue',
        1,
        PAGE,
        async () => (await deadLetters.purge(watched, { queue: 'rare' }, 1)).length,
      ],
      ['redrive', PAGE, 10 * PAGE, async () => (await deadLetters.redrive(watched, {}, PAGE)).length],
    ];
    for (const [step, expected, mostRows, act] of steps) {
      const { answer, touched } = await reader.during(act);
      const { rows, sorted, plans } = touched;
      const said = `${step}, ${what}: ${rows} rows, ${sorted} sorted\n${plans.join('\n')}`;
      assert(plans.length > 0, `no plan was seen: ${said}`);
      assert(rows <= mostRows + 2 * PLACES && sorted <= mostRows, said);
      assert.equal(answer, expected, said);
    }
  };
  await look('without statistics', 10);
  await driver.query({
    text: `ANALYZE ${['ready', 'lease', 'delayed', 'dead'].map((name) => qualify(schema, name)).join(', ')}`,
  });
  await look('with statistics', 8);
});

test('version 2 comes beside open enqueues, and leaves a worker of version 1 alone', async () => {
  const schema = 'upgraded';
  const strategy = packedLease.create({ schema });
  await strategy.install(driver);
  const table = (name: string) => qualify(schema, name);
  await driver.query({ text: `DROP INDEX ${table('delayed_id')}, ${table('dead_queue')}` });
  await driver.query({ text: `DELETE FROM ${table(MIGRATIONS)} WHERE version = 2` });
  await using old = await driver.connect('old worker');
  const bury = (id: string) =>
    old.query({
      text: `INSERT INTO ${table('dead')} (id, attempt, max_attempts, priority, queue, error, payload)
        VALUES ($1, 3, 3, 0, 'q', $2, '{}')`,
      values: [id, 'Error: of before\n    at line 1\n'],
    });
  await bury('1001');
  await using busy = await driver.connect('busy');
  await busy.query({ text: 'BEGIN' });
  await strategy.enqueue(busy, [{ queue: 'q', payload: 'open' }]);
  await strategy.install(driver);
  await busy.query({ text: 'ROLLBACK' });
  await bury('1002');
  const { rows } = await driver.query<{ readonly relname: string }>({
    text: 'SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relname = ANY ($2)',
    values: [schema, strategy.relations],
  });
  assert.deepEqual(rows.map(({ relname }) => relname).sort(), [...strategy.relations].sort());

  assert.deepEqual(await strategy.deadLetters?.redrive(driver, { queue: 'q' }, 10), [
    { id: '1001', queue: 'q' },
    { id: '1002', queue: 'q' },
  ]);
  await using session = await strategy.openWorker(await driver.connect('worker'), 'tester');
  const jobs = await session.claim('q', 2, 60_000);
  await session.settle(jobs.map((job) => ({ kind: 'retry', job, delayMs: 0, error: 'of now' })));
  const [again] = (await strategy.inspection?.find(driver, ['1001'])) ?? [];
  assert.deepEqual(
    again?.errors.map(({ attempt, error }) => [attempt, error]),
    [
      [0, 'Error: of before\n    at line 1\n'],
      [1, 'of now'],
    ],
  );
});
