// Is the backlog never thought smaller than it is, and is it read no more than it may be?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Backlog } from './backlog.ts';

async function opened(
  t: TestContext,
  read: () => Promise<number>,
  limit: number,
  onError: (error: unknown) => void = () => undefined,
): Promise<Backlog> {
  const backlog = await Backlog.open({ read, limit, onError });
  t.after(() => backlog[Symbol.asyncDispose]());
  return backlog;
}

async function until(met: () => boolean): Promise<void> {
  const untilMs = performance.now() + 5_000;
  while (!met()) {
    assert.ok(performance.now() < untilMs, 'it did not come to that in 5 s');
    await sleep(5);
  }
}

test('between readings every job that was let in counts, whatever became of it', async (t) => {
  const backlog = await opened(t, async () => 7, 10);
  assert.equal(backlog.estimate, 7);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => backlog.admit()),
    [true, true, true, false],
  );
  backlog.answered();
  assert.equal(backlog.admit(), false);
  assert.equal(backlog.estimate, 10);
});

test('what was under way when a reading began, or came in meanwhile, is not taken to be in it', async (t) => {
  const readings: ((found: number) => void)[] = [];
  const opening = Backlog.open({
    read: () => new Promise((resolve) => readings.push(resolve)),
    limit: 100,
    onError: () => undefined,
  });
  readings.shift()?.(0);
  const backlog = await opening;
  t.after(async () => {
    for (const resolve of readings) resolve(0);
    await backlog[Symbol.asyncDispose]();
  });
  for (let i = 0; i < 3; i += 1) backlog.admit();
  // One of them is in the queue for sure.
  backlog.answered();
  await until(() => readings.length === 1);
  backlog.admit();
  readings.shift()?.(1);
  await until(() => backlog.report().readings === 2);
  // The one that the reading found, two that were under way, one that came in.
  assert.equal(backlog.estimate, 4);
});

test('a reading that fails is told, and leaves the last one standing', async (t) => {
  let readings = 0;
  const errors: unknown[] = [];
  const backlog = await opened(
    t,
    async () => {
      readings += 1;
      if (readings > 1) throw new Error('gone');
      return 3;
    },
    10,
    (error) => errors.push(error),
  );
  backlog.admit();
  await until(() => errors.length > 0);
  assert.equal(backlog.estimate, 4);
  assert.equal(backlog.report().failedReadings, errors.length);
});

test('one reading at a time, and a slow one is followed by a long rest', async (t) => {
  let underWay = 0;
  let most = 0;
  const starts: number[] = [];
  const backlog = await opened(
    t,
    async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      starts.push(performance.now());
      await sleep(60);
      underWay -= 1;
      return 0;
    },
    10,
  );
  await until(() => starts.length >= 3);
  assert.equal(most, 1);
  const [, second = 0, third = 0] = starts;
  // Nine times its 60 ms, and the reading itself.
  assert.ok(third - second >= 590, `${third - second} ms from one to the next`);
  assert.ok(backlog.report().meanReadingMs >= 59);
});
