// Do the hot statements keep their index plans, whatever the size of the queue when they were planned and run?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../testing/database.ts';
import type { Connection, Database, Driver, Statement } from './drivers/driver.ts';
import { pgDriver } from './drivers/pg.ts';
import { strategies } from './strategies/index.ts';
import { jobsTable } from './strategies/shared/table.ts';
import type { StrategyFactory, WorkerSession } from './strategy.ts';

const SCHEMA = 'plans';
const table = jobsTable({ schema: SCHEMA });
const SIZES = [0, 1, 1000, 200_000];
const LIMITS = [1, 100];
/** A prepared statement may get its generic plan from the sixth execution on. */
const EXECUTIONS = 6;

/** Strategies on the shared table whose claims are statements. */
const CLAIM_STATEMENTS = ['skip-locked', 'batch', 'blocking', 'nowait', 'optimistic', 'held-transaction'];
/** Strategies on the shared table whose claims are functions: their plans are not to be seen, but what they read. */
const CLAIM_FUNCTIONS = ['advisory', 'advisory-candidates'];

async function fill(db: Database, ready: number): Promise<void> {
  await db.query({
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

/** A session of a strategy, and what it sends on its connection. */
interface Claimer {
  readonly name: string;
  readonly connection: Connection;
  readonly session: WorkerSession;
  readonly sent: Statement[];
  /** What its claims have sent so far, by the statements' names: some is sent only when nothing is ready. */
  readonly prepared: Map<string, Statement>;
}

function named(names: readonly string[]): readonly StrategyFactory[] {
  const found = strategies.filter(({ strategyName }) => names.includes(strategyName));
  assert.equal(found.length, names.length);
  return found;
}

async function openClaimers(driver: Driver, names: readonly string[]): Promise<readonly Claimer[]> {
  return Promise.all(
    named(names).map(async (factory) => {
      const sent: Statement[] = [];
      const connection = recording(await driver.connect('claimer'), sent);
      const session = await factory.create({ schema: SCHEMA }).openWorker(connection, 'w');
      return { name: factory.strategyName, connection, session, sent, prepared: new Map() };
    }),
  );
}

/** Installs what the strategies need. Only the test decides when there are statistics. */
async function installAll(driver: Driver, names: readonly string[]): Promise<void> {
  for (const factory of named(names)) await factory.create({ schema: SCHEMA }).install(driver);
  await driver.query({ text: `ALTER TABLE ${table.jobs} SET (autovacuum_enabled = off)` });
}

/** Claims and gives everything back, so that the number of ready jobs stays. */
async function claimAndRelease({ session, sent, prepared }: Claimer, limit: number): Promise<void> {
  sent.length = 0;
  const jobs = await session.claim('q', limit, 60_000);
  for (const statement of sent) if (statement.name !== undefined) prepared.set(statement.name, statement);
  const settled = await session.settle(jobs.map((job) => ({ kind: 'release', job })));
  assert.equal(settled.released, jobs.length);
}

function assertIndexPlan(plan: string, what: string): void {
  const [top, ...below] = plan.split('\n');
  const told = `${what}\n${plan}`;
  // The ready jobs by their index, or rows that it has found by where or which they are.
  assert.match(plan, /Index (Only )?Scan using (jobs_ready|jobs_pkey) on jobs/, told);
  assert.doesNotMatch(plan, /Seq Scan|Bitmap|Hash Join|Merge/, told);
  if (/Index Scan using jobs_ready/.test(plan) && /Update/.test(plan))
    assert.match(plan, /Tid Scan on jobs/, told);
  if (/jobs_pkey/.test(plan)) assert.doesNotMatch(plan, /jobs_ready/, told);
  // One sort at most, at the top: that of the few returned rows.
  if (/Sort/.test(plan)) {
    assert.match(top ?? '', /^Sort/, told);
    assert.match(plan, /CTE Scan on claimed/, told);
  }
  assert(!below.some((line) => /->\s+(Incremental )?Sort/.test(line)), told);
}

/** Claims six times by each limit, and looks at the plans of everything that its claims have ever sent under a name. */
async function assertIndexPlans(claimer: Claimer, what: string): Promise<void> {
  const { name, connection, prepared } = claimer;
  for (const limit of LIMITS) for (let i = 0; i < EXECUTIONS; i += 1) await claimAndRelease(claimer, limit);
  assert.ok(prepared.size > 0, `${name}: no statement of a claim was seen`);
  for (const statement of prepared.values()) {
    const plan = await planOf(connection, statement, literals(statement.values));
    assertIndexPlan(plan, `${name}, ${what}: ${statement.text}`);
  }
}

test('a claim walks the partial index at every size, with old plans and new', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  await installAll(driver, CLAIM_STATEMENTS);
  const old = await openClaimers(driver, CLAIM_STATEMENTS);
  for (const claimer of old) await assertIndexPlans(claimer, 'before all');
  for (const size of SIZES) {
    await fill(driver, size);
    for (const claimer of old) await assertIndexPlans(claimer, `old plan, ${size} ready`);
    for (const claimer of await openClaimers(driver, CLAIM_STATEMENTS)) {
      await assertIndexPlans(claimer, `new plan, ${size} ready`);
      await claimer.session[Symbol.asyncDispose]();
    }
  }
});

test('a plan made right after VACUUM ANALYZE of the empty table serves a full one', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  await installAll(driver, CLAIM_STATEMENTS);
  await driver.query({ text: `VACUUM ANALYZE ${table.jobs}` });
  const claimers = await openClaimers(driver, CLAIM_STATEMENTS);
  for (const claimer of claimers) await assertIndexPlans(claimer, 'empty');
  await fill(driver, 20_000);
  for (const claimer of claimers) await assertIndexPlans(claimer, 'planned while empty');
});

/** Rows of the jobs table that a claim reads by index, and its sequential scans; all in one transaction, as they are counted so. */
async function readsOf({ session, connection }: Claimer, limit: number) {
  const count = async () => {
    const { rows } = await connection.query<{ readonly fetched: number; readonly scans: number }>({
      text: `SELECT idx_tup_fetch::float8 AS fetched, seq_scan::float8 AS scans
        FROM pg_stat_xact_user_tables WHERE relid = '${table.jobs}'::regclass`,
    });
    return rows[0] ?? { fetched: 0, scans: 0 };
  };
  await connection.query({ text: 'BEGIN' });
  const before = await count();
  const jobs = await session.claim('q', limit, 60_000);
  const after = await count();
  await connection.query({ text: 'COMMIT' });
  await session.settle(jobs.map((job) => ({ kind: 'release', job })));
  return {
    claimed: jobs.length,
    fetched: after.fetched - before.fetched,
    scans: after.scans - before.scans,
  };
}

test('a claim function reads its candidates by index and nothing beyond them, with old plans and new', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  await installAll(driver, CLAIM_FUNCTIONS);
  const old = await openClaimers(driver, CLAIM_FUNCTIONS);
  for (const claimer of old)
    for (let i = 0; i < EXECUTIONS; i += 1) await claimAndRelease(claimer, LIMITS[i % 2] ?? 1);
  for (const size of SIZES) {
    await fill(driver, size);
    const fresh = await openClaimers(driver, CLAIM_FUNCTIONS);
    for (const claimer of [...old, ...fresh]) {
      for (const limit of LIMITS) {
        const what = `${claimer.name}, ${size} ready, limit ${limit}`;
        const candidates = claimer.name === 'advisory' ? limit : 1_000;
        for (let i = 0; i < EXECUTIONS; i += 1) {
          const { claimed, fetched, scans } = await readsOf(claimer, limit);
          assert.equal(claimed, Math.min(limit, size), what);
          assert.equal(scans, 0, what);
          // Each candidate, each claimed row once more; and as many again that a release has just moved.
          assert.ok(fetched <= 2 * (Math.min(candidates, size) + limit), `${what}: ${fetched} rows read`);
        }
      }
    }
    for (const { session } of fresh) await session[Symbol.asyncDispose]();
  }
});

