// Is a worker at work again soon after its network was cut, though it would not look by itself for long?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProxy } from '../../harness/network/proxy-process.ts';
import { testDatabase } from '../../testing/database.ts';
import { createQueue, createWorker, pgDriver, postgresDriver } from '../index.ts';

const POLL_MS = 60_000;
const WITHIN_MS = 20_000;

/** Of a log nothing can be claimed before somebody has ticked. */
const strategy = 'tick-log';

for (const [name, open] of [
  ['pg', pgDriver],
  ['postgres', postgresDriver],
] as const)
  test(`on ${name} the upkeep that failed meanwhile does not wait for the next poll`, async (t) => {
    const database = await testDatabase(t);
    const { host, port } = database.settings;
    await using proxy = await startProxy({ host, port }, 1);
    await using direct = open(database.settings);
    await using outside = createQueue({ driver: direct, strategy, wakeup: 'poll' });
    await outside.install();
    await using driver = open({ ...database.settings, host: '127.0.0.1', port: proxy.port });
    await using queue = createQueue({ driver, strategy, wakeup: 'poll' });
    const done: unknown[] = [];
    const errors: string[] = [];
    const worker = createWorker(queue, {
      queue: 'q',
      connections: 2,
      pollMs: POLL_MS,
      handler: ({ payload }) => void done.push(payload),
      events: { error: (_, origin) => errors.push(origin) },
    });
    await using _ = { [Symbol.asyncDispose]: () => worker.stop().then(() => undefined) };
    const seen = async (payload: string): Promise<void> => {
      const endMs = performance.now() + WITHIN_MS;
      while (!done.includes(payload)) {
        assert.ok(performance.now() < endMs, `${payload} was not done; errors: ${errors.join()}`);
        await sleep(10);
      }
    };
    await outside.enqueue({ queue: 'q', payload: 'before' });
    await seen('before');
    const cut = await proxy.trouble({ trouble: 'cut' });
    const endMs = performance.now() + WITHIN_MS;
    while (!errors.includes('maintenance') && performance.now() < endMs) await sleep(10);
    assert.ok(errors.includes('maintenance'), 'its duties fail');
    await sleep(500);
    await cut[Symbol.asyncDispose]();
    await outside.enqueue({ queue: 'q', payload: 'after' });
    await seen('after');
  });

test('a delayed job that was due meanwhile does not wait for the next poll either', async (t) => {
  const database = await testDatabase(t);
  const { host, port } = database.settings;
  await using proxy = await startProxy({ host, port }, 1);
  await using direct = pgDriver(database.settings);
  await using outside = createQueue({ driver: direct, strategy: 'skip-locked', wakeup: 'poll' });
  await outside.install();
  const DELAY_MS = 3_000;
  const dueMs = performance.now() + DELAY_MS;
  await outside.enqueue({ queue: 'q', payload: 'due', runAt: new Date(Date.now() + DELAY_MS) });
  await using driver = pgDriver({ ...database.settings, host: '127.0.0.1', port: proxy.port });
  await using queue = createQueue({ driver, strategy: 'skip-locked', wakeup: 'poll' });
  const done: unknown[] = [];
  const worker = createWorker(queue, {
    queue: 'q',
    pollMs: POLL_MS,
    handler: ({ payload }) => void done.push(payload),
    events: { error: () => undefined },
  });
  await using _ = { [Symbol.asyncDispose]: () => worker.stop().then(() => undefined) };
  await sleep(DELAY_MS / 2);
  const cut = await proxy.trouble({ trouble: 'cut' });
  // Somebody has looked for it by then, in vain.
  await sleep(Math.max(0, dueMs + 1_000 - performance.now()));
  await cut[Symbol.asyncDispose]();
  const endMs = performance.now() + WITHIN_MS;
  while (!done.includes('due')) {
    assert.ok(performance.now() < endMs, 'it was not done');
    await sleep(10);
  }
});
