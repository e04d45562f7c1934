// How does the queue talk to PostgreSQL through the `pg` package?

import assert from 'node:assert/strict';
import pg from 'pg';
import { InvalidArgumentError } from '../errors.ts';
import type { Connection, Database, Driver, QueryResult, Statement } from './driver.ts';
import { type OnSession, watchSession } from './pg-session.ts';

/** Where the server is: its parts, or one `postgres://…` string. */
export type PgAddress =
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly database: string;
      readonly ssl?: boolean | { readonly ca?: string; readonly rejectUnauthorized?: boolean };
    }
  | { readonly connectionString: string };

/** Options of `pgDriver` beside the address. */
export interface PgSettings {
  /** Connections in the pool, 1…1,000; default 10. Connections from `connect` are counted apart. */
  readonly max?: number;
  /** What `pg_stat_activity.application_name` shows; default `claimbench`. `connect` appends its purpose. */
  readonly applicationName?: string;
  /** Time to get a connection before the attempt fails, in ms; default 10,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Called for each statement sent, on whatever connection of this driver, BEGIN and COMMIT included. `joined` tells that
   * it left together with the one before it on its connection, so that both cost one round trip; `purpose` is what
   * `connect` was called with, absent for the pool. Must not throw.
   */
  readonly onStatement?: (statement: Statement, joined: boolean, purpose?: string) => void;
  /** Told of an idle pooled connection that died; the pool replaces it. Default: ignored. */
  readonly onIdleError?: (error: Error) => void;
  /**
   * Command-line options that the server gives every session of this driver as it starts, as libpq's `options`:
   * `-c work_mem=8MB`. They come after those of PGOPTIONS, and so go over them. A setting that the role may not make
   * refuses the connection.
   */
  readonly sessionOptions?: string;
  /**
   * Called with each connection before anything is sent on it, and told of the messages on it (NOTICE, INFO, WARNING).
   * Default: they are ignored.
   */
  readonly onSession?: OnSession;
}

export type PgOptions = PgAddress & PgSettings;

/** A PostgreSQL identifier keeps 63 bytes, and so does application_name; the server would cut it with a notice. */
const APPLICATION_NAME_BYTES = 63;
const KEEP_ALIVE_DELAY_MS = 10_000;

type Observe = (statement: Statement, joined: boolean) => void;

/** Connections that have sent something in the present turn of the event loop: what follows at once travels along. */
const sending = new WeakSet<object>();

/**
 * Whether `client` has just sent something that this statement joins. A pool is no connection: it joins nothing. What is
 * joined leaves in one write: pg writes each statement by itself, which costs a system call and wakes the server twice.
 */
function joins(client: object): boolean {
  if (!(client instanceof pg.Client)) return false;
  if (sending.has(client)) return true;
  sending.add(client);
  const { stream } = client.connection;
  stream.cork();
  queueMicrotask(() => {
    sending.delete(client);
    stream.uncork();
  });
  return false;
}

type Config = pg.ClientConfig & { readonly pipeline: boolean };

function clientConfig(options: PgOptions, purpose?: string): Config {
  const name = [options.applicationName ?? 'claimbench', purpose]
    .filter((part) => part !== undefined)
    .join(' ');
  const address =
    'connectionString' in options
      ? { connectionString: options.connectionString }
      : {
          host: options.host,
          port: options.port,
          user: options.user,
          password: options.password,
          database: options.database,
          ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
        };
  return {
    ...address,
    application_name: Buffer.from(name).subarray(0, APPLICATION_NAME_BYTES).toString(),
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    // Statements issued without awaiting travel together: a settle and the next claim share one flush.
    pipeline: true,
    ...(options.sessionOptions === undefined
      ? {}
      : { options: `${process.env['PGOPTIONS'] ?? ''} ${options.sessionOptions}`.trim() }),
  };
}

/** Turns one of our statements into pg's: absent fields stay absent, since pg tells `undefined` from missing. */
function toQuery(statement: Statement): pg.QueryConfig {
  return {
    text: statement.text,
    ...(statement.values === undefined ? {} : { values: [...statement.values] }),
    ...(statement.name === undefined ? {} : { name: statement.name }),
  };
}

/** `Row` is the caller's claim about its own SQL: the one place where the driver takes its word for it. */
async function run<Row>(
  client: pg.ClientBase | pg.Pool,
  statement: Statement,
  observe?: Observe,
): Promise<QueryResult<Row>> {
  const joined = joins(client);
  observe?.(statement, joined);
  const result =
    client instanceof pg.Client
      ? await send<Row & pg.QueryResultRow>(client, statement)
      : await client.query<Row & pg.QueryResultRow>(toQuery(statement));
  return { rows: result.rows, rowCount: result.rowCount ?? 0 };
}

/**
 * The short way through pg. Given a config, it copies that with all property descriptors and makes a promise with a
 * handler of its own for the stack of errors: for a small statement a quarter of this process's time. A Query with a
 * callback is taken as it is.
 */
