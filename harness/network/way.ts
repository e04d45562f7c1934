// How long do bytes take from one end of the network to the other, in one direction?

import type { Random } from '../../stats/random.ts';
import type { Trouble } from './protocol.ts';

type Slow = Extract<Trouble, { trouble: 'slow' }>;

/** One direction of the network, shared by all connections: what is in the way there, and what has passed. */
export class Way {
  /** Nothing passes. */
  blackHole = false;
  bytesPassed = 0;
  bytesHeld = 0;
  readonly #random: Random;
  #slow: Slow | undefined;
  /** When the line has sent all that was given to it. */
  #freeAtMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Whether bytes pass at once. */
  get clear(): boolean {
    return this.#slow === undefined && !this.blackHole;
  }

  /** Undefined: no longer slow. */
  become(slow: Slow | undefined): void {
    this.#slow = slow;
    this.#freeAtMs = 0;
  }

  /**
   * When bytes that come to the line at `nowMs` are through: the line sends one thing after the other, whose connection it is
   * of, and what it has sent is on its way for the delay. So a delay takes nothing of the throughput. They do not set out
   * before `openMs`.
   */
  dueMs(nowMs: number, bytes: number, openMs: number): number {
    return Math.max(this.#sentMs(nowMs, bytes), openMs) + this.delayMs();
  }

  /** Drawn anew each time, within the jitter. */
  delayMs(): number {
    if (this.#slow === undefined) return 0;
    const { delayMs, jitterMs } = this.#slow;
    return Math.max(0, delayMs + (2 * this.#random() - 1) * jitterMs);
  }

  #sentMs(nowMs: number, bytes: number): number {
    const bytesPerSec = this.#slow?.bytesPerSec;
    if (bytesPerSec === undefined) return nowMs;
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes / bytesPerSec) * 1000;
    return this.#freeAtMs;
  }
}
