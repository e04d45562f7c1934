// When is it no use to ask for jobs again?

import type { ClaimedJob } from '../../strategy.ts';

/** What a process knows of the ticks of its schema, told by its upkeep. */
export interface KnownTicks {
  newest: number;
}

/**
 * A claim that found nothing is not sent again before a newer tick is known, or this time is over: every enqueue wakes
 * idle workers, and between two ticks none of them can find anything. Short beside the time between ticks, as those that
 * other processes write are known here only after the next upkeep.
 */
const EMPTY_FOR_MS = 20;

/** Which queues one session found empty, and not long ago. */
export class EmptyQueues {
  readonly #ticks: KnownTicks;
  readonly #found = new Map<string, { readonly tick: number; readonly untilMs: number }>();

  constructor(ticks: KnownTicks) {
    this.#ticks = ticks;
  }

  /** To be called before the claim is sent: a tick that is known only afterwards may be one that it has not seen. */
  get tick(): number {
    return this.#ticks.newest;
  }

  /** Whether to ask for jobs of `queue` is in vain. */
  isEmpty(queue: string): boolean {
    const found = this.#found.get(queue);
    if (found === undefined) return false;
    if (found.tick === this.#ticks.newest && performance.now() < found.untilMs) return true;
    this.#found.delete(queue);
    return false;
  }

  /** Notes what a claim at `tick` has returned; returns it. */
  note(queue: string, tick: number, jobs: readonly ClaimedJob[]): readonly ClaimedJob[] {
    if (jobs.length === 0) this.#found.set(queue, { tick, untilMs: performance.now() + EMPTY_FOR_MS });
    return jobs;
  }
}
