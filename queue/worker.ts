// How does an application work jobs off?

import { UnsupportedError } from './errors.ts';
import { requireKnownKeys, requireWholeNumber } from './keys.ts';
import { Controls } from './limits/controls.ts';
import { StartGate } from './limits/start-gate.ts';
import type { Queue } from './queue.ts';
import { Bell } from './wakeup/bell.ts';
import { jitter } from './wakeup/jitter.ts';
import { historyOf } from './watch/history.ts';
import { Announcer } from './worker/announcer.ts';
import { Chores } from './worker/chores.ts';
import { ClaimGate } from './worker/claim-gate.ts';
import { type Concurrency, concurrencyOf } from './worker/concurrency.ts';
import type { HeldJob } from './worker/held-job.ts';
import { IdleWatch } from './worker/idleness.ts';
import { JobNotes } from './worker/job-notes.ts';
import { Maintenance } from './worker/maintenance.ts';
import {
  type ErrorSource,
  type ResolvedOptions,
  resolveOptions,
  type WorkerOptions,
  type WorkerState,
} from './worker/options.ts';
import { progressReporter } from './worker/progress.ts';
import { reaper } from './worker/reaping.ts';
import { Recording } from './worker/recording.ts';
import { errorReporter } from './worker/reporting.ts';
import { Runner, type RunnerReport } from './worker/runner.ts';
import { ServiceTimes } from './worker/service-times.ts';

/** How a stop ended. */
export interface StopReport {
  /** Jobs that were claimed but not started, and given back. */
  readonly released: number;
  /** Jobs whose handlers were still running when the wait ended. Their leases will expire. */
  readonly abandoned: number;
}

/** Options of `stop`. */
export interface StopOptions {
  /** How long running handlers may take before their signals are aborted, in ms, 0…86,400,000; default 30,000. */
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
  /**
   * Claims no more, lets running handlers finish, settles, releases the rest. Called again, it waits for the same stop. Rejects with an
   * InvalidArgumentError for options that there are not, and the worker goes on.
   */
  stop(options?: StopOptions): Promise<StopReport>;
  /**
   * Resolves once it has stopped. Rejects, and the worker is `stopped`, with the UnsupportedError of a worker that cannot work where
   * it is: of a strategy that has no place behind a pooler in transaction mode. `events.error` is told the same with the source
   * `connect`; where there is no such handler, a rejection that nobody handles ends the process, so that it is not overlooked.
   */
  readonly ended: Promise<StopReport>;
}

/** A day. */
const MAX_DEADLINE_MS = 86_400_000;
/** What handlers get after their signal is aborted, and a lost server to take the last outcomes, in ms. */
const GRACE_MS = 1000;

class RunningWorker implements Worker {
  readonly options: ResolvedOptions;
  readonly ended: Promise<StopReport>;
  readonly #end = Promise.withResolvers<StopReport>();
  readonly #runners: readonly Runner[];
  readonly #maintenance: Maintenance;
  readonly #concurrency: Concurrency;
  readonly #controls: Controls;
  readonly #chores: Chores;
  readonly #gate: StartGate<HeldJob>;
  readonly #queue: Queue;
  readonly #bell: Bell;
  readonly #listener;
  readonly #report: (error: unknown, source: ErrorSource) => void;
  #idle: IdleWatch | undefined;
  #state: WorkerState = 'running';
  #stopped: Promise<StopReport> | undefined;
  #refusal: UnsupportedError | undefined;

