// How does the queue talk to PostgreSQL through the `pg` package?

import assert from 'node:assert/strict';
import pg from 'pg';
import { withTurns } from './copying.ts';
import type { Connection, Database, Driver, QueryResult, Statement } from './driver.ts';
import { followedOn, type Lent, transactionOn } from './lent.ts';
import { type OneByOne, oneByOne } from './one-by-one.ts';
import {
  applicationName,
  connectTimeoutMs,
  type DriverOptions,
  KEEP_ALIVE_DELAY_MS,
  type Observe,
  observer,
  poolSize,
  requireDriverOptions,
  sessionOptions,
} from './options.ts';
import { copyThroughPg } from './pg-copy.ts';
import { sentTogether } from './sent-together.ts';
import { type OnSession, watchSession } from './session.ts';
import type { Answer, Send } from './transaction.ts';

/**
 * Whether `client` has just sent something that this statement joins. A pool is no connection: it joins nothing. What is
 * joined leaves in one write: pg writes each statement by itself, which costs a system call and wakes the server twice.
 */
function joins(client: object): boolean {
  if (!(client instanceof pg.Client)) return false;
  const { stream } = client.connection;
  if (sentTogether(client, () => stream.uncork())) return true;
  stream.cork();
  return false;
}

type Config = pg.ClientConfig & { readonly pipeline: boolean };

function clientConfig(options: DriverOptions, purpose?: string): Config {
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
    application_name: applicationName(options, purpose),
    connectionTimeoutMillis: connectTimeoutMs(options),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    // Statements issued without awaiting travel together: a settle and the next claim share one flush.
    pipeline: options.pipeline ?? true,
    ...(options.sessionOptions === undefined ? {} : { options: sessionOptions(options) }),
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

/** How the statements of one connection go: who is told of each, and the turns that they take when they are kept apart. */
interface Way {
  readonly observe?: Observe | undefined;
  readonly turns?: OneByOne | undefined;
}

function wayOf(options: DriverOptions, purpose?: string): Way {
  return {
    observe: observer(options, purpose),
    // pg itself warns of a statement that is issued while another waits.
    turns: options.pipeline === false ? oneByOne() : undefined,
  };
}

/** `Row` is the caller's claim about its own SQL: the one place where the driver takes its word for it. */
function run<Row>(
  client: pg.ClientBase | pg.Pool,
  statement: Statement,
  { observe, turns }: Way,
): Promise<Answer<Row>> {
  const go = async (): Promise<Answer<Row>> => {
    const joined = turns === undefined && joins(client);
    observe?.(statement, { joined, described: false });
    const result =
      client instanceof pg.Client
        ? await send<Row & pg.QueryResultRow>(client, statement)
        : await client.query<Row & pg.QueryResultRow>(toQuery(statement));
    // A text of several statements is answered by a list, whatever the types say.
    const last: pg.QueryResult<Row & pg.QueryResultRow> = Array.isArray(result) ? result.at(-1) : result;
    return { rows: last.rows, rowCount: last.rowCount ?? 0, command: last.command };
  };
  return turns === undefined ? go() : turns(go);
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

function watchClient(
  client: pg.ClientBase,
  purpose: string | undefined,
  onSession: OnSession | undefined,
): Promise<void> {
  return watchSession(
    {
      send: (text) => client.query(text),
      onIdle: (idle) => client.on('drain', () => client.getTransactionStatus() === 'I' && idle()),
      onNotice: (notice) => client.on('notice', ({ message }) => notice(message ?? '')),
    },
    purpose,
    onSession,
  );
}

class PgConnection implements Connection {
  readonly backendPid: number;
  readonly ended: AbortSignal;
  readonly #client: pg.Client;
  readonly #ended = new AbortController();
  readonly #way: Way;
  readonly #listeners = new Map<string, (payload: string) => void>();

  constructor(client: pg.Client, way: Way) {
    this.#client = client;
    this.#way = way;
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
    return run<Row>(this.#client, statement, this.#way);
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
  readonly #options: DriverOptions;
  readonly #pool: pg.Pool;
  readonly #way: Way;
  readonly #connections = new Set<PgConnection>();
  #closed = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    // Statements of the pool never share a connection: nothing is to be kept apart.
    this.#way = { observe: observer(options) };
    this.#pool = new pg.Pool({
      ...clientConfig(options),
      max: poolSize(options),
      onConnect: (client) => watchClient(client, undefined, options.onSession),
    });
    this.#pool.on('error', (error) => options.onIdleError?.(error));
  }

  query<Row = Record<string, unknown>>(statement: Statement): Promise<QueryResult<Row>> {
    return run<Row>(this.#pool, statement, this.#way);
  }

  async connect(purpose: string): Promise<Connection> {
    if (this.#closed) throw new Error('the driver is disposed');
    const client = new pg.Client(clientConfig(this.#options, purpose));
    // While connecting, the rejection carries the error; the event would be an uncaught second copy.
    const ignore = (): void => undefined;
    client.on('error', ignore);
    await client.connect();
    const connection = new PgConnection(client, wayOf(this.#options, purpose));
    client.off('error', ignore);
    await watchClient(client, purpose, this.#options.onSession);
    this.#connections.add(connection);
    connection.ended.addEventListener('abort', () => this.#connections.delete(connection), { once: true });
    return connection;
  }

  async transaction<T>(work: (tx: Database) => Promise<T>): Promise<T> {
    return transactionOn(await this.#lend(), work);
  }

  queryFollowed<Row = Record<string, unknown>>(
    ...parts: Parameters<Driver['queryFollowed']>
  ): Promise<QueryResult<Row>> {
    return followedOn(() => this.#lend(), ...parts);
  }

  async #lend(): Promise<Lent> {
    const client = await this.#pool.connect();
    const way = wayOf(this.#options);
    let dead: Error | undefined;
    const onError = (error: Error): void => {
      dead = error;
    };
    // A client that is lent reports its death to us, not to the pool.
    client.on('error', onError);
    return {
      send: (statement) => run(client, statement, way),
      copy(text, rows) {
        way.observe?.({ text }, { joined: false, described: true });
        return copyThroughPg(client, text, rows);
      },
      release(broken) {
        client.off('error', onError);
        client.release(broken ?? dead);
      },
    };
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
 * Throws InvalidArgumentError when `max` lies outside 1…1,000, or no address is given.
 */
export function pgDriver(options: DriverOptions): Driver {
  requireDriverOptions(options);
  return new PgDriver(options);
}

/**
 * The caller's own `pg` client as a `Database`, so that a job is enqueued in the caller's transaction:
 * `await queue.enqueue(job, { tx: pgTransaction(client) })`. The caller has sent BEGIN and will send COMMIT.
 * Thousands of jobs travel by COPY, unless `client` pipelines: others would send something amid their data.
 */
export function pgTransaction(client: pg.ClientBase): Database {
  const send: Send = (statement) => run(client, statement, {});
  if (client instanceof pg.Client && client.pipeline) return { query: send };
  const { send: query, copyIn } = withTurns(send, (text, rows) => copyThroughPg(client, text, rows));
  return { query, copyIn };
}
