// Which of the jobs in hand start now, and which are given back?

import type { Controls } from '../limits/controls.ts';
import type { Starter } from '../limits/permit-book.ts';
import type { StartGate } from '../limits/start-gate.ts';
import type { JobId, Outcome } from '../strategy.ts';
import { JobAbortedError } from './aborted.ts';
import type { Concurrency } from './concurrency.ts';
import { Hand } from './hand.ts';
import { Handling, type HandlingContext } from './handling.ts';
import type { HeldJob } from './held-job.ts';
import type { JobNotes } from './job-notes.ts';

/** What the sessions of one worker share. */
export interface StartingContext extends HandlingContext {
  readonly concurrency: Concurrency;
  readonly controls: Controls;
  readonly gate: StartGate<HeldJob>;
  /** Jobs in hand that somebody has cancelled: their ack means that. */
  readonly cancellations: JobNotes;
}

/** What a session is told. */
export interface StartingEvents {
  /** The outcome of a job is known; called once for each. */
  readonly ended: (held: HeldJob, outcome: Outcome) => void;
  /** There is room for another job. */
  readonly roomier: () => void;
}

/** The jobs of one session between their claim and their outcome. */
export class Starting implements Starter<HeldJob> {
  readonly hand = new Hand();
  readonly #context: StartingContext;
  readonly #events: StartingEvents;
  readonly #handling: Handling;
  /** In the hand as running, and not started: they wait for what the queue's limits say. */
  readonly #wanted = new Set<HeldJob>();

  constructor(context: StartingContext, events: StartingEvents) {
    this.#context = context;
    this.#events = events;
    this.#handling = new Handling(context, {
      entered: (held) => this.hand.running.add(held),
      left: (held) => {
        this.hand.running.delete(held);
        context.gate.ended(held);
        events.roomier();
      },
      ended: (held, outcome) => {
        // One that takes up a place still may be settled, and at work for all that: it keeps its permit until it has left.
        if (!this.hand.running.has(held)) context.gate.ended(held);
        events.ended(held, outcome);
      },
    });
  }

  /** Starts what has room, or asks for it where the queue is limited; gives all back that has not started while it is paused. */
  go(): void {
    const { concurrency, controls, gate } = this.#context;
    if (controls.paused) this.giveBack();
    while (this.hand.running.size < concurrency.limit && this.hand.waiting > 0) {
      const held = this.hand.take();
      if (held === undefined) continue;
      if (!gate.limited) this.#handling.start(held);
      else {
        this.hand.running.add(held);
        this.#wanted.add(held);
        gate.want(held, this);
      }
    }
    if (this.hand.running.size >= concurrency.limit) concurrency.full();
  }

  /** Releases all that has not started. */
  giveBack(): void {
    for (let held = this.hand.take(); held !== undefined; held = this.hand.take()) this.#release(held, 0);
    for (const held of [...this.#wanted]) if (this.#withdraw(held)) this.#release(held, 0);
  }

  #release(held: HeldJob, delayMs: number): void {
    const { job } = held;
    this.#end(held, delayMs > 0 ? { kind: 'release', job, delayMs } : { kind: 'release', job });
  }

  #end(held: HeldJob, outcome: Outcome): void {
    held.ended = true;
    this.#events.ended(held, outcome);
  }

  /** True: it had not started, and takes up no room any more. */
  #withdraw(held: HeldJob): boolean {
    if (!this.#wanted.delete(held)) return false;
    this.#context.gate.withdraw(held);
    this.hand.running.delete(held);
    return true;
  }

  /** The limits let it start. */
  start(held: HeldJob): void {
    this.#wanted.delete(held);
    this.hand.running.delete(held);
    this.#handling.start(held);
    this.#events.roomier();
  }

  /** Its key is at its limit. */
  postpone(held: HeldJob, delayMs: number): void {
    this.#wanted.delete(held);
    this.hand.running.delete(held);
    this.#release(held, delayMs);
    this.#events.roomier();
  }

  /** Its permit is lost, and with it the lease most likely. */
  lose(held: HeldJob): void {
    this.#withdraw(held);
    held.abort(new JobAbortedError('lease-lost', `the permit of job ${held.job.id} is lost`));
  }

  /** Gives up the jobs for which `lost` holds, and returns them: they are not this session's any more. */
  loseLeases(lost: (held: HeldJob) => boolean): readonly HeldJob[] {
    const given = this.hand.lose(lost);
    for (const held of given) if (this.#withdraw(held)) held.ended = true;
    return given;
  }

  /** The queue has become limited: what runs already counts. */
  adopt(): void {
    const { gate } = this.#context;
    if (!gate.limited) return;
    for (const held of this.hand.running) if (!this.#wanted.has(held)) gate.adopt(held, this);
  }

  /** Somebody has cancelled these: what has not started is done with, what runs is told. */
  cancel(ids: ReadonlySet<JobId>): void {
    const { cancellations } = this.#context;
    for (const held of this.hand.filter(({ job, ended }) => !ended && ids.has(job.id))) {
      cancellations.add(held.job.id);
      if (this.#withdraw(held) || this.hand.forget(held)) {
        this.#end(held, { kind: 'ack', job: held.job });
        continue;
      }
      held.cancelled = true;
      held.abort(new JobAbortedError('cancelled', `job ${held.job.id} was cancelled`));
    }
    this.#events.roomier();
  }

  /** The worker's stop has waited long enough. */
  abortAll(): void {
    for (const held of this.hand.running) held.abort(new JobAbortedError('stop', 'the worker is stopping'));
  }
}