  constructor(queue: Queue, given: WorkerOptions) {
    this.ended = this.#end.promise;
    const resolved = resolveOptions(queue, given);
    this.#report = errorReporter(given);
    let { pollMs } = resolved;
    const options: ResolvedOptions = {
      ...resolved,
      events: { ...resolved.events, error: (error, source) => this.#failed(given, error, source) },
      get pollMs() {
        return pollMs;
      },
    };
    this.options = options;
    const bell = new Bell();
    this.#queue = queue;
    this.#bell = bell;
    const look = (): void => {
      for (const runner of this.#runners) runner.look();
    };
    this.#concurrency = concurrencyOf(options, look);
    const { context: shared } = queue;
    const { retention } = shared;
    const history = historyOf(shared);
    const onMaintenanceError = (error: unknown): void => options.events.error?.(error, 'maintenance');
    const endLeases = reaper({
      context: shared,
      workerId: options.workerId,
      history,
      onError: onMaintenanceError,
    });
    const maintenance = new Maintenance(queue, options, bell, endLeases, () => this.#idle?.look());
    this.#maintenance = maintenance;
    const onControlsError = (error: unknown): void => options.events.error?.(error, 'controls');
    const controls = new Controls({
      context: shared,
      queue: options.queue,
      isSignalled: () => this.#listener.listening,
      pollMs: given.pollMs,
      random: options.random,
      onError: onControlsError,
      onCancelled: (ids) => {
        for (const runner of this.#runners) runner.cancel(new Set(ids));
      },
    });
    this.#controls = controls;
    this.#gate = new StartGate<HeldJob>({
      context: shared,
      controls,
      queue: options.queue,
      workerId: options.workerId,
      leaseMs: options.leaseMs,
      heartbeatMs: options.heartbeatMs,
      random: options.random,
      onError: onControlsError,
    });
    controls.onChange(look);
    const times = shared.observed || history !== undefined ? new ServiceTimes() : undefined;
    const announcer = shared.observed && times !== undefined ? new Announcer(shared, times) : undefined;
    const progress = new JobNotes(shared, shared.tables.progress, (error) =>
      options.events.error?.(error, 'progress'),
    );
    const cancellations = new JobNotes(shared, shared.tables.cancellations, onControlsError);
    this.#chores = new Chores({
      context: shared,
      random: options.random,
      onError: onMaintenanceError,
      history:
        history === undefined || retention === undefined ? undefined : { of: history, days: retention.days },
    });
    const context = {
      queue,
      options,
      bell,
      claimGate: new ClaimGate(options.claimsAtOnce),
      concurrency: this.#concurrency,
      controls,
      gate: this.#gate,
      cancellations,
      times,
      recording:
        history === undefined || times === undefined
          ? undefined
          : new Recording(history, options.workerId, times, cancellations),
      announcer,
      progress,
      reportProgress: progressReporter(shared, announcer, progress),
      isSignalled: () => this.#listener.listening,
      onDelayed: (delayMs: number) => maintenance.dueIn(delayMs),
      onIdle: () => this.#idle?.look(),
    };
    const onError = (error: unknown): void => options.events.error?.(error, 'wakeup');
    const { driver, schema } = queue;
    // Without signals the safety net is all there is.
    const onDeaf = (): void => {
      if (given.pollMs === undefined) pollMs = jitter.defaultPollMs;
      bell.ringAll();
      maintenance.signalled();
    };
    this.#listener = queue.wakeup.listen({ driver, schema, onError, onDeaf }, options.queue, () => {
      bell.ring();
      maintenance.signalled();
      controls.signalled();
    });
    this.#runners = Array.from(
      { length: options.connections },
      (_, index) => new Runner(context, `${options.workerId}-${index}`),
    );
    void controls.start();
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
        ready: async () => (this.#controls.paused ? 0 : (await this.#queue.stats(this.options.queue)).ready),
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

  /** Passes errors on. What makes all work impossible ends the worker, and is told once, though each session meets it. */
  #failed(given: WorkerOptions, error: unknown, source: ErrorSource): void {
    if (source !== 'connect' || !(error instanceof UnsupportedError)) {
      this.#report(error, source);
      return;
    }
    if (this.#stopped !== undefined) return;
    this.#report(error, source);
    if (given.events?.error !== undefined) this.ended.catch(() => undefined);
    this.#refusal = error;
    void this.stop({ deadlineMs: 0 });
  }

  stop(options: StopOptions = {}): Promise<StopReport> {
    try {
      requireKnownKeys('stop', options, ['deadlineMs']);
      const { deadlineMs = 30_000 } = options;
      requireWholeNumber('deadlineMs', deadlineMs, 0, MAX_DEADLINE_MS);
      this.#stopped ??= this.#stop(deadlineMs);
      return this.#stopped;
    } catch (error) {
      return Promise.reject(error);
    }
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
    await this.#gate.close();
    await this.#controls.close();
    await this.#chores.stop();
    await this.#maintenance.stop();
    await this.#listener[Symbol.asyncDispose]();
    this.#enter('stopped');
    const report = {
      released: reports.reduce((sum, { released }) => sum + released, 0),
      abandoned: reports.reduce((sum, { abandoned }) => sum + abandoned, 0),
    };
    if (this.#refusal === undefined) this.#end.resolve(report);
    else this.#end.reject(this.#refusal);
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Starts to work jobs of one queue off, with connections of its own beside the driver's pool. A server that is away is
 * waited for. Throws InvalidArgumentError for options out of range, UnsupportedError for an option that the strategy leaves no choice of.
 */
export function createWorker(queue: Queue, options: WorkerOptions): Worker {
  return new RunningWorker(queue, options);
}
