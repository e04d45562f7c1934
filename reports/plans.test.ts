// Do reports show the plans that a bundle has, find those that read whole tables, and do without where there are none?

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { BUNDLE, type Cell, type Plan, type Telemetry } from '../harness/result/result.ts';
import { BundleError, readBundle } from './bundle.ts';
import { renderBundle } from './index.ts';
import { planFindings, plansOf } from './plans.ts';
import { summarise } from './summary.ts';
import { serverTables } from './tables/server.ts';
import { writeFixture } from './testing-fixture.ts';
import { STANDARD } from './testing-fixture-data.ts';
import { frameOf, timelineOf } from './timeline.ts';

const TELEMETRY: Telemetry = {
  sampling: true,
  readings: 10,
  samplerBusyShare: 0.002,
  samplerCpuShare: 0.001,
  missing: ['I/O by kind of process: pg_stat_io came with PostgreSQL 16'],
  wal: { records: 10, bytes: 2 ** 20, fullPageImages: 1, buffersFull: 0, writes: 5, fsyncs: 4 },
  checkpoints: { timed: 1, requested: 2, buffersWritten: 3, writeMs: 4, syncMs: 5 },
  vacuum: { autovacuums: 1, autoanalyzes: 0, vacuums: 0 },
  statements: [
    { statement: 'DELETE <b>', calls: 4, meanUs: 12, timeShare: 1, rows: 8, walBytes: 40, buffers: 4 },
  ],
  lockWaits: { readings: 10, mostWaiting: 3, meanWaiting: 0.4, mostForRows: 2 },
  cpuUs: { 'client backend': 900, walwriter: 99, checkpointer: 1 },
  storage: [
    { relation: 'jobs', kind: 'table', when: 'before', bytes: 2 ** 20, deadPercent: 0 },
    { relation: 'jobs', kind: 'table', when: 'after', bytes: 2 ** 21, deadPercent: 40 },
    { relation: 'tiny', kind: 'table', when: 'after', bytes: 8192 },
  ],
};

const plan = (cell: string, query: string, text: string, firstSeconds = 0.1): Plan => ({
  cell,
  role: 'worker',
  statement: query,
  query,
  how: 'auto_explain',
  seen: 3,
  firstSeconds,
  lastSeconds: 2,
  plan: text,
});

async function fixture(t: TestContext, plans: (cells: readonly Cell[]) => readonly Plan[]) {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-plans-'));
  t.after(() => rm(dir, { recursive: true }));
  const scenarios = STANDARD.scenarios.slice(0, 1);
  const amend = (cell: Cell): Cell => ({ ...cell, telemetry: TELEMETRY });
  const { cells } = await writeFixture(dir, { scenarios, repeats: 1, amend });
  const lines = plans(cells).map((one) => `${JSON.stringify(one)}\n`);
  if (lines.length > 0) await writeFile(path.join(dir, BUNDLE.plans), lines.join(''));
  return dir;
}

test('a scan of many rows is a finding, one of few is not; plans are folded into the page, escaped', async (t) => {
  const dir = await fixture(t, (cells) =>
    cells.flatMap(({ id }) => [
      plan(id, 'SELECT <1>', 'Seq Scan on jobs  (cost=0.00..1.00 rows=5 width=4)'),
      plan(
        id,
        'SELECT <1>',
        'Sort  (cost=1.00..2.00 rows=9999 width=4)\n  ->  Index Scan using i on jobs  (cost=0.00..1.00 rows=90000 width=4)',
        0.4,
      ),
      plan(
        id,
        'SELECT 2',
        'Limit  (cost=9.00..9.10 rows=1 width=4)\n  ->  Sort  (cost=9.00..9.00 rows=50000 width=4)\n        ->  Seq Scan on jobs  (cost=0.00..5.00 rows=148000 width=4)',
      ),
    ]),
  );
  const bundle = await readBundle(dir);
  const [panel] = summarise(bundle.result);
  assert.ok(panel !== undefined);
  const [first] = plansOf(panel, bundle);
  assert.equal(first?.plans.length, 3);
  assert.equal(first.flips, 1);
  const [finding] = planFindings(panel, bundle);
  assert.match(
    finding?.text ?? '',
    /^SELECT 2: Seq Scan on jobs, 148.000 rows expected, seen from 0\.1\S* to 2\S* s\. /,
  );
  const files = await renderBundle(dir);
  const page = await readFile(files.html, 'utf8');
  assert.match(page, /<details class="plans">/);
  assert.ok(page.includes('SELECT &lt;1&gt;') && !page.includes('SELECT <1>'));
  assert.match(await readFile(files.markdown, 'utf8'), /3 plans in plans\.ndjson/);
});

