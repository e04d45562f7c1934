// Is somebody told once when a queue is not well, and once when it is well again?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import {
  type Alert,
  type AlertRule,
  type ClaimedJob,
  createQueue,
  type Driver,
  InvalidArgumentError,
  observers,
  pgDriver,
  type Queue,
  type QueueEvent,
  type QueueStats,
  type QueueWatch,
  type WatchOptions,
  watchQueue,
} from '../index.ts';
import { FailureWindow } from './failure-window.ts';
import { RuleState } from './rules.ts';

let database: TestDatabase;
let driver: Driver;
let schemas = 0;

before(async () => {
  database = await testDatabase();
  driver = pgDriver(database.settings);
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function openQueue(strategy = 'skip-locked'): Promise<Queue> {
  schemas += 1;
  const queue = createQueue({ driver, schema: `watch${schemas}`, strategy });
  await queue.install();
  return queue;
}

/** Counts the looks of a queue, so that tests wait for looks and not for time. */
function counted(queue: Queue, fail: () => boolean = () => false) {
  let looks = 0;
  const { strategy } = queue;
  const spied: Queue = Object.create(queue, {
    stats: {
      value: async (name: string): Promise<QueueStats> => {
        const stats = await strategy.stats(driver, name);
        looks += 1;
        if (fail()) throw new Error('no answer');
        return stats;
      },
    },
    context: { value: queue.context },
  });
  /** Resolves when a whole look has begun and ended from now on. */
  const looked = async (times: number) => {
    const goal = looks + times + 1;
    await eventually(() => looks >= goal, 'looks');
  };
  return { queue: spied, looked };
}

interface Told {
  readonly breaches: Alert[];
  readonly recoveries: Alert[];
  readonly errors: unknown[];
}

function telling(
  rules: readonly AlertRule[],
  more: Partial<WatchOptions> = {},
): Told & { readonly options: WatchOptions } {
  const breaches: Alert[] = [];
  const recoveries: Alert[] = [];
  const errors: unknown[] = [];
  const options: WatchOptions = {
    queue: 'q',
    everyMs: 10,
    rules,
    onBreach: (alert) => breaches.push(alert),
    onRecovery: (alert) => recoveries.push(alert),
    onError: (error) => errors.push(error),
    ...more,
  };
  return { breaches, recoveries, errors, options };
}

/** Claims a job of `q` and settles it. */
async function settleOne(queue: Queue, kind: 'ack' | 'dead-letter'): Promise<void> {
  await using session = await queue.strategy.openWorker(await driver.connect('settle'), 'w');
  const jobs = await session.claim('q', 1, 60_000);
  await session.settle(jobs.map((job) => (kind === 'ack' ? { kind, job } : { kind, job, error: 'oh' })));
}

test('depth and dead letters: told once, and of the recovery once', async () => {
  const plain = await openQueue();
  const { queue, looked } = counted(plain);
  const depth: AlertRule = { kind: 'depth', above: 1 };
  const dead: AlertRule = { kind: 'dead-letters', above: 0 };
  const { breaches, recoveries, errors, options } = telling([depth, dead]);
  await using _watch = watchQueue(queue, options);
  await plain.enqueue({ queue: 'q', payload: 1 });
  await plain.enqueueMany([1, 2, 3].map((payload) => ({ queue: 'other', payload })));
  await looked(3);
  assert.equal(breaches.length, 0, 'as many as may be there, and those of another queue');
  await plain.enqueueMany([2, 3].map((payload) => ({ queue: 'q', payload })));
  await looked(4);
  assert.deepEqual(
    breaches.map(({ queue: name, rule, value }) => ({ name, rule, value })),
    [{ name: 'q', rule: depth, value: 3 }],
  );
  await settleOne(plain, 'ack');
  await settleOne(plain, 'dead-letter');
  await looked(4);
  assert.deepEqual(
    recoveries.map(({ rule, value, breachedAtMs }) => ({ rule, value, breachedAtMs })),
    [{ rule: depth, value: 1, breachedAtMs: breaches[0]?.breachedAtMs }],
  );
  assert.deepEqual(
    breaches.map(({ rule }) => rule),
    [depth, dead],
  );
  await driver.query({ text: `DELETE FROM "${plain.schema}".dead` });
  await looked(4);
  assert.deepEqual(
    recoveries.map(({ rule }) => rule),
    [depth, dead],
  );
  await plain.enqueueMany([4, 5].map((payload) => ({ queue: 'q', payload })));
  await looked(3);
  assert.equal(breaches.length, 3, 'a new breach is told anew');
  assert.deepEqual(errors, []);
});

test('the oldest age counts from when a job was ready', async () => {
  const plain = await openQueue();
  const { queue, looked } = counted(plain);
  const { breaches, options } = telling([
    { kind: 'oldest-age', aboveMs: 3_600_000 },
    { kind: 'oldest-age', aboveMs: 0 },
  ]);
  await using _watch = watchQueue(queue, options);
  await looked(2);
  assert.equal(breaches.length, 0, 'nothing is ready');
  await plain.enqueue({ queue: 'q', payload: 1 });
  await looked(3);
  assert.deepEqual(
    breaches.map(({ rule }) => rule),
    [{ kind: 'oldest-age', aboveMs: 0 }],
  );
  await driver.query({ text: `UPDATE "${plain.schema}".jobs SET created_at = now() - interval '2 hours'` });
  await looked(3);
  assert.equal(breaches.length, 2);
  assert((breaches[1]?.value ?? 0) >= 7_200_000);
});

for (const strategy of [
  'skip-locked',
  'packed-lease',
  'range-lease',
  'ring',
  'table-move',
  'tick-log',
  'visibility-timeout',
])
  test(`${strategy}: delayed jobs count as depth when they are due, though no worker is there to make them ready`, async () => {
    const plain = await openQueue(strategy);
    const { queue, looked } = counted(plain);
    const { breaches, options } = telling([{ kind: 'depth', above: 0 }]);
    await using _watch = watchQueue(queue, options);
    await plain.enqueue({ queue: 'q', payload: 1, runAt: new Date(Date.now() + 86_400_000) });
    await looked(3);
    assert.equal(breaches.length, 0);
    await plain.enqueue({ queue: 'q', payload: 2, runAt: new Date(Date.now() + 300) });
    await eventually(() => breaches.length > 0, 'a breach');
    assert.equal(breaches[0]?.value, 1);
  });

function outcome(kind: 'completed' | 'retried' | 'dead-lettered', queue = 'q'): QueueEvent {
  const job: ClaimedJob = {
    id: '1',
    queue,
    payload: null,
    priority: 0,
    attempt: 1,
    maxAttempts: 2,
    lease: { fencingToken: '1', expiresAtMs: 0 },
  };
  if (kind === 'completed') return { kind, job, serviceMs: 1 };
  return kind === 'retried'
    ? { kind, job, error: 'oh', delayMs: 0, serviceMs: 1 }
    : { kind, job, error: 'oh', serviceMs: 1 };
}

test('the failure share is judged by the outcomes that the queue told the watch', async () => {
  let watch: QueueWatch | undefined;
  schemas += 1;
  const queue = createQueue({
    driver,
    schema: `watch${schemas}`,
    observe: observers((event) => watch?.observe(event)),
  });
  const share = { kind: 'failure-share', above: 0.5, windowMs: 3_600_000 } as const;
  const { breaches, recoveries, options } = telling([
    { ...share, minJobs: 4 },
    { ...share, minJobs: 3 },
  ]);
  // The schema was never installed: such rules alone ask the server nothing.
  watch = watchQueue(queue, options);
  await using _held = watch;
  const emit = (kind: 'completed' | 'retried' | 'dead-lettered', name?: string) =>
    queue.context.emit(outcome(kind, name));
  const told = (alerts: readonly Alert[]) =>
    alerts.map(({ rule, value }) => [rule.kind === 'failure-share' && rule.minJobs, value]);
  for (let n = 0; n < 9; n += 1) emit('completed', 'other');
  emit('completed');
  emit('retried');
  emit('dead-lettered');
  await eventually(() => breaches.length > 0, 'a breach');
  assert.deepEqual(told(breaches), [[3, 2 / 3]], 'for the other rule three are too few');
  emit('retried');
  await eventually(() => breaches.length > 1, 'another breach');
  for (let n = 0; n < 9; n += 1) emit('completed');
  await eventually(() => recoveries.length > 1, 'both have recovered');
  assert.deepEqual(told(breaches), [
    [3, 2 / 3],
    [4, 3 / 4],
  ]);
  assert.deepEqual(told(recoveries), [
    [4, 3 / 13],
    [3, 3 / 13],
  ]);
});

test('handlers that throw or reject are reported, and end nothing', async () => {
  const plain = await openQueue();
  const { queue, looked } = counted(plain);
  const calls: string[] = [];
  const { errors, options } = telling(
    [
      { kind: 'depth', above: 0 },
      { kind: 'depth', above: 1 },
    ],
    {
      onBreach({ rule }) {
        calls.push(JSON.stringify(rule));
        if (calls.length === 1) throw new Error('thrown');
        return Promise.reject(new Error('rejected'));
      },
    },
  );
  await using _watch = watchQueue(queue, options);
  await plain.enqueueMany([1, 2].map((payload) => ({ queue: 'q', payload })));
  await looked(3);
  assert.equal(calls.length, 2);
  assert.match(errors.join(), /thrown.*rejected/);
  await settleOne(plain, 'ack');
  await settleOne(plain, 'ack');
  await looked(4);
  await plain.enqueue({ queue: 'q', payload: 3 });
  await looked(3);
  assert.equal(calls.length, 3, 'it is watched as before');
});

test('a look that fails is reported and changes no standing', async () => {
  const plain = await openQueue();
  let failing = false;
  const { queue, looked } = counted(plain, () => failing);
  const { breaches, recoveries, errors, options } = telling([{ kind: 'depth', above: 0 }], {
    onError(error) {
      errors.push(error);
      throw new Error('onError throws as well');
    },
  });
  await using _watch = watchQueue(queue, options);
  await plain.enqueue({ queue: 'q', payload: 1 });
  await looked(2);
  failing = true;
  await looked(3);
  assert(errors.length >= 3);
  assert.deepEqual([breaches.length, recoveries.length], [1, 0]);
  failing = false;
  await settleOne(plain, 'ack');
  await looked(4);
  assert.deepEqual([breaches.length, recoveries.length], [1, 1]);
});

test('disposed, it asks and tells no more, not even of the look under way', async () => {
  const plain = await openQueue();
  await plain.enqueue({ queue: 'q', payload: 1 });
  let asked = 0;
  const answer = Promise.withResolvers<QueueStats>();
  const queue: Queue = Object.create(plain, {
    stats: {
      value: () => {
        asked += 1;
        return answer.promise;
      },
    },
    context: { value: plain.context },
  });
  const { breaches, options } = telling([{ kind: 'depth', above: 0 }]);
  const watch = watchQueue(queue, options);
  const disposed = watch[Symbol.asyncDispose]();
  answer.resolve(await plain.stats('q'));
  await disposed;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual([asked, breaches.length], [1, 0]);
});

test('a rule recovers after two looks in a row, and one that tells nothing is not among them', () => {
  const state = new RuleState({ kind: 'dead-letters', above: 0 }, undefined);
  const turns = [0, 1, 2, 0, 1, 0, undefined, 0].map((value) => state.see(value));
  assert.deepEqual(turns, [
    undefined,
    'breach',
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    'recovery',
  ]);
  state.recover();
  assert.equal(state.see(1), 'breach');
});

test('a window forgets what is older than it, and nothing sooner than a sixtieth of it before', () => {
  let nowMs = 123_456;
  const window = new FailureWindow(60_000, () => nowMs);
  assert.equal(window.share(1), 0);
  window.add(true);
  nowMs += 30_000;
  window.add(false);
  assert.equal(window.share(2), 0.5);
  assert.equal(window.share(3), undefined);
  nowMs += 28_900;
  assert.equal(window.share(2), 0.5, '58.9 s later the first is there');
  nowMs += 1100;
  assert.equal(window.share(1), 0, 'after 60 s it is not');
  window.add(true);
  nowMs += 3_600_000;
  assert.equal(window.share(1), 0);
  window.add(true);
  nowMs -= 5000;
  assert.equal(window.share(1), 1, 'a clock that goes back loses nothing');
});

test('what is no rule, or out of range, is refused', async () => {
  const queue = await openQueue();
  const refused = (options: object, message: RegExp | typeof InvalidArgumentError) => {
    const { options: base } = telling([{ kind: 'depth', above: 1 }]);
    assert.throws(() => watchQueue(queue, { ...base, ...options }), message);
  };
  refused({ rules: [] }, InvalidArgumentError);
  refused({ rules: [{ kind: 'deep', above: 1 }] }, /a rule's kind is "deep": give one of oldest-age/);
  refused({ rules: [{ kind: 'toString', above: 1 }] }, InvalidArgumentError);
  refused({ rules: [{ kind: 'depth', aboveMs: 1 }] }, /a rule on depth has no option aboveMs/);
  refused({ rules: [{ kind: 'oldest-age', aboveMs: -1 }] }, /aboveMs of a rule on oldest-age is -1/);
  refused({ rules: [{ kind: 'depth', above: Number.NaN }] }, InvalidArgumentError);
  const share = { kind: 'failure-share', above: 0.1, minJobs: 1, windowMs: 1000 };
  refused({ rules: [{ ...share, above: 1.1 }] }, InvalidArgumentError);
  refused({ rules: [{ ...share, minJobs: 0 }] }, /minJobs is 0/);
  refused({ rules: [{ ...share, windowMs: 10 }] }, /windowMs is 10/);
  refused({ rules: [share] }, /the queue has no observer/);
  refused({ everyMs: 1 }, /everyMs is 1: give a whole number in 10…86400000/);
  refused({ onBreach: undefined }, /onBreach is undefined/);
  refused({ onBreech: () => undefined }, /a watch has no option onBreech/);
  refused({ queue: '' }, InvalidArgumentError);
});
