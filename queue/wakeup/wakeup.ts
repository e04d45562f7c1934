// What must a way of waking idle workers offer? The seam between the queue and its wake-ups.

import type { Database, Driver, Transactor } from '../drivers/driver.ts';

/** What every wake-up is given. */
export interface WakeupContext {
  readonly driver: Driver;
  readonly schema: string;
  /** Told of signals that could not be sent and listeners that were lost. Neither loses a job: polling finds it. */
  readonly onError: (error: unknown) => void;
  /** Told once when signals can never be heard on this way to the server, after `onError`. */
  readonly onDeaf?: () => void;
}

/** The producer's side, one per queue object. Disposing sends what is still due. */
export interface Signaller extends AsyncDisposable {
  /** Runs in the transaction of an enqueue, so that the signal commits with the jobs. Absent when it needs none. */
  readonly insideEnqueue?: (db: Database, queues: readonly string[]) => Promise<void>;
  /**
   * For an enqueue to one queue that is a transaction of its own: a database whose statements have the signal travel right
   * behind them, so that `afterEnqueue` is not to be called. Absent, or `undefined`, when that is not the time for one.
   */
  readonly behindEnqueue?: (queue: string) => Transactor | undefined;
  /** Runs when jobs of `queues` are committed. Must return at once and never throw. */
  readonly afterEnqueue?: (queues: readonly string[]) => void;
}

/** The worker's side, one per worker and queue. Disposing stops listening. */
export interface Listener extends AsyncDisposable {
  /** Whether signals arrive at present; always false for wake-ups that only poll. */
  readonly listening: boolean;
}

/** One way of waking idle workers. */
export interface WakeupFactory {
  readonly wakeupName: WakeupName;
  /** One sentence: what it does and what it costs. */
  readonly summary: string;
  /**
   * Mean wait between two polls of an idle session when the worker's options name none, in ms. While signals arrive all
   * idle sessions of a worker share it.
   */
  readonly defaultPollMs: number;
  signaller(context: WakeupContext): Signaller;
  /** Calls `onSignal` whenever `queue` may have got ready jobs. Resolves without waiting for a connection. */
  listen(context: WakeupContext, queue: string, onSignal: () => void): Listener;
  /** How long to wait before the next poll, in ms, given the mean and a number uniform in [0, 1). */
  drawPollMs(pollMs: number, uniform: number): number;
}

/** Names of the built-in wake-ups. */
export type WakeupName = 'poll' | 'jitter' | 'notify' | 'coalesced';
