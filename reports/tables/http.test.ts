// Does the report tell of a load over HTTP what was answered and how soon, and of any other load nothing?

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { HttpPart, RunResult } from '../../harness/result/result.ts';
import { bundleTable, renderBundle } from '../index.ts';
import { formatShare } from '../render/format.ts';
import { summarise } from '../summary.ts';
import { writeFixture } from '../testing-fixture.ts';
import { httpTable } from './http.ts';

const HTTP: HttpPart = {
  backlogLimit: 200,
  retryAfterSeconds: 2,
  answers: {
    ...{ created: 750, tooMany: 250, withoutRetryAfter: 0, otherClientErrors: 0 },
    ...{ serverErrors: 0, timeouts: 0, brokenConnections: 0 },
  },
  latencyUs: {
    accepted: { count: 750, min: 900, mean: 3_000, p50: 2_500, max: 40_000 },
    service: { count: 750, min: 800, mean: 2_000, p50: 1_500, max: 30_000 },
  },
  front: {
    ...{ connections: 20, cpuShare: 0.25, eventLoopP99Us: 900, eventLoopMaxUs: 5_000 },
    ...{ backlogReadings: 40, failedReadings: 0, meanReadingMs: 1.25, longestReadingMs: 6, backlogPeak: 199 },
  },
};

async function written(t: TestContext, http: HttpPart | undefined): Promise<[string, RunResult]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'claimbench-http-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const result = await writeFixture(folder, {
    repeats: 1,
    amendResult: (made) => ({
      ...made,
      cells: made.cells.map((cell) =>
        http === undefined || cell.scenario !== made.cells[0]?.scenario ? cell : { ...cell, http },
      ),
    }),
  });
  return [folder, result];
}

test('answers, latencies and the front, for the scenario over HTTP alone', async (t) => {
  const [folder, result] = await written(t, HTTP);
  const panels = summarise(result, new Map());
  const overHttp = panels.filter((panel) => httpTable(panel) !== undefined);
  assert.deepEqual(
    overHttp,
    panels.filter(({ scenario }) => scenario === result.cells[0]?.scenario),
  );
  const [first] = overHttp;
  const table = first === undefined ? undefined : httpTable(first);
  const shown = Object.fromEntries(
    (table?.columns ?? []).map(({ label }, i) => [label, table?.rows[0]?.cells[i]]),
  );
  assert.deepEqual(
    ['201', '429', '429 share', '201 p50, ms', '201 max, ms', 'sent → 201 p50, ms', 'Backlog peak'].map(
      (label) => shown[label]?.text,
    ),
    ['750', '250', formatShare(0.25), '2.50', '40.0', '1.50', '199'],
  );
  // Absent with a reason, never 0.
  assert.equal(shown['201 p99, ms']?.hint, 'fewer than 100 samples beyond it');
  assert.equal(shown['429 p50, ms']?.hint, 'no such answer');
  assert.match(table?.notes.join(' ') ?? '', /Retry-After: 2 from a backlog of 200 jobs/);
  assert.match(
    await bundleTable(folder, { colour: false, width: 100 }),
    /, HTTP answers: 201 750; 429 250; 201 p50, ms 2\.50; 201 p99, ms –;\s+201 max, ms 40\.0/,
  );
  await renderBundle(folder);
  for (const file of ['report.html', 'report.md'])
    assert.match(readFileSync(path.join(folder, file), 'utf8'), /Over HTTP: /);
});

test('answers that no producer lived to tell are absent', async (t) => {
  const { answers: _answers, front: _front, ...rest } = HTTP;
  const [, result] = await written(t, rest);
  const [table] = summarise(result, new Map()).flatMap((panel) => httpTable(panel) ?? []);
  const cells = table?.rows[0]?.cells ?? [];
  assert.equal(cells[1]?.hint, 'a producer did not live to tell');
  assert.equal(cells.at(-1)?.hint, 'the front did not live to tell');
  assert.equal(cells.length, table?.columns.length);
});

test('no table for a load that did not come over HTTP', async (t) => {
  const [folder, result] = await written(t, undefined);
  assert.deepEqual(
    summarise(result, new Map()).flatMap((panel) => httpTable(panel) ?? []),
    [],
  );
  await renderBundle(folder);
  assert.doesNotMatch(readFileSync(path.join(folder, 'report.md'), 'utf8'), /Over HTTP/);
});
