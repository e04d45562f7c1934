// Who carries out the bystander's transactions? A few sessions, as an application's pool has them.

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { connect } from '../server/connect.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { BYSTANDER_NAME } from './bystander-protocol.ts';
import { type Ending, Statements, type Transaction, transact } from './bystander-transaction.ts';

export interface SessionsOptions {
  readonly connection: ConnectionSettings;
  readonly schema: string;
  readonly connections: number;
  readonly onEnded: (transaction: Transaction, ending: Ending) => void;
}

/** Longer than any load: how long a transaction waits for the queue is what is measured. */
const STATEMENT_TIMEOUT_MS = 86_400_000;
/** From one attempt to open a session again to the next. */
const RETRY_MS = 100;

/**
 * Whoever finds no session free waits for one, first come first served. A session that breaks fails its transaction, and is
 * opened again, while the others wait.
 */
export class BystanderSessions {
  readonly #options: SessionsOptions;
  readonly #statements: Statements;
  readonly #idle: pg.Client[] = [];
  /** In the order in which they came. */
  readonly #waiting = new Set<Transaction>();
  readonly #running = new Map<Transaction, pg.Client>();
  #nothingLeft: (() => void) | undefined;
  #closed = false;
  lostSessions = 0;
  failedConnects = 0;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#statements = new Statements(options.schema);
  }

  /** Waiting or under way. */
  get outstanding(): number {
    return this.#waiting.size + this.#running.size;
  }

  /** Resolves when all are there. Rejects when one cannot be had: the load has not begun yet. */
  async open(): Promise<void> {
    const { connections } = this.#options;
    // One after another: all of them warm up on the same rows.
    for (let i = 0; i < connections; i += 1) this.#idle.push(await this.#connect());
  }

  submit(transaction: Transaction): void {
    this.#waiting.add(transaction);
    this.#dispatch();
  }

  /** Resolves when nothing is outstanding. */
  async finished(): Promise<void> {
    if (this.outstanding > 0) await new Promise<void>((resolve) => (this.#nothingLeft = resolve));
  }

  /** Ends all sessions at once. Resolves to what had not ended. */
  async close(): Promise<Transaction[]> {
    this.#closed = true;
    const left = [...this.#running.keys(), ...this.#waiting];
    const clients = [...this.#idle, ...this.#running.values()];
    this.#waiting.clear();
    // The driver cuts off one that is busy.
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    return left;
  }

  #dispatch(): void {
    for (const transaction of this.#waiting) {
      const client = this.#idle.pop();
      if (client === undefined) return;
      this.#waiting.delete(transaction);
      this.#running.set(transaction, client);
      // Never rejects.
      void this.#run(client, transaction);
    }
  }

  async #run(client: pg.Client, transaction: Transaction): Promise<void> {
    const ending = await transact(client, this.#statements, transaction);
    if (this.#closed) return;
    this.#running.delete(transaction);
    this.#options.onEnded(transaction, ending);
    if (ending.outcome !== 'committed' && ending.lost) this.#replace(client);
    else this.#idle.push(client);
    this.#dispatch();
    if (this.outstanding === 0) this.#nothingLeft?.();
  }

  #replace(client: pg.Client): void {
    this.lostSessions += 1;
    void client.end().catch(() => undefined);
    void this.#reopen();
  }

  async #reopen(): Promise<void> {
    while (!this.#closed) {
      try {
        const client = await this.#connect();
        if (this.#closed) return void client.end().catch(() => undefined);
        this.#idle.push(client);
        this.#dispatch();
        return;
      } catch {
        this.failedConnects += 1;
        await sleep(RETRY_MS);
      }
    }
  }

  /** With its statements parsed, and rolled back: the first transaction of a session is to be like all others. */
  async #connect(): Promise<pg.Client> {
    const client = await connect(this.#options.connection, {
      applicationName: BYSTANDER_NAME,
      queryTimeoutMs: STATEMENT_TIMEOUT_MS,
    });
    try {
      await client.query('BEGIN');
      await this.#statements.run(client, {
        number: -1,
        intendedUs: 0,
        sentUs: 0,
        account: 1,
        teller: 1,
        delta: 0,
      });
      await client.query('ROLLBACK');
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    // One that breaks while nobody uses it fails no transaction, and must not take the next.
    client.once('end', () => {
      const at = this.#idle.indexOf(client);
      if (at < 0 || this.#closed) return;
      this.#idle.splice(at, 1);
      this.#replace(client);
    });
    return client;
  }
}
