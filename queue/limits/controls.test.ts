// Does a worker learn of its queue's settings soon, without asking all the time?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { eventually } from '../eventually.ts';
import { createQueue, type JobId, pgDriver, type Queue } from '../index.ts';
import { Controls, type ControlsOptions } from './controls.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

function controlsOf(queue: Queue, options: Partial<ControlsOptions> = {}): Controls {
  return new Controls({
    context: queue.context,
    queue: 'q',
    isSignalled: () => true,
    random: Math.random,
    onError: (error) => assert.fail(String(error)),
    onCancelled: () => undefined,
    ...options,
  });
}

for (const { label, open } of driverKinds)
  test(`${label}: what is set is known after the first look, and changes after a signal`, async () => {
    await using driver = open({ ...database.settings, max: 2 });
    await using queue = createQueue({ driver, schema: `controls ${label}`, wakeup: 'poll' });
    await queue.install();
    const controls = controlsOf(queue);
    let changes = 0;
    controls.onChange(() => {
      changes += 1;
    });
    assert.equal(controls.ready, false);
    await controls.start();
    assert.deepEqual([controls.ready, controls.paused, controls.limited, changes], [true, false, false, 1]);
    const limits = { rate: { jobs: 3, periodMs: 2_678_400_000 }, concurrency: 2, concurrencyPerKey: 1 };
    await queue.limits.set('q', limits);
    await queue.pause('q');
    await queue.limits.set('other', { concurrency: 9 });
    controls.signalled();
    await eventually(() => controls.paused, 'the pause');
    assert.deepEqual(controls.limits, limits);
    assert.deepEqual([controls.limited, changes], [true, 2]);
    await queue.resume('q');
    await queue.limits.set('q', { rate: null, concurrency: null, concurrencyPerKey: null });
    controls.signalled();
    await eventually(() => !controls.limited, 'the end of all limits');
    assert.deepEqual([controls.paused, changes], [false, 3]);
    await controls.close();
  });

test('any number of signals leads to one look a second, and none to hardly any', async () => {
  let looks = 0;
  await using driver = pgDriver({
    ...database.settings,
    onStatement: ({ text }) => {
      if (text.includes('queue_cancellations') && !text.includes('CREATE')) looks += 1;
    },
  });
  await using queue = createQueue({ driver, schema: 'looks', wakeup: 'poll' });
  await queue.install();
  const signalled = controlsOf(queue);
  await signalled.start();
  const fromMs = performance.now();
  while (performance.now() < fromMs + 2_500) {
    signalled.signalled();
    await sleep(10);
  }
  const seconds = (performance.now() - fromMs) / 1000;
  assert(looks >= 2 && looks <= 1 + seconds + 1, `${looks} looks in ${seconds} s`);
  await signalled.close();
  looks = 0;
  const quiet = controlsOf(queue);
  await quiet.start();
  await sleep(2_500);
  assert.equal(looks, 1);
  await quiet.close();
  // Nobody signals: it looks by itself.
  looks = 0;
  const polling = controlsOf(queue, { isSignalled: () => false });
  await polling.start();
  await eventually(() => looks >= 4, 'further looks');
  await polling.close();
  const last = looks;
  await sleep(1_600);
  assert.equal(looks, last, 'closed');
});

test('without signals it looks as seldom as its worker polls', async () => {
  let looks = 0;
  await using driver = pgDriver({
    ...database.settings,
    onStatement: ({ text }) => {
      if (text.includes('queue_cancellations') && !text.includes('CREATE')) looks += 1;
    },
  });
  await using queue = createQueue({ driver, schema: 'seldom', wakeup: 'poll' });
  await queue.install();
  const options = { isSignalled: () => false, random: () => 0.5 };
  const seldom = controlsOf(queue, { ...options, pollMs: 60_000 });
  await seldom.start();
  looks = 0;
  await sleep(2_500);
  assert.equal(looks, 0);
  await seldom.close();
  // A worker that asks for jobs many times a second asks for its settings no more often than others.
  const often = controlsOf(queue, { ...options, pollMs: 10 });
  await often.start();
  looks = 0;
  await sleep(2_500);
  assert(looks >= 1 && looks <= 3, `${looks} looks`);
  await often.close();
});

