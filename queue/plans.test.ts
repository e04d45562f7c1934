// Do the hot statements keep their index plans, whatever the size of the queue when they were planned and run?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../testing/database.ts';
import type { Connection, Statement } from './drivers/driver.ts';
import { pgDriver } from './drivers/pg.ts';
import { strategies } from './strategies/index.ts';
import { leaseStatements } from './strategies/shared/lease-claim.ts';
import { keepIndexPlans } from './strategies/shared/planner.ts';
import { installJobsTable, jobsTable } from './strategies/shared/table.ts';

const table = jobsTable({ schema: 'plans' });
const statements = leaseStatements(table);
const SIZES = [0, 1, 1000, 200_000];
/** A prepared statement may get its generic plan from the sixth execution on. */
const EXECUTIONS = 6;

async function fill(connection: Connection, ready: number): Promise<void> {
  await connection.query({
    text: `INSERT INTO ${table.jobs} (queue, priority, max_attempts, state, payload)
      SELECT 'q', 0, 20, 'r', '{"n": 1}' FROM generate_series(1, ${ready} - (SELECT count(*) FROM ${table.jobs}))`,
  });
}

/** The plan in use for a prepared statement of this connection, one node per line. */
async function planOf(connection: Connection, { name }: Statement, args: string): Promise<string> {
  const { rows } = await connection.query<{ readonly 'QUERY PLAN': string }>({
    text: `EXPLAIN (COSTS OFF) EXECUTE ${name}(${args})`,
  });
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

/** Claims and gives everything back, so that the number of ready jobs stays. */
async function executeClaim(connection: Connection, claim: Statement): Promise<void> {
  await connection.query({ text: 'BEGIN' });
  await connection.query(claim);
  await connection.query({ text: 'ROLLBACK' });
}

function assertIndexPlan(plan: string, what: string): void {
  const [top, ...below] = plan.split('\n');
  assert.match(plan, /Index Scan using jobs_ready on jobs/, `${what}\n${plan}`);
  assert.match(plan, /Tid Scan on jobs/, `${what}\n${plan}`);
  assert.doesNotMatch(plan, /Seq Scan|Bitmap|Hash/, `${what}\n${plan}`);
  // One sort, at the top: that of the few returned rows.
  assert.match(top ?? '', /^Sort/);
  assert(!below.some((line) => /->\s+(Incremental )?Sort/.test(line)), `${what}\n${plan}`);
}

test('a claim walks the partial index at every size, with old plans and new', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  await installJobsTable(driver, table);
  // Only this test decides when there are statistics.
  await driver.query({ text: `ALTER TABLE ${table.jobs} SET (autovacuum_enabled = off)` });
  await using old = await driver.connect('old');
  await keepIndexPlans(old);
  for (const limit of [1, 100]) {
    const claim = statements.claim(limit)(['q', 1000, 'w']);
    for (let i = 0; i < EXECUTIONS; i += 1) await executeClaim(old, claim);
  }
  for (const size of SIZES) {
    await fill(old, size);
    await using fresh = await driver.connect('fresh');
    await keepIndexPlans(fresh);
    for (const limit of [1, 100]) {
      const claim = statements.claim(limit)(['q', 1000, 'w']);
      for (let i = 0; i < EXECUTIONS; i += 1) await executeClaim(fresh, claim);
      assertIndexPlan(
        await planOf(fresh, claim, `'q', 1000, 'w'`),
        `new plan, ${size} ready, limit ${limit}`,
      );
      assertIndexPlan(await planOf(old, claim, `'q', 1000, 'w'`), `old plan, ${size} ready, limit ${limit}`);
    }
  }
});

test('a plan made right after VACUUM ANALYZE of the empty table serves a full one', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  await installJobsTable(driver, table);
  await driver.query({ text: `ALTER TABLE ${table.jobs} SET (autovacuum_enabled = off)` });
  await driver.query({ text: `VACUUM ANALYZE ${table.jobs}` });
  await using connection = await driver.connect('worker');
  await keepIndexPlans(connection);
  const claim = statements.claim(100)(['q', 1000, 'w']);
  for (let i = 0; i < EXECUTIONS; i += 1) await executeClaim(connection, claim);
  await fill(connection, 20_000);
  assertIndexPlan(await planOf(connection, claim, `'q', 1000, 'w'`), 'planned while empty');
});

/** What a session sends, recorded on its way. */
function recording(connection: Connection, sent: Statement[]): Connection {
  return new Proxy(connection, {
    get(target, property) {
      if (property === 'query') {
        return (statement: Statement) => {
          sent.push(statement);
          return target.query(statement);
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A statement's values as SQL literals, for EXECUTE. */
function literals(values: readonly unknown[] | undefined): string {
  const one = (value: unknown): string => {
    if (!Array.isArray(value)) return typeof value === 'number' ? String(value) : `'${String(value)}'`;
    return `'{${value.map((item) => (item === null ? 'NULL' : `"${String(item)}"`)).join(',')}}'`;
  };
  return (values ?? []).map(one).join(', ');
}

for (const strategy of strategies) {
  test(`${strategy.strategyName}: a settle finds its jobs by their ids, however many are leased or ready`, async (t) => {
    const database = await testDatabase(t);
    await using driver = pgDriver(database.settings);
    const { install, openWorker, enqueue } = strategy.create({ schema: 'plans' });
    await install(driver);
    await driver.query({ text: `ALTER TABLE ${table.jobs} SET (autovacuum_enabled = off)` });
    const payloads = Array.from({ length: 3_000 }, () => ({ queue: 'q', payload: {} }));
    await enqueue(driver, payloads);
    const sent: Statement[] = [];
    const connection = recording(await driver.connect('settler'), sent);
    await using session = await openWorker(connection, 'w');
    const plans = new Map<string, string>();
    const remember = async (): Promise<void> => {
      for (const statement of sent.splice(0)) {
        if (!/DELETE|UPDATE/.test(statement.text) || statement.text.includes('candidate')) continue;
        plans.set(statement.name ?? '', await planOf(connection, statement, literals(statement.values)));
        sent.length = 0;
      }
    };
    // Once over few leased jobs and once over many; six times each, for the generic plan.
    for (let round = 0; round < 2 * EXECUTIONS; round += 1) {
      const jobs = await session.claim('q', 50, 60_000);
      sent.length = 0;
      await session.settle(jobs.slice(0, 1).map((job) => ({ kind: 'ack', job })));
      await session.settle(jobs.slice(1, 20).map((job) => ({ kind: 'ack', job })));
      await session.settle(
        jobs.slice(20, 30).map((job) => ({ kind: 'retry', job, delayMs: 9e6, error: 'x' })),
      );
      await session.heartbeat?.extend(jobs.slice(30), 60_000);
      if (round >= EXECUTIONS) await remember();
      if (round === EXECUTIONS) await session.claim('q', 1_000, 60_000);
    }
    assert.ok(plans.size >= 3, 'the settles were not seen');
    for (const plan of plans.values()) {
      assert.match(plan, /Index Scan using (jobs|claimed)_pkey on /, plan);
      assert.doesNotMatch(plan, /jobs_leased|jobs_ready|jobs_visible|claimed_expiry|Seq Scan|Bitmap/, plan);
    }
  });
}
