// When may a delayed job run: by our clock, and by the queue's?

import type { Clock } from './clock.ts';

/** How far the queue's clock is ahead of ours: µs since the epoch by the one, less µs of the machine's clock by the other. */
export interface QueueClock {
  readonly offsetUs: number;
  /** The true offset lies within so much of `offsetUs`: half the time that the reading took. */
  readonly uncertaintyUs: number;
}

const READINGS = 15;

/** Reads the queue's clock a few times and believes the quickest answer. `read` gives µs since the epoch. */
export async function readQueueClock(read: () => Promise<number>, clock: Clock): Promise<QueueClock> {
  let best: QueueClock = { offsetUs: 0, uncertaintyUs: Number.POSITIVE_INFINITY };
  for (let i = 0; i < READINGS; i += 1) {
    const beforeUs = clock();
    const queueUs = await read();
    const afterUs = clock();
    const uncertaintyUs = (afterUs - beforeUs) / 2;
    if (uncertaintyUs < best.uncertaintyUs)
      best = { offsetUs: queueUs - (beforeUs + afterUs) / 2, uncertaintyUs };
  }
  return best;
}

/** What the readings before and after a load leave open, with a millisecond for what the clock did in between. */
export function earlyToleranceUs(before: QueueClock, after: QueueClock): number {
  return before.uncertaintyUs + after.uncertaintyUs + Math.abs(after.offsetUs - before.offsetUs) + 1_000;
}

/** The instant at which one job becomes eligible. */
export interface Eligibility {
  /** Unix time in whole ms by the queue's clock: what the queue is asked for. */
  readonly runAtMs: number;
  /** From the instant that the delay counts from to that very ms, so that its rounding is not charged to the queue; µs. */
  readonly delayUs: number;
}

/** The delays of a cell's jobs, given in turn by the key. */
export class Delays {
  readonly #delaysMs: readonly number[];
  readonly #offsetUs: number;

  constructor(delaysMs: readonly number[], offsetUs: number) {
    this.#delaysMs = delaysMs;
    this.#offsetUs = offsetUs;
  }

  /** For a job whose delay counts from `fromUs`; absent for one that is due at once. Rounded up: never too early. */
  of(key: number, fromUs: number): Eligibility | undefined {
    const delayMs = this.#delaysMs[key % this.#delaysMs.length] ?? 0;
    if (delayMs === 0) return undefined;
    const baseUs = fromUs + this.#offsetUs;
    const runAtMs = Math.ceil((baseUs + delayMs * 1000) / 1000);
    return { runAtMs, delayUs: runAtMs * 1000 - baseUs };
  }
}

/** Whether any job of a scenario is delayed. */
export function hasDelays(delaysMs: readonly number[]): boolean {
  return delaysMs.some((ms) => ms > 0);
}
