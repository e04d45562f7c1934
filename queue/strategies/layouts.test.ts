// Is a schema with the tables of one strategy refused to another that has other ones, and to no one else?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { createQueue, type Driver, pgDriver, postgresDriver, strategies } from '../index.ts';

const NAMES = strategies.map(({ strategyName }) => strategyName);
/** Those on tables of their own; all others share one layout. */
const ALONE = [
  'sharded',
  'visibility-timeout',
  'table-move',
  'packed-lease',
  'range-lease',
  'ring',
  'tick-log',
];
const SHARED = NAMES.filter((name) => !ALONE.includes(name));

const layoutOf = (name: string) => (ALONE.includes(name) ? name : 'skip-locked');

let database: TestDatabase;
let driver: Driver;
let statements: string[] = [];
before(async () => {
  database = await testDatabase();
  driver = pgDriver({
    ...database.settings,
    max: 4,
    onStatement: ({ text }) => statements.push(text.trim()),
  });
});
after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function install(strategy: string, schema: string, through: Driver = driver): Promise<void> {
  await using queue = createQueue({ driver: through, strategy, schema, wakeup: 'poll' });
  await queue.install();
}

async function relationsOf(schema: string): Promise<unknown> {
  const { rows } = await driver.query({
    text: 'SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace ORDER BY relname',
    values: [`"${schema}"`],
  });
  return rows;
}

function holds(schema: string, theirs: string, ours: string) {
  return {
    name: 'InvalidArgumentError',
    message: `schema "${schema}" holds the tables of ${theirs}, and not those of ${ours}: give another schema, or drop it`,
  };
}

function onlyLooks(sent: readonly string[]): boolean {
  return sent.length > 0 && sent.every((text) => /^(SELECT|WITH)\b/.test(text));
}

test('every strategy is named', () => {
  for (const name of ALONE) assert(NAMES.includes(name), name);
});

for (const first of ['skip-locked', ...ALONE]) {
  test(`over ${first}, every other layout is refused, by one look that changes nothing`, async () => {
    const schema = `it's "${first}"`.replaceAll('"', '');
    await install(first, schema);
    const before = await relationsOf(schema);
    for (const second of NAMES) {
      if (layoutOf(second) === layoutOf(first)) continue;
      statements = [];
      await assert.rejects(
        install(second, schema),
        holds(schema, layoutOf(first), layoutOf(second)),
        `${second} over ${first}`,
      );
      assert.equal(statements.length, 1);
    }
    assert.deepEqual(await relationsOf(schema), before);
    statements = [];
    await install(first, schema);
    assert(onlyLooks(statements), 'its own is looked at, and left alone');
  });
}

test('strategies that only claim otherwise take over the shared table, whichever came first', async () => {
  for (const first of SHARED)
    for (const second of SHARED) {
      await install(first, `shared ${first}`);
      await install(second, `shared ${first}`);
    }
});

test('tables of before there were marks are taken for what they are', async () => {
  for (const name of ['skip-locked', ...ALONE]) {
    const schema = `unmarked ${name}`;
    await install(name, schema);
    await driver.query({ text: `COMMENT ON TABLE "${schema}".dead IS NULL` });
    statements = [];
    await install(name, schema);
    assert(onlyLooks(statements));
  }
  await install('advisory', 'unmarked skip-locked');
  await driver.query({ text: 'COMMENT ON TABLE "unmarked skip-locked".dead IS NULL' });
  await assert.rejects(install('tick-log', 'unmarked skip-locked'), {
    name: 'InvalidArgumentError',
    message: /holds .*\."dead".*, but not as tables of tick-log: give another schema, or drop it$/,
  });
});

test('a table of somebody else under one of the names is no part of a queue', async () => {
  await driver.query({ text: 'CREATE SCHEMA theirs; CREATE TABLE theirs.jobs (id integer)' });
  await assert.rejects(
    install('skip-locked', 'theirs'),
    /holds "theirs"\."jobs", but not as tables of skip-locked/,
  );
});

test('what was dropped of an own layout is made anew', async () => {
  await install('skip-locked', 'mended');
  await driver.query({ text: 'DROP INDEX mended.jobs_delayed' });
  await install('skip-locked', 'mended');
  const { rows } = await driver.query({ text: "SELECT to_regclass('mended.jobs_delayed') IS NULL AS gone" });
  assert.deepEqual(rows, [{ gone: false }]);
});

for (const [label, open] of [
  ['pg', pgDriver],
  ['postgres', postgresDriver],
] as const)
  test(`of two layouts at once in a new schema one is refused, over ${label}`, async () => {
    await using other = open({ ...database.settings, max: 8 });
    for (let round = 0; round < 5; round += 1) {
      const schema = `race ${label} ${round}`;
      const both = ['skip-locked', 'sharded', 'table-move'] as const;
      const ended = await Promise.allSettled(both.map((name) => install(name, schema, other)));
      const refused = ended.filter((one) => one.status === 'rejected');
      assert.equal(refused.length, 2);
      for (const { reason } of refused)
        assert.match(String(reason), /InvalidArgumentError: schema .* holds the tables of/);
    }
  });
