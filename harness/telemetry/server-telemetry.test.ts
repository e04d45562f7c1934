// Do the sampler, the cost counters and the environment tell what really happens on a server?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { serverOfVersion } from '../../testing/server-of-version.ts';
import { captureEnvironment, isDurable, readCpuTimes, stealShare } from '../measure/environment.ts';
import { environmentSchema } from '../result/result.ts';
import { connect, withConnection } from '../server/connect.ts';
import { startEmbedded } from '../server/embedded.ts';
import type { CellDatabase } from '../server/server.ts';
import { type ServerReading, startSampler } from './sampler.ts';
import { costsBetween, readCosts, resetStatistics, waitForQuiet } from './server-costs.ts';

const LOAD = { applicationName: 'load' };

async function withLoad<T>(cell: CellDatabase, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withConnection(cell.connection, LOAD, work);
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `in time: ${what}`);
    await sleep(50);
  }
}

for (const version of ['18', '14'] as const) {
  describe(`PostgreSQL ${version}`, () => {
    const found = serverOfVersion(version);

    async function freshCell(context: {
      skip(reason: string): void;
      after(release: () => Promise<void>): void;
    }) {
      const { server, why } = found;
      if (server === undefined) {
        context.skip(why);
        return undefined;
      }
      const cell = await server.openDatabase('telemetry');
      context.after(async () => cell[Symbol.asyncDispose]());
      await withLoad(cell, (client) =>
        client.query(
          `CREATE SCHEMA claimbench; CREATE TABLE claimbench.jobs (id int PRIMARY KEY, state int, note text)`,
        ),
      );
      return { cell, cpuUs: server.cpuUs };
    }

    test('costs of a thousand inserts, updates and deletes are what was done', async (context) => {
      const fresh = await freshCell(context);
      if (!fresh) return;
      const { cell, cpuUs } = fresh;
      assert.deepEqual(await resetStatistics(cell, true), []);
      assert.deepEqual(await waitForQuiet(cell, 10_000), []);
      const start = await readCosts(cell, cpuUs);
      await withLoad(cell, async (client) => {
        for (let id = 0; id < 1_000; id += 1) {
          await client.query('INSERT INTO claimbench.jobs VALUES ($1, 0, $2)', [id, 'x'.repeat(100)]);
        }
        await client.query('UPDATE claimbench.jobs SET state = 1 WHERE id < 300');
        await client.query('DELETE FROM claimbench.jobs WHERE id < 200');
      });
      assert.deepEqual(await waitForQuiet(cell, 10_000), []);
      const spent = costsBetween(start, await readCosts(cell, cpuUs));
      const { walBytes = -1, walFpiBytes = -1, commits = -1, deadTuples = -1, hotUpdates = -1 } = spent;

      const walPerRow = walBytes / 1_000;
      assert.ok(walPerRow > 200 && walPerRow < 2_000, `${walPerRow} bytes of WAL per row of about 140 bytes`);
      assert.ok(walFpiBytes >= 0 && walFpiBytes <= walBytes);
      // 1,002 statements and the start of their session; autovacuum may add a few.
      assert.ok(commits >= 1_003 && commits <= 1_003 + 10, `${commits} commits`);
      assert.ok(deadTuples >= 500 && deadTuples < 600, `${deadTuples} dead tuples`);
      assert.equal(spent.updates, 300);
      assert.ok(hotUpdates >= 0 && hotUpdates <= 300);
      assert.ok(spent.buffers !== undefined && spent.buffers > 3_000, `${spent.buffers} buffers`);
      assert.ok(cpuUs === undefined || (spent.serverCpuUs !== undefined && spent.serverCpuUs > 0));
    });

    test('two readings in a row find that nothing was spent', async (context) => {
      const fresh = await freshCell(context);
      if (!fresh) return;
      await waitForQuiet(fresh.cell, 10_000);
      const first = await readCosts(fresh.cell);
      await sleep(100);
      const spent = costsBetween(first, await readCosts(fresh.cell));
      assert.equal(spent.commits, 0, 'the readings do not count themselves');
      assert.equal(spent.deadTuples, 0);
      assert.equal(spent.buffers, 0);
      assert.ok(spent.missing.some((line) => line.startsWith('server CPU')));
    });

    test('a counter that falls makes its figure absent, with a note, and not 0', async (context) => {
      const fresh = await freshCell(context);
      if (!fresh) return;
      await withLoad(fresh.cell, (client) => client.query('INSERT INTO claimbench.jobs VALUES (1, 0)'));
      await withLoad(fresh.cell, (client) => client.query('UPDATE claimbench.jobs SET state = 1'));
      await waitForQuiet(fresh.cell, 10_000);
      const first = await readCosts(fresh.cell);
      await withLoad(fresh.cell, (client) => client.query('SELECT pg_stat_reset()'));
      await waitForQuiet(fresh.cell, 10_000);
      const spent = costsBetween(first, await readCosts(fresh.cell));
      assert.equal(spent.deadTuples, undefined);
      assert.equal(spent.updates, undefined);
      assert.ok(spent.walBytes !== undefined && spent.walBytes >= 0);
      assert.ok(spent.missing.includes('dead tuples: the counter fell while the load ran'));
    });

    test('waiting for quiet names who is still there', async (context) => {
      const fresh = await freshCell(context);
      if (!fresh) return;
      const client = await connect(fresh.cell.connection, LOAD);
      assert.deepEqual(await waitForQuiet(fresh.cell, 200), ['load']);
      await client.end();
    });

    test('the sampler sees a lock that is waited for, dead rows, an old horizon, and not itself', async (context) => {
      const fresh = await freshCell(context);
      if (!fresh) return;
      const { cell } = fresh;
      const readings: ServerReading[] = [];
      const holder = await connect(cell.connection, LOAD);
      const waiter = await connect(cell.connection, LOAD);
      const sampler = await startSampler({
        watched: cell,
        intervalMs: 100,
        onSample: (reading) => readings.push(reading),
      });
      try {
        assert.deepEqual(sampler.missing, []);
        await holder.query('INSERT INTO claimbench.jobs SELECT i, 0 FROM generate_series(1, 1000) i');
        await holder.query('UPDATE claimbench.jobs SET state = 1 WHERE id <= 400');
        await holder.query('BEGIN; SELECT * FROM claimbench.jobs WHERE id = 1000 FOR UPDATE');
        const blocked = waiter.query('UPDATE claimbench.jobs SET state = 2 WHERE id = 1000');
        await eventually('a wait for a lock', () =>
          readings.some(({ waits }) => waits['Lock:transactionid'] === 1 && waits['Client:ClientRead'] === 1),
        );
        await holder.query('COMMIT');
        await blocked;
        await eventually('nobody waits', () => Object.keys(readings.at(-1)?.waits ?? { x: 1 }).length === 0);
        // Backends report what they did when they next go idle after a second, so one more statement each.
        await sleep(1_100);
        await holder.query('SELECT 1');
        await eventually('dead rows', () => (readings.at(-1)?.deadTuples ?? 0) >= 400);
        await eventually('live rows', () => (readings.at(-1)?.liveTuples ?? 0) >= 1_000);

        await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM claimbench.jobs');
        for (let i = 0; i < 50; i += 1)
          await waiter.query('UPDATE claimbench.jobs SET state = 3 WHERE id = 7');
        await eventually('a held horizon', () => (readings.at(-1)?.xminAge ?? 0) >= 50);
        await holder.query('ROLLBACK');
        await eventually('WAL', () => (readings.at(-1)?.walBytes ?? 0) > 100_000);
        for (const [i, reading] of readings.entries()) {
          assert.ok(i === 0 || reading.atUs > (readings[i - 1]?.atUs ?? 0), 'instants rise');
        }
        assert.ok(sampler.commits() > readings.length && sampler.spentUs() > 0);
      } finally {
        await Promise.all([holder.end(), waiter.end()]);
        await sampler[Symbol.asyncDispose]();
      }
      const count = readings.length;
      await sleep(250);
      assert.equal(readings.length, count, 'silent once disposed');
    });

    test('the sampler comes back after its connection was cut, and its commits can be taken out', async (context) => {
      const fresh = await freshCell(context);
      if (!fresh) return;
      const { cell } = fresh;
      const readings: ServerReading[] = [];
      await waitForQuiet(cell, 10_000);
      const start = await readCosts(cell);
      const sampler = await startSampler({
        watched: cell,
        intervalMs: 100,
        onSample: (reading) => readings.push(reading),
      });
      await withLoad(cell, (client) =>
        client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'claimbench sampler' AND datname = current_database()`,
        ),
      );
      const cut = readings.length;
      await eventually('readings again', () => readings.length > cut + 10);
      await sampler[Symbol.asyncDispose]();
      await sleep(700);
      const spent = costsBetween(start, await readCosts(cell), sampler.commits());
      const { commits = -1 } = spent;
      // The load's session: its start, and one statement. The cut may have cost the sampler a statement that had committed.
      assert.ok(commits >= 2 && commits <= 4, `${commits} commits beside the sampler's`);
      assert.ok(
        spent.buffers !== undefined && spent.buffers < 2_000,
        `${spent.buffers} buffers without the sampler`,
      );
    });
  });
}

describe('the environment', () => {
  test('fits the bundle and reads the server back', async () => {
    const cpuTimesAtStart = readCpuTimes();
    await using server = await startEmbedded({ settings: { synchronous_commit: 'off' } });
    await using cell = await server.openDatabase('environment');
    const environment = await captureEnvironment({ server, connection: cell.connection, cpuTimesAtStart });
    environmentSchema.parse(environment);
    assert.equal(environment.server.settings['shared_buffers'], '256MB');
    assert.equal(environment.server.durable, false);
    assert.ok(environment.sharedMachine);
    assert.ok(environment.fsyncUs !== undefined && environment.fsyncUs > 0);
    if (process.platform === 'linux') assert.ok(environment.stealShare !== undefined);
    assert.match(environment.claimbenchVersion, /^\d+\.\d+\.\d+/);
  });

  test('durable is what survives a crash', () => {
    const safe = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' };
    assert.ok(isDurable(safe));
    for (const name of Object.keys(safe)) assert.ok(!isDurable({ ...safe, [name]: 'off' }), name);
    assert.ok(!isDurable({}));
  });

  test('the stolen share is that of the time between', () => {
    assert.equal(stealShare({ total: 100, steal: 10 }, { total: 200, steal: 30 }), 0.2);
    assert.equal(stealShare({ total: 100, steal: 10 }, { total: 100, steal: 10 }), undefined);
  });
});
