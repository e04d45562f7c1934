// Do the strategies with a layout of their own walk indexes, whatever the size of the queue when a statement was planned?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../testing/database.ts';
import type { Connection, Database, Statement } from './drivers/driver.ts';
import { pgDriver } from './drivers/pg.ts';
import { sharded } from './strategies/sharded.ts';
import { LANE_OF_ID, laneClaimSql, laneHasJobsSql } from './strategies/shared/lane-claim.ts';
import { keepIndexPlans } from './strategies/shared/planner.ts';
import { jobsTable } from './strategies/shared/table.ts';
import { tableMove } from './strategies/table-move.ts';
import { visibilityTimeout } from './strategies/visibility-timeout.ts';
import type { ClaimStrategy, Outcome, StrategyFactory, WorkerSession } from './strategy.ts';

const SCHEMA = 'plans';
const SIZES = [1, 1000, 200_000];
const LIMITS = [1, 100];
/** A prepared statement may get its generic plan from the sixth execution on. */
const EXECUTIONS = 6;
const CHUNK = 5_000;

interface Layout {
  readonly factory: StrategyFactory;
  readonly tables: readonly string[];
  /** What a claim's plan must show; absent where the claim is a function. */
  readonly claim?: readonly RegExp[];
}

const layouts: readonly Layout[] = [
  {
    factory: visibilityTimeout,
    tables: ['jobs'],
    claim: [/Index Scan using jobs_visible on jobs/, /Tid Scan on jobs/],
  },
  {
    factory: tableMove,
    tables: ['jobs', 'ready', 'claimed', 'scheduled'],
    claim: [
      /Index Scan using ready_pkey on ready/,
      /Tid Scan on ready/,
      /Index Scan using jobs_pkey on jobs/,
    ],
  },
  { factory: sharded, tables: ['jobs'] },
];

/** A session that was opened now, and what it sends. */
interface Observed {
  readonly connection: Connection;
  readonly session: WorkerSession;
  readonly sent: Statement[];
}

