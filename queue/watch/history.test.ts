// Are finished jobs kept for as long as was asked, on whatever day they finish, and none lost at midnight?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { eventually } from '../eventually.ts';
import {
  type ClaimedJob,
  createQueue,
  type Driver,
  InvalidArgumentError,
  pgDriver,
  type Queue,
} from '../index.ts';
import { qualify } from '../sql.ts';
import { finishedJobs } from './finished.ts';
import { type Finish, History } from './history.ts';
import { requireRetention } from './retention.ts';

let database: TestDatabase;
let driver: Driver;
let schemas = 0;

before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 12 });
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function openQueue(schema = `history${++schemas}`, on = driver): Promise<Queue> {
  const queue = createQueue({ driver: on, schema });
  await queue.install();
  return queue;
}

function job(id: number, more: Partial<ClaimedJob> = {}): ClaimedJob {
  return {
    id: String(id),
    queue: 'q',
    payload: { secret: id },
    priority: 3,
    attempt: 2,
    maxAttempts: 5,
    lease: { fencingToken: '1', expiresAtMs: 0 },
    ...more,
  };
}

const finish = (id: number, more: Partial<ClaimedJob> = {}): Finish => ({
  job: job(id, more),
  outcome: 'completed',
  serviceMs: 40,
});

/** Where each row lies: the partition's name, and how many rows. */
async function places({ schema, context }: Queue): Promise<Readonly<Record<string, number>>> {
  const { rows } = await driver.query<{ readonly place: string; readonly jobs: number }>({
    text: `
SELECT relname::text AS place, (SELECT count(*)::integer FROM ${context.tables.finished} WHERE tableoid = part.oid) AS jobs
FROM pg_class AS part JOIN pg_inherits ON inhrelid = oid
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relkind = 'r' ORDER BY relname`,
    values: [schema],
  });
  return Object.fromEntries(rows.map(({ place, jobs }) => [place.replace('queue_finished_', ''), jobs]));
}

/** Resolves when a session waits for a lock, by what its statement holds. */
function waiting(text: string): Promise<void> {
  return eventually(async () => {
    const { rows } = await driver.query({
      text: `SELECT FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE $1 AND pid <> pg_backend_pid()`,
      values: [`%${text}%`],
    });
    return rows.length > 0;
  }, `somebody waits in ${text}`);
}

for (const kind of driverKinds.filter(({ pipeline }) => pipeline)) {
  test(`${kind.label}: what was recorded is listed as it was`, async () => {
    await using own = kind.open({ ...database.settings, max: 2 });
    const queue = await openQueue(undefined, own);
    const history = new History(queue.context);
    await history.upkeep(1);
    const startMs = Date.now();
    await history.record(own, 'w-1', [
      finish(7),
      { job: job(8, { queue: 'other' }), outcome: 'dead-lettered', error: 'it\0broke "{}\\', serviceMs: 0.5 },
      { job: job(9), outcome: 'cancelled' },
    ]);
    await history.record(own, 'w-1', []);
    const [cancelled, dead, completed, ...rest] = await queue.finished.list();
    assert.deepEqual(rest, []);
    const { startedAtMs = 0, finishedAtMs = 0, ...fields } = completed ?? {};
    assert.deepEqual(fields, {
      jobId: '7',
      queue: 'q',
      outcome: 'completed',
      attempt: 2,
      priority: 3,
      worker: 'w-1',
    });
    assert(Math.abs(finishedAtMs - startMs) < 60_000, 'by the server, which is this machine');
    assert(Math.abs(finishedAtMs - startedAtMs - 40) < 0.01);
    assert.equal(dead?.error, 'it\u{FFFD}broke "{}\\');
    assert.equal(dead?.outcome, 'dead-lettered');
    assert(cancelled !== undefined && !('startedAtMs' in cancelled), 'it never started');
    assert(!('payload' in cancelled), 'nobody has asked for payloads');

    const keeping = new History(queue.context, { payload: true });
    await keeping.record(own, 'w-1', [
      finish(10),
      finish(11, { payload: null }),
      finish(12, { payload: 'te\u2028xt "' }),
    ]);
    const kept = (await queue.finished.list({ limit: 3 })).map(({ payload }) => payload);
    assert.deepEqual(kept, ['te\u2028xt "', null, { secret: 10 }]);
  });

  test(`${kind.label}: a record shares the fate of the transaction that it is made in`, async () => {
    await using own = kind.open({ ...database.settings, max: 2 });
    const queue = await openQueue(undefined, own);
    const history = new History(queue.context);
    const failing = own.transaction(async (tx) => {
      await history.record(tx, 'w', [finish(1)]);
      throw new Error('the settle failed');
    });
    await assert.rejects(failing, /the settle failed/);
    await own.transaction((tx) => history.record(tx, 'w', [finish(2)]));
    assert.deepEqual(
      (await queue.finished.list()).map(({ jobId }) => jobId),
      ['2'],
    );
  });
}

