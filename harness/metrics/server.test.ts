// Does the metrics server answer scrapers and nobody else, in both formats, and end when it is told to?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { Agent, get, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import { readExposition } from '../../testing/exposition.ts';
import { voidCell } from '../cell/void.ts';
import { RuntimeFailure, UsageError } from '../errors.ts';
import { emptyLatencies, record } from './buckets.ts';
import { LiveMetrics } from './live-metrics.ts';
import { METRICS } from './names.ts';
import { type MetricsServer, serveMetrics } from './server.ts';

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';
/** What a file's name may hold, and labels must not let out. */
const ODD = './my "own"\\strategy\n.ts';

function someMetrics(): LiveMetrics {
  const live = new LiveMetrics();
  const plan = {
    ...{ id: 'a', block: 0, order: 0, repeat: 3, seed: 1 },
    scenario: scenarioSchema.parse({
      name: 'steady',
      question: 'What is served?',
      phases: [{ label: 'x', seconds: 1, arrival: { model: 'uniform', ratePerSec: 10 } }],
    }),
    contender: { name: ODD, source: { kind: 'file', path: ODD }, axes: {} },
  } as const;
  live.ended({ ...voidCell(plan, 'job-queue', 'planted').cell, id: 'before' });
  live.progress({ plan, stage: 'running' });
  const latencies = emptyLatencies();
  for (const us of [50, 900, 70e6]) record(latencies.pickup, us);
  live.watch(() => ({
    begun: true,
    jobs: { offered: 12, enqueued: 11, claimed: 4, settled: 3 },
    latencies,
  }));
  return live;
}

