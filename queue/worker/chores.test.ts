// Do the tables of the features stay short, however much there is to prune?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import { createQueue, pgDriver, type Queue } from '../index.ts';
import { Chores, choresRound } from './chores.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

const fail = (error: unknown): void => assert.fail(String(error));

/** Keys of `living` jobs that wait, and after them in their order those of `gone` jobs that are done. */
async function plantKeys(queue: Queue, living: number, gone: number): Promise<void> {
  const { driver, context } = queue;
  const { uniqueKeys } = context.tables;
  const ids = await queue.enqueueMany(Array.from({ length: living }, () => ({ queue: 'q', payload: 0 })));
  await driver.query({
    text: `
INSERT INTO ${uniqueKeys} (queue, key, job_id, since)
SELECT 'q', 'a' || id, id, now() - interval '1 hour' FROM unnest($1::bigint[]) AS id
UNION ALL
SELECT 'q', 'b' || nth, 1000000 + nth, now() - interval '1 hour' FROM generate_series(1, $2::integer) AS nth`,
    values: [ids, gone],
  });
}

async function keysOf({ driver, context }: Queue): Promise<number> {
  const { rows } = await driver.query<{ readonly keys: number }>({
    text: `SELECT count(*)::integer AS keys FROM ${context.tables.uniqueKeys}`,
  });
  return rows[0]?.keys ?? Number.NaN;
}

test('many living keys keep none that come after them from being pruned', async () => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'walk' });
  await queue.install();
  await plantKeys(queue, 100, 100);
  const pace = { everyMs: 3_600_000, soonMs: 1, page: 10, pages: 3 };
  const rounds: boolean[] = [];
  do {
    const left = await choresRound(
      { context: queue.context, onError: fail, pace },
      new AbortController().signal,
    );
    rounds.push(left);
  } while (rounds.at(-1) === true && rounds.length < 50);
  assert.equal(await keysOf(queue), 100, 'the living');
  assert(rounds.length >= 200 / 30, `${rounds.length} rounds of 30 keys at most`);
  // The next walk begins anew, with what has died meanwhile.
  await driver.query({ text: 'DELETE FROM "walk".jobs' });
  const signal = new AbortController().signal;
  while (await choresRound({ context: queue.context, onError: fail, pace }, signal));
  assert.equal(await keysOf(queue), 0);
});

test('a round that left something is followed by another one soon, and a full stop ends it', async () => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'soon' });
  await queue.install();
  await plantKeys(queue, 0, 300);
  const chores = new Chores({
    context: queue.context,
    onError: fail,
    random: () => 0.5,
    history: undefined,
    pace: { everyMs: 400, soonMs: 1, page: 10, pages: 2 },
  });
  const fromMs = performance.now();
  await eventually(async () => (await keysOf(queue)) === 0, 'all pruned');
  assert(performance.now() - fromMs < 14 * 400, 'sooner than a round each 400 ms would');
  await chores.stop();
});