test('the instant is that of the settle, however long its transaction has been open', async () => {
  const queue = await openQueue();
  const history = new History(queue.context);
  const sinceMs = await driver.transaction(async (tx) => {
    const clock = () =>
      tx.query<{ readonly ms: number }>({
        text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms, pg_sleep(0.05)',
      });
    const { rows } = await clock();
    await clock();
    await history.record(tx, 'w', [finish(1)]);
    return rows[0]?.ms ?? Number.NaN;
  });
  const [listed] = await queue.finished.list();
  assert((listed?.finishedAtMs ?? 0) >= sinceMs + 50, 'later than the transaction began');
});

test('a list is filtered, newest first, and its pages neither repeat nor leave out', async () => {
  const queue = await openQueue();
  const history = new History(queue.context);
  const { made } = await history.upkeep(30);
  const [today = ''] = made;
  const at = (time: string) => new Date(`${today}T${time}Z`);
  // All of a record share one instant, so that pages end within it.
  await history.record(
    driver,
    'w',
    [1, 2, 3, 4, 5].map((id) => finish(id)),
    at('10:00:00.123'),
  );
  await history.record(
    driver,
    'w',
    [6, 7].map((id) => finish(id, { queue: 'other' })),
    at('09:00:00'),
  );
  await history.record(driver, 'w', [finish(3)], new Date(at('10:00:00').getTime() + 86_400_000));
  const all = await queue.finished.list();
  assert.deepEqual(
    all.map(({ jobId }) => jobId),
    ['3', '5', '4', '3', '2', '1', '7', '6'],
  );
  const paged = [];
  for (let page = await queue.finished.list({ limit: 2 }); page.length > 0; ) {
    paged.push(...page);
    const last = page.at(-1);
    page = last === undefined ? [] : await queue.finished.list({ limit: 2, before: last });
  }
  assert.deepEqual(paged, all);
  const ids = async (filter: Parameters<Queue['finished']['list']>[0]) =>
    (await queue.finished.list(filter)).map(({ jobId }) => jobId);
  assert.deepEqual(await ids({ queue: 'other' }), ['7', '6']);
  assert.deepEqual(await ids({ queue: `o' OR true --` }), []);
  assert.deepEqual(await ids({ jobId: '3' }), ['3', '3']);
  assert.deepEqual(await ids({ before: at('10:00:00.123') }), ['7', '6']);
  assert.deepEqual(await ids({ jobId: '3', queue: 'q', before: at('23:00:00'), limit: 1 }), ['3']);

  // @ts-expect-error -- a misspelt filter
  await assert.rejects(queue.finished.list({ job: '3' }), InvalidArgumentError);
  await assert.rejects(queue.finished.list({ limit: 0 }), /limit is 0: give a whole number in 1…10000/);
  await assert.rejects(queue.finished.list({ jobId: '3; DROP' }), InvalidArgumentError);
  await assert.rejects(queue.finished.list({ before: new Date(Number.NaN) }), InvalidArgumentError);
});

