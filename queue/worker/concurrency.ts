// How many handlers may a session of a worker have at work?

import { performance } from 'node:perf_hooks';
import type { ResolvedOptions } from './options.ts';

/** How often a limit that follows the load is looked at. */
const LOOK_MS = 500;
/** What is left of it when something is busy. */
const DECREASE = 0.75;

/** The limit of one worker, the same for each of its sessions. */
export interface Concurrency {
  readonly limit: number;
  /** A claim was answered after `ms`. */
  claimed(ms: number): void;
  /** A session has jobs for more handlers than the limit lets it. */
  full(): void;
  stop(): void;
}

/** As given, for good. */
function fixed(limit: number): Concurrency {
  return { limit, claimed: () => undefined, full: () => undefined, stop: () => undefined };
}

/**
 * Additive increase, multiplicative decrease, as TCP shares a line: whoever is in a crowd gives way fast and comes back slowly, so that
 * workers that know nothing of each other end at like shares. While all handlers are at work and neither claims nor the event
 * loop are slow, one more is let in at each look, and twice as many until the first decrease, so that a worker is not minutes
 * away from what it can do. V. Jacobson, "Congestion Avoidance and Control", 1988.
 */
class Adaptive implements Concurrency {
  readonly #bounds: NonNullable<ResolvedOptions['adaptive']>;
  readonly #timer: NodeJS.Timeout;
  #limit: number;
  #claims: number[] = [];
  #full = false;
  #steady = false;
  #loop = performance.eventLoopUtilization();

  constructor(bounds: NonNullable<ResolvedOptions['adaptive']>, start: number, onMore: () => void) {
    this.#bounds = bounds;
    this.#limit = Math.min(bounds.max, Math.max(bounds.min, start));
    this.#timer = setInterval(() => {
      const before = this.#limit;
      this.#look();
      if (this.#limit > before) onMore();
    }, LOOK_MS);
  }

  get limit(): number {
    return this.#limit;
  }

  claimed(ms: number): void {
    this.#claims.push(ms);
  }

  full(): void {
    this.#full = true;
  }

  #look(): void {
    const loop = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(loop, this.#loop);
    const { min, max, claimMs, utilisation } = this.#bounds;
    if (utilization > utilisation || median(this.#claims) > claimMs) {
      this.#limit = Math.max(min, Math.floor(this.#limit * DECREASE));
      this.#steady = true;
    } else if (this.#full) this.#limit = Math.min(max, this.#steady ? this.#limit + 1 : this.#limit * 2);
    this.#loop = loop;
    this.#claims = [];
    this.#full = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** 0 for none. */
function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;
}

/** `onMore` is called when the limit has risen. */
export function concurrencyOf(options: ResolvedOptions, onMore: () => void): Concurrency {
  const { adaptive, concurrency } = options;
  return adaptive === undefined ? fixed(concurrency) : new Adaptive(adaptive, concurrency, onMore);
}
