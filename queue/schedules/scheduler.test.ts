// Does a scheduler fire what is due, both or neither of its two writes, and cost little when nothing is?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import {
  createQueue,
  createScheduler,
  createWorker,
  type Driver,
  pgDriver,
  type Queue,
  type QueueEvent,
} from '../index.ts';
import { everyFrom, firedOf } from './fired.ts';
import { QueueSchedules } from './schedules.ts';
import { SimulatedTime } from './simulated-time.ts';

interface Place extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly driver: Driver;
  readonly queue: Queue;
  /** All that the driver has sent, cleared at will. */
  readonly statements: string[];
  readonly events: QueueEvent[];
}

/** A queue of its own, with its schema installed. */
async function place(t: TestContext, name?: string): Promise<Place> {
  const database = await testDatabase(t);
  const statements: string[] = [];
  const driver = pgDriver({
    ...database.settings,
    max: 4,
    ...(name === undefined ? {} : { applicationName: name }),
    onStatement: ({ text }) => statements.push(text.trim()),
  });
  const events: QueueEvent[] = [];
  const queue = createQueue({ driver, observe: (event) => events.push(event) });
  await queue.install();
  return {
    database,
    driver,
    queue,
    statements,
    events,
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]();
      await driver[Symbol.asyncDispose]();
    },
  };
}

const yearly = '0 0 1 1 *';
const LONG_SLEEP = { everyMs: 60_000, random: () => 0.999 };

/** Makes a schedule due: 30 s ago, and not again before the next year. */
async function makeDue(driver: Driver, name: string): Promise<string> {
  const { rows } = await driver.query<{ readonly due: Date }>({
    text: `
UPDATE claimbench.queue_schedules SET next_at = date_trunc('second', now()) - interval '30 s' WHERE name = $1
RETURNING next_at AS due`,
    values: [name],
  });
  const [row] = rows;
  assert(row !== undefined);
  return row.due.toISOString();
}

/** A schedule of which jobs tell by name and instant. */
const set = (queue: Queue | QueueSchedules, name: string, cron: string, more = {}) =>
  ('schedules' in queue ? queue.schedules : queue).set(name, {
    queue: 'q',
    cron,
    payload: { name },
    stampAs: 'dueAt',
    ...more,
  });

test('what is due is enqueued, told of, and worked off by a worker that is woken for it', async (t) => {
  await using here = await place(t);
  const { queue, driver, events } = here;
  await set(queue, 'a', yearly, { priority: -1, maxAttempts: 2, queue: 'work' });
  const due = await makeDue(driver, 'a');
  const handled: unknown[] = [];
  await using worker = createWorker(queue, {
    queue: 'work',
    pollMs: 3_600_000,
    handler: ({ id, queue: from, payload, priority, maxAttempts }) =>
      handled.push({ id, from, payload, priority, maxAttempts }),
  });
  assert.equal(worker.state, 'running');
  await eventually(
    async () =>
      (await driver.query({ text: "SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%'" })).rows.length >
      0,
    'a worker that listens',
  );
  await using _scheduler = createScheduler(queue, LONG_SLEEP);
  await eventually(() => handled.length > 0, 'a handled job');
  const fired = events.filter(({ kind }) => kind === 'fired');
  const [{ id } = { id: '' }] = fired.flatMap((event) => (event.kind === 'fired' ? [event] : []));
  assert.deepEqual(fired, [{ kind: 'fired', schedule: 'a', id, dueAtMs: Date.parse(due) }]);
  assert.deepEqual(handled, [
    { id, from: 'work', payload: { name: 'a', dueAt: due }, priority: -1, maxAttempts: 2 },
  ]);
  const [schedule] = await queue.schedules.list();
  assert.equal(schedule?.lastAtMs, Date.parse(due));
  assert((schedule?.nextAtMs ?? 0) > Date.now());
});