test('pages are exact to the microsecond', async () => {
  const queue = await openQueue();
  const { finished } = queue.context.tables;
  await driver.query({
    text: `INSERT INTO ${finished} (finished_at, job_id, attempt, priority, outcome, worker, queue)
SELECT '2026-03-01 12:00:00.000001+00'::timestamptz + nth * interval '1 us', nth, 1, 0, 'completed', 'w', 'q'
FROM generate_series(1, 500) AS nth`,
  });
  const seen: string[] = [];
  for (let page = await queue.finished.list({ limit: 7 }); page.length > 0; ) {
    seen.push(...page.map(({ jobId }) => jobId));
    const last = page.at(-1);
    page = last === undefined ? [] : await queue.finished.list({ limit: 7, before: last });
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 500 }, (_, n) => String(500 - n)),
  );
});

test('a list reads no more days than it needs, and leaves none out', async () => {
  const queue = await openQueue();
  const { tables } = queue.context;
  const days = 150;
  // Each tenth day has none, and what is older than all of them has none.
  await driver.query({
    text: `DO $do$
DECLARE day date;
BEGIN
  FOR back IN 0..${days} LOOP
    CONTINUE WHEN back % 10 = 5;
    day := (now() AT TIME ZONE 'UTC')::date - back;
    EXECUTE format('CREATE TABLE %s PARTITION OF ${tables.finished} FOR VALUES FROM (%L) TO (%L)',
      '${queue.schema}.queue_finished_' || to_char(day, 'YYYYMMDD'), day || ' 00:00+00', day + 1 || ' 00:00+00');
  END LOOP;
END $do$`,
  });
  await driver.query({
    text: `INSERT INTO ${tables.finished} (finished_at, job_id, attempt, priority, outcome, worker, queue)
SELECT date_trunc('day', now(), 'UTC') - back * interval '1 day' + nth * interval '1 hour', 1000 - 3 * back + nth, 1, 0,
  'completed', 'w', CASE WHEN back = 149 THEN 'rare' ELSE 'q' END
FROM generate_series(-1, ${days + 20}) AS back, generate_series(0, 2) AS nth`,
  });
  const expected = Array.from({ length: 3 * (days + 22) }, (_, n) => String(1005 - n));
  const ids = async (filter: Parameters<Queue['finished']['list']>[0]) =>
    (await queue.finished.list(filter)).map(({ jobId }) => jobId);
  assert.deepEqual(await ids({ limit: 10_000 }), expected);
  const paged: string[] = [];
  for (let page = await queue.finished.list({ limit: 10 }); page.length > 0; ) {
    paged.push(...page.map(({ jobId }) => jobId));
    const last = page.at(-1);
    page = last === undefined ? [] : await queue.finished.list({ limit: 10, before: last });
  }
  assert.deepEqual(paged, expected);
  assert.deepEqual(await ids({ queue: 'rare' }), ['555', '554', '553']);
  assert.deepEqual(await ids({ jobId: '490' }), ['490']);
  const midnight = new Date(new Date().toISOString().slice(0, 10)).getTime();
  const before = new Date(midnight - 70 * 86_400_000);
  assert.deepEqual(await ids({ before, limit: 1 }), ['789']);
  assert.deepEqual(await ids({ before: new Date('1970-01-02') }), []);
  assert.equal((await ids({ before: new Date('9999-01-01'), limit: 4 })).length, 4);

  // Even behind a pooler whose sessions plan for any values.
  for (const mode of ['auto', 'force_generic_plan'])
    for (const filter of [{ limit: 6 }, { limit: 3, before }]) {
      await using connection = await driver.connect('locks');
      await connection.query({ text: `SET plan_cache_mode = ${mode}` });
      await connection.query({ text: 'BEGIN' });
      assert.equal((await finishedJobs({ driver: connection, tables }).list(filter)).length, filter.limit);
      const { rows } = await connection.query({
        text: `SELECT DISTINCT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND relkind = 'r' AND relname LIKE 'queue_finished%'`,
      });
      assert(rows.length <= 5, `${rows.length} of ${days} days were locked`);
    }
});

