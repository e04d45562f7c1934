// What does a worker know of a job between its claim and its outcome?

import type { ClaimedJob, WorkerSession } from '../strategy.ts';
import type { JobContext } from './options.ts';

/** A claimed job in a session's hands. It is the context of its handler too, so that a job costs one object. */
export class HeldJob implements JobContext {
  readonly job: ClaimedJob;
  /** The session that claimed it: the only one that may settle it where a lease lasts as long as its session. */
  readonly session: WorkerSession;
  /** When the lease ends by this process's monotonic clock, in ms; never later than the server's opinion. */
  expiresAtMs: number;
  #controller: AbortController | undefined;

  constructor(job: ClaimedJob, session: WorkerSession, expiresAtMs: number) {
    this.job = job;
    this.session = session;
    this.expiresAtMs = expiresAtMs;
  }

  /** Made when first asked for: most handlers never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** Tells the handler, if it listens now or later, that its work is in vain. */
  abort(reason: Error): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}
