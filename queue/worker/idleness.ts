// When has a worker nothing left to do?

import type { Bell } from '../wakeup/bell.ts';
import type { Maintenance } from './maintenance.ts';
import type { Runner } from './runner.ts';

/** What is looked at. */
export interface Idleness {
  readonly bell: Bell;
  readonly maintenance: Maintenance;
  readonly runners: readonly Runner[];
  /** Jobs that could run, by the database. */
  readonly ready: () => Promise<number>;
}

/** Between two looks while the database holds what no session found: a job that waits for a tick, or for another worker's commit. */
const AGAIN_MS = 20;

/** Watches for somebody who waits until a worker is idle. */
export class IdleWatch {
  readonly #worker: Idleness;
  #since: number;
  readonly #idle = Promise.withResolvers<void>();
  #looking = false;

  /** Every session looks for itself: a signal of what was enqueued just now may still be on its way. */
  constructor(worker: Idleness) {
    this.#worker = worker;
    worker.bell.ringAll();
    this.#since = worker.bell.strokes;
    this.look();
  }

  get promise(): Promise<void> {
    return this.#idle.promise;
  }

  /** Something has come to rest. A session that was called is at work again only when its turn of the event loop has come. */
  look(): void {
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => void this.#look());
  }

  async #look(): Promise<void> {
    const { maintenance, runners, bell, ready } = this.#worker;
    const atRest = (): boolean =>
      !maintenance.isBusy && runners.every((runner) => runner.isIdleSince(this.#since));
    if (atRest()) {
      // Who cannot be asked is waited for.
      const left = await ready().catch(() => 1);
      if (left === 0 && atRest()) return this.#idle.resolve();
      if (left > 0) {
        setTimeout(() => {
          bell.ringAll();
          this.#since = bell.strokes;
          this.look();
        }, AGAIN_MS);
      }
    }
    this.#looking = false;
  }
}