test('over midnight no job is lost, and each lies in the partition of its day', async () => {
  const queue = await openQueue();
  const history = new History(queue.context);
  const record = (id: number, at: string) => history.record(driver, 'w', [finish(id)], new Date(at));
  assert.deepEqual(await history.upkeep(1, '2026-02-27'), {
    made: ['2026-02-27', '2026-02-28', '2026-03-01'],
    dropped: [],
    postponed: false,
  });
  await record(1, '2026-02-27T23:59:59.999Z');
  await record(2, '2026-02-28T00:00:00.000Z');
  // Nobody has looked after the partitions for three days.
  await record(3, '2026-03-01T23:59:59.999Z');
  await record(4, '2026-03-02T00:00:00.000Z');
  await record(5, '2026-03-02T23:59:59.999Z');
  await record(6, '2026-03-03T00:00:00.000Z');
  assert.deepEqual(await places(queue), { 20260227: 1, 20260228: 1, 20260301: 1, default: 3 });
  assert.deepEqual(await history.upkeep(3, '2026-03-02'), {
    made: ['2026-03-02', '2026-03-03', '2026-03-04'],
    dropped: [],
    postponed: false,
  });
  assert.deepEqual(await places(queue), {
    20260227: 1,
    20260228: 1,
    20260301: 1,
    20260302: 2,
    20260303: 1,
    20260304: 0,
    default: 0,
  });
  assert.deepEqual(
    (await queue.finished.list()).map(({ jobId }) => jobId),
    ['6', '5', '4', '3', '2', '1'],
  );
  assert.deepEqual(await history.upkeep(3, '2026-03-02'), { made: [], dropped: [], postponed: false });
});

test('days that are astray get their partitions, unless they are too old already', async () => {
  const queue = await openQueue();
  const history = new History(queue.context);
  const days = ['2026-03-05', '2026-03-08', '2026-03-09', '2026-03-10'];
  for (const [id, day] of days.entries())
    await history.record(driver, 'w', [finish(id)], new Date(`${day}T08:00:00Z`));
  assert.deepEqual(await history.upkeep(2, '2026-03-10'), {
    made: ['2026-03-08', '2026-03-09', '2026-03-10', '2026-03-11', '2026-03-12'],
    dropped: [],
    postponed: false,
  });
  assert.deepEqual(await places(queue), {
    20260308: 1,
    20260309: 1,
    20260310: 1,
    20260311: 0,
    20260312: 0,
    default: 0,
  });
});

test('partitions go when their last job is older than the days, and no other table goes', async () => {
  const queue = await openQueue();
  const { finished } = queue.context.tables;
  const history = new History(queue.context);
  await history.upkeep(3650, '2026-01-10');
  await history.record(driver, 'w', [finish(1)], new Date('2026-01-10T12:00:00Z'));
  // Set aside by somebody, and attached by somebody.
  const set = (name: string) => qualify(queue.schema, name);
  await driver.query({
    text: `ALTER TABLE ${finished} DETACH PARTITION ${set('queue_finished_20260111')}`,
  });
  await driver.query({
    text: `CREATE TABLE ${set('theirs')} PARTITION OF ${finished} FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')`,
  });
  assert.deepEqual((await history.upkeep(2, '2026-01-12')).dropped, [], 'what is two days old stays');
  assert.equal((await queue.finished.list()).length, 1);
  const { dropped } = await history.upkeep(2, '2026-01-13');
  assert.deepEqual(dropped, ['2026-01-10']);
  assert.deepEqual(await queue.finished.list(), []);
  assert.deepEqual(Object.keys(await places(queue)), [
    '20260112',
    '20260113',
    '20260114',
    '20260115',
    'default',
    'theirs',
  ]);
  const { rows } = await driver.query({ text: `SELECT FROM ${set('queue_finished_20260111')}` });
  assert.deepEqual(rows, [], 'the one set aside is there');
});

