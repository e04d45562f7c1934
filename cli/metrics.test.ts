// Can a run be watched by a scraper, to the last count, and does it end as it would without one?

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunResult, resultSchema } from '../harness/result/result.ts';
import type { ScenarioInput } from '../scenarios/scenario.ts';
import {
  claimbench,
  type Running,
  SHORT_DRAIN,
  start,
  temporaryFolder,
  testServer,
} from '../testing/command.ts';
import { type Exposed, readExposition } from '../testing/exposition.ts';
import { metricsAddress } from './metrics.ts';

const BACKLOG: ScenarioInput = {
  name: 'backlog',
  question: 'Does a scraper see a backlog go down?',
  preload: { ready: 4_000 },
  workers: { agents: 2, connections: 2 },
  job: { handler: { time: 'constant', ms: 1 } },
  warmupSeconds: 0.1,
  phases: [{ label: 'drain', seconds: 3 }],
};
const ARRIVALS: ScenarioInput = {
  name: 'arrivals',
  question: 'Does a scraper see jobs come and go?',
  workers: { agents: 1, connections: 4 },
  warmupSeconds: 0.1,
  phases: [{ label: 'steady', seconds: 2, arrival: { model: 'uniform', ratePerSec: 150 } }],
  settleWithinSeconds: 3,
};

/** Deep enough for the one job in 10,000 that the planted strategy loses. */
const DEEP: ScenarioInput = {
  ...BACKLOG,
  preload: { ready: 12_000 },
  workers: { agents: 1, connections: 8 },
  job: {},
};
const LOSES_JOBS = resolve(import.meta.dirname, '../testing/planted/loses-jobs.ts');

function started(
  t: TestContext,
  contender: string,
  scenarios: readonly ScenarioInput[],
  ...words: readonly string[]
) {
  const folder = temporaryFolder(t);
  const out = join(folder, 'bundle');
  const named = scenarios.flatMap((scenario) => {
    const path = join(folder, `${scenario.name}.json`);
    writeFileSync(path, JSON.stringify(scenario));
    return ['--scenario', path];
  });
  const running = start(
    [
      ...['run', ...named, '--contender', contender, '--server', testServer(), '--out', out],
      ...['--metrics', '0', ...words],
    ],
    240_000,
  );
  return { running, out };
}

async function urlOf(running: Running): Promise<string> {
  for (let i = 0; i < 600; i += 1) {
    const [, url] = /metrics at (http:\/\/127\.0\.0\.1:\d+\/metrics)\n/.exec(running.stderr()) ?? [];
    if (url !== undefined) return url;
    assert.equal(running.child.exitCode, null, running.stderr());
    await sleep(50);
  }
  return assert.fail(`no address was told: ${running.stderr()}`);
}

/** Both formats in turn until the run has ended. */
async function scrapeAll(running: Running, url: string): Promise<Exposed[]> {
  const scrapes: Exposed[] = [];
  for (let i = 0; running.child.exitCode === null && i < 2_000; i += 1) {
    const format = i % 2 === 0 ? 'openmetrics' : 'prometheus';
    const accept = format === 'openmetrics' ? 'application/openmetrics-text' : 'text/plain';
    let text: string;
    try {
      const response = await fetch(url, { headers: { accept }, signal: AbortSignal.timeout(20_000) });
      text = await response.text();
    } catch {
      // The run may just have ended: then the loop does, too.
      await sleep(50);
      continue;
    }
    scrapes.push(readExposition(text, format));
    await sleep(100);
  }
  return scrapes;
}

function total(scrape: Exposed, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return scrape.samples
    .filter((s) => s.name === name && Object.entries(labels).every(([of, is]) => s.labels[of] === is))
    .reduce((sum, s) => sum + s.value, 0);
}

function readResult(bundle: string): RunResult {
  return resultSchema.parse(JSON.parse(readFileSync(join(bundle, 'result.json'), 'utf8')));
}

test('counters never fall over a run, agree with the bundle after each cell, and histograms with counters', async (t) => {
  const { running, out } = started(t, 'batch', [BACKLOG, ARRIVALS], '--repeats', '2', '--seed', '5');
  const scrapes = await scrapeAll(running, await urlOf(running));
  const { code, stderr } = await running.finished;
  assert.ok(code === 0 || code === 4, stderr);
  const { cells } = readResult(out);
  assert.equal(cells.length, 4);

  const last = new Map<string, number>();
  const compared = new Set<number>();
  const backlogs = new Set<number>();
  for (const scrape of scrapes) {
    for (const { name, series, value } of scrape.samples) {
      if (!/_(total|count|bucket|sum)$/.test(name)) continue;
      assert.ok(value >= (last.get(series) ?? 0), `${series} fell from ${last.get(series)} to ${value}`);
      last.set(series, value);
    }
    const under = scrape.samples.filter((s) => s.name === 'claimbench_cell_info');
    assert.ok(under.length <= 1, 'one cell at a time');
    for (const { value } of scrape.samples.filter((s) => s.name === 'claimbench_backlog_jobs'))
      backlogs.add(value);
    for (const scenario of ['backlog', 'arrivals']) {
      const of = { scenario, contender: 'batch' };
      const settled = total(scrape, 'claimbench_jobs_settled_total', of);
      assert.equal(total(scrape, 'claimbench_service_seconds_count', of), settled, 'of one instant');
      assert.ok(settled <= total(scrape, 'claimbench_jobs_claimed_total', of));
      const arrived = scenario === 'arrivals';
      const enqueued = total(scrape, 'claimbench_jobs_enqueued_total', of);
      assert.equal(total(scrape, 'claimbench_response_seconds_count', of), arrived ? settled : 0);
      assert.equal(total(scrape, 'claimbench_enqueue_seconds_count', of), arrived ? enqueued : 0);
    }
    const done = total(scrape, 'claimbench_cells_total');
    if (under.length > 0 && under[0]?.labels['stage'] !== 'preparing') continue;
    compared.add(done);
    assertAgrees(scrape, cells.slice(0, done));
  }
  t.diagnostic(`${scrapes.length} scrapes; compared after ${[...compared].join(', ')} cells`);
  for (const done of [0, 1, 2, 3])
    assert.ok(compared.has(done), `no scrape between cells ${done} and ${done + 1}`);
  assert.ok(backlogs.size > 4, 'the backlog moves');
  assert.ok(scrapes.some((s) => total(s, 'claimbench_cell_info', { stage: 'running' }) === 1));
  for (const cell of cells) assert.ok(cell.jobs.settled > 0, 'something was settled at all');
  const port = /:(\d+)\/metrics/.exec(stderr)?.[1];
  for (const cell of cells) {
    assert.ok(cell.notes.includes(`live metrics were served on port ${port} while it ran`));
    assert.equal(cell.parameters['metrics'], true, 'for whoever compares it');
  }
});

