// Do operators get the schedules that they ask for, and nothing written for what is refused?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { createQueue, type Driver, pgDriver, type ScheduleOptions } from '../index.ts';
import { QueueSchedules } from './schedules.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

const daily: ScheduleOptions = {
  queue: 'q',
  cron: '30 2 * * *',
  timeZone: 'Europe/Berlin',
  payload: { a: 1 },
};

for (const kind of driverKinds)
  describe(`over ${kind.label}`, () => {
    let driver: Driver;
    let statements: string[] = [];
    before(() => {
      driver = kind.open({
        ...database.settings,
        max: 4,
        onStatement: ({ text }) => statements.push(text.trim()),
      });
    });
    after(() => driver[Symbol.asyncDispose]());
    const open = async (schema: string) => {
      const queue = createQueue({ driver, schema: `${schema} ${kind.label}` });
      await queue.install();
      return queue;
    };
    /** Makes the schedule look as if it had last fired, and were due next, at these instants. */
    const place = (schema: string, lastAt: string | null, nextAt: string) =>
      driver.query({
        text: `UPDATE "${schema}".queue_schedules SET last_at = $1::timestamptz, next_at = $2::timestamptz`,
        values: [lastAt, nextAt],
      });

    test('a schedule is set, listed, and removed', async () => {
      await using queue = await open('life');
      const before = Date.now();
      const set = await queue.schedules.set('billing', daily);
      const { nextAtMs, ...rest } = set;
      assert.deepEqual(rest, { ...daily, name: 'billing', priority: 0, maxAttempts: 20, catchUp: 'one' });
      assert(nextAtMs !== undefined && nextAtMs > before && nextAtMs <= before + 90_000_000);
      const whole: ScheduleOptions = {
        queue: 'other',
        cron: '@hourly',
        payload: { list: [null, 'ü "x"'] },
        priority: -3,
        maxAttempts: 2,
        catchUp: 'all',
        stampAs: 'dueAt',
      };
      const { nextAtMs: _next, ...other } = await queue.schedules.set('a', whole);
      assert.deepEqual(other, { ...whole, name: 'a', timeZone: 'UTC' });
      for (const payload of [null, 'text', [1], 0]) {
        const kept = await queue.schedules.set('b', { queue: 'q', cron: '@daily', payload });
        assert.deepEqual(kept.payload, payload);
      }
      assert.deepEqual(
        (await queue.schedules.list()).map(({ name, payload }) => [name, payload]),
        [
          ['a', whole.payload],
          ['b', 0],
          ['billing', daily.payload],
        ],
      );
      assert.equal(await queue.schedules.remove('a'), true);
      assert.equal(await queue.schedules.remove('a'), false);
      assert.deepEqual(
        (await queue.schedules.list()).map(({ name }) => name),
        ['b', 'billing'],
      );
    });

    test('a payload that no enqueue would take, with its stamp, is refused', async () => {
      await using queue = await open('large');
      const limit = 1_048_576;
      const text = 'x'.repeat(limit - '{"a":""}'.length);
      const set = (payload: unknown, stampAs?: string) =>
        queue.schedules.set('s', { ...daily, payload, ...(stampAs === undefined ? {} : { stampAs }) });
      await set({ a: text });
      await assert.rejects(set({ a: `${text}x` }), { name: 'PayloadTooLargeError', bytes: limit + 1 });
      await assert.rejects(set({ a: text }, 'at'), { name: 'PayloadTooLargeError' });
    });

    test('set again, it is what was said last; only another time of day moves the next instant', async () => {
      await using queue = await open('upsert');
      await queue.schedules.set('s', daily);
      await place(queue.schema, null, '2100-01-01T00:00:00Z');
      const [placed] = await queue.schedules.list();
      statements = [];
      assert.deepEqual(await queue.schedules.set('s', { ...daily, catchUp: 'one', priority: 0 }), placed);
      const version = async () =>
        (await driver.query({ text: `SELECT xmin::text FROM "${queue.schema}".queue_schedules` })).rows;
      const written = await version();
      await queue.schedules.set('s', daily);
      assert.deepEqual(await version(), written, 'nothing is written for what is the same');
      const changes: readonly Partial<ScheduleOptions>[] = [
        { payload: { a: 2 } },
        { queue: 'r' },
        { priority: 1 },
        { maxAttempts: 3 },
        { catchUp: 'none' },
        { stampAs: 'at' },
      ];
      for (const change of changes) {
        const changed = await queue.schedules.set('s', { ...daily, ...change });
        assert.deepEqual(changed, { ...placed, ...change });
        assert.deepEqual(await queue.schedules.list(), [changed]);
      }
      await queue.schedules.set('s', daily);
      const now = Date.now();
      for (const change of [{ cron: '31 2 * * *' }, { timeZone: 'UTC' }]) {
        await place(queue.schema, null, '2100-01-01T00:00:00Z');
        const { nextAtMs } = await queue.schedules.set('s', { ...daily, ...change });
        assert(nextAtMs !== undefined && nextAtMs > now && nextAtMs < now + 90_000_000);
      }
    });

    test('another expression does not fire again for an instant that the old one has fired for', async () => {
      await using queue = await open('again');
      await queue.schedules.set('s', daily);
      const now = () => new Date('2030-01-01T09:59:59Z');
      const schedules = new QueueSchedules(queue.context, now);
      await place(queue.schema, '2030-01-01T10:00:00Z', '2030-01-01T11:00:00Z');
      const { nextAtMs } = await schedules.set('s', { ...daily, cron: '*/30 * * * *' });
      assert.equal(nextAtMs, Date.parse('2030-01-01T10:30:00Z'));
    });

    test('paused it is never due; resumed it goes on with what is to come', async () => {
      await using queue = await open('pause');
      assert.equal(await queue.schedules.pause('s'), false);
      assert.equal(await queue.schedules.resume('s'), false);
      await queue.schedules.set('s', daily);
      await place(queue.schema, null, '2100-01-01T00:00:00Z');
      const only = async () => (await queue.schedules.list())[0];
      assert.equal(await queue.schedules.resume('s'), true, 'one that runs goes on as it was');
      assert.equal((await only())?.nextAtMs, Date.parse('2100-01-01T00:00:00Z'));
      assert.equal(await queue.schedules.pause('s'), true);
      const paused = await only();
      assert.equal(paused?.nextAtMs, undefined);
      assert(paused?.pausedAtMs !== undefined);
      assert.equal(await queue.schedules.pause('s'), true);
      assert.equal((await only())?.pausedAtMs, paused.pausedAtMs, 'paused since the first time');
      const other = await queue.schedules.set('s', { ...daily, cron: '0 5 * * *', payload: 2 });
      assert.deepEqual([other.nextAtMs, other.pausedAtMs], [undefined, paused.pausedAtMs]);
      await place(queue.schema, '2030-01-01T04:00:00Z', '2030-01-02T04:00:00Z');
      await queue.schedules.pause('s');
      const later = new QueueSchedules(queue.context, () => new Date('2030-03-01T12:00:00Z'));
      assert.equal(await later.resume('s'), true);
      const resumed = await only();
      assert.deepEqual(
        [resumed?.nextAtMs, resumed?.pausedAtMs, resumed?.payload],
        [Date.parse('2030-03-02T04:00:00Z'), undefined, 2],
      );
    });

    test('set by many at once, it is as one of them said', async () => {
      await using queue = await open('many');
      for (let round = 0; round < 5; round += 1) {
        await Promise.all(
          Array.from({ length: 8 }, (_, n) =>
            n % 4 === 3
              ? queue.schedules.remove('s')
              : queue.schedules.set('s', {
                  queue: `q${n}`,
                  cron: `${n} * * * *`,
                  payload: n,
                  maxAttempts: n + 1,
                }),
          ),
        );
        for (const { queue: name, cron, payload, maxAttempts, nextAtMs } of await queue.schedules.list()) {
          assert.deepEqual(
            [name, cron, maxAttempts],
            [`q${payload}`, `${payload} * * * *`, Number(payload) + 1],
          );
          assert.equal(new Date(nextAtMs ?? 0).getUTCMinutes(), payload);
        }
      }
      const set = Array.from({ length: 8 }, (_, n) =>
        queue.schedules.set('t', { queue: `q${n}`, cron: '@daily', payload: n }),
      );
      await Promise.all(set);
      const [found, ...others] = await queue.schedules.list();
      assert.equal(others.length + (found?.name === 's' ? 0 : 1), 1);
    });
  });

