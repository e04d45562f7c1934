// How are workers hurt: killed, once or again and again, or stopped for a while?

import { spawn } from 'node:child_process';
import { killsAt } from '../../scenarios/fault.ts';
import type { ScheduledFault } from '../../scenarios/scenario.ts';
import type { AgentProcess } from '../load/agents.ts';

export type WorkerFault = Extract<ScheduledFault, { fault: 'kill-worker' | 'stall-worker' }>;

export function isOfWorkers(fault: ScheduledFault): fault is WorkerFault {
  return fault.fault === 'kill-worker' || fault.fault === 'stall-worker';
}

/** What the schedule of faults offers to those of workers. */
export interface Striking {
  readonly agents: readonly AgentProcess[];
  /** Has an agent that stands by take the place of one that was killed; false when none is left. */
  readonly replace?: (() => boolean) | undefined;
  /** Calls back so many seconds after the start of the load. */
  readonly at: (seconds: number, act: () => void) => void;
  readonly begins: (fault: WorkerFault) => void;
  readonly ends: (fault: WorkerFault) => void;
  readonly failed: (fault: WorkerFault, why: string) => void;
  /** Those that stand still, to be let go at the end. */
  readonly stalled: Set<AgentProcess>;
}

const NONE_LEFT = 'no unharmed worker agent was left';

export function hurtWorker(fault: WorkerFault, striking: Striking): void {
  if (fault.fault === 'stall-worker') {
    stall(fault, striking);
    return;
  }
  const [, ...further] = killsAt(fault);
  kill(fault, striking);
  for (const seconds of further) striking.at(seconds, () => kill(fault, striking));
}

function kill(fault: Extract<WorkerFault, { fault: 'kill-worker' }>, striking: Striking): void {
  const { agents, replace, begins, failed } = striking;
  const unharmed = agents.filter((a) => a.role === 'worker' && a.alive && !a.broken);
  // Another one each time: those that took a place come last, and the last one first where nobody takes its place.
  const victim = fault.replaced ? unharmed[0] : unharmed.at(-1);
  if (victim === undefined) {
    failed(fault, NONE_LEFT);
    return;
  }
  victim.broken = true;
  begins(fault);
  victim.kill();
  if (fault.replaced && replace?.() !== true) failed(fault, 'no agent stood by to take its place');
}

function stall(fault: Extract<WorkerFault, { fault: 'stall-worker' }>, striking: Striking): void {
  const { agents, begins, ends, failed, at, stalled } = striking;
  // Never the same one twice: a killed agent cannot be stopped.
  const victim = agents.findLast((a) => a.role === 'worker' && a.alive && !a.broken);
  if (victim === undefined) {
    failed(fault, NONE_LEFT);
    return;
  }
  victim.broken = true;
  begins(fault);
  victim.signal('SIGSTOP');
  stalled.add(victim);
  wakeAnyway(victim, fault.forSeconds ?? 0);
  at(fault.atSeconds + (fault.forSeconds ?? 0), () => {
    ends(fault);
    stalled.delete(victim);
    victim.signal('SIGCONT');
  });
}

/**
 * A stopped agent cannot see that its coordinator has died. Somebody else lets it go on then; it ends by itself once it
 * finds its channel closed. The shell outlives us by a second at most.
 */
function wakeAnyway(agent: AgentProcess, seconds: number): void {
  if (agent.pid === undefined) return;
  const script = 'sleep "$1"; kill -CONT "$2" 2>/dev/null';
  const words = ['-c', script, 'claimbench-waker', String(Math.ceil(seconds) + 1), String(agent.pid)];
  const waker = spawn('/bin/sh', words, { detached: true, stdio: 'ignore' });
  waker.on('error', () => undefined);
  waker.unref();
}
