// How do schedulers under test live through days in seconds?

import assert from 'node:assert/strict';
import type { SchedulerClock } from './scheduler.ts';

interface Sleeper {
  readonly untilMs: number;
  wake(): void;
}

/** A time that stands still while anybody is at work, and jumps to the next instant at which somebody wants to be woken. */
export class SimulatedTime {
  #nowMs: number;
  readonly #sleepers = new Set<Sleeper>();
  #slept: () => void = () => undefined;

  constructor(start: string) {
    this.#nowMs = Date.parse(start);
  }

  readonly now = (): Date => new Date(this.#nowMs);

  /** For any number of schedulers: all live in the same time. */
  readonly clock: SchedulerClock = {
    now: this.now,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper: Sleeper = {
          untilMs: this.#nowMs + Math.ceil(ms),
          wake: () => {
            this.#sleepers.delete(sleeper);
            resolve();
          },
        };
        if (signal.aborted) return resolve();
        signal.addEventListener('abort', () => sleeper.wake(), { once: true });
        this.#sleepers.add(sleeper);
        this.#slept();
      }),
  };

  /** Lets time pass until `end`. Whenever all of `count` sleep, those that want to be woken first wake together. */
  async passUntil(end: string, count: number): Promise<void> {
    const endMs = Date.parse(end);
    assert(endMs >= this.#nowMs, 'time does not go back');
    for (;;) {
      while (this.#sleepers.size < count)
        await new Promise<void>((resolve) => {
          this.#slept = resolve;
        });
      const nextMs = Math.min(...[...this.#sleepers].map(({ untilMs }) => untilMs));
      if (nextMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, nextMs);
      for (const sleeper of [...this.#sleepers]) if (sleeper.untilMs <= this.#nowMs) sleeper.wake();
    }
    this.#nowMs = endMs;
  }
}
