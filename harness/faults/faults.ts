// How is a run hurt on schedule, and how is the hurt always undone?

import { setTimeout as sleep } from 'node:timers/promises';
import type { ScheduledFault } from '../../scenarios/scenario.ts';
import { oneLine } from '../errors.ts';
import type { AgentProcess } from '../load/agents.ts';
import { nowUs } from '../load/clock.ts';
import type { AppliedFault } from './applied.ts';
import { DidNotBite, type Held, type Holder } from './held.ts';
import { type HoldingFault, isHolding, labelOf, takeHold } from './holding.ts';
import { restartServer } from './restart-server.ts';
import { hurtWorker, isOfWorkers, type WorkerFault } from './workers.ts';

/** Carried out by the agents, which are told of them before the load: here they are only noted. */
const BY_AGENTS: ReadonlySet<ScheduledFault['fault']> = new Set([
  'late-commit',
  'failing-handlers',
  'slow-handlers',
]);

/** So long a fault may take to end; what is still under way then goes on. */
const ENDED_WITHIN_MS = 20_000;

/** The faults of a running cell. Nothing is held or stopped any more once `undo` has resolved. */
export interface FaultSchedule {
  readonly applied: readonly AppliedFault[];
  /** One line for each fault that could not be applied. */
  readonly failures: readonly string[];
  /** What those that have ended tell of themselves. */
  readonly notes: readonly string[];
  /** Never rejects, and takes a bounded time, also when the server is gone. */
  undo(): Promise<void>;
}

/** Where the faults strike. */
export interface Victims extends Held {
  /** As they are when a fault strikes: those that took the place of others are among them. */
  readonly agents: readonly AgentProcess[];
  /** Has an agent that stands by take the place of one that was killed; false when none is left. */
  readonly replace?: () => boolean;
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
  readonly notes: string[] = [];
  readonly #victims: Victims;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #pending: Set<ScheduledFault>;
  readonly #stalled = new Set<AgentProcess>();
  /** What is held, or on its way to be; each resolves, whatever became of it. */
  readonly #held = new Map<ScheduledFault, Promise<Holder | undefined>>();
  /** What is on its way to its end; each resolves. */
  readonly #ending = new Set<Promise<unknown>>();
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
    for (const fault of [...this.#held.keys()]) this.#release(fault);
    // Those that a timer has begun to end, too.
    await Promise.all(this.#ending);
  }

  #at(seconds: number, act: () => void): void {
    const ms = (this.#victims.startUs + seconds * 1e6 - nowUs()) / 1000;
    this.#timers.push(setTimeout(act, Math.max(0, ms)));
  }

  /** A fault is held until its end (a line and a file of its own: holding.ts), carried out by the agents, or strikes once. */
  #strike(fault: ScheduledFault): void {
    if (isHolding(fault)) this.#hold(fault);
    else if (BY_AGENTS.has(fault.fault)) {
      this.#begins(fault);
      this.#at(endOf(fault), () => this.#ends(fault));
    } else if (isOfWorkers(fault)) this.#hurt(fault);
    else if (fault.fault === 'restart-server') this.#restarts.push(this.#restart(fault));
    else this.#failed(fault, 'there is nothing that could carry it out');
  }

  #hurt(fault: WorkerFault): void {
    const { agents, replace } = this.#victims;
    hurtWorker(fault, {
      ...{ agents, replace, stalled: this.#stalled },
      at: (seconds, act) => this.#at(seconds, act),
      begins: (which) => this.#begins(which),
      ends: (which) => this.#ends(which),
      failed: (which, why) => this.#failed(which, why),
    });
  }

  async #restart(fault: Extract<ScheduledFault, { fault: 'restart-server' }>): Promise<void> {
    try {
      const { wentUs, readyUs } = await restartServer(this.#victims.server, fault.mode);
      this.#begins(fault, `restart-server (${fault.mode})`, wentUs);
      this.#ends(fault, readyUs);
    } catch (error) {
      this.#failed(fault, oneLine(error));
    }
  }

  #hold(fault: HoldingFault): void {
    const held = takeHold(fault, this.#victims).then(
      (holder) => {
        this.#begins(fault, labelOf(fault), holder.sinceUs);
        return holder;
      },
      (error: unknown) => {
        this.#failed(fault, oneLine(error));
        return undefined;
      },
    );
    this.#held.set(fault, held);
    // One of an instant: over as it strikes, and released at the end.
    if (fault.forSeconds === undefined) return;
    this.#at(endOf(fault), () => this.#release(fault, () => this.#ends(fault)));
  }

  /** Begins its end. `ended` is called when it had taken hold, and held until now. */
  #release(fault: ScheduledFault, ended?: () => void): void {
    const held = this.#held.get(fault);
    if (held === undefined) return;
    this.#held.delete(fault);
    const end = this.#letGo(fault, held).then((holder) => {
      if (holder === undefined) return;
      if (holder.told !== undefined) this.notes.push(holder.told());
      ended?.();
    });
    const late = sleep(ENDED_WITHIN_MS, 'late' as const, { ref: false });
    this.#ending.add(
      Promise.race([end, late]).then((what) => {
        if (what === 'late') this.#failed(fault, `it had not ended after ${ENDED_WITHIN_MS / 1000} s`);
      }),
    );
  }

  /** The holder, if it had taken hold, and held until now. Never rejects: a failure is kept. */
  async #letGo(fault: ScheduledFault, held: Promise<Holder | undefined>): Promise<Holder | undefined> {
    const holder = await held;
    try {
      await holder?.[Symbol.asyncDispose]();
      return holder;
    } catch (error) {
      this.#failed(fault, error instanceof DidNotBite ? error.message : `it did not last: ${oneLine(error)}`);
      return undefined;
    }
  }

  #begins({ fault }: ScheduledFault, label: string = fault, atUs = nowUs()): void {
    this.applied.push({ fault, what: 'begins', label, atUs });
  }

  #ends({ fault }: ScheduledFault, atUs = nowUs()): void {
    this.applied.push({ fault, what: 'ends', label: `${fault} ends`, atUs });
  }

  #failed({ fault, atSeconds }: ScheduledFault, why: string): void {
    this.failures.push(`fault ${fault} at ${atSeconds} s: ${why}`);
  }
}
