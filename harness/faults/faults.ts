// How is a run hurt on schedule, and how is the hurt always undone?

import { spawn } from 'node:child_process';
import type { ScheduledFault } from '../../scenarios/scenario.ts';
import { oneLine } from '../errors.ts';
import type { AgentProcess } from '../load/agents.ts';
import { nowUs } from '../load/clock.ts';
import { type AppliedFault, endLabel } from './applied.ts';
import { type Held, type HoldingFault, isHolding, labelOf, takeHold } from './holding.ts';
import { restartServer } from './restart-server.ts';

/** Carried out by the agents, which are told of them before the load: here they are only noted. */
const BY_AGENTS: ReadonlySet<ScheduledFault['fault']> = new Set([
  'late-commit',
  'failing-handlers',
  'slow-handlers',
]);

/** The faults of a running cell. Nothing is held or stopped any more once `undo` has resolved. */
export interface FaultSchedule {
  readonly applied: readonly AppliedFault[];
  /** One line for each fault that could not be applied. */
  readonly failures: readonly string[];
  undo(): Promise<void>;
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

/** Where the faults strike. */
export interface Victims extends Held {
  readonly agents: readonly AgentProcess[];
  /** When the load starts, µs of the machine's clock: what a fault's instants count from. */
  readonly startUs: number;
}

/** Sets every fault of a scenario to its instant. The producers commit late by themselves: that is only noted here. */
export function scheduleFaults(faults: readonly ScheduledFault[], victims: Victims): FaultSchedule {
  return new Schedule(faults, victims);
}

function endOf({ atSeconds, forSeconds = 0 }: ScheduledFault): number {
  return atSeconds + forSeconds;
}

class Schedule implements FaultSchedule {
  readonly applied: AppliedFault[] = [];
  readonly failures: string[] = [];
  readonly #victims: Victims;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #pending: Set<ScheduledFault>;
  readonly #stalled = new Set<AgentProcess>();
  /** What is held, or on its way to be; each resolves, whatever became of it. */
  readonly #held = new Map<ScheduledFault, Promise<AsyncDisposable | undefined>>();
  /** Those under way; each resolves, whatever became of it. */
  readonly #restarts: Promise<void>[] = [];

  constructor(faults: readonly ScheduledFault[], victims: Victims) {
    this.#victims = victims;
    this.#pending = new Set(faults);
    for (const fault of faults) {
      this.#at(fault.atSeconds, () => {
        this.#pending.delete(fault);
        this.#strike(fault);
      });
    }
  }

  async undo(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const fault of this.#pending) this.#failed(fault, 'the load ended before it');
    this.#pending.clear();
    for (const agent of this.#stalled) agent.signal('SIGCONT');
    this.#stalled.clear();
    await Promise.all(this.#restarts);
    await Promise.all([...this.#held.keys()].map((fault) => this.#release(fault)));
  }

  #at(seconds: number, act: () => void): void {
    const ms = (this.#victims.startUs + seconds * 1e6 - nowUs()) / 1000;
    this.#timers.push(setTimeout(act, Math.max(0, ms)));
  }

  #strike(fault: ScheduledFault): void {
    if (isHolding(fault)) this.#hold(fault);
    else if (BY_AGENTS.has(fault.fault)) {
      this.#note(fault.fault);
      this.#at(endOf(fault), () => this.#note(`${fault.fault} ends`));
    } else if (fault.fault === 'kill-worker' || fault.fault === 'stall-worker') this.#hurt(fault);
    else if (fault.fault === 'restart-server') this.#restarts.push(this.#restart(fault));
    else this.#failed(fault, 'there is nothing that could carry it out');
  }

  #hurt(fault: Extract<ScheduledFault, { fault: 'kill-worker' | 'stall-worker' }>): void {
    // The last worker first, and never the same one twice: a killed agent cannot be stopped.
    const victim = this.#victims.agents.findLast((a) => a.role === 'worker' && a.alive && !a.broken);
    if (victim === undefined) {
      this.#failed(fault, 'no unharmed worker agent was left');
      return;
    }
    victim.broken = true;
    this.#note(fault.fault);
    if (fault.fault === 'kill-worker') {
      victim.kill();
      return;
    }
    victim.signal('SIGSTOP');
    this.#stalled.add(victim);
    wakeAnyway(victim, fault.forSeconds ?? 0);
    this.#at(endOf(fault), () => {
      this.#note('stall-worker ends');
      this.#stalled.delete(victim);
      victim.signal('SIGCONT');
    });
  }

  async #restart(fault: Extract<ScheduledFault, { fault: 'restart-server' }>): Promise<void> {
    try {
      const { wentUs, readyUs } = await restartServer(this.#victims.server, fault.mode);
      this.#note(`restart-server (${fault.mode})`, wentUs);
      this.#note(endLabel('restart-server'), readyUs);
    } catch (error) {
      this.#failed(fault, oneLine(error));
    }
  }

  #hold(fault: HoldingFault): void {
    const held = takeHold(fault, this.#victims).then(
      (holder) => {
        this.#note(labelOf(fault));
        return holder;
      },
      (error: unknown) => {
        this.#failed(fault, oneLine(error));
        return undefined;
      },
    );
    this.#held.set(fault, held);
    this.#at(endOf(fault), () => {
      // Never rejects: a failure is kept.
      void this.#release(fault).then((ended) => ended && this.#note(`${fault.fault} ends`));
    });
  }

  /** Whether it had taken hold, and held until now. */
  async #release(fault: ScheduledFault): Promise<boolean> {
    const held = this.#held.get(fault);
    this.#held.delete(fault);
    const holder = await held;
    try {
      await holder?.[Symbol.asyncDispose]();
      return holder !== undefined;
    } catch (error) {
      this.#failed(fault, `it did not last: ${oneLine(error)}`);
      return false;
    }
  }

  #note(label: string, atUs = nowUs()): void {
    this.applied.push({ label, atUs });
  }

  #failed({ fault, atSeconds }: ScheduledFault, why: string): void {
    this.failures.push(`fault ${fault} at ${atSeconds} s: ${why}`);
  }
}
