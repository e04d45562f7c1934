// Does what a session sends touch as little of a long queue as of a short one, whenever its plans were made?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { testDatabase } from '../testing/database.ts';
import scansTable from '../testing/planted/scans-table.ts';
import sortsTheBacklog from '../testing/planted/sorts-the-backlog.ts';
import { deviationsIn } from './conformance/deviations.ts';
import type { Driver } from './drivers/driver.ts';
import { pgDriver } from './drivers/pg.ts';
import { wholeNumber } from './model/environment.ts';
import { exercise, hold, LASTING, plainJobs, type Seen, type Yard } from './plans/exercise.ts';
import { PlanReader, type Touched } from './plans/touched.ts';
import { qualify } from './sql.ts';
import { strategies } from './strategies/index.ts';
import type { ClaimStrategy, StrategyFactory, WorkerSession } from './strategy.ts';

const SCHEMA = 'plans';
/** Ready jobs at the end: as many as a minute's outage leaves. A million under `CLAIMBENCH_PLANS_READY=1000000`. */
const DEEP = wholeNumber('CLAIMBENCH_PLANS_READY') ?? 200_000;
const SHALLOW = 1_000;
/** Jobs in somebody else's hands meanwhile, at the head of the queue. */
const HELD = 500;
const CHUNK = 5_000;

/** A deep queue may cost this many times what a shallow one does (an index has a level more), and this much beside. */
const ROWS = { times: 2, more: 50 };
const BUFFERS = { times: 3, more: 2 * HELD };

interface Table {
  readonly name: string;
}

async function tables(driver: Driver): Promise<readonly string[]> {
  const { rows } = await driver.query<Table>({
    text: `SELECT relname AS name FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'`,
    values: [SCHEMA],
  });
  return rows.map(({ name }) => name);
}

/** As a queue is when nobody has looked at it since it was empty: no statistics, and nobody who will make them. */
async function forgetStatistics(driver: Driver): Promise<void> {
  for (const name of await tables(driver)) {
    await driver.query({ text: `ALTER TABLE ${qualify(SCHEMA, name)} SET (autovacuum_enabled = off)` });
    await driver.query({ text: `ANALYZE ${qualify(SCHEMA, name)}` });
  }
}

/** Tables of which a job, or its place in the queue, is a row. */
async function longTables(driver: Driver): Promise<ReadonlySet<string>> {
  const long = new Set<string>();
  for (const name of await tables(driver)) {
    const { rows } = await driver.query<{ readonly rows: number }>({
      text: `SELECT count(*)::float8 AS rows FROM ${qualify(SCHEMA, name)}`,
    });
    // Partitions share the jobs among them.
    if ((rows[0]?.rows ?? 0) > SHALLOW * 2) long.add(name);
  }
  return long;
}

async function fill(strategy: ClaimStrategy, driver: Driver, ready: number): Promise<void> {
  for (let left = ready; left > 0; left -= CHUNK)
    await strategy.enqueue(driver, plainJobs(Math.min(left, CHUNK)));
  // Whatever makes them ready has no more to do after that.
  for (let runs = 0; runs < 5; runs += 1) await strategy.upkeep?.run(driver);
}

/** What two sessions touched: one whose plans are as old as the queue, and one that has just come. */
interface Sight {
  readonly ready: number;
  readonly old: Seen;
  readonly fresh: Seen;
}

async function look(
  yard: Yard,
  filler: Driver,
  old: WorkerSession,
  ready: number,
  closing: AsyncDisposableStack,
): Promise<Sight> {
  const { strategy, driver } = yard;
  await fill(strategy, filler, ready);
  const open = async (purpose: string) =>
    closing.use(await strategy.openWorker(await driver.connect(purpose), purpose));
  const holder = await open('holder');
  const held = ready > HELD ? await hold(holder, HELD) : [];
  const sight = { ready, old: await exercise(yard, old), fresh: await exercise(yard, await open('fresh')) };
  await holder.settle(held.map((job) => ({ kind: 'release', job })));
  return sight;
}

function describe({ rows, sorted, buffers, seqScans, plans }: Touched): string {
  return `${rows} rows, ${sorted} sorted, ${buffers} buffers, whole tables: ${seqScans}\n${plans.join('\n')}`;
}

/** Fails where a step of the deep sight cost more than the shallow one's allows. */
function judge(shallow: Seen, deep: Seen, excused: ReadonlySet<string>): void {
  for (const [step, { rows, sorted, buffers, ...more }] of deep) {
    const before = shallow.get(step);
    if (excused.has(step) || before === undefined) continue;
    const said = `${step}\nshort queue: ${describe(before)}\nlong queue: ${describe({ rows, sorted, buffers, ...more })}`;
    assert(rows <= before.mostRows * ROWS.times + ROWS.more, `rows looked at: ${said}`);
    assert(sorted <= before.sorted * ROWS.times + ROWS.more, `rows sorted: ${said}`);
    assert(buffers <= before.buffers * BUFFERS.times + BUFFERS.more, `buffers: ${said}`);
  }
}

async function holdPlans(t: TestContext, factory: StrategyFactory, deepest: number): Promise<void> {
  const excused = new Set(deviationsIn('plans', factory).map(({ test: step }) => step));
  const database = await testDatabase(t);
  const reader = new PlanReader();
  await using filler = pgDriver({ ...database.settings, max: 2 });
  await using driver = pgDriver({ ...database.settings, max: 1, ...reader.options });
  await using closing = new AsyncDisposableStack();
  const strategy = factory.create({ schema: SCHEMA });
  await strategy.install(filler);
  await forgetStatistics(filler);
  const yard = { strategy, driver, reader };
  const old = closing.use(await strategy.openWorker(await driver.connect('old'), 'old'));
  const sights: Sight[] = [];
  for (const ready of [0, 1, SHALLOW, deepest]) sights.push(await look(yard, filler, old, ready, closing));
  const long = await longTables(filler);
  assert(long.size > 0, 'no table holds the jobs');
  for (const { ready, ...sessions } of sights)
    for (const [which, seen] of Object.entries(sessions))
      for (const [step, touched] of seen) {
        const whole = [...new Set(touched.seqScans)].filter((table) => long.has(table));
        if (excused.has(step) || (ready < deepest && !LASTING.has(step))) continue;
        assert.deepEqual(
          whole,
          [],
          `${step} reads tables whole, ${which} session, ${ready} ready: ${describe(touched)}`,
        );
      }
  const [shallow, deep] = sights.slice(-2);
  assert(shallow && deep);
  for (const step of ['claim one', 'claim many', 'ack one'] as const)
    assert(excused.has(step) || deep.fresh.get(step)?.plans.length, `no plan of "${step}" was seen`);
  judge(shallow.old, deep.old, excused);
  judge(shallow.fresh, deep.fresh, excused);
}

for (const factory of strategies) {
  test(
    `${factory.strategyName}: ${DEEP} ready jobs cost no more than ${SHALLOW}, with old plans and new`,
    {
      timeout: 170_000,
    },
    (t) => holdPlans(t, factory, DEEP),
  );
}

test('a claim that walks the table is noticed', (t) =>
  assert.rejects(holdPlans(t, scansTable, 20_000), /claim/));

test('a sort of the whole queue is noticed, though an index is there', (t) =>
  assert.rejects(holdPlans(t, sortsTheBacklog, 20_000), /rows (looked at|sorted): claim/));
