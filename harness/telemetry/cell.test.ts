// Does a measured cell bring along what the server did and the plans that ran, and nothing of it when that is switched off?

import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseScenario } from '../../cli/scenarios.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { runCell } from '../cell/cell.ts';
import type { CellOutcome } from '../cell/result.ts';
import { parseContender } from '../contenders/index.ts';
import { cellSchema, planSchema, sampleSchema } from '../result/result.ts';
import { openServer } from '../server/index.ts';

async function measured(t: TestContext, sampling: boolean): Promise<CellOutcome> {
  await using server = await openServer(testServer());
  const scenario = parseScenario(
    {
      name: 'watched',
      question: 'What does the server do?',
      workers: { agents: 1, connections: 2 },
      preload: { ready: 4_000 },
      phases: [{ label: 'drain', seconds: 1.5 }],
    },
    'watched',
  );
  const contender = resolve(import.meta.dirname, '../../testing/planted/scans-table.ts');
  return await runCell(
    {
      id: 'watched',
      block: 0,
      order: 0,
      repeat: 0,
      scenario,
      contender: parseContender(contender, () => ''),
      seed: 1,
    },
    {
      server,
      scratchDir: temporaryFolder(t),
      ceilingFor: async () => undefined,
      signal: new AbortController().signal,
      onProgress: () => undefined,
      sampling,
    },
  );
}

test('a claim that reads the whole table is seen in the plans of the workers, beside the sound claim', async (t) => {
  const { cell, samples, plans } = await measured(t, true);
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  for (const plan of plans) planSchema.parse(plan);
  const scan = plans.find(({ plan }) => /Seq Scan on jobs/.test(plan));
  assert.ok(scan !== undefined, plans.map(({ plan }) => plan).join('\n\n'));
  assert.deepEqual([scan.cell, scan.role, scan.how], ['watched', 'worker', 'auto_explain']);
  assert.match(scan.statement, /^SELECT count\(\*\) FROM "\w+"."jobs" WHERE attempt < 0$/);
  const claims = plans.filter(({ query }) => query.includes('SKIP LOCKED') && query.includes('queue = $1'));
  // Workers plan once, for all values.
  assert.ok(claims.length > 0);
  for (const { plan } of claims) assert.match(plan, /queue = \$1/);
  assert.ok(plans.every(({ statement }) => !/pg_sleep|sample_rate/.test(statement)));

  const { telemetry } = cellSchema.parse(cell);
  assert.ok((telemetry?.statements?.length ?? 0) > 1 && (telemetry?.wal?.records ?? 0) > 0);
  assert.equal(telemetry?.storage.find((one) => one.relation === 'jobs')?.tuples, 4_000);
  const server = samples.filter((sample) => sample.kind === 'server');
  assert.ok(server.length >= 2);
  for (const sample of server) sampleSchema.parse(sample);
  assert.ok(server.some((sample) => sample.locksHeld !== undefined && sample.notifyQueueShare !== undefined));
});

test('without sampling there are neither readings nor plans, and the cell cannot be mistaken', async (t) => {
  const { cell, samples, plans } = await measured(t, false);
  assert.deepEqual(plans, []);
  assert.ok(samples.every((sample) => sample.kind === 'load'));
  assert.equal(cell.parameters['sampling'], false);
  assert.ok(cell.notes.some((note) => note.startsWith('sampling was off')));
  assert.equal(cell.telemetry?.readings, 0);
});