/** What a caller without types may hand in. */
const untyped = (value: unknown) => value as never;

test('what is refused is refused before anything is sent', async () => {
  const statements: string[] = [];
  await using driver = pgDriver({
    ...database.settings,
    onStatement: ({ text }) => statements.push(text),
  });
  await using queue = createQueue({ driver, schema: 'refused' });
  const { schedules } = queue;
  const refused = (asked: Promise<unknown>, message: RegExp) =>
    assert.rejects(asked, { name: 'InvalidArgumentError', message });
  for (const [change, message] of [
    [{ cron: '61 * * * *' }, /^cron is "61 .*: give minute hour/],
    [{ timeZone: 'Berlin' }, /^timeZone is "Berlin", which is none: give a name of the IANA/],
    [{ cron: undefined }, /^cron is undefined/],
    [{ queue: '' }, /^queue name has 0 bytes/],
    [{ queue: undefined }, /^queue is undefined/],
    [{ payload: undefined }, /^payload is undefined/],
    [{ payload: '\0' }, /jsonb cannot store it/],
    [{ priority: 40_000 }, /^priority is 40000/],
    [{ maxAttempts: 0 }, /^maxAttempts is 0/],
    [{ catchUp: 'some' }, /^catchUp is "some": give one, all or none/],
    [{ stampAs: 'a' }, /^payload has a member "a", which stampAs would replace/],
    [{ stampAs: 'at', payload: [1] }, /^payload is \[1\], which has no members for stampAs/],
    [{ stampAs: 'at', payload: 'text' }, /^payload is "text", which has no members/],
    [{ stampAs: '' }, /^stampAs has 0 bytes/],
    [{ stampAs: 5 }, /^stampAs is 5: give a string/],
    [{ timezone: 'UTC' }, /^a schedule has no option timezone: there are queue, cron, timeZone/],
    [{ runAt: new Date() }, /^a schedule has no option runAt/],
  ] as const)
    await refused(schedules.set('s', untyped({ ...daily, ...change })), message);
  for (const name of ['', 'x'.repeat(201), 'nul \0', 'half \ud800', undefined, 5])
    for (const asked of [
      () => schedules.set(untyped(name), daily),
      () => schedules.remove(untyped(name)),
      () => schedules.pause(untyped(name)),
      () => schedules.resume(untyped(name)),
    ])
      await refused(asked(), /^the name of a schedule/);
  await refused(schedules.set('s', untyped(undefined)), /^a schedule is undefined: give an object/);
  await using log = createQueue({ driver, schema: 'refused', strategy: 'tick-log' });
  await assert.rejects(log.schedules.set('s', { ...daily, priority: 1 }), { capability: 'priorities' });
  assert.deepEqual(statements, []);
});
