// Which jobs does a runner hold: started ones, and claimed ones that wait their turn?

import type { WorkerSession } from '../strategy.ts';
import { JobAbortedError } from './aborted.ts';
import type { HeldJob } from './held-job.ts';

/** The jobs in a runner's hands. The waiting ones are a queue of their own, read from the front without shifting. */
export class Hand {
  readonly running = new Set<HeldJob>();
  #waiting: HeldJob[] = [];
  #head = 0;

  /** Jobs claimed and not started. */
  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  add(held: HeldJob): void {
    this.#waiting.push(held);
  }

  /** The next job to start, in the order of the claims. */
  take(): HeldJob | undefined {
    const held = this.#waiting[this.#head];
    this.#head += 1;
    if (this.#head >= this.#waiting.length) this.#replaceWaiting([]);
    return held;
  }

  #replaceWaiting(waiting: HeldJob[]): void {
    this.#waiting = waiting;
    this.#head = 0;
  }

  /** Takes a waiting job out of its turn; false when it does not wait. */
  forget(held: HeldJob): boolean {
    const waiting = this.#waiting.slice(this.#head);
    if (!waiting.includes(held)) return false;
    this.#replaceWaiting(waiting.filter((other) => other !== held));
    return true;
  }

  /** Every job in hand for which `test` holds. */
  filter(test: (held: HeldJob) => boolean): readonly HeldJob[] {
    return [...this.running, ...this.#waiting.slice(this.#head)].filter(test);
  }

  /**
   * Gives up the jobs for which `lost` holds: the waiting ones are forgotten, the running ones told. Returns them; a
   * job that ended meanwhile is not among them.
   */
  lose(lost: (held: HeldJob) => boolean): readonly HeldJob[] {
    const given = this.filter((held) => !held.ended && lost(held));
    if (given.length === 0) return given;
    this.#replaceWaiting(this.#waiting.slice(this.#head).filter((held) => !lost(held)));
    for (const held of given)
      held.abort(new JobAbortedError('lease-lost', `the lease of job ${held.job.id} is lost`));
    return given;
  }

  /** Those claimed by `session`, for `filter` and `lose`. */
  static of(session: WorkerSession): (held: HeldJob) => boolean {
    return (held) => held.session === session;
  }
}
