// Does an idle worker learn of work, by signal and without one?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import type { Sending } from './drivers/options.ts';
import { eventually } from './eventually.ts';
import {
  createQueue,
  createWorker,
  type Driver,
  pgDriver,
  type Queue,
  type QueueOptions,
  wakeups,
} from './index.ts';

let database: TestDatabase;
let driver: Driver;
let schemas = 0;

before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 4 });
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function openQueue(options: Partial<QueueOptions> = {}): Promise<Queue> {
  schemas += 1;
  const queue = createQueue({ driver, schema: `worker${schemas}`, ...options });
  await queue.install();
  return queue;
}

/** Process ids of the backends that listen at present. */
async function listeners(): Promise<readonly number[]> {
  const { rows } = await driver.query<{ readonly pid: number }>({
    text: `SELECT pid FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE '% listen'
             AND query LIKE 'LISTEN%' AND state = 'idle'`,
  });
  return rows.map((row) => row.pid);
}

for (const { wakeupName } of wakeups) {
  test(`${wakeupName}: an idle worker learns of a job`, async () => {
    await using queue = await openQueue({ wakeup: wakeupName });
    const signalled = wakeupName === 'notify' || wakeupName === 'coalesced';
    const done: unknown[] = [];
    let idle = 0;
    await using _worker = createWorker(queue, {
      queue: 'q',
      // A minute: whoever is found within the test's deadline was signalled.
      pollMs: signalled ? 60_000 : 50,
      events: {
        emptyClaim: () => {
          idle += 1;
        },
      },
      handler: ({ payload }) => done.push(payload),
    });
    await eventually(() => idle > 0, 'an idle worker');
    if (signalled) await eventually(async () => (await listeners()).length > 0, 'a listener');
    for (let n = 0; n < 50; n += 1) {
      await queue.enqueue({ queue: 'q', payload: n });
      await eventually(() => done.length > n, `job ${n}`);
    }
  });
}

test('coalesced: the signal of a lone enqueue travels right behind it, on its connection', async () => {
  const sendings: Sending[] = [];
  await using own = pgDriver({
    ...database.settings,
    onStatement: (_text, sending) => sendings.push(sending),
  });
  await using queue = await openQueue({ driver: own });
  await queue.enqueue({ queue: 'q', payload: 1 });
  await sleep(50);
  sendings.length = 0;
  await queue.enqueue({ queue: 'q', payload: 1 });
  assert.deepEqual(
    sendings.map(({ joined }) => joined),
    [false, true],
  );
});

test('a caller’s own transaction wakes a worker by signal', async () => {
  await using queue = await openQueue();
  let idle = 0;
  let done = 0;
  await using _worker = createWorker(queue, {
    queue: 'q',
    pollMs: 60_000,
    events: {
      emptyClaim: () => {
        idle += 1;
      },
    },
    handler: () => {
      done += 1;
    },
  });
  await eventually(async () => idle > 0 && (await listeners()).length > 0, 'an idle, listening worker');
  // The listener rings once when it is open; that claim must be over, too.
  await sleep(200);
  await driver.transaction((tx) => queue.enqueue({ queue: 'q', payload: 1 }, { tx }));
  await sleep(100);
  assert.equal(done, 0, 'nobody signalled yet');
  queue.signal('q');
  await eventually(() => done === 1, 'the job');
});

test('a listener that dies is replaced, and polling bridges the gap', async () => {
  await using queue = await openQueue();
  let done = 0;
  await using _worker = createWorker(queue, {
    queue: 'q',
    pollMs: 100,
    handler: () => {
      done += 1;
    },
  });
  await eventually(async () => (await listeners()).length === 1, 'a listener');
  const [pid] = await listeners();
  await driver.query({ text: 'SELECT pg_terminate_backend($1)', values: [pid] });
  await queue.enqueue({ queue: 'q', payload: 1 });
  await eventually(() => done === 1, 'the job');
  await eventually(async () => {
    const now = await listeners();
    return now.length === 1 && now[0] !== pid;
  }, 'another listener');
});

test('delayed jobs run when they are due, and not before', async () => {
  await using queue = await openQueue();
  const dueMs = Date.now() + 400;
  const ranMs: number[] = [];
  await using _worker = createWorker(queue, {
    queue: 'q',
    pollMs: 100,
    handler: () => void ranMs.push(Date.now()),
  });
  await queue.enqueue({ queue: 'q', payload: 1, runAt: new Date(dueMs) });
  await eventually(() => ranMs.length === 1, 'the job');
  assert((ranMs[0] ?? 0) >= dueMs);
});

test('a job that another process has delayed is known by its signal, long before the next poll', async () => {
  await using queue = await openQueue();
  await using elsewhere = createQueue({ driver, schema: queue.schema });
  const idle: unknown[] = [];
  const done: unknown[] = [];
  await using _worker = createWorker(queue, {
    queue: 'q',
    pollMs: 60_000,
    events: { emptyClaim: () => void idle.push(0) },
    handler: (job) => void done.push(job),
  });
  await eventually(
    async () => idle.length > 0 && (await listeners()).length > 0,
    'an idle, listening worker',
  );
  await elsewhere.enqueue({ queue: 'q', payload: 1, runAt: new Date(Date.now() + 1500) });
  await eventually(() => done.length === 1, 'the job');
});

test('an idle worker that hears signals asks less than once a second, however many sessions it has', async (t) => {
  const sent: string[] = [];
  await using watched = pgDriver({ ...database.settings, onStatement: ({ text }) => void sent.push(text) });
  schemas += 1;
  for (const strategy of ['skip-locked', 'range-lease']) {
    await using queue = createQueue({ driver: watched, schema: `idle ${strategy}`, strategy });
    await queue.install();
    await using _worker = createWorker(queue, { queue: 'q', connections: 8, handler: () => undefined });
    await eventually(async () => (await listeners()).length > 0, 'a listener');
    // The first claims, the one that the new listener rings for, and the waits that began before it heard anything.
    await sleep(5000);
    sent.length = 0;
    await sleep(8000);
    t.diagnostic(`${strategy}: ${sent.length} statements in 8 s`);
    assert.ok(sent.length > 0, 'it does ask');
    // Six are expected; eight sessions that each poll for themselves would send 21 claims alone.
    assert.ok(sent.length <= 12, sent.join('\n'));
  }
});
