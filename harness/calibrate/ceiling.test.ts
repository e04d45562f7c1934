// Is the harness's own ceiling measured, and does a cell say that it comes near it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { type CellContext, runCell } from '../cell/cell.ts';
import { measureCeiling } from './ceiling.ts';

const JOBS = 300_000;

test('the null contender reaches the ceiling, and its cell says so; far below it none does', async (t) => {
  const context: Omit<CellContext, 'ceilingFor'> = {
    server: undefined,
    scratchDir: temporaryFolder(t),
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
  const { ceilingPerSec, reasons } = await measureCeiling(context, 10);
  // On a machine that is busy with other things its cell may be invalid, and then there is no ceiling.
  if (ceilingPerSec === undefined) assert.match(reasons.join(), /^generator: worker agent 0 stood still/);
  else assert.ok(ceilingPerSec > 1_000, `${ceilingPerSec} jobs/s`);
  // Enough jobs for a stall of this machine to be a small share of the cell.
  const cellUnder = async (ceiling: number | undefined, agents = 1) => {
    const plan = {
      id: 'null',
      block: 0,
      order: 0,
      repeat: 1,
      scenario: scenarioSchema.parse({
        name: 'drain',
        question: 'How near?',
        preload: { ready: JOBS },
        workers: { agents, connections: 8 },
        warmupSeconds: 0.01,
        phases: [{ label: 'drain', seconds: 30 }],
      }),
      contender: { name: 'null', source: { kind: 'built-in', name: 'null' }, axes: { batch: 10 } },
      seed: 1,
    } as const;
    return (await runCell(plan, { ...context, ceilingFor: async () => ceiling })).cell;
  };
  const near = await cellUnder(ceilingPerSec);
  assert.notEqual(near.verdict, 'incorrect', near.reasons.join('; '));
  if (ceilingPerSec !== undefined && near.verdict === 'valid')
    assert.equal(
      near.generator.generatorBound,
      true,
      `${near.throughput?.settledPerSec} of ${ceilingPerSec} jobs/s`,
    );
  const above = await cellUnder(1_000);
  assert.equal(above.generator.generatorBound, true);
  assert.match(
    above.notes.join('\n'),
    /^perhaps generator-bound: more than 20 % of what the harness records/m,
  );
  const shared = await cellUnder(undefined, 4);
  assert.notEqual(shared.verdict, 'incorrect', 'each agent keeps the order of its own jobs');
  assert.equal(shared.jobs.settled, JOBS);
  const far = await cellUnder(1e9);
  // A worker that is never idle is busy with one core, which is a bound of its own.
  const busy = (far.generator.cpuShare ?? 0) > 0.8;
  assert.equal(far.generator.generatorBound, busy);
});
