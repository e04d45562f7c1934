// Which outcomes wait to be settled, and when is it time to send them?

import type { Outcome } from '../strategy.ts';
import type { ResolvedOptions } from './options.ts';

/** Outcomes to be settled. `final`: whatever fails now is not tried again. */
export interface Due {
  readonly outcomes: readonly Outcome[];
  readonly final: boolean;
}

/** Outcomes per settle statement. */
const SETTLE_LIMIT = 10_000;

/** The outcomes of one session's handlers, until they are taken to be settled. */
export class Outbox {
  readonly #options: ResolvedOptions;
  readonly #onDue: () => void;
  #outcomes: Outcome[] = [];
  /** Outcomes whose first settle failed. */
  #again: readonly Outcome[] = [];
  #flushDue = false;
  #flushTimer: NodeJS.Timeout | undefined;

  /** `onDue` is called when outcomes have waited for as long as they may. */
  constructor(options: ResolvedOptions, onDue: () => void) {
    this.#options = options;
    this.#onDue = onDue;
  }

  /** Outcomes that have not been sent yet. */
  get fresh(): number {
    return this.#outcomes.length;
  }

  get isEmpty(): boolean {
    return this.#outcomes.length + this.#again.length === 0;
  }

  add(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** Outcomes whose settle failed, to be sent once more. */
  keep(outcomes: readonly Outcome[]): void {
    this.#again = outcomes;
  }

  /** What is due now, taken out; `undefined` for nothing. `hurry`: nothing is gained by waiting for more. */
  take(hurry: boolean): Due | undefined {
    if (this.#again.length > 0) {
      const outcomes = this.#again;
      this.#again = [];
      return { outcomes, final: true };
    }
    if (this.#outcomes.length === 0) return undefined;
    const { settle, batch } = this.#options;
    if (settle === 'batched' && !hurry && !this.#flushDue && this.#outcomes.length < batch) {
      this.takeWithin(this.#options.settleDelayMs);
      return undefined;
    }
    this.stop();
    this.#flushDue = false;
    return { outcomes: this.#outcomes.splice(0, settle === 'each' ? 1 : SETTLE_LIMIT), final: false };
  }

  /** Takes out all that has not been sent. */
  empty(): readonly Outcome[] {
    return this.#outcomes.splice(0);
  }

  /** Outcomes have waited for as long as they may. */
  get isOverdue(): boolean {
    return this.#flushDue;
  }

  /** What is here now, if anything, is overdue after `ms`, unless it was taken, or that was said of less. */
  takeWithin(ms: number): void {
    if (this.isEmpty || this.#flushDue) return;
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      this.#flushDue = true;
      this.#onDue();
    }, ms);
  }

  /** Ends the waiting: `onDue` is not called for what is here now. */
  stop(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
  }
}
