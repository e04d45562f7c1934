// How does an application work jobs off?

import type { Queue } from './queue.ts';
import { Bell } from './wakeup/bell.ts';
import { Announcer } from './worker/announcer.ts';
import { ClaimGate } from './worker/claim-gate.ts';
import { type Concurrency, concurrencyOf } from './worker/concurrency.ts';
import { IdleWatch } from './worker/idleness.ts';
import { Maintenance } from './worker/maintenance.ts';
import {
  type ResolvedOptions,
  resolveOptions,
  type WorkerOptions,
  type WorkerState,
} from './worker/options.ts';
import { Progress } from './worker/progress.ts';
import { Runner, type RunnerReport } from './worker/runner.ts';

/** How a stop ended. */
export interface StopReport {
  /** Jobs that were claimed but not started, and given back. */
  readonly released: number;
  /** Jobs whose handlers were still running when the wait ended. Their leases will expire. */
  readonly abandoned: number;
}

/** Options of `stop`. */
export interface StopOptions {
  /** How long running handlers may take before their signals are aborted, in ms; default 30,000. */
  readonly deadlineMs?: number;
}

/** A worker at work since `createWorker`. Disposing stops it with the default deadline. */
export interface Worker extends AsyncDisposable {
  readonly state: WorkerState;
  /** Handlers that each session may have at work at present: `options.concurrency`, unless it follows the load. */
  readonly concurrency: number;
  /** The options in force, defaults filled in. */
  readonly options: Readonly<ResolvedOptions>;
  /**
   * Resolves when, from now on, all sessions have found that nothing can run, and nothing is in hand: delayed jobs may wait. Never
   * once the worker stops. Reads `queue.stats` at the end.
   */
  idle(): Promise<void>;
  /** Claims no more, lets running handlers finish, settles, releases the rest. Called again, it returns the same promise. */
  stop(options?: StopOptions): Promise<StopReport>;
}

/** What handlers get after their signal is aborted, and a lost server to take the last outcomes, in ms. */
const GRACE_MS = 1000;

class RunningWorker implements Worker {
  readonly options: ResolvedOptions;
  readonly #runners: readonly Runner[];
  readonly #maintenance: Maintenance;
  readonly #concurrency: Concurrency;
  readonly #queue: Queue;
  readonly #bell: Bell;
  readonly #listener;
  #idle: IdleWatch | undefined;
  #state: WorkerState = 'running';
  #stopped: Promise<StopReport> | undefined;

  constructor(queue: Queue, given: WorkerOptions) {
    const options = resolveOptions(queue, given);
    this.options = options;
    const bell = new Bell();
    this.#queue = queue;
    this.#bell = bell;
    const maintenance = new Maintenance(queue, options, bell, () => this.#idle?.look());
    this.#maintenance = maintenance;
    this.#concurrency = concurrencyOf(options, () => {
      for (const runner of this.#runners) runner.look();
    });
    const announcer = queue.context.observed ? new Announcer(queue.context) : undefined;
    const context = {
      queue,
      options,
      bell,
      claimGate: new ClaimGate(options.claimsAtOnce),
      concurrency: this.#concurrency,
      announcer,
      progress: new Progress(queue.context, announcer, (error) => options.events.error?.(error, 'progress')),
      isSignalled: () => this.#listener.listening,
      onDelayed: (delayMs: number) => maintenance.dueIn(delayMs),
      onIdle: () => this.#idle?.look(),
    };
    const onError = (error: unknown): void => options.events.error?.(error, 'wakeup');
    const { driver, schema } = queue;
    this.#listener = queue.wakeup.listen({ driver, schema, onError }, options.queue, () => {
      bell.ring();
      maintenance.signalled();
    });
    this.#runners = Array.from(
      { length: options.connections },
      (_, index) => new Runner(context, `${options.workerId}-${index}`),
    );
    options.events.stateChanged?.('running');
  }

  get concurrency(): number {
    return this.#concurrency.limit;
  }

  get state(): WorkerState {
    return this.#state;
  }

  idle(): Promise<void> {
    if (this.#idle === undefined) {
      const watch = new IdleWatch({
        bell: this.#bell,
        maintenance: this.#maintenance,
        runners: this.#runners,
        ready: async () => (await this.#queue.stats(this.options.queue)).ready,
      });
      this.#idle = watch;
      void watch.promise.then(() => {
        this.#idle = undefined;
      });
    }
    return this.#idle.promise;
  }

  #enter(state: WorkerState): void {
    this.#state = state;
    this.options.events.stateChanged?.(state);
  }

  stop({ deadlineMs = 30_000 }: StopOptions = {}): Promise<StopReport> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<StopReport> {
    this.#enter('stopping');
    const deadline = new AbortController();
    const giveUp = new AbortController();
    const timers = [
      setTimeout(() => deadline.abort(), deadlineMs),
      setTimeout(() => giveUp.abort(), deadlineMs + GRACE_MS),
    ];
    const stopping = this.#runners.map((runner) => runner.stop(deadline.signal, giveUp.signal));
    const reports: readonly RunnerReport[] = await Promise.all(stopping);
    for (const timer of timers) clearTimeout(timer);
    this.#concurrency.stop();
    await this.#maintenance.stop();
    await this.#listener[Symbol.asyncDispose]();
    this.#enter('stopped');
    return {
      released: reports.reduce((sum, report) => sum + report.released, 0),
      abandoned: reports.reduce((sum, report) => sum + report.abandoned, 0),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Starts to work jobs of one queue off, with connections of its own beside the driver's pool. A server that is away is
 * waited for. Throws InvalidArgumentError for options out of range.
 */
export function createWorker(queue: Queue, options: WorkerOptions): Worker {
  return new RunningWorker(queue, options);
}
