// What follows from a settle that was answered?

import type { Outcome, SettleResult } from '../strategy.ts';
import type { Bell } from '../wakeup/bell.ts';
import type { JobNotes } from './job-notes.ts';
import type { StartingContext } from './starting.ts';

/** Whom settles concern. */
export interface SettledContext extends StartingContext {
  readonly bell: Bell;
  /** Jobs in hand that have said something of themselves. */
  readonly progress: JobNotes;
  /** A job that was given back will be due in `delayMs`. */
  readonly onDelayed: (delayMs: number) => void;
}

/** Tells all whom the settles of one session concern. */
export class Settled {
  readonly #context: SettledContext;
  #released = 0;
  #putOffUntilMs = Number.NEGATIVE_INFINITY;

  constructor(context: SettledContext) {
    this.#context = context;
  }

  /** Jobs that were given back without an attempt. */
  get released(): number {
    return this.#released;
  }

  /** Whether jobs are put off that would be at work but for a limit. They are due some day, and found by their worker then. */
  get hasPutOff(): boolean {
    return performance.now() < this.#putOffUntilMs;
  }

  tell(outcomes: readonly Outcome[], result: SettleResult): void {
    const { options, announcer, progress, cancellations, gate, bell } = this.#context;
    options.events.settled?.(outcomes, result);
    announcer?.settled(outcomes, result, cancellations.ids);
    progress.settled(outcomes, result);
    cancellations.settled(outcomes, result);
    gate.settled(outcomes, result.stale);
    this.#released += result.released;
    if (result.retried + result.released > 0 && this.#makeDue(outcomes)) bell.ring();
  }

  /** Sees to it that what was given back is found when it is due; returns whether some is now. */
  #makeDue(outcomes: readonly Outcome[]): boolean {
    let ready = false;
    for (const outcome of outcomes) {
      if (outcome.kind !== 'retry' && outcome.kind !== 'release') continue;
      const { kind, delayMs = 0 } = outcome;
      if (delayMs === 0) {
        ready = true;
        continue;
      }
      this.#context.onDelayed(delayMs);
      if (kind === 'release')
        this.#putOffUntilMs = Math.max(this.#putOffUntilMs, performance.now() + delayMs);
    }
    return ready;
  }
}
