// What does a worker know of a job between its claim and its outcome?

import type { ClaimedJob, WorkerSession } from '../strategy.ts';
import type { JobAbortedError } from './aborted.ts';
import type { JobContext } from './options.ts';

/** Keeps what a handler says of how far it has come. */
export type ReportProgress = (job: ClaimedJob, value: unknown) => Promise<void>;

/** A claimed job in a session's hands. It is the context of its handler too, so that a job costs one object. */
export class HeldJob implements JobContext {
  readonly job: ClaimedJob;
  /** The session that claimed it: the only one that may settle it where a lease lasts as long as its session. */
  readonly session: WorkerSession;
  /** When the lease ends by this process's monotonic clock, in ms; never later than the server's opinion. */
  expiresAtMs: number;
  /** Its outcome is known; whatever its handler does from now on changes nothing. */
  ended = false;
  /** Somebody has cancelled it: however its handler ends, it is done with. */
  cancelled = false;
  readonly #report: ReportProgress;
  #controller: AbortController | undefined;

  constructor(job: ClaimedJob, session: WorkerSession, expiresAtMs: number, report: ReportProgress) {
    this.job = job;
    this.session = session;
    this.expiresAtMs = expiresAtMs;
    this.#report = report;
  }

  /** Made when first asked for: most handlers never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** Made when asked for, so that a handler may take it out of its context. */
  get progress(): (value: unknown) => Promise<void> {
    return (value) => this.#report(this.job, value);
  }

  /** Tells the handler, if it listens now or later, that its work is in vain. The first reason stays. */
  abort(reason: JobAbortedError): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}
