// Do limits and pauses say what was asked for, and keep what was not?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { eventually } from '../eventually.ts';
import { createQueue, type LimitChanges, pgDriver, type QueueEvent, strategies, wakeups } from '../index.ts';
import { skipLocked } from '../strategies/skip-locked.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

const FREE = { rate: null, concurrency: null, concurrencyPerKey: null };
/** What a caller without types may hand in. */
const untyped = (value: unknown) => value as never;

for (const { label, open } of driverKinds)
  test(`${label}: what is left out stays, null lifts, and each queue has its own`, async () => {
    await using driver = open({ ...database.settings, max: 2 });
    await using queue = createQueue({ driver, schema: `operators ${label}`, wakeup: 'poll' });
    await queue.install();
    assert.deepEqual(await queue.limits.get('q'), FREE);
    const rate = { jobs: 5, periodMs: 2_678_400_000 };
    await queue.limits.set('q', { rate, concurrency: 3 });
    await queue.limits.set('other', { concurrencyPerKey: 1 });
    await queue.limits.set('q', {});
    assert.deepEqual(await queue.limits.get('q'), { rate, concurrency: 3, concurrencyPerKey: null });
    await queue.limits.set('q', { rate: null, concurrencyPerKey: 7 });
    assert.deepEqual(await queue.limits.get('q'), { ...FREE, concurrency: 3, concurrencyPerKey: 7 });
    assert.deepEqual(await queue.limits.get('other'), { ...FREE, concurrencyPerKey: 1 });

    assert.equal(await queue.paused('q'), false);
    await queue.pause('q');
    assert.deepEqual([await queue.paused('q'), await queue.paused('other')], [true, false]);
    assert.equal((await queue.limits.get('q')).concurrency, 3);
    await queue.pause('never seen');
    assert.equal(await queue.paused('never seen'), true);
    await queue.resume('q');
    assert.equal(await queue.paused('q'), false);
  });

test('whoever observes is told of each pause and resumption once', async () => {
  const events: QueueEvent[] = [];
  await using driver = pgDriver(database.settings);
  const observe = (event: QueueEvent) => events.push(event);
  await using queue = createQueue({ driver, schema: 'observed', wakeup: 'poll', observe });
  await queue.install();
  await queue.resume('q');
  for (const _ of [1, 2]) await queue.pause('q');
  for (const _ of [1, 2]) await queue.resume('q');
  assert.deepEqual(events, [
    { kind: 'paused', queue: 'q' },
    { kind: 'resumed', queue: 'q' },
  ]);
});

for (const { wakeupName, listen } of wakeups.filter(({ defaultPollMs }) => defaultPollMs > 1000))
  test(`${wakeupName}: each change signals the queue`, async () => {
    await using driver = pgDriver(database.settings);
    await using queue = createQueue({ driver, schema: `signals ${wakeupName}`, wakeup: wakeupName });
    await queue.install();
    let signals = 0;
    const onError = (error: unknown) => assert.fail(String(error));
    await using listener = listen({ driver, schema: queue.schema, onError }, 'q', () => {
      signals += 1;
    });
    await eventually(() => listener.listening && signals > 0, 'the listener’s first look');
    for (const change of [
      () => queue.limits.set('q', { concurrency: 3 }),
      () => queue.pause('q'),
      () => queue.resume('q'),
    ]) {
      const before = signals;
      await change();
      await eventually(() => signals > before, 'a signal');
    }
  });

test('what is out of range or misspelt is refused before anything is sent', async () => {
  let statements = 0;
  const onStatement = () => {
    statements += 1;
  };
  await using driver = pgDriver({ ...database.settings, onStatement });
  await using queue = createQueue({ driver, schema: 'refused' });
  const rate = { jobs: 1, periodMs: 1000 };
  const bad: readonly LimitChanges[] = [
    untyped(null),
    untyped({ rates: rate }),
    untyped({ rate: 5 }),
    untyped({ rate: { ...rate, burst: 2 } }),
    { rate: { ...rate, jobs: 0 } },
    { rate: { ...rate, jobs: 1_000_001 } },
    { rate: { ...rate, jobs: 1.5 } },
    { rate: { ...rate, periodMs: 99 } },
    { rate: { ...rate, periodMs: 2_678_400_001 } },
    untyped({ rate: { ...rate, periodMs: '1000' } }),
    { concurrency: -1 },
    { concurrency: Number.NaN },
    { concurrencyPerKey: 1_000_001 },
    untyped({ concurrency: '1' }),
  ];
  for (const changes of bad)
    await assert.rejects(
      queue.limits.set('q', changes),
      { name: 'InvalidArgumentError' },
      JSON.stringify(changes),
    );
  await assert.rejects(queue.limits.set('q', { concurrency: 0 }), /call pause/);
  await assert.rejects(queue.limits.set('', { concurrency: 1 }), { name: 'InvalidArgumentError' });
  for (const what of ['pause', 'resume', 'paused'] as const)
    await assert.rejects(queue[what](''), { name: 'InvalidArgumentError' });
  assert.equal(statements, 0);
});

test('without delays a strategy has no limit per key, and all the others', async () => {
  await using driver = pgDriver(database.settings);
  const withoutDelay = {
    ...skipLocked,
    create: (options: Parameters<typeof skipLocked.create>[0]) => {
      const { delay: _, ...strategy } = skipLocked.create(options);
      return strategy;
    },
  };
  await using queue = createQueue({ driver, schema: 'no delay', strategy: withoutDelay });
  await queue.install();
  await queue.limits.set('q', { rate: { jobs: 1, periodMs: 1000 }, concurrency: 1 });
  await assert.rejects(queue.limits.set('q', { concurrencyPerKey: 1 }), { name: 'UnsupportedError' });
  await assert.rejects(queue.enqueue({ queue: 'q', payload: 1, concurrencyKey: 'a' }), {
    name: 'UnsupportedError',
  });
  await queue.limits.set('q', { concurrencyPerKey: null });
});

for (const strategy of strategies)
  test(`${strategy.strategyName}: a queue is limited and paused`, async () => {
    await using driver = pgDriver(database.settings);
    await using queue = createQueue({ driver, strategy, schema: `with ${strategy.strategyName}` });
    await queue.install();
    await queue.limits.set('q', { concurrency: 2 });
    await queue.pause('q');
    assert.equal((await queue.limits.get('q')).concurrency, 2);
    assert.equal(await queue.paused('q'), true);
  });
