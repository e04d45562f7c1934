// When is a strategy's upkeep due?

import type { Database } from '../drivers/driver.ts';
import type { Upkeep } from '../strategy.ts';

/** Runs upkeep as often as it asks for, and early where its last run asked for that. */
export class UpkeepSchedule {
  readonly #upkeep: Upkeep;
  readonly #waitMs: (meanMs: number) => number;
  /** When the next run is due that is not an early one. */
  #wholeMs: number;
  #dueMs: number;

  /** The first run is due at `firstMs` of `performance.now()`. `waitMs` draws a wait of a mean. */
  constructor(upkeep: Upkeep, firstMs: number, waitMs: (meanMs: number) => number = (meanMs) => meanMs) {
    this.#upkeep = upkeep;
    this.#waitMs = waitMs;
    this.#wholeMs = firstMs;
    this.#dueMs = firstMs;
  }

  /** By `performance.now()`. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Not before then. */
  postpone(untilMs: number): void {
    this.#dueMs = Math.max(this.#dueMs, untilMs);
  }

  /** Does nothing before it is due. Resolves to whether jobs may have become ready; one that fails is due as before. */
  async runWhenDue(db: Database): Promise<boolean> {
    const nowMs = performance.now();
    if (nowMs < this.#dueMs) return false;
    const wasMs = this.#wholeMs;
    const early = nowMs < wasMs;
    if (!early) this.#wholeMs = nowMs + this.#waitMs(this.#upkeep.everyMs);
    this.#dueMs = this.#wholeMs;
    const { ready, earlyMs } = await this.#upkeep.run(db, early).catch((error: unknown) => {
      this.#wholeMs = wasMs;
      this.#dueMs = nowMs;
      throw error;
    });
    if (earlyMs !== undefined)
      this.#dueMs = Math.min(this.#wholeMs, performance.now() + this.#waitMs(earlyMs));
    return ready;
  }
}