test('a scheduler that dies between its writes and its commit leaves nothing, and another fires, once', async (t) => {
  await using victim = await place(t, 'victim');
  await using other = pgDriver(victim.database.settings);
  const reported: unknown[] = [];
  const seen: string[] = [];
  await using heir = pgDriver({
    ...victim.database.settings,
    onStatement: ({ text }) => seen.push(text.trim()),
  });
  await using heirQueue = createQueue({ driver: heir });
  await set(victim.queue, 'a', yearly);
  const due = await makeDue(other, 'a');
  // Both writes are made when a deferred trigger runs: the victim's commit waits there.
  await other.query({
    text: `
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('application_name') = 'victim' THEN
    PERFORM pg_advisory_xact_lock(1);
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold AFTER UPDATE ON claimbench.queue_schedules
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()`,
  });
  const holder = await other.connect('holder');
  await holder.query({ text: 'SELECT pg_advisory_lock(1)' });
  await using _dying = createScheduler(victim.queue, {
    ...LONG_SLEEP,
    onError: (_error, schedule) => reported.push(schedule),
  });
  const committing = () =>
    other.query<{ readonly pid: number }>({
      text: `
SELECT pid FROM pg_stat_activity
WHERE application_name = 'victim' AND wait_event = 'advisory' AND query = 'COMMIT'`,
    });
  await eventually(async () => (await committing()).rows.length === 1, 'a commit that waits');
  await using _living = createScheduler(heirQueue, LONG_SLEEP);
  // Should the test fail before, the victim is not to wait for ever.
  await using _release = holder;
  const looks = () => seen.filter((text) => text.includes('SKIP LOCKED')).length;
  await eventually(() => looks() > 1, 'another scheduler that finds the schedule taken');
  assert.deepEqual(await firedOf(heirQueue), new Map(), 'nothing of it shows before the commit');
  const [row] = (await committing()).rows;
  // It tries again at once: then it fails, instead of holding the schedule for ever.
  await other.query({
    text: `
CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('application_name') = 'victim' THEN
    RAISE EXCEPTION 'the victim fires no more';
  END IF;
  RETURN NULL;
END $$`,
  });
  await other.query({ text: 'SELECT pg_terminate_backend($1)', values: [row?.pid] });
  await eventually(async () => (await firedOf(heirQueue)).size > 0, 'a job of the other');
  await holder[Symbol.asyncDispose]();
  await eventually(() => reported.length > 0, 'a report of the failure');
  // Those that are left see that it is done.
  const found = async () => (await heirQueue.schedules.list())[0];
  await eventually(async () => (await found())?.lastAtMs !== undefined, 'a schedule that was moved on');
  const { length } = victim.statements;
  await set(victim.queue, 'b', yearly);
  await eventually(
    () => victim.statements.slice(length).some((text) => text.includes('min(next_at)')),
    'a scheduler that lives on',
  );
  assert.deepEqual(await firedOf(heirQueue), new Map([['a', [due]]]));
  assert.deepEqual(reported.slice(0, 1), ['a']);
});

test('what cannot be fired is reported, moves nothing, and does not keep the others from it', async (t) => {
  await using here = await place(t);
  const { queue, driver } = here;
  const ages = { refused: '50 s', unknown: '40 s', good: '30 s' };
  for (const [name, age] of Object.entries(ages)) {
    await set(queue, name, yearly);
    await driver.query({
      text: `UPDATE claimbench.queue_schedules SET next_at = now() - $2::interval WHERE name = $1`,
      values: [name, age],
    });
  }
  // As another version, or a process with other time zones, may leave them.
  const damage = (sql: string) => driver.query({ text: `UPDATE claimbench.queue_schedules SET ${sql}` });
  await damage("max_attempts = 0 WHERE name = 'refused'");
  await damage("time_zone = 'Mars/Olympus' WHERE name = 'unknown'");
  const before = await queue.schedules.list();
  const reported: unknown[] = [];
  const errors: string[] = [];
  await using _scheduler = createScheduler(queue, {
    ...LONG_SLEEP,
    onError(error, schedule) {
      reported.push(schedule);
      errors.push(String(error));
    },
  });
  await eventually(async () => (await firedOf(queue)).has('good'), 'the good one');
  assert.deepEqual(reported.slice(0, 2), ['refused', 'unknown']);
  assert.match(errors[0] ?? '', /maxAttempts is 0/);
  assert.match(errors[1] ?? '', /Mars\/Olympus/);
  const bad = ({ name }: { readonly name: string }): boolean => name !== 'good';
  assert.deepEqual((await queue.schedules.list()).filter(bad), before.filter(bad));
  await damage("max_attempts = 1, time_zone = 'UTC'");
  // They are tried again by themselves, though the scheduler would sleep for a minute.
  await eventually(async () => (await firedOf(queue)).size === 3, 'the mended ones');
});

