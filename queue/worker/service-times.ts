// How long did each handler take?

import type { ClaimedJob } from '../strategy.ts';

/** Kept only where somebody asks: for an observer, or for the record of finished jobs. */
export class ServiceTimes {
  /** When the handler was called, until it has ended; then how long it took. In ms. */
  readonly #times = new WeakMap<ClaimedJob, number>();

  started(job: ClaimedJob): void {
    this.#times.set(job, performance.now());
  }

  ended(job: ClaimedJob): void {
    const startedMs = this.#times.get(job);
    if (startedMs !== undefined) this.#times.set(job, performance.now() - startedMs);
  }

  /** Of a handler that has ended, in ms; `undefined` for a job that never had one. */
  of(job: ClaimedJob): number | undefined {
    return this.#times.get(job);
  }
}
