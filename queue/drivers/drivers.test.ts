// Does every driver keep what the queue relies on, whichever client library it stands on?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { openProxy } from '../../testing/proxy.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { eventually } from '../eventually.ts';
import type { Database } from './driver.ts';
import type { Sending } from './options.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

const one = { name: 'one', text: 'SELECT $1::integer AS n', values: [1] };
const two = { name: 'one', text: 'SELECT $1::integer AS n', values: [2] };

/** A refused query's error code. */
async function codeOf(asked: Promise<unknown>): Promise<unknown> {
  return await asked.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
}

async function valueIn(db: Database, text: string, values?: readonly unknown[]): Promise<unknown> {
  const { rows } = await db.query<{ readonly v: unknown }>({ text, ...(values && { values }) });
  return rows[0]?.v;
}

for (const { label, library, pipeline, open: openDriver } of driverKinds) {
  const open = (settings: Partial<Parameters<typeof openDriver>[0]> = {}) =>
    openDriver({ ...database.settings, ...settings });

  describe(`driver ${label}`, () => {
    test('rows are counted, where none is touched as 0; a text may hold several statements', async () => {
      await using driver = open();
      await driver.query({
        text: `CREATE TABLE counted_${library}_${pipeline} (n integer); INSERT INTO counted_${library}_${pipeline} VALUES (1), (2)`,
      });
      const table = `counted_${library}_${pipeline}`;
      const counts = [];
      for (const text of [`UPDATE ${table} SET n = n + $1`, `DELETE FROM ${table} WHERE n > $1`])
        counts.push((await driver.query({ text, values: [1] })).rowCount);
      counts.push(
        (await driver.query({ text: `SELECT * FROM ${table} WHERE n > $1`, values: [9] })).rowCount,
      );
      counts.push((await driver.query({ text: `DROP TABLE ${table}` })).rowCount);
      assert.deepEqual(counts, [2, 2, 0, 0]);
    });

    test('a named statement is prepared once per connection, others are not', async () => {
      await using driver = open();
      await using session = await driver.connect('test');
      await Promise.all([session.query(one), session.query(two), session.query(one)]);
      await session.query(two);
      await session.query({ text: 'SELECT $1::text AS t', values: ['x'] });
      const kept = 'SELECT count(*)::integer AS v FROM pg_prepared_statements';
      assert.equal(await valueIn(session, kept), 1);
      await session.query({ name: 'bare', text: 'SELECT 1 AS n' });
      await session.query({ name: 'bare', text: 'SELECT 1 AS n' });
      assert.equal(await valueIn(session, kept), 2);
    });

    test('a refused statement rejects with the SQLSTATE and a stack that leads here; its companion is answered', async () => {
      await using driver = open();
      await using session = await driver.connect('test');
      const ask = async (): Promise<unknown> => session.query({ text: 'SELECT 1/$1::integer', values: [0] });
      const [refused, answered] = await Promise.allSettled([ask(), session.query<{ n: number }>(two)]);
      assert.equal(refused.status, 'rejected');
      const error: unknown = refused.reason;
      assert.ok(error instanceof Error && 'code' in error);
      assert.equal(error.code, '22012');
      assert.match(error.stack ?? '', /drivers\.test\.ts/);
      assert.equal(answered.status, 'fulfilled');
      assert.deepEqual(answered.value.rows, [{ n: 2 }]);
      assert.equal(await codeOf(driver.query({ text: 'no SQL' })), '42601');
      assert.equal(
        await codeOf(driver.query({ name: 'none', text: 'SELECT $1 FROM nowhere', values: [1] })),
        '42P01',
      );
    });

    test('statements leave together, or each after the answer to the one before it', async () => {
      const { host, port } = database.settings;
      await using proxy = await openProxy(host, port);
      const seen: [string, Sending][] = [];
      await using driver = open({
        host: '127.0.0.1',
        port: proxy.port,
        onStatement: ({ text }, sending) => void seen.push([text, sending]),
      });
      await using session = await driver.connect('test');
      const first = { name: 'first', text: 'SELECT $1::integer AS first_one', values: [1] };
      await session.query(first);
      proxy.hold(true);
      const asked = Promise.all([session.query(first), session.query({ text: 'SELECT 2 AS second_one' })]);
      await eventually(() => proxy.sent().includes('second_one') === pipeline, 'what is sent');
      await sleep(50);
      assert.equal(proxy.sent().includes('second_one'), pipeline);
      proxy.hold(false);
      await asked;
      const described = library === 'postgres';
      assert.deepEqual(seen, [
        [first.text, { joined: false, described }],
        [first.text, { joined: false, described: false }],
        ['SELECT 2 AS second_one', { joined: pipeline, described: false }],
      ]);
    });

    test('statements are told by what their connection was opened for', async () => {
      const seen: (string | undefined)[] = [];
      await using driver = open({ onStatement: (_statement, _sending, purpose) => void seen.push(purpose) });
      await using session = await driver.connect('test');
      await session.query(one);
      await driver.query(two);
      assert.deepEqual(seen, ['test', undefined]);
    });

    test('a transaction commits, rolls back, and does not take a failure for a commit', async () => {
      const sent: string[] = [];
      await using driver = open({
        max: 1,
        onStatement: ({ text }, { joined }) => void sent.push(`${text}${joined ? ' +' : ''}`),
      });
      await driver.query({ text: 'CREATE TABLE IF NOT EXISTS kept (n text)' });
      const insert = (n: string) => ({ text: `INSERT INTO kept VALUES ('${label} ${n}')` });
      sent.length = 0;
      assert.equal(await driver.transaction(async (tx) => (await tx.query(insert('a'))).rowCount), 1);
      assert.deepEqual(sent, ['BEGIN', `${insert('a').text}${pipeline ? ' +' : ''}`, 'COMMIT']);
      await assert.rejects(
        driver.transaction(async (tx) => {
          await tx.query(insert('b'));
          throw new Error('mine');
        }),
        /mine/,
      );
      await assert.rejects(
        driver.transaction(async (tx) => {
          await tx.query(insert('c'));
          await tx.query({ text: 'SELECT 1/0' }).catch(() => undefined);
        }),
        /rolled back/,
      );
      assert.equal(await codeOf(driver.transaction((tx) => tx.query({ text: 'SELECT 1/0' }))), '22012');
      const left = `SELECT array_agg(n) AS v FROM kept WHERE starts_with(n, '${label} ')`;
      assert.deepEqual(await valueIn(driver, left), [`${label} a`]);
    });

    test('a follower runs behind its statement, whatever becomes of either', async () => {
      const driver = open({ max: 1 });
      const table = `followed_${library}_${pipeline}`;
      await driver.query({ text: `CREATE TABLE ${table} (n integer PRIMARY KEY)` });
      const insert = (n: number) => ({
        name: 'insert',
        text: `INSERT INTO ${table} VALUES ($1) RETURNING n`,
        values: [n],
      });
      const codes: unknown[] = [];
      let told = 0;
      const tell = (error?: unknown): void => {
        told += 1;
        if (error !== undefined) codes.push(error instanceof Error && 'code' in error ? error.code : error);
      };
      // The follower finds what its statement has written, also where both are prepared for the first time.
      const copy = {
        name: 'copy',
        text: `INSERT INTO ${table} SELECT max(n) + $1 FROM ${table}`,
        values: [1],
      };
      for (const n of [1, 3, 5])
        assert.deepEqual((await driver.queryFollowed(insert(n), copy, tell)).rows, [{ n }]);
      assert.equal(
        await valueIn(driver, `SELECT string_agg(n::text, ',' ORDER BY n) AS v FROM ${table}`),
        '1,2,3,4,5,6',
      );
      assert.deepEqual(codes, []);
      // A refused statement keeps its follower, and the other way round.
      assert.equal(await codeOf(driver.queryFollowed(insert(1), copy, tell)), '23505');
      assert.deepEqual((await driver.queryFollowed(insert(8), insert(8), tell)).rows, [{ n: 8 }]);
      assert.equal(
        await valueIn(driver, `SELECT string_agg(n::text, ',' ORDER BY n) AS v FROM ${table} WHERE n > 6`),
        '7,8',
      );
      assert.deepEqual(codes, ['23505']);
      await driver.queryFollowed(insert(9), copy, tell);
      await driver[Symbol.asyncDispose]();
      assert.equal(told, 6, 'disposing waits for followers');
      assert.equal(codes.length, 1);
      await assert.rejects(driver.queryFollowed(insert(11), copy, tell));
      assert.equal(told, 7, 'one that is not sent is told of, too');
    });

    test('notifications are heard by whoever listens', async () => {
      await using driver = open();
      await using session = await driver.connect('test');
      const heard: string[] = [];
      await session.listen('Some "channel"', (payload) => void heard.push(payload));
      await session.listen('other', (payload) => void heard.push(`other ${payload}`));
      await driver.query({ text: 'SELECT pg_notify($1, $2)', values: ['Some "channel"', 'ü'] });
      await driver.query({ text: "NOTIFY other; NOTIFY unheard, 'x'" });
      await eventually(() => heard.length === 2, 'two notifications');
      assert.deepEqual(heard, ['ü', 'other ']);
    });

    test('a session that the server ends is over at once, with what was sent on it, and never comes back', async () => {
      await using driver = open({ applicationName: `lost ${label}` });
      await using session = await driver.connect('x');
      let endedAt = 0;
      session.ended.addEventListener('abort', () => {
        endedAt = performance.now();
      });
      const asked = [
        session.query({ text: 'SELECT pg_sleep($1)', values: [60] }),
        session.query({ text: 'SELECT pg_sleep($1)', values: [60] }),
        session.query({ text: 'SELECT 1' }),
      ];
      const settled = Promise.allSettled(asked);
      const active = `SELECT count(*)::integer AS v FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`;
      await eventually(
        async () => (await valueIn(driver, active, [session.backendPid])) === 1,
        'a statement',
      );
      const killedAt = performance.now();
      await driver.query({ text: 'SELECT pg_terminate_backend($1)', values: [session.backendPid] });
      const outcomes = await settled;
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['rejected', 'rejected', 'rejected'],
      );
      await eventually(() => session.closed, 'the end');
      assert.ok(endedAt - killedAt < 2_000);
      await assert.rejects(session.query({ text: 'SELECT 1' }), /is closed/);
      await sleep(100);
      const left = `SELECT count(*)::integer AS v FROM pg_stat_activity WHERE application_name = $1`;
      assert.equal(await valueIn(driver, left, [`lost ${label} x`]), 0);
    });

    test('a session that is closed ends before its goodbye, and what is asked of it rejects', async () => {
      await using driver = open();
      const session = await driver.connect('test');
      const closing = session[Symbol.asyncDispose]();
      assert.equal(session.closed, true);
      assert.equal(session.ended.aborted, true);
      await assert.rejects(session.query(one), /is closed/);
      await closing;
      await session[Symbol.asyncDispose]();
    });

    test('a pooled session that dies idle is told of and replaced; the pool keeps to its size', async () => {
      const errors: Error[] = [];
      await using driver = open({ max: 2, onIdleError: (error) => void errors.push(error) });
      const pid = 'SELECT pg_backend_pid() AS v FROM pg_sleep(0.02)';
      const pids = await Promise.all([1, 2, 3, 4, 5].map(() => valueIn(driver, pid)));
      assert.equal(new Set(pids).size, 2);
      const [mine, other] = new Set(pids);
      await using admin = open({ max: 1 });
      await admin.query({
        text: 'SELECT pg_terminate_backend($1), pg_terminate_backend($2)',
        values: [mine, other],
      });
      await eventually(() => errors.length === 2, 'two errors');
      assert.ok(!pids.includes(await valueIn(driver, pid)));
    });

    test('disposing waits for what runs, and nothing is begun afterwards', async () => {
      const driver = open();
      const slow = valueIn(driver, 'SELECT 5 AS v FROM pg_sleep(0.2)');
      await sleep(100);
      await driver[Symbol.asyncDispose]();
      assert.equal(await slow, 5);
      await assert.rejects(driver.query(one));
      await assert.rejects(driver.connect('x'), /disposed/);
      await driver[Symbol.asyncDispose]();
    });

    test('sessions have the name, the options and the address that they were given', async () => {
      await using driver = openDriver({
        connectionString: database.url,
        applicationName: 'named',
        sessionOptions: '-c work_mem=7MB -c statement_timeout=50s',
      });
      await using session = await driver.connect('x'.repeat(100));
      const settings = `SELECT ARRAY[current_setting('application_name'), current_setting('work_mem'), current_setting('statement_timeout')] AS v`;
      assert.deepEqual(await valueIn(driver, settings), ['named', '7MB', '50s']);
      assert.deepEqual(await valueIn(session, settings), [`named ${'x'.repeat(57)}`, '7MB', '50s']);
      assert.equal(await valueIn(session, 'SELECT pg_backend_pid() AS v'), session.backendPid);
    });

    test('a server that refuses, is not there, or says nothing, is told in time', async () => {
      await using refused = open({ database: 'no such database' });
      assert.equal(await codeOf(refused.connect('x')), '3D000');
      assert.equal(await codeOf(refused.query(one)), '3D000');
      const { host, port } = database.settings;
      await using proxy = await openProxy(host, port);
      proxy.hold(true);
      await using mute = open({ host: '127.0.0.1', port: proxy.port, connectTimeoutMs: 100 });
      const from = performance.now();
      await assert.rejects(mute.connect('x'));
      await assert.rejects(mute.query(one));
      assert.ok(performance.now() - from < 2_000);
      const gone = await openProxy(host, port);
      await gone[Symbol.asyncDispose]();
      await using nobody = open({ host: '127.0.0.1', port: gone.port });
      assert.equal(await codeOf(nobody.connect('x')), 'ECONNREFUSED');
    });

    test('a session can be watched, and spoken to between what its user does', async () => {
      const said: string[] = [];
      let speak: (text: string) => Promise<void> = async () => assert.fail();
      await using driver = open({
        onSession: ({ purpose, between }) => {
          speak = between;
          between("SET application_name = 'first words'").catch(() => said.push('refused'));
          return (message) => void said.push(`${purpose}: ${message}`);
        },
      });
      await using session = await driver.connect('x');
      const name = "SELECT current_setting('application_name') AS v";
      assert.equal(await valueIn(session, name), 'first words');
      await session.query({ text: "DO $$ BEGIN RAISE NOTICE 'heard'; END $$" });
      assert.deepEqual(said, ['x: heard']);
      await session.query({ text: 'BEGIN' });
      const spoken = speak("SET application_name = 'between'");
      await session.query({ text: 'SAVEPOINT s' });
      await session.query({ text: 'SELECT 1/0' }).catch(() => undefined);
      await session.query({ text: 'ROLLBACK TO s' });
      await session.query({ text: 'ROLLBACK' });
      assert.equal(await valueIn(session, name), 'between');
      await spoken;
      assert.equal(await valueIn(driver, name), 'first words');
    });

    test('a pool of none, or of too many, is refused', () => {
      for (const max of [0, 1.5, 1001]) assert.throws(() => open({ max }), /give a whole number in 1…1000/);
    });
  });
}
