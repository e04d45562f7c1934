// Is everything that a cell keeps of its server read on each version, and does what cannot be read only cost a note?

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import pg from 'pg';

import { pgDriver } from '../../queue/index.ts';
import { serverOfVersion } from '../../testing/server-of-version.ts';
import { SessionWatch } from '../fairness/session-watch.ts';
import { nowUs } from '../load/clock.ts';
import { planSchema, sampleSchema } from '../result/result.ts';
import { telemetrySchema } from '../result/telemetry.ts';
import { connect, withConnection } from '../server/connect.ts';
import type { CellDatabase } from '../server/server.ts';
import { PlanCollector } from './plan-collector.ts';
import { explainAfterwards, mergePlans, planAccess } from './plans.ts';
import { ServerWatch } from './server-watch.ts';

const LOAD = { applicationName: 'load' };
const FIND = 'SELECT id FROM claimbench.jobs WHERE state = $1 LIMIT 1';
const SCAN = 'SELECT count(*) FROM claimbench.jobs WHERE note <> $1';

interface Scope {
  skip(reason: string): void;
  after(release: () => Promise<void>): void;
}

for (const version of ['18', '16', '14'] as const) {
  describe(`PostgreSQL ${version}`, () => {
    const found = serverOfVersion(version);

    /** A database with a table of 5,000 rows and an index on its state. */
    async function freshCell(scope: Scope): Promise<CellDatabase | undefined> {
      const { server, why } = found;
      if (server === undefined) {
        scope.skip(why);
        return undefined;
      }
      const cell = await server.openDatabase('telemetry');
      scope.after(async () => cell[Symbol.asyncDispose]());
      await withConnection(cell.connection, LOAD, (client) =>
        client.query(
          `CREATE SCHEMA claimbench;
           CREATE TABLE claimbench.jobs (id int PRIMARY KEY, state int, note text);
           INSERT INTO claimbench.jobs SELECT i, i, repeat('x', 100) FROM generate_series(1, 5000) i;
           CREATE INDEX jobs_state ON claimbench.jobs (state); ANALYZE claimbench.jobs`,
        ),
      );
      return cell;
    }

    /** The same database as a role without any privilege of a superuser's, which owns the schema. */
    async function asPlainRole(cell: CellDatabase, limit: number): Promise<CellDatabase> {
      const user = `plain_${randomBytes(4).toString('hex')}`;
      await withConnection(cell.connection, LOAD, (client) =>
        client.query(
          `CREATE ROLE ${user} LOGIN PASSWORD 'plain' CONNECTION LIMIT ${limit};
           ALTER SCHEMA claimbench OWNER TO ${user}; ALTER TABLE claimbench.jobs OWNER TO ${user}`,
        ),
      );
      return { ...cell, connection: { ...cell.connection, user, password: 'plain' } };
    }

    async function work(cell: CellDatabase): Promise<void> {
      await withConnection(cell.connection, LOAD, async (client) => {
        await client.query('UPDATE claimbench.jobs SET note = note WHERE id <= 1000');
        await client.query('DELETE FROM claimbench.jobs WHERE id <= 500');
        await client.query('CHECKPOINT').catch(() => undefined);
        await client.query('VACUUM claimbench.jobs');
        for (let i = 0; i < 20; i += 1)
          await client.query('UPDATE claimbench.jobs SET state = -1 WHERE id = 4000');
      });
    }

    async function watched(cell: CellDatabase, sampling: boolean, load: () => Promise<void>) {
      await using watch = new ServerWatch(cell, found.server, { sampling });
      await watch.settleDown();
      await watch.begin();
      const startUs = nowUs();
      await load();
      const account = await watch.end(startUs, nowUs());
      return { account, telemetry: telemetrySchema.parse(account.telemetry) };
    }

    test('a load is told by every view that the version has', async (scope) => {
      const cell = await freshCell(scope);
      if (!cell) return;
      const { account, telemetry } = await watched(cell, true, () => work(cell));
      for (const sample of account.samples('c')) sampleSchema.parse(sample);
      assert.ok(telemetry.readings > 0 && telemetry.samplerBusyShare !== undefined);
      assert.ok((telemetry.wal?.records ?? 0) > 1_000 && (telemetry.wal?.bytes ?? 0) > 100_000);
      assert.ok((telemetry.wal?.fsyncs ?? 0) >= 20, `${telemetry.wal?.fsyncs} fsyncs of 24 commits`);
      assert.ok((telemetry.checkpoints?.requested ?? 0) >= 1);
      assert.equal(telemetry.checkpoints?.done !== undefined, version === '18');
      assert.equal(telemetry.vacuum?.vacuums, 1);
      assert.equal(telemetry.io !== undefined, version !== '14');
      assert.deepEqual(
        telemetry.missing.map((one) => one.split(':')[0]),
        version === '14' ? ['I/O by kind of process'] : [],
      );
      const update = telemetry.statements?.find((one) => one.statement.includes('SET state'));
      assert.equal(update?.calls, 20);
      assert.ok(update.meanUs > 0 && update.walBytes > 0 && update.rows === 20);
      assert.ok(telemetry.statements?.every((one) => !/claimbench costs|auto_explain/.test(one.statement)));
      const table = telemetry.storage.filter((one) => one.relation === 'jobs');
      assert.deepEqual(
        table.map((one) => [one.when, one.tuples]),
        [
          ['before', 5_000],
          ['after', 4_500],
        ],
      );
      assert.ok(
        (table[1]?.freePercent ?? 0) > (table[0]?.freePercent ?? 0),
        'what was vacuumed away is free',
      );
      const index = telemetry.storage.find((one) => one.relation === 'jobs_state' && one.when === 'after');
      assert.ok((index?.leafDensityPercent ?? 0) > 50);
      if (process.platform === 'linux') assert.ok(Object.keys(telemetry.cpuUs ?? {}).length > 0);
      // The extension lies beside the queue's schema, not in it.
      assert.ok(!telemetry.storage.some((one) => /pgstat/.test(one.relation)));
    });

    test('without sampling nothing is read during the load, and the cell says so', async (scope) => {
      const cell = await freshCell(scope);
      if (!cell) return;
      const { account, telemetry } = await watched(cell, false, () => work(cell));
      assert.equal(telemetry.sampling, false);
      assert.equal(telemetry.readings, 0);
      assert.equal(telemetry.samplerBusyShare, undefined);
      assert.deepEqual(account.samples('c'), []);
      assert.ok(account.notes.some((note) => note.startsWith('sampling was off')));
      assert.ok((account.spent?.deadTuples ?? 0) >= 1_520, 'costs are counted all the same');
    });

    test('a plain role on a database of somebody else loses detail, not the cell', async (scope) => {
      const cell = await freshCell(scope);
      if (!cell) return;
      const plain = { ...(await asPlainRole(cell, -1)), exclusive: false };
      const { account, telemetry } = await watched(plain, true, () => work(plain));
      assert.ok(telemetry.readings > 0);
      const missing = telemetry.missing.join('\n');
      assert.match(missing, /pg_read_all_stats/);
      assert.match(missing, /pgstattuple is not in the database/);
      assert.ok(telemetry.storage.every((one) => one.skipped !== undefined && one.bytes >= 0));
      assert.equal(telemetry.statements?.find((one) => one.statement.includes('SET state'))?.calls, 20);
      assert.ok(account.spent !== undefined);
      await withConnection(cell.connection, LOAD, async (client) => {
        const { rows } = await client.query(`SELECT FROM pg_extension WHERE extname = 'pgstattuple'`);
        assert.equal(rows.length, 0, 'nothing is installed there');
      });
    });

    test('a sampler that finds no connection free is a note', async (scope) => {
      const cell = await freshCell(scope);
      if (!cell) return;
      const plain = await asPlainRole(cell, 1);
      await using watch = new ServerWatch(plain, found.server);
      const load = await connect(plain.connection, LOAD);
      await watch.begin();
      const startUs = nowUs();
      await load.query('UPDATE claimbench.jobs SET state = 0 WHERE id = 1');
      await load.end();
      const account = await watch.end(startUs, nowUs());
      assert.deepEqual(account.samples('c'), []);
      assert.ok(
        account.notes.some((note) => /^server telemetry: cannot connect/.test(note)),
        account.notes.join('\n'),
      );
      assert.ok(account.notes.some((note) => note.startsWith('costs were not measured')));
      assert.equal(account.telemetry?.readings, 0);
    });

    test('a sampler leaves the last connections to the load', async (scope) => {
      const cell = await freshCell(scope);
      if (!cell) return;
      const plain = await asPlainRole(cell, 6);
      const noted = async (leave: number): Promise<readonly string[]> => {
        await using watch = new ServerWatch(plain, found.server, { leave });
        await watch.begin();
        return (await watch.end(0, 1)).notes.filter((note) => note.startsWith('server telemetry: '));
      };
      assert.deepEqual(await noted(5), []);
      assert.deepEqual(await noted(6), [
        'server telemetry: its connection was left to the load, which may need 6 more',
      ]);
    });

    test('the plans that ran are sent: first those for values, then the generic one, and a scan of the table', async (scope) => {
      const cell = await freshCell(scope);
      if (!cell) return;
      const { sampling, missing } = await planAccess(cell.connection);
      assert.deepEqual(missing, []);
      const collector = new PlanCollector(sampling);
      const startUs = nowUs();
      {
        await using driver = pgDriver({ ...cell.connection, ...collector.driverOptions() });
        await using session = await driver.connect('worker');
        for (let i = 0; i < 10; i += 1) {
          await session.query({ name: 'find', text: FIND, values: [i] });
          await driver.query({ text: SCAN, values: ['secret'] });
        }
        for (let i = 0; i < 200; i += 1) await session.query({ name: 'find', text: FIND, values: [i] });
        const { rows } = await session.query<{ rate: string }>({
          text: `SELECT current_setting('auto_explain.sample_rate') AS rate`,
        });
        assert.equal(rows[0]?.rate, '0.002', 'after the first plans it is a sample');
      }
      const plans = mergePlans('c', [{ role: 'worker', report: collector.report() }], startUs);
      for (const plan of plans) planSchema.parse(plan);
      const find = plans.filter((plan) => plan.query === FIND);
      assert.equal(find.length, 2, find.map((plan) => plan.plan).join('\n'));
      assert.match(find[0]?.plan ?? '', /Index Scan using jobs_state[\s\S]*state = 0/);
      assert.match(find[1]?.plan ?? '', /Index Scan using jobs_state[\s\S]*state = \$1/);
      assert.ok((find[0]?.lastSeconds ?? 0) <= (find[1]?.firstSeconds ?? 0), 'one after the other');
      assert.ok((find[1]?.seen ?? 0) >= 30 && (find[1]?.seen ?? 0) < 60, `${find[1]?.seen} of 205`);
      const scan = plans.find((plan) => plan.query === SCAN);
      assert.match(scan?.plan ?? '', /Seq Scan on jobs/);
      assert.ok(!JSON.stringify(collector.report().plans.map((p) => p.query)).includes('secret'));
    });

    test('where auto_explain cannot be loaded, statements are explained afterwards as they were planned', async (scope) => {
      const cell = await freshCell(scope);
      if (!cell) return;
      const plain = await asPlainRole(cell, -1);
      const { sampling, missing } = await planAccess(plain.connection);
      assert.equal(sampling.sessionOptions, undefined);
      assert.match(missing.join(), /auto_explain cannot be loaded \(.*permission denied/);
      const collector = new PlanCollector(sampling);
      const watch = new SessionWatch();
      {
        await using driver = pgDriver({
          ...plain.connection,
          onStatement: (statement) => collector.sent(statement),
        });
        await using session = await driver.connect('worker');
        await session.query({
          text: `SET LOCAL lock_timeout = '1s'; SET enable_indexscan = off; SET enable_bitmapscan = off;
                 SET work_mem = '5MB'; SET statement_timeout = 0; SET my.secret = 'x'`,
        });
        await session.query({ text: FIND, values: [1], name: 'find' });
        await session.query({ text: 'SELECT 1' });
        await watch.read(session, 'end');
      }
      const { own } = watch.report();
      assert.deepEqual(own, { enable_bitmapscan: 'off', enable_indexscan: 'off', work_mem: '5120' });
      const agents = [{ role: 'worker', report: collector.report(), own }] as const;
      const explained = await explainAfterwards('c', plain.connection, agents);
      assert.deepEqual(explained.missing, []);
      assert.equal(explained.plans.length, 1);
      const [plan] = explained.plans;
      assert.equal(planSchema.parse(plan).how, 'explained afterwards');
      assert.match(plan?.plan ?? '', /Seq Scan on jobs[\s\S]*state = \$1/);
      assert.match(plan?.plan ?? '', /Settings:.*work_mem = '5MB'/);
      await assert.rejects(
        withConnection(plain.connection, LOAD, (client) => client.query('LOAD $$auto_explain$$')),
        pg.DatabaseError,
      );
    });

    test('of a contender’s text nothing is executed when it is explained, nor can its functions write', async (scope) => {
      const cell = await freshCell(scope);
      if (!cell) return;
      const plain = await asPlainRole(cell, -1);
      await withConnection(plain.connection, LOAD, (client) =>
        client.query(
          `CREATE FUNCTION claimbench.empty_it() RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN DELETE FROM claimbench.jobs; RETURN 1; END $$;
           CREATE FUNCTION claimbench.sly() RETURNS int IMMUTABLE LANGUAGE plpgsql AS
             $$ BEGIN RETURN claimbench.empty_it(); END $$`,
        ),
      );
      const collector = new PlanCollector({});
      const texts = [
        'SELECT 1; COMMIT; DELETE FROM claimbench.jobs',
        'SELECT claimbench.sly()',
        'DELETE FROM claimbench.jobs RETURNING id',
      ];
      for (const text of texts) collector.sent({ text, name: text });
      collector.sent({ text: `SET LOCAL lock_timeout = '1s'; DELETE FROM claimbench.jobs RETURNING id` });
      const own = { lock_timeout: '1000', no_such_setting: '1', default_transaction_read_only: 'off' };
      const agents = [{ role: 'worker', report: collector.report(), own }] as const;
      const { plans, missing } = await explainAfterwards('c', plain.connection, agents);
      assert.deepEqual(
        plans.map((plan) => plan.query),
        [texts[2]],
        missing.join('\n'),
      );
      assert.match(missing.join('\n'), /no_such_setting/);
      assert.match(missing.join('\n'), /cannot insert multiple commands into a prepared statement/);
      assert.match(missing.join('\n'), /cannot execute DELETE in a read-only transaction/);
      await withConnection(cell.connection, LOAD, async (client) => {
        const { rows } = await client.query('SELECT count(*)::int AS jobs FROM claimbench.jobs');
        assert.deepEqual(rows, [{ jobs: 5_000 }]);
      });
    });
  });
}
