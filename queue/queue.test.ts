// Does the queue's own interface keep its promises: transactions, validation, chunks?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import {
  createQueue,
  type Driver,
  type NewJob,
  pgDriver,
  pgTransaction,
  type StrategyFactory,
} from './index.ts';
import { skipLocked } from './strategies/skip-locked.ts';

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

test('a job in the caller’s transaction appears with its commit and never after a rollback', async () => {
  await using queue = createQueue({ driver, schema: 'tx' });
  await queue.install();
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    for (const [ending, ready] of [
      ['ROLLBACK', 0],
      ['COMMIT', 2],
    ] as const) {
      await client.query('BEGIN');
      await queue.enqueue({ queue: 'q', payload: 1 }, { tx: pgTransaction(client) });
      await queue.enqueueMany([{ queue: 'q', payload: 2 }], { tx: pgTransaction(client) });
      assert.equal((await queue.stats('q')).ready, 0, 'nothing shows before the commit');
      await client.query(ending);
      assert.equal((await queue.stats('q')).ready, ready);
    }
  } finally {
    await client.end();
  }
});

test('a bulk larger than one statement is enqueued whole, in order, or not at all', async () => {
  await using queue = createQueue({ driver, schema: 'bulk' });
  await queue.install();
  const jobs = Array.from({ length: 12_001 }, (_, n): NewJob => ({ queue: 'q', payload: n }));
  const ids = await queue.enqueueMany(jobs);
  assert.equal(ids.length, jobs.length);
  const stored = await queue.strategy.contents(driver, undefined, 20_000);
  assert.deepEqual(
    stored.map((job) => [job.id, job.payload]),
    ids.map((id, n) => [id, n]),
  );
  const broken = jobs.with(-1, { queue: 'q', payload: '\0' });
  await assert.rejects(queue.enqueueMany(broken), { name: 'InvalidArgumentError' });
  // In the caller's transaction too: it stays usable, and holds none of them.
  await driver.transaction(async (tx) => {
    await assert.rejects(queue.enqueueMany(broken, { tx }), { name: 'InvalidArgumentError' });
  });
  assert.equal((await queue.stats('q')).ready, jobs.length);
});

test('what is out of range is refused before anything is sent', async () => {
  await using queue = createQueue({ driver, schema: 'invalid' });
  statements = [];
  const bad: readonly Partial<NewJob>[] = [
    { queue: '' },
    { queue: 'x'.repeat(201) },
    { queue: 'nul \0' },
    { queue: 'half \ud800' },
    { priority: 32_768 },
    { priority: 0.5 },
    { maxAttempts: 0 },
    { maxAttempts: 32_768 },
    { runAt: new Date(Number.NaN) },
    { runAt: new Date(8.64e15) },
    { payload: '\0' },
    { payload: () => 1 },
    { payload: Number.NaN },
    { payload: -Infinity },
  ];
  for (const fault of bad)
    await assert.rejects(queue.enqueue({ queue: 'q', payload: 1, ...fault }), {
      name: 'InvalidArgumentError',
    });
  assert.deepEqual(statements, []);
  assert.throws(() => createQueue({ driver, strategy: 'none' }), /skip-locked, batch, advisory/);
  assert.throws(() => createQueue({ driver, schema: '' }), { name: 'InvalidArgumentError' });
  assert.throws(() => createQueue({ driver, schema: 'é'.repeat(32) }), { name: 'InvalidArgumentError' });
});

/** What a caller without types may hand in. */
const untyped = (value: unknown) => value as never;

