// How does a runner keep a session open while connections come and go?

import type { Connection } from '../drivers/driver.ts';
import { UnsupportedError } from '../errors.ts';
import type { Queue } from '../queue.ts';
import { usedInPlaceOf } from '../strategies/shared/brought-settings.ts';
import type { WorkerSession } from '../strategy.ts';
import { Backoff } from './backoff.ts';
import type { ResolvedOptions } from './options.ts';
import { needsOf, requirePlace } from './place.ts';

/** What the runner is told. */
export interface SessionEvents {
  readonly opened: () => void;
  /** The connection of `session` is gone; another one is being opened. */
  readonly lost: (session: WorkerSession) => void;
}

/** A session that is lost sooner was a failed attempt. */
const BRIEF_MS = 5_000;

/**
 * Opens a session, and another one with backoff whenever it is lost, until closed; or until it meets an UnsupportedError, which no
 * attempt can mend, and which ends the worker.
 */
export class SessionHolder {
  readonly #queue: Queue;
  readonly #options: ResolvedOptions;
  readonly #workerId: string;
  readonly #events: SessionEvents;
  readonly #backoff: Backoff;
  readonly #closed = new AbortController();
  #session: WorkerSession | undefined;
  #connection: Connection | undefined;
  #openedMs = 0;
  #opening: Promise<void>;

  constructor(queue: Queue, options: ResolvedOptions, workerId: string, events: SessionEvents) {
    this.#queue = queue;
    this.#options = options;
    this.#workerId = workerId;
    this.#events = events;
    this.#backoff = new Backoff(options.random);
    this.#opening = this.#open();
  }

  /** Absent while none is open. */
  get session(): WorkerSession | undefined {
    return this.#session;
  }

  /** That of the session; absent while none is open. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  async #open(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      try {
        return await this.#openOnce();
      } catch (error) {
        this.#options.events.error?.(error, 'connect');
        if (error instanceof UnsupportedError) return;
      }
      await this.#backoff.wait(this.#closed.signal);
    }
  }

  async #openOnce(): Promise<void> {
    const { driver, strategy } = this.#queue;
    const connection = await driver.connect(`worker ${this.#options.queue}`, needsOf(strategy));
    let session: WorkerSession;
    try {
      requirePlace(strategy, connection);
      session = await strategy.openWorker(connection, this.#workerId);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
    if (this.#closed.signal.aborted) return session[Symbol.asyncDispose]();
    if (connection.closed) throw new Error('the connection was lost while its session opened');
    this.#session = session;
    this.#connection = usedInPlaceOf(connection);
    this.#openedMs = performance.now();
    connection.ended.addEventListener('abort', () => this.#lose(session), { once: true });
    this.#events.opened();
  }

  #lose(session: WorkerSession): void {
    if (this.#closed.signal.aborted || this.#session !== session) return;
    this.#session = undefined;
    this.#connection = undefined;
    this.#options.events.error?.(new Error('the connection of a session is lost'), 'connection');
    this.#events.lost(session);
    this.#opening = this.#openAgain();
  }

  /** A session that ended soon is likely to end soon again: where no settle can be written down, each one ends its session. */
  async #openAgain(): Promise<void> {
    if (performance.now() - this.#openedMs >= BRIEF_MS) this.#backoff.reset();
    else await this.#backoff.wait(this.#closed.signal);
    await this.#open();
  }

  /** Closes the session and opens no other. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#opening;
    await this.#session?.[Symbol.asyncDispose]();
  }
}
