// Is what a load leaves behind, or does after its end, in the cell's account of it?

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import { temporaryFolder } from '../../testing/command.ts';
import type { Cell } from '../result/result.ts';
import { runCell } from './cell.ts';

/** A queue without a database that takes jobs as `enqueue` says, and never hands one out. */
const hoarder = (enqueue: string, atStart = ''): string => `
const dispose = { async [Symbol.asyncDispose]() {} };
const block = (ms) => { for (const from = performance.now(); performance.now() - from < ms; ); };
export default {
  name: 'hoarder', summary: 'hands out nothing', class: 'null', axes: [],
  open: async () => ({
    class: 'null', promises: { order: 'none', lease: 'none' }, declared: { batch: 1 },
    effective: async () => ({}), install: async () => {}, preload: async () => {},
    openProducer: async () => ({ enqueue: ${enqueue}, ...dispose }),
    openConsumer: async () => { ${atStart} return { stop: async () => {} }; },
    ...dispose,
  }),
};
`;

async function ran(t: TestContext, contender: string, scenario: Partial<ScenarioInput>): Promise<Cell> {
  const folder = temporaryFolder(t);
  const path = join(folder, 'hoarder.mjs');
  writeFileSync(path, contender);
  const { cell } = await runCell(
    {
      ...{ id: 'x', block: 0, order: 0, repeat: 0, seed: 1 },
      scenario: scenarioSchema.parse({
        name: 'left',
        question: 'What was left?',
        warmupSeconds: 0,
        warmupCapSeconds: 0,
        phases: [],
        ...scenario,
      }),
      contender: { name: 'hoarder', source: { kind: 'file', path }, axes: {} },
    },
    {
      server: undefined,
      scratchDir: folder,
      ceilingFor: async () => undefined,
      signal: AbortSignal.timeout(60_000),
      onProgress: () => undefined,
    },
  );
  return cell;
}

test('jobs that were never sent are in every latency from their intended instant on', async (t) => {
  // Confirmed too late for more than the 20,000 that may be under way at once.
  const late = '() => new Promise((resolve) => setTimeout(resolve, 1_500))';
  const cell = await ran(t, hoarder(late), {
    phases: [{ label: 'clump', seconds: 1, arrival: { model: 'burst', jobs: 21_000, everySeconds: 1 } }],
    settleWithinSeconds: 0,
  });
  assert.equal(cell.jobs.skipped, 1_000);
  const counts = (metric: keyof NonNullable<Cell['latencyUs']>) => {
    const { count, unfinished } = cell.latencyUs?.[metric] ?? {};
    return [count, unfinished];
  };
  assert.deepEqual(counts('generatorLag'), [21_000, 1_000]);
  assert.deepEqual(counts('enqueue'), [20_000, undefined]);
  assert.deepEqual(counts('pickup'), [21_000, 21_000]);
  assert.deepEqual(counts('response'), [21_000, 21_000]);
  const { pickup, generatorLag } = cell.latencyUs ?? {};
  assert.equal(pickup?.max, pickup?.unfinishedFromUs, 'all were intended for one instant');
  assert.equal(generatorLag?.max, pickup?.max);
  assert.ok(Math.abs((pickup?.max ?? 0) - (cell.window.totalSeconds - 0.5) * 1e6) < 2);
  assert.match(cell.reasons.join('\n'), /^generator: 4\.8 % of the jobs of the schedule were never sent/m);
});

test('an agent that stands still in a short load is not excused by a long wait after it', async (t) => {
  const stalls = 'setTimeout(() => block(150), 300); setTimeout(() => block(400), 2_000);';
  const cell = await ran(t, hoarder('async () => {}', stalls), {
    workers: { agents: 1, connections: 1 },
    phases: [{ label: 'steady', seconds: 1, arrival: { model: 'uniform', ratePerSec: 20 } }],
    settleWithinSeconds: 3,
  });
  assert.ok(cell.window.totalSeconds > 3, `${cell.window.totalSeconds} s`);
  const share = cell.generator.stalledShare ?? 0;
  // 150 ms less a tick, of one second.
  assert.ok(share >= 0.13, `${share}`);
  assert.match(
    cell.reasons.join('\n'),
    /^generator: worker agent 1 stood still for \d+ % of the time \(limit 2\.0 %; longest \d+ ms\)/m,
  );
  assert.match(
    cell.notes.join('\n'),
    /^worker agent 1 stood still for (?:39\d|[4-9]\d\d) ms after the load/m,
  );
});