test('what is of another kind, or no option at all, is refused by its name before anything is sent', async () => {
  await using queue = createQueue({ driver, schema: 'invalid' });
  statements = [];
  const refused = (asked: Promise<unknown>, message: RegExp) =>
    assert.rejects(asked, { name: 'InvalidArgumentError', message });
  const job = { queue: 'q', payload: 1 };
  await refused(queue.enqueue(untyped({ payload: 1 })), /^queue is undefined: give the name of a queue/);
  await refused(queue.enqueue(untyped({ ...job, queue: 5 })), /^queue is 5: give/);
  await refused(queue.enqueue(untyped(undefined)), /^job is undefined/);
  const late = untyped({ ...job, runAt: '2030-01-01' });
  await refused(queue.enqueueMany([job, late]), /^jobs\[1\]: runAt is "2030-01-01"/);
  await refused(queue.enqueueMany([late]), /^runAt is "2030-01-01"/);
  await refused(queue.enqueue(untyped({ ...job, priority: '1' })), /^priority is "1": give a whole number/);
  await refused(queue.enqueue(untyped({ ...job, maxAttempts: '5' })), /^maxAttempts is "5": give a whole/);
  for (const jobs of [undefined, null, job, new Set([job]), 'jobs'])
    await refused(queue.enqueueMany(untyped(jobs)), /^jobs is .*: give an array of jobs$/);
  for (const tx of [null, {}, { query: 1 }, 5, 'tx'])
    await refused(
      queue.enqueue(job, untyped({ tx })),
      /^tx is .*: give the open transaction, as pgTransaction/,
    );
  await refused(queue.enqueue(job, untyped(null)), /^the options of an enqueue is null/);
  await refused(queue.enqueue(untyped({ ...job, runAt: null })), /^runAt is null/);
  await refused(queue.enqueue(untyped({ ...job, pirority: 1 })), /no option pirority: there are .*priority/);
  for (const jobs of [[job], []])
    await refused(
      queue.enqueueMany(jobs, untyped({ transaction: driver })),
      /no option transaction: there are tx, /,
    );
  await refused(queue.stats(untyped(undefined)), /^queue is undefined/);
  for (const limit of [0, 1.5, -1, Number.NaN, '5'])
    await refused(queue.deadLetters.list(untyped({ limit })), /^limit is .*: give a whole number from 1 on/);
  await refused(queue.deadLetters.list(untyped({ afterID: '1' })), /no option afterID/);
  assert.deepEqual(statements, []);
  assert.throws(() => createQueue(untyped({ driver, stratgey: 'ring' })), /no option stratgey/);
  assert.throws(() => createQueue(untyped({ driver, fillfactor: '70' })), /fillfactor is "70": give a whole/);
  assert.throws(() => createQueue(untyped({})), /^InvalidArgumentError: driver is undefined/);
  assert.throws(
    () => createQueue(untyped({ driver, onSignalError: 1 })),
    /onSignalError is 1: give a function/,
  );
});

test('of many jobs it is said which one is wrong, by an error of its own class', async () => {
  await using queue = createQueue({ driver, schema: 'invalid', maxPayloadBytes: 10 });
  const job: NewJob = { queue: 'q', payload: 1 };
  const jobs = Array.from({ length: 20 }, () => job);
  const wrong = (fault: Partial<NewJob>) => queue.enqueueMany(jobs.with(17, { ...job, ...fault }));
  await assert.rejects(wrong({ payload: 'x'.repeat(9) }), (error: Error) => {
    assert.equal(error.name, 'PayloadTooLargeError');
    assert.match(error.message, /^jobs\[17\]: payload has 11 bytes/);
    assert.match(String(error.stack), /^.*: jobs\[17\]: payload/);
    assert.equal('bytes' in error && error.bytes, 11);
    return true;
  });
  await assert.rejects(wrong({ queue: '' }), {
    name: 'InvalidArgumentError',
    message: /^jobs\[17\]: queue name has 0/,
  });
});

test('what a strategy does not offer is refused by name', async () => {
  const plain: StrategyFactory = {
    strategyName: 'plain',
    summary: 'skip-locked without its options',
    create(options) {
      const { priorities: _priorities, delay: _delay, ...rest } = skipLocked.create(options);
      return { ...rest, name: 'plain' };
    },
  };
  await using queue = createQueue({ driver, strategy: plain, schema: 'plain' });
  await queue.install();
  await assert.rejects(queue.enqueue({ queue: 'q', payload: 1, priority: 1 }), {
    name: 'UnsupportedError',
    capability: 'priorities',
  });
  const delayed = { queue: 'q', payload: 1, runAt: new Date() };
  await assert.rejects(queue.enqueue(delayed), { capability: 'delay' });
  await assert.rejects(queue.enqueueMany([delayed, delayed]), {
    name: 'UnsupportedError',
    capability: 'delay',
    message: /^jobs\[0\]: strategy plain has no delay/,
  });
  await queue.enqueue({ queue: 'q', payload: 1, priority: 0 });
});

test('an enqueue costs one statement, and the signal is not one of its own under load', async () => {
  const queue = createQueue({ driver, schema: 'trips' });
  await queue.install();
  statements = [];
  await Promise.all(Array.from({ length: 20 }, () => queue.enqueue({ queue: 'q', payload: 1 })));
  await queue[Symbol.asyncDispose]();
  assert.equal(statements.filter((text) => text.startsWith('INSERT')).length, 20);
  const signals = statements.filter((text) => text.includes('pg_notify')).length;
  assert(signals >= 1 && signals < 20, `${signals} signals`);
  assert.equal(statements.length, 20 + signals);
});
