// What does the front answer to each request, and does it stop as it should?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../testing/database.ts';
import type { FrontJob, FrontQueue } from '../contender.ts';
import { openContender, parseContender } from '../contenders/index.ts';
import { type Front, openFront } from './front.ts';

/** A front over a queue of its own in a database of its own. */
async function overContender(t: TestContext, name = 'skip-locked', backlogLimit = 1_000): Promise<Front> {
  const database = await testDatabase(t);
  const spec = parseContender(name, () => '');
  const contender = await openContender(spec, { connection: database.settings, schema: 'claimbench' });
  await contender.install();
  const queue = await contender.openFront?.(4);
  assert.ok(queue !== undefined);
  const front = await openFront({ queue, backlogLimit, retryAfterSeconds: 3, onError: () => undefined });
  t.after(async () => {
    await front.stop(1_000);
    await queue[Symbol.asyncDispose]();
    await contender[Symbol.asyncDispose]();
  });
  return front;
}

/** A front over a queue that is not there. */
async function overFake(
  t: TestContext,
  fake: Partial<FrontQueue>,
  onError = (_: unknown): void => undefined,
) {
  const queue: FrontQueue = {
    enqueue: async () => '1',
    backlog: async () => 0,
    async [Symbol.asyncDispose]() {},
    ...fake,
  };
  const front = await openFront({ queue, backlogLimit: 5, retryAfterSeconds: 3, onError });
  t.after(() => front.stop(100));
  return front;
}

function ask(front: Front, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${front.port}${path}`, init);
}

function post(front: Front, body: string): Promise<Response> {
  return ask(front, '/jobs', { method: 'POST', body });
}

async function errorOf(response: Response): Promise<string> {
  return JSON.stringify(await response.json());
}

test('a job is created with an id, and its state can be asked for', async (t) => {
  const front = await overContender(t);
  const created = await post(front, JSON.stringify({ payload: { hello: 'world' }, priority: 3 }));
  assert.equal(created.status, 201);
  const location = created.headers.get('location') ?? '';
  assert.match(await errorOf(created), /^\{"id":"\d+"\}$/);
  const looked = await ask(front, location);
  assert.equal(looked.status, 200);
  assert.match(await errorOf(looked), /"state":"ready","attempt":0/);
  const later = await post(front, JSON.stringify({ payload: 1, runAtMs: Date.now() + 3_600_000 }));
  assert.match(await errorOf(await ask(front, later.headers.get('location') ?? '')), /"state":"delayed"/);
  // A job that was under way at a reading counts twice until the next.
  const untilMs = performance.now() + 5_000;
  for (let said = ''; !/^\{"status":"ok","backlog":2,"backlogLimit":1000\}$/.test(said); ) {
    assert.ok(performance.now() < untilMs, said);
    const health = await ask(front, '/health');
    assert.equal(health.status, 200);
    said = await errorOf(health);
  }
});

test('what is wrong with a request is said with the right status', async (t) => {
  const front = await overContender(t);
  for (const [status, body, said] of [
    [400, '{"payload":', /the body is no JSON/],
    [400, '', /the body is no JSON/],
    [400, '{}', /payload/],
    [400, '{"payload":1,"color":"red"}', /color/],
    [400, '{"payload":1,"priority":1.5}', /priority/],
    [400, '{"payload":1,"priority":99999999}', /priority/],
    [413, JSON.stringify({ payload: 'x'.repeat(1_080_000) }), /payload has 1080002 bytes/],
    [413, JSON.stringify({ payload: 'x'.repeat(3_000_000) }), /the body is larger than/],
  ] as const) {
    const response = await post(front, body);
    assert.equal(response.status, status, body.slice(0, 40));
    assert.match(await errorOf(response), said);
  }
  assert.equal((await ask(front, '/jobs/123456')).status, 404);
  assert.equal((await ask(front, '/jobs/nothing')).status, 404);
  assert.equal((await ask(front, '/elsewhere')).status, 404);
  const wrong = await ask(front, '/jobs', { method: 'PUT', body: '{}' });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get('allow'), 'POST');
  assert.deepEqual(front.report().statuses, { '400': 6, '404': 3, '405': 1, '413': 2 });
});

test('a strategy that looks no single jobs up: 201 for a job, 501 for its state', async (t) => {
  const front = await overContender(t, 'tick-log');
  const created = await post(front, '{"payload":1}');
  assert.equal(created.status, 201);
  const looked = await ask(front, created.headers.get('location') ?? '');
  assert.equal(looked.status, 501);
  assert.match(await errorOf(looked), /cannot look single jobs up/);
});

test('at its limit the front turns jobs away with Retry-After, and takes them again when the backlog is gone', async (t) => {
  const held: FrontJob[] = [];
  const front = await overFake(t, {
    enqueue: async (job) => String(held.push(job)),
    backlog: async () => held.length,
  });
  const statuses = async (count: number): Promise<number[]> =>
    (await Promise.all(Array.from({ length: count }, () => post(front, '{"payload":1}')))).map(
      (r) => r.status,
    );
  assert.deepEqual((await statuses(8)).toSorted(), [201, 201, 201, 201, 201, 429, 429, 429]);
  assert.equal(held.length, 5);
  const refused = await post(front, '{"payload":1}');
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '3');
  const untilMs = performance.now() + 5_000;
  while (front.report().backlog.peak < 5 && performance.now() < untilMs) await sleep(20);
  assert.equal(front.report().backlog.peak, 5);
  // The next reading knows that there is room again.
  held.length = 0;
  while ((await post(front, '{"payload":1}')).status !== 201) {
    assert.ok(performance.now() < untilMs, 'never taken again');
    await sleep(20);
  }
});

test('an enqueue that fails is a 500 that tells nothing of the inside, and leaves no place taken', async (t) => {
  const errors: unknown[] = [];
  const front = await overFake(t, { enqueue: () => Promise.reject(new Error('password secret')) }, (error) =>
    errors.push(error),
  );
  for (let i = 0; i < 5; i += 1) {
    const response = await post(front, '{"payload":1}');
    assert.equal(response.status, 500);
    assert.doesNotMatch(await errorOf(response), /secret/);
  }
  assert.equal(errors.length, 5);
  const untilMs = performance.now() + 5_000;
  while ((await post(front, '{"payload":1}')).status !== 500) {
    assert.ok(performance.now() < untilMs, 'failed enqueues kept their places');
    await sleep(20);
  }
});

test('a front that stops answers what is under way, and nothing more', async (t) => {
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const front = await overFake(t, {
    async enqueue() {
      entered.resolve();
      await release.promise;
      return '7';
    },
  });
  const { port } = front;
  const underWay = post(front, '{"payload":1}');
  await entered.promise;
  const stopped = front.stop(5_000);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health`), 'a new connection was taken');
  release.resolve();
  const answered = await underWay;
  assert.equal(answered.status, 201);
  assert.equal(answered.headers.get('connection'), 'close');
  await answered.text();
  await stopped;
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
});