test('a statement that its heading cuts stands whole once, and the settings of a plan wrap', async (t) => {
  const dir = await fixture(t, (cells) =>
    cells.flatMap(({ id }) =>
      [1, 2].map((rows) => ({
        ...plan(id, 'SELECT a\nFROM b\nWHERE c', `Result  (rows=${rows})\n  ->  Scan\nSettings: jit = 'off'`),
        statement: 'SELECT a FROM…',
      })),
    ),
  );
  const page = await readFile((await renderBundle(dir)).html, 'utf8');
  const count = (text: string) => page.split(text).length - 1;
  assert.equal(count('<code>SELECT a FROM…</code>'), 2 * count('<details class="plans">'));
  assert.equal(count('<pre class="wrap">SELECT a\nFROM b\nWHERE c</pre>'), count('<details class="plans">'));
  assert.ok(
    page.includes('(rows=1)\n  -&gt;  Scan\n<span class="wrap">Settings: jit = &#39;off&#39;</span></pre>'),
  );
});

test('without plans and telemetry a report has neither, and a broken line is named', async (t) => {
  const dir = await fixture(t, () => []);
  const bundle = await readBundle(dir);
  assert.equal(bundle.plans.size, 0);
  const page = await readFile((await renderBundle(dir)).html, 'utf8');
  assert.doesNotMatch(page, /<details class="plans">/);
  await writeFile(path.join(dir, BUNDLE.plans), '{"cell": 1}\n');
  await assert.rejects(
    readBundle(dir),
    (error) => error instanceof BundleError && /plans\.ndjson:1: /.test(error.message),
  );
});

test('the server table tells counters, its own cost and what is missing; storage before and after', async (t) => {
  const bundle = await readBundle(await fixture(t, () => []));
  const [panel] = summarise(bundle.result);
  assert.ok(panel !== undefined);
  const [activity, statements, storage] = serverTables(panel);
  const texts = activity?.rows[0]?.cells.map((cell) => cell.text) ?? [];
  assert.deepEqual(texts.slice(2, 7), ['4', '3', '1', '3', '2']);
  assert.match(texts.at(-1) ?? '', /^client backend\u00a090\S*\s%, walwriter\u00a09\S*\s%$/);
  assert.ok(activity?.notes.some((note) => note.startsWith('Missing: I/O by kind')));
  assert.equal(statements?.rows[0]?.cells[5]?.text, '2.00');
  assert.deepEqual(
    storage?.rows.slice(0, 2).map((row) => row.cells[1]?.text),
    ['jobs', 'jobs'],
    'relations of a few pages are left out',
  );
  assert.match(storage?.rows[0]?.cells[2]?.text ?? '', /^1\S*\s\S+ → 2/);
});

test('checkpoints and autovacuum are marked where they were seen, rates come from neighbours', async (t) => {
  const bundle = await readBundle(await fixture(t, () => []));
  const [panel] = summarise(bundle.result);
  const cell = bundle.result.cells[0];
  assert.ok(panel !== undefined && cell !== undefined);
  const server = [0, 1, 2, 3, 4].map((t) => ({
    ...{ kind: 'server' as const, cell: cell.id, t, waits: {} },
    ...{
      walBytes: t * 1_000,
      checkpoints: t < 3 ? 0 : 1,
      autovacuumWorkers: t === 2 ? 1 : 0,
      lockWaiters: t,
    },
  }));
  const doctored = { ...bundle, server: new Map(bundle.result.cells.map(({ id }) => [id, server])) };
  const strip = timelineOf(doctored, panel, frameOf(doctored, [panel]))?.strips[0];
  assert.deepEqual(strip?.checkpoints, [3]);
  assert.deepEqual(strip.autovacuums, [{ from: 1, to: 2 }]);
  assert.deepEqual(
    strip.readings.map((r) => r.walBytesPerSec),
    [undefined, 1_000, 1_000, 1_000, 1_000],
  );
  assert.deepEqual(
    strip.readings.map((r) => r.lockWaiters),
    [0, 1, 2, 3, 4],
  );
});
