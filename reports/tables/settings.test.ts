// Does a reader see on what was measured, pinned or not, under which settings, and what could not be read?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Environment, RunResult } from '../../harness/result/result.ts';
import { findingsOf } from '../findings.ts';
import { summarise } from '../summary.ts';
import { writeFixture } from '../testing-fixture.ts';
import { auditTable } from './audit.ts';
import { environmentTable, fairnessTable } from './settings.ts';

async function measuredOn(t: TestContext, change: Partial<Environment>): Promise<RunResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'claimbench-settings-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return await writeFixture(folder, {
    repeats: 1,
    amendResult: (result) => ({ ...result, environment: { ...result.environment, ...change } }),
  });
}

function shown(result: RunResult): Record<string, string | undefined> {
  return Object.fromEntries(
    environmentTable(result).rows.map(({ cells: [name, value] }) => [name?.text ?? '', value?.text]),
  );
}

function sharedMachine(result: RunResult): string {
  const found = findingsOf(result, summarise(result, new Map()));
  return found.find((one) => one.title === 'Generator and server share a machine')?.text ?? '';
}

test('cores, quota, governor, load, clock and ceilings are shown', async (t) => {
  const table = shown(
    await measuredOn(t, {
      cores: 8,
      allowedCpus: [0, 1, 2, 3],
      cpuQuota: 1.5,
      governor: 'powersave',
      loadAverageAtStart: 0.25,
      clockResolutionUs: 0.5,
      nullCeilings: { '100': 4_000_000, '1': 300_000 },
      pinned: { server: [0, 1], agents: [2, 3] },
      producerPriority: 'realtime',
    }),
  );
  assert.match(table['CPU'] ?? '', /8 cores, 4 allowed, time of 1\.50? granted$/);
  assert.equal(table['CPU frequency governor'], 'powersave');
  assert.match(table['Load average at the start'] ?? '', /^0\.250?$/);
  assert.match(table['Clock resolution'] ?? '', /^0\.500?\sµs$/);
  assert.match(
    table['Null contender, jobs/s'] ?? '',
    /^300\D?000 at 1 per claim; 4\D?000\D?000 at 100 per claim$/,
  );
  assert.equal(table['Cores'], 'pinned apart: server on 0, 1; agents and coordinator on 2, 3');
  assert.match(table['Producers'] ?? '', /real-time/);
});

test('what an older bundle lacks is a dash with its reason, not an invention', async (t) => {
  const table = shown(await measuredOn(t, {}));
  assert.match(table['CPU frequency governor'] ?? '', /\(not visible\)$/);
  assert.match(table['Load average at the start'] ?? '', /\(not read\)$/);
  assert.match(table['Clock resolution'] ?? '', /\(not read\)$/);
  assert.equal(table['Cores'], 'not pinned: the scheduler places server and agents');
  assert.equal(table['Producers'], '–');
  assert.match(table['Null contender, jobs/s'] ?? '', /^48\D?000$/);
});

test('the finding of a shared machine says whether the sides were pinned apart', async (t) => {
  const apart = await measuredOn(t, { pinned: { server: [0, 1], agents: [2] } });
  assert.match(sharedMachine(apart), /pinned apart \(cores: 2 for the server, 1 for the agents\)/);
  assert.match(sharedMachine(await measuredOn(t, {})), /not pinned apart, so they compete/);
});

test('settings and audit have contenders side by side, the verdict above what it rests on', async (t) => {
  const [panel] = summarise(await measuredOn(t, {}), new Map());
  assert.ok(panel);
  const names = panel.rows.map(({ series }) => series.label);
  for (const table of [fairnessTable(panel), auditTable(panel)]) {
    assert.deepEqual(
      table.columns.slice(1).map(({ label, series }) => [label, series?.label]),
      names.map((name) => [name, name]),
    );
    assert.ok(table.rows.every(({ cells }) => cells.length === names.length + 1));
  }
  const texts = (table: ReturnType<typeof auditTable>) =>
    table.rows.map(({ cells }) => cells.map(({ text }) => text));
  assert.deepEqual(texts(auditTable(panel))[0], ['Correctness', ...names.map(() => 'correct')]);
  assert.deepEqual(
    texts(fairnessTable(panel)).find(([name]) => name === 'Declared batch'),
    ['Declared batch', ...panel.rows.map(({ valid: [cell] }) => String(cell?.contender.batch))],
  );
});
