// Is a payload over the limit refused before anything is sent, and each one encoded once?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { createQueue, type Driver, PayloadTooLargeError, pgDriver, strategies } from '../index.ts';
import { EncodedPayload, encodePayload } from '../payload.ts';
import { encodeJob } from './encoding.ts';

let database: TestDatabase;
let driver: Driver;
let statements = 0;

before(async () => {
  database = await testDatabase();
  driver = pgDriver({
    ...database.settings,
    onStatement: () => {
      statements += 1;
    },
  });
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

test('the limit is counted in bytes of JSON, and is the largest that passes', async () => {
  await using queue = createQueue({ driver, schema: 'limit', maxPayloadBytes: 10, wakeup: 'poll' });
  await queue.install();
  // Eight bytes beside the quotes, in units of one to four bytes.
  for (const payload of ['abcdefgh', 'éééé', '漢漢ab', '😀😀', 'a"""b']) {
    await queue.enqueue({ queue: 'q', payload });
    statements = 0;
    await assert.rejects(queue.enqueue({ queue: 'q', payload: `${payload}x` }), (error: unknown) => {
      assert(error instanceof PayloadTooLargeError);
      assert.deepEqual([error.name, error.bytes, error.limit], ['PayloadTooLargeError', 11, 10]);
      assert.match(error.message, /11 bytes .* at most 10 .* maxPayloadBytes/);
      return true;
    });
    const jobs = [
      { queue: 'q', payload: 1 },
      { queue: 'q', payload: `${payload}x` },
    ];
    await assert.rejects(queue.enqueueMany(jobs), { name: 'PayloadTooLargeError' });
    assert.equal(statements, 0);
  }
  assert.equal((await queue.stats('q')).ready, 5);
});

test('a megabyte passes by default, and not a byte more', async () => {
  await using queue = createQueue({ driver, schema: 'limit' });
  const payload = 'x'.repeat(1_048_574);
  await queue.enqueue({ queue: 'big', payload });
  await assert.rejects(queue.enqueue({ queue: 'big', payload: `${payload}x` }), {
    bytes: 1_048_577,
    limit: 1_048_576,
  });
  assert.equal((await queue.stats('big')).ready, 1);
});

test('the limit itself is checked', () => {
  for (const maxPayloadBytes of [0, 1.5, 268_435_456, Number.NaN])
    assert.throws(() => createQueue({ driver, maxPayloadBytes }), /maxPayloadBytes is .*: give/);
  for (const idempotencyMs of [0, 999, 31_536_000_001])
    assert.throws(() => createQueue({ driver, idempotencyMs }), /idempotencyMs is .*: give/);
});

test('what is encoded is not encoded again, whoever asks', () => {
  const { payload } = encodeJob({ queue: 'q', payload: { n: 1 } }, 100);
  assert(payload instanceof EncodedPayload);
  assert.equal(encodePayload(payload), payload.text);
  const spaced = '{ "n": 1 }';
  assert.equal(encodePayload(new EncodedPayload(spaced)), spaced, 'not by way of an object');
  assert.equal(JSON.stringify(payload), '{"n":1}', 'a strategy that encodes by itself');
});

for (const strategy of strategies) {
  test(`${strategy.strategyName}: each payload is encoded once, and stored as it is`, async () => {
    const schema = `once ${strategy.strategyName}`;
    await using queue = createQueue({ driver, strategy, schema, wakeup: 'poll' });
    await queue.install();
    let encoded = 0;
    const payload = (n: number) => ({
      toJSON() {
        encoded += 1;
        return { n, text: 'ü "\\' };
      },
    });
    await queue.enqueue({ queue: 'q', payload: payload(0) });
    assert.equal(encoded, 1);
    const many = Array.from({ length: 5_001 }, (_, n) => ({ queue: 'q', payload: payload(n + 1) }));
    await queue.enqueueMany(many);
    assert.equal(encoded, 5_002);
    await queue.strategy.upkeep?.run(driver);
    const stored = await queue.strategy.contents(driver, undefined, 10_000);
    const all = [...stored];
    while (all.length < 5_002) {
      const page = await queue.strategy.contents(driver, all.at(-1)?.id, 10_000);
      assert(page.length > 0, `${all.length} of 5,002 jobs are stored`);
      all.push(...page);
    }
    assert.deepEqual(
      new Set(all.map((job) => JSON.stringify(job.payload))),
      new Set(Array.from({ length: 5_002 }, (_, n) => JSON.stringify({ n, text: 'ü "\\' }))),
    );
  });
}