test('a server that cannot be asked is asked again', async (t) => {
  await using here = await place(t);
  const { queue, driver } = here;
  await set(queue, 'a', yearly);
  await makeDue(driver, 'a');
  await driver.query({ text: 'ALTER TABLE claimbench.queue_schedules RENAME TO away' });
  const errors: unknown[] = [];
  await using _scheduler = createScheduler(queue, { ...LONG_SLEEP, onError: (error) => errors.push(error) });
  await eventually(() => errors.length > 1, 'two failures');
  await driver.query({ text: 'ALTER TABLE claimbench.away RENAME TO queue_schedules' });
  await eventually(async () => (await firedOf(queue)).has('a'), 'the job');
});

test('a sleep costs one statement, and what is set through the queue object ends it', async (t) => {
  await using here = await place(t);
  const { queue, statements } = here;
  const time = new SimulatedTime('2030-01-01T00:00:00Z');
  const schedules = new QueueSchedules(queue.context, time.now);
  await set(schedules, 'far', yearly);
  statements.length = 0;
  let sleeps = 0;
  const clock = {
    now: time.now,
    wait: (ms: number, signal: AbortSignal) => {
      sleeps += 1;
      return time.clock.wait(ms, signal);
    },
  };
  await using _scheduler = createScheduler(queue, { everyMs: 60_000, clock });
  await time.passUntil('2030-01-01T01:00:00Z', 1);
  assert(sleeps >= 60 && sleeps <= 121, `${sleeps} sleeps`);
  assert.equal(statements.length, sleeps);
  await set(schedules, 'near', '*/10 * * * * *');
  await time.passUntil('2030-01-01T01:00:20Z', 1);
  assert.deepEqual(
    await firedOf(queue),
    new Map([['near', ['2030-01-01T01:00:10.000Z', '2030-01-01T01:00:20.000Z']]]),
  );
});

test('a real scheduler asleep is woken by a change too, and by its stop', async (t) => {
  await using here = await place(t);
  const { queue, statements } = here;
  await using scheduler = createScheduler(queue, LONG_SLEEP);
  await eventually(() => statements.some((text) => text.includes('min(next_at)')), 'the first look');
  await set(queue, 'often', '* * * * * *');
  await eventually(async () => ((await firedOf(queue)).get('often')?.length ?? 0) >= 2, 'two seconds');
  await queue.schedules.pause('often');
  await Promise.all([scheduler.stop(), scheduler.stop()]);
  const often = (await firedOf(queue)).get('often') ?? [];
  assert.deepEqual(often, everyFrom(often[0] ?? '', 1 / 60, often.length), 'each second once');
  await queue.schedules.resume('often');
  const { length } = statements;
  await scheduler.stop();
  assert.equal(statements.length, length, 'nothing is sent after a stop');
});

test('a process whose clock is wrong neither fires early nor sets wrongly', async (t) => {
  await using here = await place(t);
  const { queue, statements } = here;
  const { nextAtMs } = await set(queue, 'a', yearly);
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2090-06-01T00:00:00Z') });
  const again = await set(queue, 'b', yearly);
  assert.equal(again.nextAtMs, nextAtMs);
  statements.length = 0;
  await using _scheduler = createScheduler(queue, { everyMs: 100 });
  const looks = () => statements.filter((text) => text.includes('min(next_at)')).length;
  await eventually(() => looks() > 2, 'three looks');
  assert.equal(statements.length, looks(), 'nothing was taken for due');
  assert.deepEqual(await firedOf(queue), new Map());
});

