// Does a contender that stalls for a second show a second's worth of late responses?

import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import type { Histogram } from 'hdr-histogram-js';
import { parseScenario } from '../cli/scenarios.ts';
import { mergeHistograms, readIntervals } from '../reports/hlog.ts';
import { temporaryFolder, testServer } from '../testing/command.ts';
import { runCell } from './cell.ts';
import { parseContender } from './contenders/index.ts';
import { openServer } from './server/index.ts';

test('a stall of 1 s at 100 jobs/s in the open loop: about 100 late responses, p99 near 1 s', async (t) => {
  await using server = await openServer(testServer());
  const scenario = parseScenario(
    {
      name: 'stall',
      question: 'Are the responses that waited for a stalled queue counted?',
      workers: { agents: 1, connections: 4 },
      phases: [{ label: 'steady', seconds: 8, arrival: { model: 'uniform', ratePerSec: 100 } }],
      settleWithinSeconds: 10,
    },
    'stall',
  );
  const { cell, histogramLog } = await runCell(
    {
      id: 'stall',
      block: 0,
      order: 0,
      repeat: 0,
      scenario,
      contender: parseContender(resolve(import.meta.dirname, '../testing/planted/stalls.ts'), () => ''),
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
  assert.ok(veryLate >= 60 && veryLate <= 100, `${veryLate} responses over 300 ms`);
  const p99 = response.getValueAtPercentile(99);
  assert.ok(p99 > 900_000 && p99 < 1_300_000, `p99 ${p99} µs`);
  assert.ok((cell.latencyUs?.response?.max ?? 0) > 950_000);
});

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
