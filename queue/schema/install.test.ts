// Does a schema come to this version from wherever it is, however its server is set, and is it said when it has not?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { eventually } from '../eventually.ts';
import { createQueue, type Driver, NotInstalledError, pgDriver, type Queue, strategies } from '../index.ts';
import { queueRoutines } from './queue-tables.ts';

let database: TestDatabase;
let driver: Driver;
let statements: string[] = [];
before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 4, onStatement: ({ text }) => statements.push(text) });
});
after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const STRICT = { sessionOptions: '-c default_transaction_isolation=repeatable\\ read' };
const JOB = { queue: 'q', payload: 1 };

/** Runs `text` as a migration tool would, on a client of its own. */
async function runByHand(text: string, options: pg.ClientConfig = {}): Promise<void> {
  const client = new pg.Client({ ...database.settings, ...options });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

const waiting = async () => {
  const { rows } = await driver.query({
    text: "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
  });
  return rows.length;
};

/** Lets all of `installers` come to the lock before the first one gets it. */
async function together(installers: readonly (() => Promise<unknown>)[], lock: string): Promise<void> {
  const held = Promise.withResolvers<void>();
  const gate = driver.transaction(async (tx) => {
    await tx.query({ text: lock });
    await held.promise;
  });
  const all = Promise.all(installers.map((install) => install()));
  all.catch(() => undefined);
  try {
    await eventually(async () => (await waiting()) === installers.length, 'all installers at the lock');
  } finally {
    held.resolve();
    await gate;
  }
  await all;
}

const lockOf = (queue: Queue): string =>
  /SELECT pg_advisory_xact_lock\(\d+\)/.exec(queue.installSql())?.[0] ?? assert.fail('no lock');

for (const kind of driverKinds.filter(({ pipeline }) => pipeline))
  test(`${kind.label}: two that install at once where the default is REPEATABLE READ`, async () => {
    await using strict = kind.open({ ...database.settings, ...STRICT, max: 2 });
    await using queue = createQueue({ driver: strict, schema: `strict ${kind.label}` });
    await together([() => queue.install(), () => queue.install()], lockOf(queue));
    await queue.enqueue(JOB);
    assert.equal((await queue.stats('q')).ready, 1);
  });

test('the printed script twice at once where the default is REPEATABLE READ', async () => {
  await using queue = createQueue({ driver, schema: 'strict by hand' });
  const script = queue.installSql();
  const options = { options: STRICT.sessionOptions };
  await together(
    [1, 2].map(() => () => runByHand(script, options)),
    lockOf(queue),
  );
  await queue.enqueue(JOB);
});

test('without a transaction of its own the script is part of its tool’s', async () => {
  await using queue = createQueue({ driver, schema: 'tool' });
  const script = queue.installSql({ transaction: false });
  assert(!/^(BEGIN|COMMIT|SET TRANSACTION.*);$/m.test(script));
  assert.equal(queue.installSql({ transaction: true }), queue.installSql());
  await runByHand(`BEGIN; SELECT 1; ${script} ROLLBACK`);
  await assert.rejects(queue.enqueue(JOB), { name: 'NotInstalledError' });
  await runByHand(`BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; ${script} COMMIT`);
  await queue.enqueue(JOB);
  statements = [];
  await queue.install();
  assert(
    statements.every((text) => /^\s*(SELECT|WITH)\b/.test(text)),
    'nothing is left to install',
  );
  // What a caller without types may hand in.
  const untyped = (options: unknown) => () => queue.installSql(options as never);
  const refused = (message: RegExp) => ({ name: 'InvalidArgumentError', message });
  assert.throws(
    untyped({ transactions: true }),
    refused(/no option transactions: there is only transaction/),
  );
  assert.throws(untyped({ transaction: 'no' }), refused(/^transaction is "no": give true or false/));
  assert.throws(untyped(null), refused(/^the options of installSql is null/));
});

test('the script fails over the tables of another strategy, and changes nothing', async () => {
  await using first = createQueue({ driver, schema: 'taken' });
  await first.install();
  const tables = async () =>
    (await driver.query({ text: "SELECT relname FROM pg_class WHERE relnamespace = 'taken'::regnamespace" }))
      .rows.length;
  const count = await tables();
  await using second = createQueue({ driver, schema: 'taken', strategy: 'packed-lease' });
  for (const script of [second.installSql(), `BEGIN; ${second.installSql({ transaction: false })} COMMIT`])
    await assert.rejects(runByHand(script), {
      message: 'claimbench layout skip-locked',
      hint: "another strategy's tables: give another schema, or drop it",
    });
  assert.equal(await tables(), count);
});

test('a routine that is missing is made, whatever was applied', async () => {
  await using queue = createQueue({ driver, schema: 'routine' });
  await queue.install();
  const [turn] = queueRoutines(queue.context.tables);
  assert(turn);
  await driver.query({ text: `DROP FUNCTION ${turn.signature}` });
  await Promise.all([queue.install(), queue.install()]);
  const { rows } = await driver.query({
    text: 'SELECT to_regprocedure($1) IS NOT NULL AS there',
    values: [turn.signature],
  });
  assert.deepEqual(rows, [{ there: true }]);
});

for (const kind of driverKinds.filter(({ pipeline }) => pipeline))
  for (const { strategyName: strategy } of strategies)
    test(`${strategy} over ${kind.label}: a schema that was never installed is named`, async () => {
      await using own = kind.open({ ...database.settings, max: 2 });
      const schema = 'not "there"';
      await using queue = createQueue({ driver: own, strategy, schema, wakeup: 'poll' });
      const many = Array.from({ length: 6_000 }, () => JOB);
      const { inspection, guarantees } = queue.strategy;
      const calls: readonly (() => Promise<unknown>)[] = [
        () => queue.enqueue(JOB),
        () => queue.enqueueMany([JOB, JOB]),
        () => queue.enqueueMany(many),
        () => queue.enqueue(JOB, { idempotencyKey: 'k' }),
        () => own.transaction((tx) => queue.enqueue(JOB, { tx })),
        () => own.transaction((tx) => queue.enqueueMany(many, { tx })),
        () => queue.stats('q'),
        () => queue.paused('q'),
        ...(inspection === undefined ? [] : [() => queue.inspect('1')]),
      ];
      assert(guarantees);
      for (const call of calls)
        await assert.rejects(call, (error) => {
          assert(error instanceof NotInstalledError, String(error));
          assert.equal(
            error.message,
            `schema "not \\"there\\"" has no tables of strategy ${strategy}: call queue.install() first, or give the schema that has them`,
          );
          assert(error.cause instanceof Error && 'code' in error.cause);
          assert.deepEqual([error.schema, error.strategy], [schema, strategy]);
          return true;
        });
    });

test('what somebody else’s tables miss is no affair of the queue', async () => {
  await using queue = createQueue({ driver, schema: 'mine' });
  await queue.install();
  await driver.query({
    text: `CREATE FUNCTION mine.failing() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM * FROM undermine.nothing; RETURN NEW; END';
CREATE TRIGGER failing BEFORE INSERT ON mine.jobs FOR EACH ROW EXECUTE FUNCTION mine.failing()`,
  });
  await assert.rejects(queue.enqueue(JOB), { name: 'error', code: '42P01' });
});

for (const strategy of ['skip-locked', 'table-move', 'visibility-timeout', 'packed-lease'])
  test(`${strategy}: indexes of version 2 that were made beforehand are taken as they are`, async () => {
    const schema = `beforehand ${strategy}`;
    await using queue = createQueue({ driver, strategy, schema });
    await queue.install();
    const indexes = () =>
      driver.query({
        text: `SELECT i.relname, i.oid, pg_get_indexdef(i.oid) AS definition
FROM pg_class AS i WHERE i.relnamespace = $1::regnamespace AND i.relname IN ('dead_queue', 'delayed_id') ORDER BY 1`,
        values: [`"${schema}"`],
      });
    const made = (await indexes()).rows;
    assert.equal(made.length, strategy === 'packed-lease' ? 2 : 1);
    await driver.query({ text: `DELETE FROM "${schema}".queue_migrations WHERE version = 2` });
    for (const { relname } of made) await driver.query({ text: `DROP INDEX "${schema}"."${relname}"` });
    await driver.query({
      text: `CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_queue ON "${schema}".dead (queue, id)`,
    });
    if (strategy === 'packed-lease')
      await driver.query({
        text: `CREATE INDEX CONCURRENTLY IF NOT EXISTS delayed_id ON "${schema}".delayed (id)`,
      });
    const beforehand = (await indexes()).rows;
    statements = [];
    await queue.install();
    assert.deepEqual((await indexes()).rows, beforehand);
    assert.deepEqual(
      beforehand.map(({ definition }) => definition),
      made.map(({ definition }) => definition),
    );
    // While the index is built others read: the lock of the column is taken when that is over.
    const sent = statements.find((text) => text.includes('ADD COLUMN')) ?? '';
    if (strategy !== 'packed-lease')
      assert(sent.includes('CREATE INDEX') && sent.indexOf('CREATE INDEX') < sent.indexOf('ADD COLUMN'));
  });
