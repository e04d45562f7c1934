// Is a mismatch between declared and effective settings said in every place where figures are?

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Cell, FairnessRow } from '../harness/result/result.ts';
import { readBundle } from './bundle.ts';
import { chartsOf } from './charts/index.ts';
import { comparedOf, durabilityMark, isWeakened, mismatchesOf } from './fairness.ts';
import { findingsOf } from './findings.ts';
import { renderMarkdown } from './render/markdown.ts';
import { terminalTable } from './render/terminal.ts';
import { composeReport } from './report.ts';
import { summarise } from './summary.ts';
import { declaredTable } from './tables/fairness.ts';
import { writeFixture } from './testing-fixture.ts';
import { STANDARD } from './testing-fixture-data.ts';

const WEAK: FairnessRow = {
  setting: 'durability',
  declared: 'durable',
  effective: 'not durable',
  verdict: 'differs',
  note: 'UNLOGGED: jobs',
};

/** A drain of three contenders, in which `advisory` is not durable in its second repeat. */
async function weakened(t: TestContext) {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-fairness-'));
  t.after(() => rm(dir, { recursive: true }));
  const amend = (cell: Cell): Cell =>
    cell.contender.name === 'advisory' && cell.repeat === 1
      ? { ...cell, fairness: (cell.fairness ?? []).map((one) => (one.setting === 'durability' ? WEAK : one)) }
      : cell;
  const contenders = STANDARD.contenders.slice(0, 3);
  await writeFixture(dir, { scenarios: STANDARD.scenarios.slice(0, 1), contenders, amend });
  const bundle = await readBundle(dir);
  const [panel] = summarise(bundle.result, bundle.histograms);
  assert.ok(panel);
  return { bundle, panel };
}

test('one repeat that differs makes its contender differ, with what that repeat said', async (t) => {
  const { panel } = await weakened(t);
  const row = panel.rows.find((one) => one.series.label === 'advisory');
  assert.ok(row && isWeakened(row));
  const durability = comparedOf(row).find((one) => one.setting === 'durability');
  assert.deepEqual(durability, {
    setting: 'durability',
    declared: 'durable',
    effective: 'not durable',
    verdict: 'differs',
    differing: 1,
    below: false,
    repeats: 3,
    remarks: ['UNLOGGED: jobs'],
  });
  assert.ok(!panel.rows.some((one) => one.series.label !== 'advisory' && isWeakened(one)));
});

test('each mismatch is a finding, that of durability the gravest', async (t) => {
  const { bundle, panel } = await weakened(t);
  assert.deepEqual(
    mismatchesOf(panel).map((one) => [one.tone, one.title]),
    [
      ['bad', 'advisory is not durable in drain'],
      ['warn', 'batch?batch=100 claims less than it declares in drain'],
    ],
  );
  assert.equal(findingsOf(bundle.result, [panel])[0]?.title, 'advisory is not durable in drain');
  const text = terminalTable(bundle.result, { colour: false, width: 100 });
  assert.match(text, /^advisory\n.* not durable$/m);
  assert.match(text, /✗ advisory is not durable in drain\. Declared durable, observed not durable \(1 of 3/);
  assert.match(text, /! batch\?batch=100 claims less than it declares in drain\. Declared 100, observed 34/);
});

test('every chart of the panel names who is not durable', async (t) => {
  const { bundle, panel } = await weakened(t);
  assert.equal(durabilityMark(panel), 'NOT DURABLE: advisory · ');
  const charts = chartsOf(bundle, [panel]);
  assert.ok(charts.length > 2);
  for (const chart of charts) assert.match(chart.subtitle, /NOT DURABLE: advisory · /, chart.id);
});

test('the table shows declared beside effective, marks what differs, and says why something was not seen', async (t) => {
  const { bundle, panel } = await weakened(t);
  const table = declaredTable(panel);
  const cells = table?.rows.map((row) => row.cells.map((cell) => [cell.text, cell.small, cell.tone]));
  assert.deepEqual(cells?.[1]?.[1], ['100 → 34', 'differs', 'warn']);
  assert.deepEqual(cells?.[2]?.[3], ['durable → not durable', 'differs', 'bad']);
  assert.deepEqual(cells?.[0]?.[2], ['8 → 8', undefined, undefined]);
  const markdown = renderMarkdown(await composeReport(bundle));
  assert.match(markdown, /\*\*Declared and effective: drain\*\*/);
  assert.match(markdown, /advisory, durability: differs in 1 of 3 repeats; UNLOGGED: jobs/);
});

test('a bundle without the check has no table of it, and no finding', async (t) => {
  const { panel } = await weakened(t);
  const bare = (cell: Cell): Cell => {
    const { fairness: _, ...rest } = cell;
    return rest;
  };
  const rows = panel.rows.map((row) => ({ ...row, valid: row.valid.map(bare) }));
  assert.equal(declaredTable({ ...panel, rows }), undefined);
  assert.deepEqual(mismatchesOf({ ...panel, rows }), []);
});
