// Do the statements of packed leases keep their index plans, whatever the size of the queue when they were planned and run?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import type { Connection, Statement } from '../drivers/driver.ts';
import { pgDriver } from '../drivers/pg.ts';
import { installLayout } from '../schema/layout.ts';
import { packedStatements } from './packed-lease/statements.ts';
import { packedInstallation, packedTables } from './packed-lease/tables.ts';
import { keepIndexPlans } from './shared/planner.ts';

const tables = packedTables({ schema: 'plans' });
const statements = packedStatements(tables);
const SIZES = [0, 1000, 200_000];
/** A prepared statement may get its generic plan from the sixth execution on. */
const EXECUTIONS = 6;

const CLAIM = ['q', 0, '500', 1000, 'w'] as const;
const SHARE = [
  ['7', '8'],
  ['01', '10'],
] as const;
const MIXED = [...SHARE, ['7', '8'], [1, 0], ['retry', 'release'], [5, 0], ['x', null]] as const;

/** Each with its values, and whether it claims. */
const hot: readonly (readonly [string, Statement, boolean])[] = [
  ...[1, 100].flatMap((limit) => [
    [`claim ${limit}`, statements.claim(limit)(CLAIM), true] as const,
    [`turn one ${limit}`, statements.turn('one', limit)([...CLAIM, '7']), true] as const,
    [`turn whole ${limit}`, statements.turn('whole', limit)([...CLAIM, ['7', '8']]), true] as const,
    [`turn part ${limit}`, statements.turn('part', limit)([...CLAIM, ...SHARE]), true] as const,
    [`turn mixed ${limit}`, statements.turn('mixed', limit)([...CLAIM, ...MIXED]), true] as const,
  ]),
  ['settle one', statements.settle('one')(['7']), false],
  ['settle whole', statements.settle('whole')([['7', '8']]), false],
  ['settle part', statements.settle('part')(SHARE), false],
  ['settle mixed', statements.settle('mixed')(MIXED), false],
  ['extend', statements.extend([...SHARE, 1000]), false],
];

/** As many ready jobs, and as many leases of two. */
async function fill(connection: Connection, size: number): Promise<void> {
  await connection.query({
    text: `INSERT INTO ${tables.ready} (queue, priority, max_attempts, payload)
      SELECT 'q', 0, 20, '{"n": 1}' FROM generate_series(1, ${size} - (SELECT count(*) FROM ${tables.ready}))`,
  });
  await connection.query({
    text: `INSERT INTO ${tables.lease} (expires_at, size, queue, worker, jobs)
      SELECT now(), 2, 'q', 'w', '[["1",0,1,20,{}],["2",0,1,20,{}]]'
      FROM generate_series(1, ${size} - (SELECT count(*) FROM ${tables.lease}))`,
  });
}

function literal(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === 'number' ? String(value) : `'${String(value)}'`;
  return `'{${value.map((item) => (item === null ? 'NULL' : `"${String(item)}"`)).join(',')}}'`;
}

/** The plan in use for a prepared statement of this connection. */
async function planOf(connection: Connection, { name, values }: Statement): Promise<string> {
  const { rows } = await connection.query<{ readonly 'QUERY PLAN': string }>({
    text: `EXPLAIN (COSTS OFF) EXECUTE ${name}(${(values ?? []).map(literal).join(', ')})`,
  });
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

async function executeAll(connection: Connection): Promise<void> {
  for (const [, statement] of hot) {
    for (let i = 0; i < EXECUTIONS; i += 1) {
      await connection.query({ text: 'BEGIN' });
      await connection.query(statement);
      await connection.query({ text: 'ROLLBACK' });
    }
  }
}

async function assertPlans(connection: Connection, what: string): Promise<void> {
  for (const [name, statement, claims] of hot) {
    const plan = await planOf(connection, statement);
    const message = `${name}, ${what}\n${plan}`;
    if (claims) {
      // The jobs, and whether there is anything more urgent: each by the index and nothing but the index.
      const walks =
        plan.match(
          /Index (?:Only )?Scan using ready_order on ready[^\n]*\n\s+Index Cond: [^\n]*(?:\n\s+Filter)?/g,
        ) ?? [];
      assert.equal(walks.length, 2, message);
      assert(!walks.some((walk) => walk.includes('Filter')), message);
      assert.match(plan, /Index Cond: \(\(queue = \$1\) AND \(ROW\(priority, id\) > ROW\(/, message);
      assert.match(plan, /Tid Scan on ready/, message);
    }
    if (!name.startsWith('claim')) assert.match(plan, /Index Scan using lease_pkey on lease/, message);
    assert.doesNotMatch(plan, /Seq Scan|Bitmap|Hash|Merge|Sort/, message);
  }
}

test('claims, turns, settles and heartbeats go by index at every size, with old plans and new', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  await installLayout(driver, packedInstallation(tables));
  // Only this test decides when there are statistics.
  for (const table of [tables.ready, tables.lease])
    await driver.query({ text: `ALTER TABLE ${table} SET (autovacuum_enabled = off)` });
  await using old = await driver.connect('old');
  await keepIndexPlans(old);
  await executeAll(old);
  for (const size of SIZES) {
    await fill(old, size);
    await using fresh = await driver.connect('fresh');
    await keepIndexPlans(fresh);
    await executeAll(fresh);
    await assertPlans(fresh, `new plan, ${size} jobs`);
    await assertPlans(old, `old plan, ${size} jobs`);
    await driver.query({ text: `ANALYZE ${tables.ready}, ${tables.lease}` });
    await assertPlans(old, `plan after ANALYZE, ${size} jobs`);
  }
});
