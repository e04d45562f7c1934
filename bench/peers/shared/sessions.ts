// Through which sessions does a peer's library work, and what is seen of them? Pools whose statements pass an observer.

import pg from 'pg';
import type { SessionRole, Target } from '../../../harness/contender.ts';
import { SessionWatch } from '../../../harness/fairness/session-watch.ts';
import type { ConnectionSettings } from '../../../harness/server/server.ts';
import type { Database } from '../../../queue/index.ts';

const POOL_ROLES: readonly SessionRole[] = ['worker', 'producer', 'control'];

/** What a library asks of the server, as far as an observer can tell. */
export interface SentStatement {
  readonly text: string;
  readonly name: string | undefined;
  readonly values: readonly unknown[];
}

/**
 * Is told of a statement before it is sent. What it returns is told of the outcome before the library hears it: so that a
 * claim is booked before any of its jobs is worked on.
 */
export type Observer = (statement: SentStatement) => Outcome | undefined;

/** `answered` with whatever the driver resolved to. */
export interface Outcome {
  readonly answered: (result: unknown) => void;
  readonly failed: (error: unknown) => void;
}

/** The sessions of one process for one peer, by role; counts what they send and reads their settings back. */
export class PeerSessions {
  readonly #peer: string;
  readonly #connection: ConnectionSettings;
  readonly #watch = new SessionWatch();
  #roundTrips = 0;

  /** `peer` becomes part of the names under which the server shows the sessions. */
  constructor(peer: string, target: Target) {
    if (target.connection === undefined) throw new Error(`${peer} needs a database`);
    this.#peer = peer;
    this.#connection = target.connection;
  }

  /** A pool of at most `max` sessions. Only statements of workers and producers count as the load's. */
  open(role: SessionRole, max: number, observer?: Observer): pg.Pool {
    const pool = new pg.Pool({
      host: this.#connection.host,
      port: this.#connection.port,
      user: this.#connection.user,
      password: this.#connection.password,
      database: this.#connection.database,
      ssl: this.#connection.ssl ?? false,
      application_name: this.#nameOf(role),
      max,
      // A session that is closed when idle is opened again in the middle of a measurement.
      idleTimeoutMillis: 0,
    });
    // A session that is lost while idle: its next statement fails, and is reported then.
    pool.on('error', () => undefined);
    const ofJobs = role === 'worker' || role === 'producer';
    pool.on('connect', (client) =>
      observe(client, (statement) => {
        const { text, name, values } = statement;
        const sent = { text, ...(name === undefined ? {} : { name }), values: [...values] };
        if (this.#watch.sent(sent, ofJobs) && ofJobs) this.#roundTrips += 1;
        return observer?.(statement);
      }),
    );
    return pool;
  }

  /** Reads the settings of a pool's sessions back, which opens all `size` of them. */
  async read(pool: pg.Pool, size: number, when: 'before the load' | 'end'): Promise<void> {
    await this.#watch.readPool(databaseOf(pool), size, when);
  }

  roleOf(applicationName: string): SessionRole | undefined {
    return POOL_ROLES.find((role) => this.#nameOf(role) === applicationName);
  }

  roundTrips(): number {
    return this.#roundTrips;
  }

  report() {
    return this.#watch.report();
  }

  #nameOf(role: SessionRole): string {
    return `claimbench ${this.#peer} ${role}`;
  }
}

function databaseOf(pool: pg.Pool): Database {
  return {
    async query<Row>({ text }: { readonly text: string }) {
      const { rows, rowCount } = await pool.query<Row & pg.QueryResultRow>(text);
      return { rows, rowCount: rowCount ?? 0 };
    },
  };
}

/** Puts the observer between the library and its session, whose `query` it calls as before. */
function observe(client: pg.PoolClient, observer: Observer): void {
  const send = client.query;
  Object.defineProperty(client, 'query', {
    value(...args: unknown[]): unknown {
      const statement = statementOf(args);
      const outcome = statement === undefined ? undefined : observer(statement);
      const sent: unknown = Reflect.apply(send, client, args);
      // With a callback there is no promise; the libraries send by promise what an observer asks about.
      if (outcome === undefined || !(sent instanceof Promise)) return sent;
      return sent.then(
        (result: unknown) => {
          outcome.answered(result);
          return result;
        },
        (error: unknown) => {
          outcome.failed(error);
          throw error;
        },
      );
    },
  });
}

/** Of `query(text, values)` and `query({ text, name, values })`; undefined for a cursor and its like. */
function statementOf([first, second]: readonly unknown[]): SentStatement | undefined {
  if (typeof first === 'string')
    return { text: first, name: undefined, values: Array.isArray(second) ? second : [] };
  if (typeof first !== 'object' || first === null || !('text' in first)) return undefined;
  const { text } = first;
  if (typeof text !== 'string') return undefined;
  const name = 'name' in first && typeof first.name === 'string' ? first.name : undefined;
  const values = 'values' in first && Array.isArray(first.values) ? first.values : [];
  return { text, name, values };
}