test('any number of processes may tend at once', async () => {
  const queue = await openQueue();
  const history = new History(queue.context);
  await history.upkeep(3650, '2026-05-01');
  await history.record(driver, 'w', [finish(1)], new Date('2026-05-14T12:00:00Z'));
  await Promise.all(Array.from({ length: 8 }, () => history.upkeep(5, '2026-05-14')));
  // On a machine as slow as that a look may hold the default partition for longer than another waits for it.
  await eventually(async () => !(await history.upkeep(5, '2026-05-14')).postponed, 'all is done');
  assert.deepEqual(await places(queue), { 20260514: 1, 20260515: 0, 20260516: 0, default: 0 });
});

test('who records while a partition is made is neither refused nor lost', async () => {
  const sessionOptions = '-c default_transaction_isolation=repeatable\\ read';
  await using strict = pgDriver({ ...database.settings, sessionOptions });
  const queue = await openQueue(undefined, strict);
  const history = new History(queue.context);
  const at = new Date('2026-06-01T12:00:00Z');
  await using first = await driver.connect('first');
  await first.query({ text: 'BEGIN' });
  await history.record(first, 'w', [finish(1)], at);
  // It waits for less than a slow machine may need to go on.
  const upkeep = (async () => {
    while ((await history.upkeep(1, '2026-06-01')).postponed);
  })();
  await waiting('LOCK TABLE');
  const second = history.record(driver, 'w', [finish(2)], at);
  await waiting('INSERT INTO');
  await first.query({ text: 'COMMIT' });
  await Promise.all([second, upkeep]);
  assert.deepEqual(await places(queue), { 20260601: 2, 20260602: 0, 20260603: 0, default: 0 });
});

/** Records as somebody who waits for no lock, until `upkeep` is done. Returns how often. */
async function recordMeanwhile(history: History, at: Date, upkeep: Promise<unknown>): Promise<number> {
  await using hasty = await driver.connect('hasty');
  await hasty.query({ text: `SET lock_timeout = '20ms'` });
  let over = false;
  const ended = upkeep.finally(() => {
    over = true;
  });
  let records = 0;
  while (!over) {
    await history.record(hasty, 'w', [finish(1)], at);
    records += 1;
  }
  await ended;
  return records;
}

test('nobody who records waits while an old day, or one to come, waits for a long reader', async () => {
  const queue = await openQueue();
  const { finished, finishedDefault } = queue.context.tables;
  const history = new History(queue.context);
  await history.upkeep(3650, '2026-07-01');
  await history.upkeep(3650, '2026-07-03');
  const at = new Date('2026-07-03T12:00:00Z');
  await using reader = await driver.connect('reader');
  for (const [what, today] of [
    [`${finished} WHERE finished_at < '2026-07-01 12:00:00+00'`, '2026-07-03'],
    [finishedDefault, '2026-07-03'],
    [finishedDefault, '2026-07-04'],
  ] as const) {
    await reader.query({ text: 'BEGIN' });
    await reader.query({ text: `SELECT count(*) FROM ${what}` });
    const upkeep = history.upkeep(1, today);
    assert(await recordMeanwhile(history, at, upkeep), what);
    assert.deepEqual(await upkeep, { made: [], dropped: [], postponed: true });
    await reader.query({ text: 'COMMIT' });
  }
  const { made, dropped } = await history.upkeep(1, '2026-07-04');
  assert.deepEqual([made, dropped], [['2026-07-06'], ['2026-07-01', '2026-07-02']]);
});

test('a day of which too much lies in the default partition stays there, and is deleted when it is old', async () => {
  const queue = await openQueue();
  const history = new History(queue.context);
  const { finished } = queue.context.tables;
  const fill = (day: string, jobs: number) =>
    driver.query({
      text: `INSERT INTO ${finished} (finished_at, job_id, attempt, priority, outcome, worker, queue)
SELECT $1::timestamptz + nth * interval '1 s', nth, 1, 0, 'completed', 'w', 'q' FROM generate_series(1, $2::integer) AS nth`,
      values: [`${day} 08:00:00+00`, jobs],
    });
  await fill('2026-07-01', 5_000);
  await fill('2026-07-02', 2_000);
  await fill('2026-07-03', 2_001);
  assert.deepEqual(await history.upkeep(2, '2026-07-03'), {
    made: ['2026-07-02', '2026-07-04', '2026-07-05'],
    dropped: [],
    postponed: false,
  });
  assert.deepEqual(await places(queue), { 20260702: 2_000, 20260704: 0, 20260705: 0, default: 7_001 });
  assert.equal((await queue.finished.list({ limit: 10_000 })).length, 9_001);
  await history.upkeep(2, '2026-07-04');
  assert.equal((await places(queue))['default'], 2_001);
  await history.upkeep(2, '2026-07-06');
  assert.equal((await places(queue))['default'], 0);
});

