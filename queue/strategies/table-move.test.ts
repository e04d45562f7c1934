// What of jobs that move between tables does the conformance suite not ask?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import type { Database } from '../drivers/driver.ts';
import { pgDriver } from '../drivers/pg.ts';
import { tableMove } from './table-move.ts';

const SCHEMA = 'moves';

/** How many rows each table holds, in the order jobs, ready, claimed, scheduled, dead. */
async function counts(db: Database): Promise<readonly number[]> {
  const tables = ['jobs', 'ready', 'claimed', 'scheduled', 'dead'];
  const { rows } = await db.query<{ readonly count: number }>({
    text: tables
      .map((table) => `SELECT count(*)::integer AS count FROM ${SCHEMA}.${table}`)
      .join(' UNION ALL '),
  });
  return rows.map((row) => row.count);
}

/** Where the wide rows lie: a row that was written again lies elsewhere. */
async function places(db: Database): Promise<readonly string[]> {
  const { rows } = await db.query<{ readonly ctid: string }>({
    text: `SELECT ctid::text AS ctid FROM ${SCHEMA}.jobs ORDER BY id`,
  });
  return rows.map((row) => row.ctid);
}

test('each job lies in one small table at a time, and its payload is written once until an attempt fails', async (t) => {
  const { settings } = await testDatabase(t);
  await using driver = pgDriver(settings);
  const strategy = tableMove.create({ schema: SCHEMA });
  await strategy.install(driver);
  const runAt = new Date(Date.now() + 60_000);
  await strategy.enqueue(
    driver,
    [{}, {}, {}, {}, {}, { runAt }].map((more) => ({ queue: 'q', payload: {}, ...more })),
  );
  assert.deepEqual(await counts(driver), [6, 5, 0, 1, 0]);
  const before = await places(driver);
  await using session = await strategy.openWorker(await driver.connect('worker'), 'w');
  const [a, b, c, d, e] = await session.claim('q', 5, 60_000);
  assert(a && b && c && d && e);
  assert.deepEqual(await counts(driver), [6, 0, 5, 1, 0]);
  await session.heartbeat?.extend([a, b], 90_000);
  await session.settle([{ kind: 'release', job: a }]);
  assert.deepEqual(await places(driver), before, 'a wide row was written again');
  await session.settle([
    { kind: 'ack', job: b },
    { kind: 'retry', job: c, delayMs: 0, error: 'x' },
    { kind: 'retry', job: d, delayMs: 60_000, error: 'x' },
    { kind: 'dead-letter', job: e, error: 'x' },
  ]);
  assert.deepEqual(await counts(driver), [4, 2, 0, 2, 1]);
});

test('a fillfactor is refused, as no row is updated on the way', () => {
  assert.match(tableMove.create({ schema: SCHEMA }).fixed?.fillfactor ?? '', /moved/);
});