async function observe(connection: Connection, strategy: ClaimStrategy): Promise<Observed> {
  const sent: Statement[] = [];
  const query = (statement: Statement) => {
    sent.push(statement);
    return connection.query(statement);
  };
  const watched = new Proxy(connection, {
    get(target, property) {
      if (property === 'query') return query;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { connection, session: await strategy.openWorker(watched, 'w'), sent };
}

/** What a settle of `limit` claimed jobs reads; the jobs are ready again afterwards. */
async function settleAndRollBack({ connection, session }: Observed, limit: number, mixed: boolean) {
  await connection.query({ text: 'BEGIN' });
  const jobs = await session.claim('q', limit, 60_000);
  const before = await touched(connection);
  const outcomes = jobs.map((job, n): Outcome => {
    if (mixed && n % 2 === 0) return { kind: 'retry', job, delayMs: (n % 4) * 1000, error: 'x' };
    return { kind: 'ack', job };
  });
  const { stale } = await session.settle(outcomes);
  await session.heartbeat?.extend(jobs, 60_000);
  const after = await touched(connection);
  await connection.query({ text: 'ROLLBACK' });
  assert.deepEqual(stale, []);
  return {
    settled: jobs.length,
    sequential: after.sequential - before.sequential,
    fetched: after.fetched - before.fetched,
  };
}

interface Touched {
  readonly sequential: number;
  readonly scanned: number;
  readonly fetched: number;
}

/** Rows that statements of this session have read; counts go on within a transaction. */
async function touched(db: Database): Promise<Touched> {
  const { rows } = await db.query<Touched>({
    text: `SELECT sum(seq_scan)::float8 AS sequential, sum(seq_tup_read)::float8 AS scanned,
             coalesce(sum(idx_tup_fetch), 0)::float8 AS fetched
           FROM pg_stat_xact_user_tables WHERE schemaname = $1`,
    values: [SCHEMA],
  });
  const [row] = rows;
  assert(row);
  return row;
}

/** Claims and gives everything back; how many jobs there were, and what it took. */
async function claimAndRollBack({ connection, session }: Observed, limit: number) {
  await connection.query({ text: 'BEGIN' });
  const before = await touched(connection);
  const jobs = await session.claim('q', limit, 60_000);
  const after = await touched(connection);
  await connection.query({ text: 'ROLLBACK' });
  return {
    claimed: jobs.length,
    sequential: after.sequential - before.sequential,
    fetched: after.fetched - before.fetched,
  };
}

/** The plan in use for a prepared statement of this connection. */
async function planOf(connection: Connection, { name }: Statement, args: string): Promise<string> {
  const { rows } = await connection.query<{ readonly 'QUERY PLAN': string }>({
    text: `EXPLAIN (COSTS OFF) EXECUTE ${name}(${args})`,
  });
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

function assertWalk(plan: string, expected: readonly RegExp[], what: string): void {
  for (const node of expected) assert.match(plan, node, `${what}\n${plan}`);
  assert.doesNotMatch(plan, /Seq Scan|Bitmap|Hash|Merge Join/, `${what}\n${plan}`);
  // One sort, above all else: that of the few rows that are returned.
  const [, ...below] = plan.split('\n');
  assert(!below.some((line) => /->\s+(Incremental )?Sort/.test(line)), `${what}\n${plan}`);
}

async function assertClaims(observed: Observed, layout: Layout, ready: number, what: string): Promise<void> {
  for (const limit of LIMITS) {
    const label = `${layout.factory.strategyName}, ${what}, ${ready} ready, limit ${limit}`;
    for (let n = 1; n < EXECUTIONS; n += 1) await claimAndRollBack(observed, limit);
    observed.sent.length = 0;
    const { claimed, sequential, fetched } = await claimAndRollBack(observed, limit);
    assert.equal(claimed, Math.min(limit, ready), label);
    assert.equal(sequential, 0, `${label}: a table was scanned`);
    // Found, updated and read again; and a look into each lane.
    assert(fetched <= 6 * claimed + 32, `${label}: ${fetched} rows were fetched`);
    const claim = observed.sent.find(({ name }) => name !== undefined);
    assert(claim, label);
    if (layout.claim !== undefined)
      assertWalk(await planOf(observed.connection, claim, `'q', 1000, 'w'`), layout.claim, label);
  }
}

async function assertSettles(observed: Observed, layout: Layout, ready: number, what: string): Promise<void> {
  for (const limit of LIMITS) {
    for (const mixed of [false, true]) {
      const label = `${layout.factory.strategyName}, ${what}, ${ready} ready, ${limit} settled, mixed: ${mixed}`;
      for (let n = 1; n < EXECUTIONS; n += 1) await settleAndRollBack(observed, limit, mixed);
      const { settled, sequential, fetched } = await settleAndRollBack(observed, limit, mixed);
      assert.equal(sequential, 0, `${label}: a table was scanned`);
      assert(fetched <= 10 * settled, `${label}: ${fetched} rows were fetched`);
    }
  }
}

async function fill(strategy: ClaimStrategy, db: Database, jobs: number): Promise<void> {
  for (let left = jobs; left > 0; left -= CHUNK)
    await strategy.enqueue(
      db,
      Array.from({ length: Math.min(left, CHUNK) }, () => ({ queue: 'q', payload: 1 })),
    );
}

for (const layout of layouts) {
  const { strategyName } = layout.factory;
  test(`${strategyName}: a claim reads what it returns, with plans of an empty queue and of a full one`, async (t) => {
    const database = await testDatabase(t);
    await using driver = pgDriver(database.settings);
    const strategy = layout.factory.create({ schema: SCHEMA });
    await strategy.install(driver);
    for (const table of layout.tables) {
      // The statistics are those of an empty table, and stay so.
      await driver.query({ text: `ALTER TABLE ${SCHEMA}.${table} SET (autovacuum_enabled = off)` });
      await driver.query({ text: `VACUUM ANALYZE ${SCHEMA}.${table}` });
    }
    const old = await observe(await driver.connect('old'), strategy);
    await using _old = old.session;
    for (const limit of LIMITS) for (let n = 0; n < EXECUTIONS; n += 1) await claimAndRollBack(old, limit);
    let ready = 0;
    for (const size of SIZES) {
      await fill(strategy, driver, size - ready);
      ready = size;
      const fresh = await observe(await driver.connect('fresh'), strategy);
      await using _fresh = fresh.session;
      await assertClaims(fresh, layout, ready, 'new plan');
      await assertClaims(old, layout, ready, 'old plan');
      await assertSettles(fresh, layout, ready, 'new plan');
      await assertSettles(old, layout, ready, 'old plan');
    }
    await assertBusyQueue(layout, strategy, old, driver);
  });
}

/** Leased and delayed jobs ahead of the ready ones are not walked past, nor does upkeep read the backlog. */
async function assertBusyQueue(
  { factory }: Layout,
  strategy: ClaimStrategy,
  { connection, session }: Observed,
  driver: ReturnType<typeof pgDriver>,
): Promise<void> {
  const label = factory.strategyName;
  for (let n = 0; n < 4; n += 1) assert.equal((await session.claim('q', CHUNK, 600_000)).length, CHUNK);
  const runAt = new Date(Date.now() + 600_000);
  await strategy.enqueue(
    driver,
    Array.from({ length: CHUNK }, () => ({ queue: 'q', payload: 1, runAt })),
  );
  const { claimed, fetched } = await claimAndRollBack({ connection, session, sent: [] }, 100);
  assert.equal(claimed, 100);
  assert(fetched <= 6 * claimed + 32, `${label}: ${fetched} rows were fetched behind 20,000 leased ones`);
  const read = await driver.transaction(async (tx) => {
    const before = await touched(tx);
    assert.equal((await strategy.reap(tx, 1000)).ended, 0);
    assert.equal((await strategy.delay?.promote(tx, 1000))?.promoted, 0);
    const after = await touched(tx);
    return after.scanned - before.scanned + after.fetched - before.fetched;
  });
  assert(read <= 2_000, `${label}: upkeep read ${read} rows`);
}

test('sharded: the claim and the look within its function walk the ready index, by their generic plans', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  const table = { ...jobsTable({ schema: SCHEMA }), lane: LANE_OF_ID };
  await sharded.create({ schema: SCHEMA }).install(driver);
  await using connection = await driver.connect('worker');
  await keepIndexPlans(connection);
  const names = { queue: '$1', lane: '$2', limit: '$3', leaseMs: '$4', worker: '$5' };
  for (const text of [
    'SET plan_cache_mode = force_generic_plan',
    `PREPARE claim (text, integer, integer, float8, text) AS ${laneClaimSql(table, names)}`,
    `PREPARE look (text, integer) AS ${laneHasJobsSql(table, '$1', '$2')}`,
  ])
    await connection.query({ text });
  const walk = /Index (Only )?Scan using jobs_ready on jobs/;
  const claim = await planOf(connection, { name: 'claim', text: '' }, `'q', 3, 100, 1000, 'w'`);
  assertWalk(claim, [walk, /Tid Scan on jobs/], 'claim');
  assertWalk(await planOf(connection, { name: 'look', text: '' }, `'q', 3`), [walk], 'look');
});
