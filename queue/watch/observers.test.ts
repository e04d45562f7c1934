// Does each of several observers get each event, whatever the others do?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import {
  createQueue,
  type Driver,
  InvalidArgumentError,
  observers,
  pgDriver,
  type QueueEvent,
} from '../index.ts';

let database: TestDatabase;
let driver: Driver;

before(async () => {
  database = await testDatabase();
  driver = pgDriver(database.settings);
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const PAUSED: QueueEvent = { kind: 'paused', queue: 'q' };

test('each is told in order, though one throws, and the error goes on', () => {
  const told: string[] = [];
  const broken = new Error('broken');
  const observe = observers(
    () => told.push('first'),
    () => {
      throw broken;
    },
    (event) => told.push(event.kind),
  );
  assert.throws(
    () => observe(PAUSED),
    (error) => error === broken,
  );
  assert.deepEqual(told, ['first', 'paused']);
});

test('the errors of several go on together', () => {
  const fail = (text: string) => () => {
    throw new Error(text);
  };
  assert.throws(
    () => observers(fail('one'), () => undefined, fail('two'))(PAUSED),
    (error) => {
      assert(error instanceof AggregateError);
      assert.deepEqual(
        error.errors.map((each: Error) => each.message),
        ['one', 'two'],
      );
      return true;
    },
  );
});

test('none is as good as one, and what is no observer is refused', () => {
  observers()(PAUSED);
  // @ts-expect-error -- no function
  assert.throws(() => observers(undefined), InvalidArgumentError);
});

test('a queue reports what they throw, and goes on', async () => {
  const errors: unknown[] = [];
  const told: QueueEvent[] = [];
  await using queue = createQueue({
    driver,
    onSignalError: (error) => errors.push(error),
    observe: observers(
      () => {
        throw new Error('broken');
      },
      (event) => told.push(event),
    ),
  });
  queue.context.emit(PAUSED);
  assert.deepEqual(told, [PAUSED]);
  assert.match(String(errors), /broken/);
});
