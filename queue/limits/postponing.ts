// For how long is a job put off whose key is at its limit?

import type { Random } from '../retry.ts';
import { jittered } from '../wakeup/jitter.ts';

/** Of the jobs of one key that a worker has put off so many come back per second, as far as `MOST_MS` lets them wait. */
const PER_KEY = 100;
/** The same of all keys of the queue together, in equal shares. */
const PER_QUEUE = 1000;
const LEAST_MS = 1000;
/** Half as long again, with what is drawn: a minute. */
const MOST_MS = 40_000;
/** The shares of keys beyond are those of the last. */
const KEYS_MAX = 10_000;
const FORGET_EVERY_MS = 1000;

/**
 * Jobs that are put off stand in line, key by key: each is to come back a while after the one before it. So a long line costs
 * no more than a short one, and what is behind it in the queue is reached.
 */
export class Postponing {
  readonly #random: Random;
  /** When the last in the line of a key comes back, in ms. */
  readonly #lastMs = new Map<string, number>();
  #forgotMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** How long a job of `key` that is put off now, at `nowMs` of any clock, is to wait, in ms: 0.5…60 s. */
  delayMs(key: string, nowMs: number): number {
    this.#forget(nowMs);
    const known = this.#lastMs.get(key);
    const keys = this.#lastMs.size + (known === undefined ? 1 : 0);
    const behindMs = 1000 * Math.max(1 / PER_KEY, keys / PER_QUEUE);
    const waitMs = Math.max(known ?? nowMs, nowMs) + behindMs - nowMs;
    const meanMs = Math.min(Math.max(waitMs, LEAST_MS), MOST_MS);
    if (known !== undefined || keys <= KEYS_MAX) this.#lastMs.set(key, nowMs + meanMs);
    return jittered(meanMs, this.#random());
  }

  /** Lines whose last has come back. */
  #forget(nowMs: number): void {
    if (nowMs < this.#forgotMs + FORGET_EVERY_MS) return;
    this.#forgotMs = nowMs;
    for (const [key, lastMs] of this.#lastMs) if (lastMs <= nowMs) this.#lastMs.delete(key);
  }
}