async function served(t: TestContext, host = '127.0.0.1', live = someMetrics()): Promise<MetricsServer> {
  const server = await serveMetrics({ host, port: 0 }, live, '1.2.3');
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

async function scraped(
  url: string,
  accept?: string,
): Promise<{ readonly type: string; readonly text: string }> {
  const response = await fetch(url, accept === undefined ? {} : { headers: { accept } });
  assert.equal(response.status, 200);
  return { type: response.headers.get('content-type') ?? '', text: await response.text() };
}

test('both formats in turn, each whole: names, types and help as listed, odd names escaped', async (t) => {
  const { url } = await served(t);
  for (let turn = 0; turn < 2; turn += 1) {
    const plain = await scraped(url);
    assert.equal(plain.type, 'text/plain; version=0.0.4; charset=utf-8');
    const open = await scraped(url, OPEN_METRICS);
    assert.equal(open.type, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    const read = readExposition(plain.text, 'prometheus');
    const readOpen = readExposition(open.text, 'openmetrics');
    assert.deepEqual(
      readOpen.samples.map((s) => [s.series, s.value]),
      read.samples.map((s) => [s.series, s.value]),
    );
    assert.deepEqual(
      [...read.families].map(([name, { type, help }]) => ({ name, type, help })).sort(byName),
      Object.values(METRICS)
        .map(({ name, type, help }) => ({ name, type, help }))
        .sort(byName),
    );
    for (const { name, labels, type } of Object.values(METRICS)) {
      const of = read.samples.filter((s) => s.name === (type === 'histogram' ? `${name}_count` : name));
      for (const sample of of) assert.deepEqual(Object.keys(sample.labels).sort(), [...labels].sort(), name);
      assert.ok(of.length > 0 || type === 'histogram', `${name} has no sample`);
    }
    const value = (name: string, label?: readonly [string, string]): number | undefined =>
      read.samples.find((s) => s.name === name && (label === undefined || s.labels[label[0]] === label[1]))
        ?.value;
    assert.equal(value('claimbench_backlog_jobs', ['contender', ODD]), 8);
    assert.equal(value('claimbench_cells_total', ['verdict', 'invalid']), 1);
    assert.equal(value('claimbench_cell_info', ['repeat', '3']), 1);
    assert.equal(value('claimbench_build_info', ['version', '1.2.3']), 1);
    assert.equal(value('claimbench_pickup_seconds_bucket', ['le', '1.0']), 2);
    assert.equal(value('claimbench_pickup_seconds_bucket', ['le', '60.0']), 2);
    assert.equal(value('claimbench_pickup_seconds_bucket', ['le', '+Inf']), 3);
    assert.ok(Math.abs((value('claimbench_pickup_seconds_sum') ?? 0) - 70.00095) < 1e-9);
    assert.equal(value('claimbench_audit_findings_total', ['kind', 'duplicate_claims']), 0);
    assert.equal(value('claimbench_response_seconds_count'), undefined, 'none was recorded');
  }
});

function byName(x: { readonly name: string }, y: { readonly name: string }): number {
  return x.name < y.name ? -1 : 1;
}

test('promtool finds nothing to say', async (t) => {
  const { url } = await served(t);
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: (await scraped(url)).text,
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (error !== undefined) return t.skip('no promtool: apt-get install prometheus');
  assert.equal(`${stdout}${stderr}`, '');
  assert.equal(status, 0);
});

test('a text is good for a second, but not beyond a change of stage', async (t) => {
  const live = someMetrics();
  let asked = 0;
  live.watch(() => {
    asked += 1;
    return {
      begun: true,
      jobs: { offered: 1, enqueued: 1, claimed: 0, settled: 0 },
      latencies: emptyLatencies(),
    };
  });
  const { url } = await served(t, '127.0.0.1', live);
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => scraped(url, i % 2 === 0 ? OPEN_METRICS : undefined)),
  );
  assert.equal(asked, 1);
  live.dropped();
  const { text } = await scraped(url);
  assert.doesNotMatch(text, /^claimbench_cell_info\{/m);
});

test('GET and HEAD of one page; other methods, other pages and noise are turned away, and the server lives on', async (t) => {
  const { url, port } = await served(t);
  const head = await fetch(url, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.ok(Number(head.headers.get('content-length')) > 1_000);
  assert.equal(await head.text(), '');
  assert.equal((await fetch(`${url}?x=1`)).status, 200);
  for (const path of ['/', '/metrics/', '/metricsx', '/..', '//metrics', '/%ff'])
    assert.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status, 404, path);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const refused = await fetch(url, { method, ...(method === 'POST' ? { body: 'x'.repeat(200_000) } : {}) });
    assert.equal(refused.status, 405, method);
    assert.equal(refused.headers.get('allow'), 'GET, HEAD');
  }
  for (const noise of [
    '\0\0\0\0\r\n\r\n',
    'GET /metrics HTTP/9.9\r\n\r\n',
    `GET /metrics HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
    'CONNECT example.org:80 HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /metrics HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    'GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n',
    'GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: ;;;q=,,\r\n\r\n',
  ]) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.end(noise);
    await closed(socket, noise);
  }
  // One that goes away before its answer.
  const gone = request(url).on('error', () => undefined);
  gone.end(() => gone.destroy());
  await closed(gone, 'gone');
  assert.equal((await fetch(url)).status, 200);
});

/** Unlike `once`, takes an error on the way for granted. */
function closed(of: EventEmitter, what: string): Promise<void> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`still open: ${what.slice(0, 50)}`)), 20_000);
    of.once('close', () => {
      clearTimeout(timer);
      done();
    });
  });
}

test('the end closes what is kept open, half asked or idle, at once', async (t) => {
  const live = someMetrics();
  const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, live, '1');
  const idle = connect(server.port, '127.0.0.1').on('error', () => undefined);
  const half = connect(server.port, '127.0.0.1').on('error', () => undefined);
  await Promise.all([once(idle, 'connect'), once(half, 'connect')]);
  half.write('GET /metrics HTTP/1.1\r\nHost:');
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const [response] = await once(get(server.url, { agent }), 'response');
  response.resume();
  await once(response, 'end');
  const startedMs = performance.now();
  await server[Symbol.asyncDispose]();
  assert.ok(performance.now() - startedMs < 1_000);
  idle.destroy();
  half.destroy();
  await assert.rejects(fetch(server.url));
});

test('on the loopback address alone, unless it is told otherwise', async (t) => {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  if (outside === undefined) return t.skip('this machine has no address but loopback');
  const inner = await served(t);
  assert.match(inner.url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  await assert.rejects(
    fetch(`http://${outside}:${inner.port}/metrics`, { signal: AbortSignal.timeout(5_000) }),
  );
  const open = await served(t, '0.0.0.0');
  assert.equal((await fetch(`http://${outside}:${open.port}/metrics`)).status, 200);
});

test('IPv6', async (t) => {
  const has = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === '::1'),
  );
  if (!has) return t.skip('this machine has no IPv6 loopback');
  const { url } = await served(t, '::1');
  assert.match(url, /^http:\/\/\[::1\]:\d+\/metrics$/);
  assert.equal((await fetch(url)).status, 200);
});

test('a port that is taken is a failure, an address that is not ours a mistake; each in one line with the mend', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const taken = other.address();
  assert.ok(taken !== null && typeof taken === 'object');
  const refusal = async (host: string, port: number): Promise<Error> => {
    try {
      await using _ = await serveMetrics({ host, port }, new LiveMetrics(), '1');
    } catch (error) {
      assert.ok(error instanceof Error);
      return error;
    }
    return assert.fail(`${host}:${port} was listened on`);
  };
  const inUse = await refusal('127.0.0.1', taken.port);
  assert.ok(inUse instanceof RuntimeFailure);
  assert.equal(
    inUse.message,
    `--metrics 127.0.0.1:${taken.port}: something listens there already; give another port, or 0 for a free one`,
  );
  // Of a block for documentation: nobody's.
  const foreign = await refusal('192.0.2.1', 0);
  assert.ok(foreign instanceof UsageError, foreign.message);
  assert.match(foreign.message, /no such address; give one of its own/);
  const unknown = await refusal('nobody.invalid', 0);
  assert.ok(unknown instanceof UsageError, unknown.message);
  assert.match(unknown.message, /no machine of that name/);
});

test('a port that this user may not have', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may listen on every port');
  await assert.rejects(serveMetrics({ host: '127.0.0.1', port: 1 }, new LiveMetrics(), '1'), UsageError);
});
