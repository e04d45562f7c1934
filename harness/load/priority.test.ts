// Do producers run at the priority that was planned, with every thread of theirs?

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AgentProcess } from './agents.ts';
import { planPriority } from './priority.ts';

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
const FIFO_PRIORITY = 1;

/** Scheduling policy and real-time priority of each thread: fields 41 and 40 of /proc/PID/task/TID/stat. */
function scheduling(pid: number): { policy: number; priority: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    // Behind the program's name, which may hold spaces: the first field there is the third.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { priority: Number(fields[40 - 3]), policy: Number(fields[41 - 3]) };
  });
}

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

test('an agent runs as it was launched, all of its threads', async (t) => {
  if (planPriority('auto') === 'normal') return t.skip('this user may not start real-time processes');
  for (const [priority, policy, level] of [
    ['realtime', SCHED_FIFO, FIFO_PRIORITY],
    ['normal', SCHED_OTHER, 0],
  ] as const) {
    const agent = new AgentProcess(0, 'producer', { priority });
    try {
      // It answers only once Node has started, and so has its threads.
      await agent.checkClock();
      const threads = scheduling(agent.pid ?? 0);
      assert.ok(threads.length > 1, `${threads.length} threads`);
      for (const thread of threads) assert.deepEqual(thread, { policy, priority: level });
    } finally {
      await agent.killed();
    }
  }
});
