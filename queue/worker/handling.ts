// How does a job get its handler's time, and what comes of it?

import type { ClaimedJob, Outcome } from '../strategy.ts';
import { JobAbortedError } from './aborted.ts';
import type { Announcer } from './announcer.ts';
import type { HeldJob } from './held-job.ts';
import type { ResolvedOptions } from './options.ts';
import type { ServiceTimes } from './service-times.ts';
import { isThenable } from './thenable.ts';
import { failureOutcome } from './verdict.ts';

/** What handlers of one worker share. */
export interface HandlingContext {
  readonly options: ResolvedOptions;
  readonly announcer: Announcer | undefined;
  /** Absent where nobody asks how long a handler took. */
  readonly times: ServiceTimes | undefined;
}

/** What is told of a handler. */
export interface HandlingEvents {
  /** The handler has returned a promise: its job takes up a place until `left`. */
  readonly entered: (held: HeldJob) => void;
  readonly left: (held: HeldJob) => void;
  /** The job's outcome is known; called once for each job. */
  readonly ended: (held: HeldJob, outcome: Outcome) => void;
}

/** After its signal, so long a handler may take to end by itself before its job counts as failed, in ms. */
const TIMEOUT_GRACE_MS = 1000;

/** Calls handlers, one job at a time or many at once, as its owner has places for them. */
export class Handling {
  readonly #options: ResolvedOptions;
  readonly #events: HandlingEvents;
  readonly #announcer: Announcer | undefined;
  readonly #times: ServiceTimes | undefined;

  constructor({ options, announcer, times }: HandlingContext, events: HandlingEvents) {
    this.#times = times;
    this.#options = options;
    this.#events = events;
    this.#announcer = announcer;
  }

  start(held: HeldJob): void {
    this.#announcer?.started(held.job);
    this.#times?.started(held.job);
    let ending: unknown;
    try {
      ending = this.#options.handler(held.job, held);
    } catch (error) {
      this.#end(held, this.#failed(held.job, error));
      return;
    }
    // A handler that returns no promise has done its job: it needs neither a place nor a turn of the event loop.
    if (isThenable(ending)) this.#await(held, ending);
    else this.#end(held, { kind: 'ack', job: held.job });
  }

  #await(held: HeldJob, ending: PromiseLike<unknown>): void {
    this.#events.entered(held);
    const timer =
      this.#options.timeoutMs === undefined ? undefined : this.#limit(held, this.#options.timeoutMs);
    ending.then(
      () => {
        timer?.end();
        if (!held.ended) this.#end(held, { kind: 'ack', job: held.job });
        this.#events.left(held);
      },
      (error: unknown) => {
        timer?.end();
        if (!held.ended) this.#end(held, this.#failed(held.job, error));
        this.#events.left(held);
      },
    );
  }

  /**
   * The handler's signal is aborted after `timeoutMs`. One that does not end then has failed: the job is settled, while its
   * place stays taken for as long as the handler runs, so that no more are at work than there may be. A worker that has stopped
   * without it is not what its process waits for.
   */
  #limit(held: HeldJob, timeoutMs: number): { end(): void } {
    let timer = setTimeout(() => {
      const reason = new JobAbortedError('timeout', `job ${held.job.id} took longer than ${timeoutMs} ms`);
      held.abort(reason);
      timer = setTimeout(() => {
        if (!held.ended) this.#end(held, this.#failed(held.job, reason));
      }, TIMEOUT_GRACE_MS).unref();
    }, timeoutMs).unref();
    return { end: () => clearTimeout(timer) };
  }

  #end(held: HeldJob, outcome: Outcome): void {
    held.ended = true;
    this.#times?.ended(held.job);
    this.#events.ended(held, held.cancelled ? { kind: 'ack', job: held.job } : outcome);
  }

  #failed(job: ClaimedJob, error: unknown): Outcome {
    const { retry, redactError, events } = this.#options;
    return failureOutcome({ retry, redactError }, job, error, (hookError, source) =>
      events.error?.(hookError, source),
    );
  }
}