/** Settles of every shape, and a heartbeat where there is one. */
async function settleEach(session: WorkerSession, sent: Statement[]): Promise<void> {
  const jobs = await session.claim('q', 50, 60_000);
  sent.length = 0;
  await session.settle(jobs.slice(0, 1).map((job) => ({ kind: 'ack', job })));
  await session.settle(jobs.slice(1, 20).map((job) => ({ kind: 'ack', job })));
  await session.settle(jobs.slice(20, 30).map((job) => ({ kind: 'retry', job, delayMs: 9e6, error: 'x' })));
  await session.heartbeat?.extend(jobs.slice(30), 60_000);
}

/** The same for a session that holds one job at a time. */
async function settleOneByOne(session: WorkerSession, sent: Statement[]): Promise<void> {
  const acked = await session.claim('q', 1, 60_000);
  sent.length = 0;
  await session.settle(acked.map((job) => ({ kind: 'ack', job })));
  const retried = await session.claim('q', 1, 60_000);
  await session.settle(retried.map((job) => ({ kind: 'retry', job, delayMs: 9e6, error: 'x' })));
}

for (const strategy of strategies) {
  test(`${strategy.strategyName}: a settle finds its jobs by their ids, however many are leased or ready`, async (t) => {
    const database = await testDatabase(t);
    await using driver = pgDriver(database.settings);
    const { install, openWorker, enqueue, fixed } = strategy.create({ schema: SCHEMA });
    const oneByOne = fixed?.batch !== undefined;
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
      await (oneByOne ? settleOneByOne : settleEach)(session, sent);
      if (round >= EXECUTIONS) await remember();
      if (round === EXECUTIONS && !oneByOne) await session.claim('q', 1_000, 60_000);
    }
    assert.ok(plans.size >= (oneByOne ? 2 : 3), 'the settles were not seen');
    for (const plan of plans.values()) {
      assert.match(plan, /Index Scan using (jobs|claimed)_pkey on /, plan);
      assert.doesNotMatch(plan, /jobs_leased|jobs_ready|jobs_visible|claimed_expiry|Seq Scan|Bitmap/, plan);
    }
  });
}
