// How long does a worker wait before it tries again what just failed?

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../retry.ts';

const BASE_MS = 50;
/** So that after an outage of any length a worker's sessions are all back well within five seconds. */
const CAP_MS = 2000;

/** Waits that double from 50 ms to 2 s, the upper half of each drawn at random. */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** What was tried has worked: the next failure waits briefly again. */
  reset(): void {
    this.#failures = 0;
  }

  /** The length of the next wait, in ms. */
  drawMs(): number {
    const boundMs = Math.min(CAP_MS, BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    return boundMs * (0.5 + this.#random() / 2);
  }

  /** Resolves after the next wait, or when `signal` aborts; never rejects. */
  async wait(signal: AbortSignal): Promise<void> {
    await sleep(this.drawMs(), undefined, { signal }).catch(() => undefined);
  }
}