function assertAgrees(scrape: Exposed, cells: RunResult['cells']): void {
  for (const scenario of ['backlog', 'arrivals']) {
    const own = cells.filter((cell) => cell.scenario === scenario);
    const sum = (of: (cell: RunResult['cells'][number]) => number): number =>
      own.reduce((all, cell) => all + of(cell), 0);
    const served = (name: string): number => total(scrape, name, { scenario, contender: 'batch' });
    assert.equal(
      served('claimbench_jobs_offered_total'),
      sum((c) => c.jobs.offered),
    );
    assert.equal(
      served('claimbench_jobs_enqueued_total'),
      sum((c) => c.jobs.enqueued),
    );
    assert.equal(
      served('claimbench_jobs_settled_total'),
      sum((c) => c.jobs.settled + c.jobs.deadLettered),
    );
    assert.equal(served('claimbench_audit_findings_total'), 0);
    for (const verdict of ['valid', 'invalid', 'incorrect'])
      assert.equal(
        total(scrape, 'claimbench_cells_total', { scenario, verdict }),
        own.filter((cell) => cell.verdict === verdict).length,
      );
  }
}

test('faults are told by kind; Ctrl-C ends a run with 130 and its server with it, though a scraper hangs on', async (t) => {
  const { running, out } = started(t, LOSES_JOBS, [DEEP], '--repeats', '50');
  const url = await urlOf(running);
  const port = Number(new URL(url).port);
  while (!running.stderr().includes('[ 1/50]')) {
    assert.equal(running.child.exitCode, null, running.stderr());
    await sleep(50);
  }
  const scrape = readExposition(await (await fetch(url)).text(), 'prometheus');
  const checked = readResult(out).cells.slice(0, total(scrape, 'claimbench_cells_total'));
  const lost = checked.reduce((sum, cell) => sum + cell.audit.lost, 0);
  assert.ok(lost > 0);
  assert.equal(total(scrape, 'claimbench_audit_findings_total', { kind: 'lost' }), lost);
  assert.equal(total(scrape, 'claimbench_cells_total', { verdict: 'incorrect' }), checked.length);
  const half = connect(port, '127.0.0.1').on('error', () => undefined);
  t.after(() => half.destroy());
  await once(half, 'connect');
  half.write('GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n');
  running.child.kill('SIGINT');
  const ended = await running.finished;
  assert.equal(ended.code, 130, ended.stderr);
  assert.equal(readResult(out).complete, false);
  await assert.rejects(fetch(url));
});

test('a port, a host and a port; all else is refused with the mend', async () => {
  assert.deepEqual(metricsAddress('9464'), { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(metricsAddress('0'), { host: '127.0.0.1', port: 0 });
  assert.deepEqual(metricsAddress('0.0.0.0:9464'), { host: '0.0.0.0', port: 9464 });
  assert.deepEqual(metricsAddress('[::1]:65535'), { host: '::1', port: 65_535 });
  assert.deepEqual(metricsAddress('bench-1.example.org:1'), { host: 'bench-1.example.org', port: 1 });
  for (const bad of [
    ...['', 'x', '-1', '1.5', '65536', '9464x', ' 9464', ':9464', '::1:9464', 'host', 'host:', 'a b:1'],
    ...['http://x:1', 'me:secret@host:1', '[]:1', '1e3', '0x10', '123456'],
  ])
    assert.throws(
      () => metricsAddress(bad),
      /give a port from 0 to 65535, or a host and a port such as/,
      bad,
    );
  const words = ['run', ...SHORT_DRAIN, '--contender', 'batch', '--server', testServer()];
  const refused = await claimbench(...words, '--metrics', 'me:secret@host:1');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^claimbench: --metrics [^\n]*: give a port from 0 to 65535[^\n]*\n$/);
});

test('a port that is taken: one line, exit code 2, before a server is asked for anything, and no folder is left', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const address = other.address();
  assert.ok(address !== null && typeof address === 'object');
  const out = join(temporaryFolder(t), 'bundle');
  const ran = await claimbench(
    ...['run', ...SHORT_DRAIN, '--contender', 'batch', '--out', out],
    ...['--server', 'postgres://me@127.0.0.1:1/none', '--metrics', String(address.port)],
  );
  assert.equal(ran.code, 2);
  assert.equal(
    ran.stderr,
    `claimbench: --metrics 127.0.0.1:${address.port}: something listens there already; give another port, or 0 for a free one\n`,
  );
  assert.throws(() => readFileSync(out), /ENOENT/);
});
