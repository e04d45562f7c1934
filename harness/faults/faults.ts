// How is a run hurt on schedule, and how is the hurt always undone?

import { spawn } from 'node:child_process';
import type { Fault } from '../../scenarios/scenario.ts';
import type { AgentProcess } from '../load/agents.ts';
import { nowUs } from '../load/clock.ts';

/** A fault that took effect. */
export interface AppliedFault {
  readonly label: string;
  readonly atUs: number;
}

/** The faults of a running cell. `undo` brings back what can be brought back; `cancel` only stops what is still to come. */
export interface FaultSchedule {
  readonly applied: readonly AppliedFault[];
  /** One line for each fault that could not be applied. */
  readonly failures: readonly string[];
  undo(): Promise<void>;
  cancel(): void;
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

export function scheduleFaults(
  faults: readonly Fault[],
  agents: readonly AgentProcess[],
  startUs: number,
): FaultSchedule {
  const applied: AppliedFault[] = [];
  const failures: string[] = [];
  const timers: NodeJS.Timeout[] = [];
  const stalled = new Set<AgentProcess>();
  const pending = new Set(faults);

  const after = (seconds: number, act: () => void): void => {
    timers.push(setTimeout(act, Math.max(0, (startUs + seconds * 1e6 - nowUs()) / 1000)));
  };
  for (const fault of faults) {
    after(fault.atSeconds, () => {
      pending.delete(fault);
      // The last worker first, and never the same one twice: a killed agent cannot be stopped.
      const victim = agents.findLast((a) => a.role === 'worker' && a.alive && !a.broken);
      if (victim === undefined) {
        failures.push(`fault ${fault.fault} at ${fault.atSeconds} s: no unharmed worker agent was left`);
        return;
      }
      victim.broken = true;
      applied.push({ label: fault.fault, atUs: nowUs() });
      if (fault.fault === 'kill-worker') {
        victim.kill();
        return;
      }
      victim.signal('SIGSTOP');
      stalled.add(victim);
      wakeAnyway(victim, fault.forSeconds);
      after(fault.atSeconds + fault.forSeconds, () => {
        applied.push({ label: 'stall-worker ends', atUs: nowUs() });
        stalled.delete(victim);
        victim.signal('SIGCONT');
      });
    });
  }
  const cancel = (): void => {
    for (const timer of timers) clearTimeout(timer);
  };
  return {
    applied,
    failures,
    async undo() {
      cancel();
      for (const fault of pending)
        failures.push(`fault ${fault.fault} at ${fault.atSeconds} s: the load ended before it`);
      for (const agent of stalled) agent.signal('SIGCONT');
      stalled.clear();
    },
    cancel,
  };
}
