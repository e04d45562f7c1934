// Do agents tell what they did where that is asked for, and nothing of it elsewhere?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell/plan.ts';
import { openContender } from '../contenders/index.ts';
import { LoadRun } from '../load/coordinator.ts';
import type { LiveReading } from './live-metrics.ts';

const JOBS = 3_000;

/** A load of the null contender, what was told of it while it ran and after it, and what the agents' own counts say. */
async function loaded(
  t: TestContext,
  phase: Partial<ScenarioInput['phases'][number]>,
  liveLatencies: boolean,
) {
  const scratch = mkdtempSync(join(tmpdir(), 'claimbench-live-'));
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  const plan: CellPlan = {
    ...{ id: 'x', block: 0, order: 0, repeat: 1, seed: 1 },
    scenario: scenarioSchema.parse({
      name: 'test',
      question: 'What do agents tell?',
      warmupSeconds: 0,
      preload: { ready: JOBS },
      workers: { agents: 2, connections: 2 },
      phases: [{ label: 'x', seconds: 0.5, ...phase }],
      settleWithinSeconds: 1,
    }),
    contender: { name: 'null', source: { kind: 'built-in', name: 'null' }, axes: {} },
  };
  const target = { schema: 's' };
  await using contender = await openContender(plan.contender, target);
  await using run = new LoadRun({ plan, target, scratch, liveLatencies });
  const before = run.live();
  const during: LiveReading[] = [];
  const load = await run.run({
    contender,
    queueOffsetUs: 0,
    signal: AbortSignal.timeout(60_000),
    onProgress: () => during.push(run.live()),
    beforeStart: async () => undefined,
  });
  assert.deepEqual(load.failures, []);
  return { before, during, after: run.live(), load };
}

function counted(reading: LiveReading, of: keyof LiveReading['latencies']): number {
  return reading.latencies[of].counts.reduce((x, y) => x + y, 0);
}

test('a drain: its preload is offered when it begins; at the end all that was done has been told', async (t) => {
  const { before, after, load } = await loaded(t, {}, true);
  assert.deepEqual([before.begun, before.jobs.offered], [false, 0]);
  assert.equal(after.begun, true);
  assert.deepEqual(after.jobs, { offered: JOBS, enqueued: JOBS, claimed: JOBS, settled: JOBS });
  const sum = load.agents.reduce((all, agent) => all + (agent.report?.counters.finished ?? 0), 0);
  assert.equal(sum, JOBS);
  assert.equal(counted(after, 'service'), JOBS);
  for (const none of ['enqueue', 'pickup', 'response'] as const) assert.equal(counted(after, none), 0, none);
});

test('arrivals: each confirmed enqueue is timed; each agent tells of the load about once a second', async (t) => {
  const arrival = { model: 'uniform', ratePerSec: 200 } as const;
  const { during, after } = await loaded(t, { seconds: 2.5, arrival }, true);
  const sent = after.jobs.offered - JOBS;
  assert.ok(sent > 400, `${sent}`);
  assert.equal(after.jobs.enqueued - JOBS, sent);
  assert.equal(counted(after, 'enqueue'), sent);
  const told = new Set(during.map((reading) => reading.jobs.offered));
  assert.ok(told.size >= 2 && told.size <= 5, `told ${[...told].join(', ')}`);
});

test('who was not asked tells nothing, and times nothing', async (t) => {
  const { after, load } = await loaded(t, {}, false);
  assert.equal(after.jobs.settled, 0);
  for (const agent of load.agents) assert.equal(agent.told, undefined);
  assert.ok(
    load.agents.some((agent) => agent.live.finished > 0),
    'though progress is',
  );
});