test('a lock that is not to be had puts the rest off, and changes nothing', async () => {
  const queue = await openQueue();
  const history = new History(queue.context);
  await history.upkeep(3650, '2026-07-01');
  await history.record(driver, 'w', [finish(1)], new Date('2026-07-01T12:00:00Z'));
  await using reader = await driver.connect('reader');
  await reader.query({ text: 'BEGIN' });
  await reader.query({ text: `SELECT count(*) FROM ${queue.context.tables.finished}` });
  const before = await places(queue);
  const put = await history.upkeep(1, '2026-07-03');
  assert.deepEqual(put, { made: [], dropped: [], postponed: true });
  assert.deepEqual(await places(queue), before);
  await history.record(driver, 'w', [finish(2)], new Date('2026-07-03T12:00:00Z'));
  await reader.query({ text: 'COMMIT' });
  assert.deepEqual(await history.upkeep(1, '2026-07-03'), {
    made: ['2026-07-04', '2026-07-05'],
    dropped: ['2026-07-01'],
    postponed: false,
  });
});

test('it works for a role that owns its schema and nothing else, whatever that is called and the session is set to', async () => {
  const role = `keeper_${Math.random().toString(36).slice(2)}`;
  const schema = `it's "Mine" – 1`;
  await driver.query({
    text: `CREATE ROLE ${role} LOGIN PASSWORD 'p';
CREATE SCHEMA ${qualify(schema, 'x').replace('."x"', '')} AUTHORIZATION ${role};
ALTER ROLE ${role} SET TimeZone = 'Pacific/Kiritimati';
ALTER ROLE ${role} SET DateStyle = 'SQL, DMY';
ALTER ROLE ${role} SET default_transaction_isolation = 'repeatable read'`,
  });
  {
    await using own = pgDriver({ ...database.settings, user: role, password: 'p' });
    const queue = await openQueue(schema, own);
    const history = new History(queue.context);
    await history.record(own, 'w', [finish(1)], new Date('2026-08-01T23:30:00Z'));
    const { made } = await history.upkeep(3, '2026-08-03');
    assert.deepEqual(made, ['2026-08-01', '2026-08-03', '2026-08-04', '2026-08-05']);
    assert.deepEqual(await places(queue), { 20260801: 1, 20260803: 0, 20260804: 0, 20260805: 0, default: 0 });
    const { dropped } = await history.upkeep(1, '2026-08-03');
    assert.deepEqual(dropped, ['2026-08-01']);
    const day = () => new Date().toISOString().slice(0, 10);
    const days = [day(), (await history.upkeep(3650)).made[0], day()].sort();
    assert([days[0], days[2]].includes(days[1]), "the server's date is that of UTC");
  }
  await driver.query({ text: `DROP OWNED BY ${role}; DROP ROLE ${role}` });
});

test('days and retention out of range are refused', async () => {
  const queue = await openQueue();
  const history = new History(queue.context);
  await assert.rejects(history.upkeep(0), /days is 0: give a whole number in 1…3650/);
  await assert.rejects(history.upkeep(1, '2026-02-30'), /today is "2026-02-30": give a day as YYYY-MM-DD/);
  await assert.rejects(history.upkeep(1, `2026-02-01'`), InvalidArgumentError);
  assert.throws(() => requireRetention({ days: 1.5 }), InvalidArgumentError);
  // @ts-expect-error -- a misspelt option
  assert.throws(() => requireRetention({ day: 1 }), /retention has no option day/);
  requireRetention({ days: 7, payload: true });
});
