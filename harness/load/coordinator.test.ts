// What does a load say of the agents that were hurt in it?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell/plan.ts';
import { openContender } from '../contenders/index.ts';
import { LoadRun, sumOfAll } from './coordinator.ts';

test('a killed agent has no process left, a stalled one has, and both are broken', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'claimbench-coordinator-'));
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  const plan: CellPlan = {
    id: 'x',
    block: 0,
    order: 0,
    repeat: 1,
    scenario: scenarioSchema.parse({
      name: 'test',
      question: 'Who is left?',
      workers: { agents: 3, connections: 1 },
      phases: [
        {
          label: 'x',
          seconds: 1,
          arrival: { model: 'uniform', ratePerSec: 50 },
          // The last unharmed worker first: agent 3 is killed, agent 2 stalled, agent 1 and the producer are left alone.
          faults: [
            { fault: 'kill-worker', afterSeconds: 0.2 },
            { fault: 'stall-worker', afterSeconds: 0.4, forSeconds: 0.3 },
          ],
        },
      ],
    }),
    contender: { name: 'null', source: { kind: 'built-in', name: 'null' }, axes: {} },
    seed: 1,
  };
  const target = { schema: 's' };
  await using contender = await openContender(plan.contender, target);
  await using run = new LoadRun({ plan, target, scratch });
  const load = await run.run({
    contender,
    queueOffsetUs: 0,
    signal: AbortSignal.timeout(60_000),
    onProgress: () => undefined,
    beforeStart: async () => undefined,
  });
  assert.deepEqual(load.failures, []);
  assert.deepEqual([...load.brokenAgents], [2, 3]);
  assert.deepEqual([...load.killedAgents], [3]);
  assert.equal(load.cleanStop, false, 'one did not stop when asked: it was gone');
  assert.deepEqual(
    load.agents.map((a) => a.report !== undefined),
    [true, true, true, false],
  );
});

test('round trips are told only when every agent told its own', () => {
  assert.equal(sumOfAll([3, 4], 2), 7);
  assert.equal(sumOfAll([3, 4], 3), undefined, 'an agent that was killed gave no report');
  assert.equal(sumOfAll([3, undefined], 2), undefined, 'one that cannot count them');
  assert.equal(sumOfAll([], 1), undefined);
});