test('cancelled jobs of the queue are told at each look', async () => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'cancelled', wakeup: 'poll' });
  await queue.install();
  const told: (readonly JobId[])[] = [];
  const controls = controlsOf(queue, { onCancelled: (ids) => told.push(ids) });
  await controls.start();
  assert.deepEqual(told, []);
  await driver.query({
    text: `INSERT INTO ${queue.context.tables.cancellations} (job_id, queue) VALUES (7, 'q'), (8, 'other'), (5, 'q')`,
  });
  controls.signalled();
  await eventually(() => told.length > 0, 'a look');
  assert.deepEqual(told, [['5', '7']]);
  await controls.close();
});

test('words that nobody has taken away do not hide a later one', async () => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'orphaned words', wakeup: 'poll' });
  await queue.install();
  const { cancellations } = queue.context.tables;
  await driver.query({
    text: `INSERT INTO ${cancellations} (job_id, queue, at)
SELECT id, 'q', now() - interval '1 hour' FROM generate_series(1, 10000) AS id`,
  });
  await driver.query({ text: `INSERT INTO ${cancellations} (job_id, queue) VALUES (10001, 'q')` });
  const told: (readonly JobId[])[] = [];
  const controls = controlsOf(queue, { onCancelled: (ids) => told.push(ids) });
  await controls.start();
  await controls.close();
  assert.deepEqual([told.length, told[0]?.length, told[0]?.[0]], [1, 10_000, '10001']);
});

test('over a schema of the version before nothing is limited, which is said once, until it is installed', async () => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'before', wakeup: 'poll' });
  const errors: string[] = [];
  const controls = controlsOf(queue, {
    isSignalled: () => false,
    onError: (error) => errors.push(String(error)),
  });
  await controls.start();
  assert.deepEqual([controls.ready, controls.limited], [true, false]);
  await sleep(2_500);
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? '', /schema "before".*install\(\)/);
  await queue.install();
  await queue.limits.set('q', { concurrency: 1 });
  await eventually(() => controls.limited, 'the limit');
  assert.equal(errors.length, 1);
  await controls.close();
});

test('while the server is away nothing is known, and nothing forgotten; a close ends the waiting', async (t) => {
  const { settings } = await testDatabase(t);
  let reachable = false;
  await using driver = pgDriver(settings);
  const away: typeof driver.query = () => Promise.reject(new Error('planted'));
  await using queue = createQueue({ driver, schema: 'away', wakeup: 'poll' });
  await queue.install();
  await queue.pause('q');
  const errors: unknown[] = [];
  const context = {
    ...queue.context,
    driver: new Proxy(driver, {
      get: (target, key) =>
        key === 'query' && !reachable ? away : Reflect.get(target, key, target).bind(target),
    }),
  };
  const options = { context, isSignalled: () => false, onError: (error: unknown) => errors.push(error) };
  const controls = controlsOf(queue, options);
  const started = controls.start();
  await eventually(() => errors.length >= 2, 'two failed looks');
  assert.equal(controls.ready, false);
  reachable = true;
  await started;
  assert.equal(controls.paused, true);
  reachable = false;
  const before = errors.length;
  await eventually(() => errors.length > before, 'another failed look');
  assert.equal(controls.paused, true);
  await controls.close();
  const never = controlsOf(queue, options);
  const first = never.start();
  await never.close();
  await first;
  assert.equal(never.ready, false);
});

test('a look without an answer has failed after some seconds, and no end waits for it', async () => {
  await using driver = pgDriver({ ...database.settings, max: 4 });
  await using queue = createQueue({ driver, schema: 'hanging look', wakeup: 'poll' });
  await queue.install();
  const errors: unknown[] = [];
  const controls = controlsOf(queue, { onError: (error) => errors.push(error) });
  const locked = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const blocking = driver.transaction(async (tx) => {
    await tx.query({ text: `LOCK TABLE ${queue.context.tables.settings}` });
    locked.resolve();
    await done.promise;
  });
  await locked.promise;
  void controls.start();
  await eventually(() => errors.length > 0, 'a failed look');
  assert.match(String(errors[0]), /has not answered within 5000 ms/);
  await sleep(300);
  const closingMs = performance.now();
  await controls.close();
  assert(performance.now() - closingMs < 2000);
  done.resolve();
  await blocking;
});