async function send<Row extends pg.QueryResultRow>(
  client: pg.Client,
  { text, values, name }: Statement,
): Promise<pg.QueryResult<Row>> {
  try {
    return await new Promise<pg.QueryResult<Row>>((resolve, reject) => {
      const copy = values === undefined ? undefined : [...values];
      const query = new pg.Query<Row>(text, copy, (error, result) =>
        error ? reject(error) : resolve(result),
      );
      if (name !== undefined) Object.assign(query, { name });
      client.query(query);
    });
  } catch (error) {
    // As pg does for its own promises: the stack of the socket's reader says nothing of who asked.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  }
}

/** The server's process id as pg learned it at start-up; its published types leave it out. */
function processId(client: pg.Client): number {
  assert('processID' in client && typeof client.processID === 'number', 'pg reports no process id');
  return client.processID;
}

class PgConnection implements Connection {
  readonly backendPid: number;
  readonly ended: AbortSignal;
  readonly #client: pg.Client;
  readonly #ended = new AbortController();
  readonly #observe: Observe | undefined;
  readonly #listeners = new Map<string, (payload: string) => void>();

  constructor(client: pg.Client, observe: Observe | undefined) {
    this.#client = client;
    this.#observe = observe;
    this.ended = this.#ended.signal;
    this.backendPid = processId(client);
    // An 'error' without a listener would end the process; pg rejects the statements in flight by itself.
    client.on('error', () => this.#end());
    client.on('end', () => this.#end());
    client.on('notification', ({ channel, payload }) => this.#listeners.get(channel)?.(payload ?? ''));
  }

  get closed(): boolean {
    return this.ended.aborted;
  }

  #end(): void {
    this.#ended.abort(new Error(`connection of backend ${this.backendPid} is closed`));
  }

  async query<Row = Record<string, unknown>>(statement: Statement): Promise<QueryResult<Row>> {
    if (this.ended.aborted) throw this.ended.reason;
    return run<Row>(this.#client, statement, this.#observe);
  }

  async listen(channel: string, onNotify: (payload: string) => void): Promise<void> {
    this.#listeners.set(channel, onNotify);
    await this.query({ text: `LISTEN ${this.#client.escapeIdentifier(channel)}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ended.aborted) return;
    // Ended before the wire is closed, so that nobody queues behind the goodbye.
    const farewell = this.#client.end();
    this.#end();
    await farewell.catch(() => undefined);
  }
}

class PgDriver implements Driver {
  readonly name = 'pg';
  readonly #options: PgOptions;
  readonly #pool: pg.Pool;
  readonly #connections = new Set<PgConnection>();
  #closed = false;

  constructor(options: PgOptions) {
    this.#options = options;
    this.#pool = new pg.Pool({ ...clientConfig(options), max: options.max ?? 10 });
    this.#pool.on('error', (error) => options.onIdleError?.(error));
    this.#pool.on('connect', (client) => watchSession(client, undefined, options.onSession));
  }

  query<Row = Record<string, unknown>>(statement: Statement): Promise<QueryResult<Row>> {
    return run<Row>(this.#pool, statement, this.#options.onStatement);
  }

  async connect(purpose: string): Promise<Connection> {
    if (this.#closed) throw new Error('the driver is disposed');
    const client = new pg.Client(clientConfig(this.#options, purpose));
    // While connecting, the rejection carries the error; the event would be an uncaught second copy.
    const ignore = (): void => undefined;
    client.on('error', ignore);
    await client.connect();
    watchSession(client, purpose, this.#options.onSession);
    const { onStatement } = this.#options;
    const observe: Observe | undefined =
      onStatement && ((statement, joined) => onStatement(statement, joined, purpose));
    const connection = new PgConnection(client, observe);
    client.off('error', ignore);
    this.#connections.add(connection);
    connection.ended.addEventListener('abort', () => this.#connections.delete(connection), { once: true });
    return connection;
  }

  async transaction<T>(work: (tx: Database) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    const observe = this.#options.onStatement;
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    // A checked-out client reports its death to us, not to the pool.
    client.on('error', onError);
    try {
      // BEGIN travels with the first statement of the work. It fails only with the connection, and then so does the rest.
      const [, result] = await Promise.all([
        run(client, { text: 'BEGIN' }, observe),
        work({ query: (statement) => run(client, statement, observe) }),
      ]);
      observe?.({ text: 'COMMIT' }, false);
      const { command } = await client.query('COMMIT');
      // The server answers the COMMIT of a transaction that failed with ROLLBACK, and no error.
      if (command !== 'COMMIT') {
        throw new Error(
          'the transaction was rolled back: a statement in it had failed, and its error was caught',
        );
      }
      return result;
    } catch (error) {
      await run(client, { text: 'ROLLBACK' }, observe).catch((failure: Error) => {
        broken = failure;
      });
      throw error;
    } finally {
      client.off('error', onError);
      // A connection that could not even roll back must not return to the pool.
      client.release(broken);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#connections].map((connection) => connection[Symbol.asyncDispose]()));
    await this.#pool.end();
  }
}

/**
 * A driver over the `pg` package. Opens nothing until it is used. bigint columns arrive as strings.
 * Throws InvalidArgumentError when `max` lies outside 1…1,000.
 */
export function pgDriver(options: PgOptions): Driver {
  const max = options.max ?? 10;
  if (!Number.isInteger(max) || max < 1 || max > 1000)
    throw new InvalidArgumentError(`max is ${max}: give 1…1,000 pooled connections`);
  return new PgDriver(options);
}

/**
 * The caller's own `pg` client as a `Database`, so that a job is enqueued in the caller's transaction:
 * `await queue.enqueue(job, { tx: pgTransaction(client) })`. The caller has sent BEGIN and will send COMMIT.
 */
export function pgTransaction(client: pg.ClientBase): Database {
  return { query: (statement) => run(client, statement) };
}
