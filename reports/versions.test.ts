// Does a report of several versions show each row on its own server, and answer which version, and which contender?

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RunResult } from '../harness/result/result.ts';
import { comparisonsOf } from './compare/index.ts';
import { findingsOf } from './findings.ts';
import { renderBundle } from './index.ts';
import { summarise } from './summary.ts';
import { serverTable } from './tables/server-settings.ts';
import { environmentTable } from './tables/settings.ts';
import { versionsTable } from './tables/versions.ts';
import { type FixtureOptions, writeFixture } from './testing-fixture.ts';
import { matrixOf, STANDARD } from './testing-fixture-data.ts';

const TWO = STANDARD.contenders.slice(0, 2).flatMap((one, i) =>
  ['14', '18'].map((label, j) => ({
    ...one,
    class: 'job-queue' as const,
    name: `${i === 0 ? 'a' : 'b'} on ${label}`,
    capacityPerSec: one.capacityPerSec * (j + 1),
  })),
);

async function written(
  t: TestContext,
  options: FixtureOptions = {},
): Promise<{ readonly dir: string; readonly result: RunResult }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-versions-'));
  t.after(() => rm(dir, { recursive: true }));
  const result = await writeFixture(dir, {
    contenders: TWO,
    scenarios: STANDARD.scenarios.slice(0, 2),
    repeats: 2,
    ...options,
    amendResult: (made) => {
      const placed = matrixOf(made, (name) => name.split(' on ')[0] ?? '', ['14', '18']);
      const whole = options.amendResult?.(placed) ?? placed;
      return { ...whole, comparisons: comparisonsOf(whole) };
    },
  });
  return { dir, result };
}

test('a contender per line, a version per column, and the ratio of each to the first', async (t) => {
  const { result } = await written(t);
  const panels = summarise(result);
  assert.deepEqual(
    panels.map(({ scenario }) => scenario),
    ['drain', 'steady'],
  );
  const [drain, steady] = panels.map((panel) => versionsTable(panel, result));
  assert.ok(drain && steady);
  assert.deepEqual(
    drain.columns.map(({ label }) => label),
    ['Contender', '14', '18', '18 ÷ 14'],
  );
  assert.deepEqual(
    drain.rows.map(({ cells: [name] }) => name?.text),
    ['a', 'b'],
  );
  const figures = panels[0]?.rows.map(({ settledPerSec }) =>
    settledPerSec.kind === 'measured' ? settledPerSec.spread.median : Number.NaN,
  );
  const [a14 = 0, a18 = 0] = figures ?? [];
  assert.ok(a18 > a14 * 1.8);
  for (const { cells } of drain.rows) {
    const [, on14 = 0, on18 = 0] = cells.map(({ text }) => Number(text.replaceAll(/[^\d.]/g, '')));
    assert.ok(on18 > on14);
    assert.match(cells[3]?.text ?? '', /^(1\.[89]|2\.[012])/);
  }
  assert.match(steady.caption, /response p50/);
  assert.match(steady.notes.join(), /Below 1 a version answered sooner than 14\./);
});

test('a version without a figure is a dash with its reason', async (t) => {
  const { result } = await written(t, {
    amend: (cell) =>
      cell.contender.name === 'a on 18'
        ? { ...cell, verdict: 'invalid', reasons: ['the server was lost'] }
        : cell,
  });
  const [panel] = summarise(result);
  assert.ok(panel);
  const table = versionsTable(panel, result);
  assert.deepEqual(
    table?.rows[0]?.cells.slice(2).map(({ text }) => text),
    ['invalid', '–'],
  );
  assert.match(table?.rows[0]?.cells[3]?.hint ?? '', /no block in which both versions/);
});

test('settings that differ stand first, with what each server says; one server has its table as ever', async (t) => {
  const { result } = await written(t);
  const table = serverTable(result);
  assert.deepEqual(
    table.columns.map(({ label }) => label),
    ['Setting', '14', '18'],
  );
  const rows = table.rows.map(({ cells }) => cells.map(({ text, small }) => small ?? text));
  assert.deepEqual(rows.slice(0, 2), [
    ['differs', 'off', 'on'],
    ['differs', '–', 'worker'],
  ]);
  assert.ok(rows.slice(2).every(([, on14, on18]) => on14 === on18));
  const environment = new Map(
    environmentTable(result).rows.map(({ cells: [what, value] }) => [what?.text, value?.text]),
  );
  assert.match(environment.get('PostgreSQL (14)') ?? '', /^14\.1, /);
  assert.match(environment.get('Durability (18)') ?? '', /^on: /);
  const { matrix: _, ...rest } = result;
  const { servers: __, ...alone } = result.environment;
  const single = { ...rest, environment: alone };
  assert.deepEqual(
    serverTable(single).columns.map(({ label }) => label),
    ['Setting', 'Value'],
  );
  const [panel] = summarise(single);
  assert.ok(panel);
  assert.equal(versionsTable(panel, single), undefined);
});

test('findings name what differs, the server that is not durable, and the one that was lost', async (t) => {
  const { result } = await written(t);
  const texts = (changed: RunResult) =>
    findingsOf(changed, summarise(changed))
      .map(({ title, text }) => `${title}: ${text}`)
      .join('\n');
  assert.match(
    texts(result),
    /^PostgreSQL 14\.1 and 18\.1 differ in 2 settings too: data_checksums \(off, on\), io_method \(not reported, worker\)\./m,
  );
  assert.doesNotMatch(texts(result), /durable|incomplete/);
  const servers = (result.environment.servers ?? []).map((one) => ({ ...one, durable: one.label !== '18' }));
  const weak = { ...result, environment: { ...result.environment, servers } };
  assert.match(texts(weak), /^The server of PostgreSQL 18 is not durable: /m);
  const lostServers = [
    { label: '14', description: 'embedded PostgreSQL 14.1', finishedCells: 3, reason: 'gone' },
  ];
  assert.match(
    texts({ ...result, complete: false, lostServers }),
    /^The run is incomplete: The server of PostgreSQL 14 \(embedded PostgreSQL 14\.1\) was lost after 3 cells of the run: gone\./m,
  );
});

test('report and Markdown: both questions have a heading, pairs name both sides, and the mark looks at every server', async (t) => {
  const { dir } = await written(t, {
    amendResult: (made) => ({
      ...made,
      environment: {
        ...made.environment,
        servers: (made.environment.servers ?? []).map((one) => ({ ...one, durable: one.label === '14' })),
      },
    }),
  });
  const files = await renderBundle(dir);
  const page = await readFile(files.html, 'utf8');
  const across = page.indexOf('Versions of PostgreSQL compared, for each contender');
  const within = page.indexOf('Contenders compared, on each version');
  assert.ok(across > 0 && within > across);
  assert.ok(page.slice(across, within).includes('a on 18 against a on 14'));
  assert.ok(!page.slice(across, within).includes('b on 14 against a on 14'));
  assert.ok(page.slice(within).includes('b on 18 against a on 18'));
  assert.match(page, /2 questions to 2 contenders on 2 versions of PostgreSQL/);
  assert.match(page, /PostgreSQL 14\.1 and 18\.1 \(/);
  assert.match(page, /SERVER NOT DURABLE/);
  const markdown = await readFile(files.markdown, 'utf8');
  assert.match(markdown, /By version of PostgreSQL: drain: settled jobs\/s/);
  assert.match(markdown, /\*\*SERVER NOT DURABLE\*\*/);
});
