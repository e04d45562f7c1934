// Does the report tell how the bystander fared, and nothing in a run without one?

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LatencyHistogram } from '../../harness/measure/histogram.ts';
import { BUNDLE, type BystanderFigures, type Cell } from '../../harness/result/result.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { BundleError, readBundle } from '../bundle.ts';
import { bundleTable, renderBundle } from '../index.ts';
import { summarise } from '../summary.ts';
import { writeFixture } from '../testing-fixture.ts';
import { STANDARD } from '../testing-fixture-data.ts';
import { bystanderTable } from './bystander.ts';

const PHASES = ['before', 'during', 'after'];
const PER_REPEAT = 4_000;

/** 1 ms before, and 2 ms during the load save for some that took 30 ms; 40 of each repeat failed then. */
function histogramOf(phase: string, repeat: number): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < PER_REPEAT; i += 1) {
    if (phase !== 'during') histogram.record(1_000 + repeat);
    else if (i < 40) histogram.recordUnfinished(5_000_000);
    else histogram.record(i % 20 === 0 ? 30_000 : 2_000);
  }
  return histogram;
}

function bystanderOf({ repeat }: Cell): BystanderFigures {
  const figures = (phase: string): BystanderFigures['whole'] => {
    const latencyUs = histogramOf(phase, repeat).percentiles();
    return {
      ...{ seconds: 20, offered: PER_REPEAT, failed: phase === 'during' ? 40 : 0, unfinished: 0 },
      ...{ offeredPerSec: 200, donePerSec: phase === 'during' ? 198 : 200 },
      ...(latencyUs === undefined ? {} : { latencyUs }),
    };
  };
  return {
    ...{ ratePerSec: 200, connections: 4, rows: 1_000 },
    phases: PHASES.map((label) => ({ label, ...figures(label) })),
    whole: figures('during'),
    errors: { '57P01 terminating connection due to administrator command': 40 },
    unknown: { count: 0, committed: 0 },
    ...{ lostSessions: 40, failedConnects: 0 },
    generator: {
      ...{ eventLoopP99Us: 900, stalledShare: 0, cpuShare: 0.1, lagP99Us: 300, lagMaxUs: 900, lateShare: 0 },
    },
  };
}

async function fixture(t: TestContext): Promise<string> {
  const folder = join(temporaryFolder(t), 'bundle');
  const { cells } = await writeFixture(folder, {
    contenders: STANDARD.contenders.slice(0, 2),
    scenarios: STANDARD.scenarios.filter((scenario) => scenario.name === 'steady'),
    amend: (cell) => ({ ...cell, bystander: bystanderOf(cell) }),
  });
  for (const { id, repeat } of cells) {
    const lines = PHASES.map((phase, i) => histogramOf(phase, repeat).logLine('bystander', i * 20, 20));
    appendFileSync(join(folder, BUNDLE.histograms, `${id}.hlog`), `${lines.join('\n')}\n`);
  }
  return folder;
}

test('a line for each phase of each contender, whose p99 comes of all repeats merged', async (t) => {
  const { result, histograms, bystanderHistograms } = await readBundle(await fixture(t));
  const [panel] = summarise(result, histograms);
  assert.ok(panel !== undefined);
  const table = bystanderTable(panel, bystanderHistograms);
  assert.ok(table !== undefined);
  assert.deepEqual(
    table.rows.map(({ cells }) => cells[1]?.text),
    [...PHASES, ...PHASES],
  );
  const column = (label: string, row: number) =>
    table.rows[row]?.cells[table.columns.findIndex((one) => one.label.startsWith(label))]?.text;
  assert.deepEqual([column('p50', 0), column('p50', 1)], ['1.00', '2.00']);
  // 40 beyond it in one repeat, 120 in all three.
  assert.equal(column('p99', 0), '1.00');
  assert.equal(column('p99', 1), '30.0');
  assert.equal(column('max', 1), '≥ 5\u202f000', 'what failed is a lower bound');
  assert.deepEqual([column('Done/s', 1), column('Offered/s', 1), column('Failed', 1)], ['198', '200', '120']);
  assert.match(table.notes.join('\n'), /Failed with: 57P01 terminating connection .* \(240\)\./);
});

test('it stands in HTML and Markdown, and in no report of a run without a bystander', async (t) => {
  const { html, markdown } = await renderBundle(await fixture(t));
  for (const file of [html, markdown])
    assert.match(readFileSync(file, 'utf8'), /Bystander, somebody else.*s transactions/);
  const shown = await bundleTable(await fixture(t), { colour: false, width: 100 });
  assert.match(shown, /, bystander p50 \/ p99 \/ max ms: before 1\.00 \/ .*; during 2\.00 \/ /);
  for (const line of shown.split('\n')) assert.ok(line.length <= 100, line);
  const plain = join(temporaryFolder(t), 'bundle');
  await writeFixture(plain, { scenarios: STANDARD.scenarios.slice(0, 1), repeats: 1 });
  const without = await renderBundle(plain);
  for (const file of [without.html, without.markdown])
    assert.doesNotMatch(readFileSync(file, 'utf8'), /bystander/i);
});

test('a log of another run is not taken for this one’s', async (t) => {
  const folder = await fixture(t);
  const { result } = await readBundle(folder);
  const file = join(folder, BUNDLE.histograms, `${result.cells[0]?.id}.hlog`);
  const lines = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, lines.filter((line) => !line.startsWith('Tag=bystander,20')).join('\n'));
  await assert.rejects(
    readBundle(folder),
    (error) => error instanceof BundleError && /bystander samples, where/.test(error.message),
  );
});