test('after an outage each policy does what it says, and a pause is no outage', async (t) => {
  await using here = await place(t);
  const { queue } = here;
  const time = new SimulatedTime('2030-01-01T00:00:30Z');
  const schedules = new QueueSchedules(queue.context, time.now);
  const { clock } = time;
  const names = ['one', 'all', 'none'] as const;
  for (const catchUp of names) await set(schedules, catchUp, '* * * * *', { catchUp });
  await set(schedules, 'paused', '* * * * *', { catchUp: 'all' });
  await set(schedules, 'hourly', '0 * * * *', { catchUp: 'none' });
  {
    await using _scheduler = createScheduler(queue, { everyMs: 60_000, clock });
    await time.passUntil('2030-01-01T00:02:30Z', 1);
  }
  await schedules.pause('paused');
  await time.passUntil('2030-01-01T06:00:30Z', 0);
  {
    // Two, which share what there is to catch up with.
    await using _first = createScheduler(queue, { everyMs: 60_000, clock });
    await using _second = createScheduler(queue, { everyMs: 60_000, clock });
    await time.passUntil('2030-01-01T06:02:30Z', 2);
    await schedules.resume('paused');
    await time.passUntil('2030-01-01T06:03:30Z', 2);
  }
  const fired = await firedOf(queue);
  const ran = everyFrom('2030-01-01T00:01Z', 1, 2);
  const afterwards = everyFrom('2030-01-01T06:01Z', 1, 3);
  assert.deepEqual(fired.get('one'), [...ran, '2030-01-01T06:00:00.000Z', ...afterwards]);
  // 358 missed ones: more than go into one transaction.
  assert.deepEqual(fired.get('all'), everyFrom('2030-01-01T00:01Z', 1, 363));
  assert.deepEqual(fired.get('none'), [...ran, ...afterwards]);
  assert.deepEqual(fired.get('paused'), [...ran, '2030-01-01T06:03:00.000Z']);
  // The last of the missed ones is only 30 s ago: the schedule is behind all the same.
  assert.equal(fired.get('hourly'), undefined);
});

test('an outage of two minutes loses nothing under any policy', async (t) => {
  await using here = await place(t);
  const time = new SimulatedTime('2030-01-01T00:00:30Z');
  const schedules = new QueueSchedules(here.queue.context, time.now);
  for (const catchUp of ['one', 'none'] as const) await set(schedules, catchUp, '* * * * *', { catchUp });
  await time.passUntil('2030-01-01T00:03:00Z', 0);
  await using _scheduler = createScheduler(here.queue, { clock: time.clock });
  await time.passUntil('2030-01-01T00:04:00Z', 1);
  const fired = await firedOf(here.queue);
  for (const name of ['one', 'none'])
    assert.deepEqual(fired.get(name), everyFrom('2030-01-01T00:01Z', 1, 4), name);
});

/** What a caller without types may hand in. */
const untyped = (value: unknown) => value as never;

test('options that are none are refused', async (t) => {
  await using here = await place(t);
  const refused = (options: unknown, message: RegExp) =>
    assert.throws(() => createScheduler(here.queue, untyped(options)), {
      name: 'InvalidArgumentError',
      message,
    });
  refused({ everyMs: 99 }, /^everyMs is 99: give a whole number in 100…60000/);
  refused({ everyMs: 60_001 }, /^everyMs is 60001/);
  refused({ everyMs: '100' }, /^everyMs is "100": give a whole number/);
  refused({ every: 100 }, /^a scheduler has no option every: there are everyMs, onError, clock, random/);
  refused({ onError: 1 }, /^onError is 1: give a function/);
  refused({ random: 1 }, /^random is 1/);
  refused({ clock: 1 }, /^clock is 1: give an object/);
  refused({ clock: { now: Date.now } }, /^clock.wait is null: give a function/);
  refused(null, /^the options of a scheduler is null/);
});

test('what fails is a warning where nobody asked for errors', async (t) => {
  const { settings } = await testDatabase(t);
  await using driver = pgDriver(settings);
  await using queue = createQueue({ driver, schema: 'absent' });
  const warnings: string[] = [];
  const hear = ({ name, message }: Error): void => void warnings.push(`${name}: ${message}`);
  process.on('warning', hear);
  t.after(() => process.off('warning', hear));
  await using _scheduler = createScheduler(queue);
  await eventually(() => warnings.length > 0, 'a warning');
  assert.match(
    warnings[0] ?? '',
    /^ClaimbenchWarning: scheduler of schema "absent" \(no onError is given\): relation .* does not exist \(42P01\)$/,
  );
});
