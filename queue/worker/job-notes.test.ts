// Does a word about a job stay for as long as somebody may still need it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import { type ClaimedJob, createQueue, pgDriver } from '../index.ts';
import { JobNotes, pruneNotes } from './job-notes.ts';

const job = (id: string): ClaimedJob => ({
  id,
  queue: 'q',
  payload: null,
  priority: 0,
  attempt: 1,
  maxAttempts: 2,
  lease: { fencingToken: '1', expiresAtMs: 0 },
});

test('what is over goes; what somebody else has by now, or what comes back, stays until it is old', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, wakeup: 'poll' });
  await queue.install();
  const { context } = queue;
  const { cancellations: table } = context.tables;
  await driver.query({
    text: `INSERT INTO ${table} (job_id, queue) SELECT id, 'q' FROM generate_series(1, 4) AS id`,
  });
  const left = async () =>
    (
      await driver.query<{ readonly id: string }>({ text: `SELECT job_id AS id FROM ${table} ORDER BY 1` })
    ).rows.map(({ id }) => id);
  const errors: unknown[] = [];
  const notes = new JobNotes(context, table, (error) => errors.push(error));
  for (const id of ['1', '2', '3']) notes.add(id);
  notes.settled(
    [
      { kind: 'ack', job: job('1') },
      { kind: 'ack', job: job('2') },
      { kind: 'retry', job: job('3'), delayMs: 0, error: 'x' },
      { kind: 'ack', job: job('4') },
    ],
    { stale: ['2'] },
  );
  await eventually(async () => !(await left()).includes('1'), 'the first is gone');
  assert.deepEqual(await left(), ['2', '3', '4'], 'only what was noted, acked and not stale');
  assert.equal(notes.ids.size, 0, 'nothing is remembered of jobs that are not in hand');
  assert.equal(await pruneNotes(context, table, 1, 10), 0);
  await driver.query({ text: `UPDATE ${table} SET at = now() - interval '25 hours'` });
  assert.equal(await pruneNotes(context, table, 1, 2), 2);
  assert.deepEqual([(await left()).length, errors], [1, []]);
});
