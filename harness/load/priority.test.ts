// Are the threads that send on schedule urgent, and no others?

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell/plan.ts';
import { openContender } from '../contenders/index.ts';
import { canPinProcesses } from '../run/pinning.ts';
import { LoadRun } from './coordinator.ts';
import { type Priority, planPriority } from './priority.ts';

const SCHED_FIFO = 1;
const HANG_MS = 60_000;
/** Agents are ready in about a second; urgent while they start, on one core, they took ten. */
const READY_WITHIN_MS = 8_000;

/** Fields of /proc/PID/stat from the third on. */
function fieldsOf(path: string): readonly string[] {
  const stat = readFileSync(path, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** How many threads of each agent of this process are urgent, at priority 1; in the order in which the agents were started. */
function urgentThreads(): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  const agents = pids.filter((pid) => {
    try {
      return (
        fieldsOf(`/proc/${pid}/stat`)[4 - 3] === String(process.pid) &&
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('load/agent.')
      );
    } catch {
      return false;
    }
  });
  return agents.map(
    (pid) =>
      readdirSync(`/proc/${pid}/task`).filter((thread) => {
        const fields = fieldsOf(`/proc/${pid}/task/${thread}/stat`);
        return fields[41 - 3] === String(SCHED_FIFO) && fields[40 - 3] === '1';
      }).length,
  );
}

/** Urgent threads of a producer and a worker when they are ready, and how long that took. */
async function readyAgents(
  t: TestContext,
  phase: Partial<ScenarioInput['phases'][number]>,
  options: { readonly producerPriority: Priority; readonly agentCpus?: readonly number[] },
): Promise<{ readonly urgent: readonly number[]; readonly afterMs: number }> {
  const scratch = mkdtempSync(join(tmpdir(), 'claimbench-priority-'));
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  const plan: CellPlan = {
    id: 'x',
    block: 0,
    order: 0,
    repeat: 1,
    scenario: scenarioSchema.parse({
      name: 'test',
      question: 'Who is urgent?',
      warmupSeconds: 0,
      workers: { agents: 1, connections: 1 },
      phases: [{ label: 'x', seconds: 0.5, ...phase }],
    }),
    contender: { name: 'null', source: { kind: 'built-in', name: 'null' }, axes: {} },
    seed: 1,
  };
  const target = { schema: 's' };
  await using contender = await openContender(plan.contender, target);
  await using run = new LoadRun({ plan, target, scratch, ...options });
  let urgent: readonly number[] = [];
  const startedMs = performance.now();
  let afterMs = Number.NaN;
  const load = await run.run({
    contender,
    queueOffsetUs: 0,
    signal: AbortSignal.timeout(HANG_MS),
    onProgress: () => undefined,
    beforeStart: async () => {
      afterMs = performance.now() - startedMs;
      urgent = urgentThreads();
    },
  });
  assert.deepEqual(load.failures, []);
  return { urgent, afterMs };
}

const OPEN = { arrival: { model: 'poisson', ratePerSec: 50 } } as const;
const CLOSED = { arrival: { model: 'closed', clients: 1 } } as const;

test('real-time only where it is wished and allowed', () => {
  assert.equal(
    planPriority('auto', () => true),
    'realtime',
  );
  assert.equal(
    planPriority('auto', () => false),
    'normal',
  );
  assert.equal(
    planPriority('normal', () => true),
    'normal',
  );
});

test('of a producer that sends on schedule two threads are urgent: the one that sends and its alarm', async (t) => {
  if (planPriority('auto') === 'normal') return t.skip('this user may not start real-time threads');
  assert.deepEqual((await readyAgents(t, OPEN, { producerPriority: 'realtime' })).urgent, [2, 0]);
  assert.deepEqual((await readyAgents(t, OPEN, { producerPriority: 'normal' })).urgent, [0, 0]);
  assert.deepEqual((await readyAgents(t, CLOSED, { producerPriority: 'realtime' })).urgent, [0, 0]);
});

test('an urgent producer on one core with a worker is ready in time', async (t) => {
  if (planPriority('auto') === 'normal') return t.skip('this user may not start real-time threads');
  if (!canPinProcesses()) return t.skip('no taskset');
  const { urgent, afterMs } = await readyAgents(t, OPEN, { producerPriority: 'realtime', agentCpus: [0] });
  assert.deepEqual(urgent, [2, 0]);
  assert.ok(afterMs < READY_WITHIN_MS, `${afterMs} ms`);
});
