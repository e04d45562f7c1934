// Are requests sent when we say, by idle connections, and is every one accounted for when its connection breaks?

import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cannon } from './cannon.ts';

async function cannonAt(t: TestContext, connections: number, onPost: RequestListener): Promise<Cannon> {
  const server = createServer((request, response) => {
    if (request.method === 'GET') response.end('{}');
    else onPost(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const cannon = await Cannon.open({ port, connections, path: '/jobs', healthPath: '/health' });
  t.after(() => cannon[Symbol.asyncDispose]());
  return cannon;
}

const nothing = (): void => undefined;

test('each body arrives once, whatever is under way at the time', async (t) => {
  const seen: string[] = [];
  const cannon = await cannonAt(t, 3, (request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      seen.push(body);
      response.writeHead(201).end('{"id":"1"}');
    });
  });
  const bodies = Array.from({ length: 200 }, (_, i) => `job ${i}${' '.repeat(i)}`);
  const answers = await Promise.all(bodies.map((body) => cannon.post(body, nothing)));
  assert.deepEqual(seen.toSorted(), bodies.toSorted());
  for (const answer of answers)
    assert.deepEqual(answer, { kind: 'answered', status: 201, retryAfter: false });
});

test('a request leaves at once where a connection is idle, and else when one is', async (t) => {
  const waiting: (() => void)[] = [];
  const cannon = await cannonAt(t, 2, (request, response) => {
    request.resume();
    waiting.push(() => response.writeHead(429, { 'Retry-After': '1' }).end());
  });
  const left: number[] = [];
  const answers = [0, 1, 2].map((i) => cannon.post('{}', () => left.push(i)));
  // Both connections were idle, and answers are not waited for.
  assert.deepEqual(left, [0, 1]);
  const untilMs = performance.now() + 5_000;
  while (waiting.length < 2 && performance.now() < untilMs) await sleep(5);
  waiting.shift()?.();
  while (left.length < 3 && performance.now() < untilMs) await sleep(5);
  assert.deepEqual(left, [0, 1, 2]);
  while (waiting.length < 2 && performance.now() < untilMs) await sleep(5);
  for (const answer of waiting) answer();
  for (const answer of await Promise.all(answers))
    assert.deepEqual(answer, { kind: 'answered', status: 429, retryAfter: true });
});

test('a broken connection loses its own request only, and is replaced', async (t) => {
  let posts = 0;
  const cannon = await cannonAt(t, 1, (request, response) => {
    posts += 1;
    request.resume();
    // Without an answer, and in the middle of one.
    if (posts === 2) request.socket.destroy();
    else if (posts === 4) response.socket?.end('HTTP/1.1 201 Created\r\nContent-Le');
    else response.writeHead(201).end('{}');
  });
  const kinds: string[] = [];
  for (let i = 0; i < 6; i += 1) kinds.push((await cannon.post('{}', nothing)).kind);
  assert.deepEqual(kinds, ['answered', 'lost', 'answered', 'lost', 'answered', 'answered']);
});

test('what never left is told apart from what had no answer', async (t) => {
  const cannon = await cannonAt(t, 1, (request) => request.resume());
  const answers = Promise.all([cannon.post('{}', nothing), cannon.post('{}', nothing)]);
  await cannon[Symbol.asyncDispose]();
  assert.deepEqual(
    (await answers).map(({ kind }) => kind),
    ['lost', 'unsent'],
  );
  assert.deepEqual(await cannon.post('{}', nothing), { kind: 'unsent' });
});

test('nobody who listens: it says so', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(Cannon.open({ port, connections: 1, path: '/', healthPath: '/', openWithinMs: 500 }), {
    message: `no answer at port ${port} within 0.5 s`,
  });
});
