// Who may use which session of the pool, and when?
//
// The pool of postgres.js puts statements of different callers on one connection behind each other, replaces connections
// in silence, and does not tell on which one a notice came: so it is not used.

import { connectTimeoutMs, type DriverOptions, poolSize } from './options.ts';
import type { PassageFinder } from './passage.ts';
import { PostgresClient } from './postgres-client.ts';

type Waiter = (client: PostgresClient | undefined) => void;

/** At most `max` sessions, opened as they are needed, each lent to one caller at a time. */
export class PostgresPool {
  readonly #options: DriverOptions;
  readonly #finder: PassageFinder;
  readonly #max: number;
  readonly #idle: PostgresClient[] = [];
  readonly #waiting: Waiter[] = [];
  readonly #emptied = Promise.withResolvers<void>();
  /** Sessions that are open, or being opened. */
  #size = 0;
  #lent = 0;
  #closing = false;

  constructor(options: DriverOptions, finder: PassageFinder) {
    this.#options = options;
    this.#finder = finder;
    this.#max = poolSize(options);
  }

  /** Lends a session; rejects when none is free within `connectTimeoutMs`. */
  async acquire(): Promise<PostgresClient> {
    if (this.#closing) throw new Error('the driver is disposed');
    this.#lent += 1;
    try {
      for (;;) {
        const idle = this.#idle.pop();
        if (idle !== undefined) return idle;
        if (this.#size < this.#max) return await this.#open();
        const next = await this.#turn();
        if (next !== undefined) return next;
      }
    } catch (error) {
      this.#returned();
      throw error;
    }
  }

  /** Takes a session back, to be lent again unless it has ended. */
  release(client: PostgresClient): void {
    this.#returned();
    if (client.ended.aborted) return;
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#idle.push(client);
    else waiter(client);
  }

  /** Lends nothing any more, waits for what is lent, and closes everything. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#lent > 0) await this.#emptied.promise;
    // A copy: each leaves the list as it ends.
    await Promise.all([...this.#idle].map((client) => client.close()));
  }

  #returned(): void {
    this.#lent -= 1;
    if (this.#closing && this.#lent === 0) this.#emptied.resolve();
  }

  async #open(): Promise<PostgresClient> {
    this.#size += 1;
    try {
      const client = await PostgresClient.open(this.#options, this.#finder);
      client.ended.addEventListener('abort', () => this.#lost(client), { once: true });
      return client;
    } catch (error) {
      this.#left();
      throw error;
    }
  }

  #lost(client: PostgresClient): void {
    const at = this.#idle.indexOf(client);
    if (at >= 0) this.#idle.splice(at, 1);
    if (at >= 0 && !this.#closing) this.#options.onIdleError?.(client.ended.reason);
    this.#left();
  }

  /** There is room for another session: whoever waits longest may open it. */
  #left(): void {
    this.#size -= 1;
    this.#waiting.shift()?.(undefined);
  }

  #turn(): Promise<PostgresClient | undefined> {
    const timeoutMs = connectTimeoutMs(this.#options);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = (client) => {
        clearTimeout(timer);
        resolve(client);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new Error(`no connection of the pool was free within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.push(waiter);
    });
  }
}
