// Does a contender that stalls for a second show a second's worth of late responses?

import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Histogram } from 'hdr-histogram-js';
import { parseScenario } from '../../cli/scenarios.ts';
import { readBundle } from '../../reports/bundle.ts';
import { chartsOf } from '../../reports/charts/index.ts';
import { mergeHistograms, readIntervals } from '../../reports/hlog.ts';
import { summarise } from '../../reports/summary.ts';
import { writeFixture } from '../../reports/testing-fixture.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { parseContender } from '../contenders/index.ts';
import { BundleWriter } from '../run/bundle.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer } from '../server/server.ts';
import { runCell } from './cell.ts';
import type { CellOutcome } from './result.ts';

/** A machine that itself stands still adds late responses of its own; its cell says so, and the load is made again. */
const ATTEMPTS = 3;

test('a stall of 1 s at 100 jobs/s in the open loop: about 100 late responses, p99 near 1 s', async (t) => {
  await using server = await openServer(testServer());
  let outcome = await stalledCell(t, server);
  for (let attempt = 2; attempt <= ATTEMPTS && outcome.cell.verdict === 'invalid'; attempt += 1) {
    t.diagnostic(`again: ${outcome.cell.reasons.join('; ')}`);
    outcome = await stalledCell(t, server);
  }
  const { cell, histogramLog } = outcome;
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  const response = mergeHistograms(
    readIntervals(histogramLog, new Set(['response'])).map((i) => i.histogram),
  );
  assert.ok(response !== undefined);
  assert.equal(response.totalCount, 750);
  // Jobs that came in during the stall waited 1 s at most and almost nothing at least: nine in ten over 100 ms.
  const late = response.totalCount - countUpTo(response, 100_000);
  assert.ok(late >= 80, `${late} responses over 100 ms`);
  // Seven in ten of them over 300 ms, which nothing but the stall brings about.
  const veryLate = response.totalCount - countUpTo(response, 300_000);
  assert.ok(veryLate >= 60, `${veryLate} responses over 300 ms`);
  const p99 = response.getValueAtPercentile(99);
  assert.ok(p99 > 900_000, `p99 ${p99} µs`);
  assert.ok((cell.latencyUs?.response?.max ?? 0) > 950_000);
  if (cell.verdict === 'invalid')
    return t.diagnostic(`not asked for lateness beyond the stall: ${cell.reasons.join('; ')}`);
  assert.ok(veryLate <= 100, `${veryLate} responses over 300 ms`);
  assert.ok(p99 < 1_300_000, `p99 ${p99} µs`);
  await assertCharted(outcome, temporaryFolder(t));
});

async function stalledCell(t: TestContext, server: PostgresServer): Promise<CellOutcome> {
  const scenario = parseScenario(
    {
      name: 'stall',
      question: 'Are the responses that waited for a stalled queue counted?',
      workers: { agents: 1, connections: 4 },
      // A search for it may cut off a little more, and so other counts.
      warmupSeconds: 0.5,
      warmupCapSeconds: 0.5,
      phases: [{ label: 'steady', seconds: 8, arrival: { model: 'uniform', ratePerSec: 100 } }],
      settleWithinSeconds: 10,
    },
    'stall',
  );
  return runCell(
    {
      id: 'stall',
      block: 0,
      order: 0,
      repeat: 0,
      scenario,
      contender: parseContender(resolve(import.meta.dirname, '../../testing/planted/stalls.ts'), () => ''),
      seed: 1,
    },
    {
      server,
      scratchDir: temporaryFolder(t),
      ceilingFor: async () => undefined,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    },
  );
}

/** The curve of response times ends at a second, and the timeline shows when it was. */
async function assertCharted(outcome: CellOutcome, folder: string): Promise<void> {
  const { cell } = outcome;
  const { name } = cell.contender;
  const { loadModel } = cell.window;
  const scenarios = [{ name: cell.scenario, question: 'Is a stall seen?', loadModel, definition: {} }];
  using writer = new BundleWriter(join(folder, 'bundle'));
  const fixture = await writeFixture(join(folder, 'fixture'));
  writer.add(outcome, { ...fixture, contenders: [name], scenarios, cells: [cell] });
  const bundle = await readBundle(writer.directory);
  const charts = chartsOf(bundle, summarise(bundle.result, bundle.histograms));
  const curve = charts.find((chart) => chart.kind === 'latency' && chart.title.startsWith('Response'));
  const highestMs = Math.max(...(curve?.hover ?? []).map((point) => Number(point['ms'])));
  assert.ok(highestMs > 950 && highestMs < 1_600, `the curve ends at ${highestMs} ms`);
  const strip = charts.find((chart) => chart.kind === 'timeline');
  const lateBuckets = (strip?.hover ?? []).filter(({ tip }) => {
    const [, value, unit] = /response max (\S+)\s(ms|s)$/m.exec(String(tip)) ?? [];
    return Number(value) * (unit === 's' ? 1_000 : 1) > 300;
  });
  // The load begins when the workers do, and the stall two seconds after the first claim; a bucket is half a second.
  const to = lateBuckets.map((bucket) => Number(bucket['to']));
  const ofStall = to.filter((end) => end > 2 && end <= 5);
  assert.ok(ofStall.length >= 1 && ofStall.length <= 4, `late until ${to.join(', ')} s`);
  // A disk that stops once by itself shows there, too.
  assert.ok(to.length - ofStall.length <= 1, `late until ${to.join(', ')} s`);
}

function countUpTo(histogram: Histogram, limitUs: number): number {
  let low = 0;
  let high = 100;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (histogram.getValueAtPercentile(middle) <= limitUs) low = middle;
    else high = middle;
  }
  return Math.round((low / 100) * histogram.totalCount);
}
