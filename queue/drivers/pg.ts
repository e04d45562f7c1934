// How does the queue talk to PostgreSQL through the `pg` package?

import assert from 'node:assert/strict';
import pg from 'pg';
import { InvalidArgumentError } from '../errors.ts';
import { requireObject } from '../keys.ts';
import { withTurns } from './copying.ts';
import type { Connection, Database, Driver, PoolerMode, QueryResult, Statement } from './driver.ts';
import { followedOn, type Lent, transactionOn } from './lent.ts';
import {
  applicationName,
  connectTimeoutMs,
  type DriverOptions,
  directOptions,
  KEEP_ALIVE_DELAY_MS,
  observer,
  poolSize,
  requireDriverOptions,
  sessionOptions,
} from './options.ts';
import { PassageFinder } from './passage.ts';
import { copyThroughPg } from './pg-copy.ts';
import { backendPid, rawSession, run, type Way, wayOf } from './pg-statements.ts';
import { type OnSession, watchSession } from './session.ts';
import type { Send } from './transaction.ts';

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
  readonly pooler?: PoolerMode;
  readonly ended: AbortSignal;
  readonly #client: pg.Client;
  readonly #ended = new AbortController();
  readonly #way: Way;
  readonly #listeners = new Map<string, (payload: string) => void>();

  constructor(client: pg.Client, way: Way, pid: number, pooler: PoolerMode | undefined) {
    this.#client = client;
    this.#way = way;
    this.ended = this.#ended.signal;
    this.backendPid = pid;
    if (pooler !== undefined) this.pooler = pooler;
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
  readonly #finder: PassageFinder;
  readonly #connections = new Set<PgConnection>();
  readonly #direct: PgDriver | undefined;
  /** The pool's. Absent while it is not known whether statements are prepared. */
  #way: Way | undefined;
  #closed = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    const direct = directOptions(options);
    if (direct !== undefined) this.#direct = new PgDriver(direct);
    this.#finder = new PassageFinder(options, async () => rawSession(await this.#start('pooler probe')));
    this.#pool = new pg.Pool({
      ...clientConfig(options),
      max: poolSize(options),
      onConnect: async (client) => {
        await this.#meet(client);
        await watchClient(client, undefined, options.onSession);
      },
    });
    this.#pool.on('error', (error) => options.onIdleError?.(error));
  }

  query<Row = Record<string, unknown>>(statement: Statement): Promise<QueryResult<Row>> {
    if (this.#way !== undefined) return run<Row>(this.#pool, statement, this.#way);
    return this.#learn().then((way) => run<Row>(this.#pool, statement, way));
  }

  /** Before the first statement somebody must have met a session. */
  async #learn(): Promise<Way> {
    const client = await this.#pool.connect();
    client.release();
    assert(this.#way !== undefined, 'a session of the pool is met before it is lent');
    return this.#way;
  }

  /** Opens a session that nobody has used. While it is used by nobody its errors come with its answers alone. */
  async #start(purpose: string): Promise<pg.Client> {
    const client = new pg.Client(clientConfig(this.#options, purpose));
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async #meet(client: pg.ClientBase): Promise<{ readonly pid: number; readonly pooler?: PoolerMode }> {
    const session = rawSession(client);
    // Without a pooler it is the process id that the session was told as it started.
    const pid = this.#options.pooler === 'none' ? session.startPid : await backendPid(client);
    const { pooler, prepares } = await this.#finder.meet(session, pid);
    // Statements of the pool never share a connection: nothing is to be kept apart.
    if (this.#way?.prepares !== prepares) this.#way = { observe: observer(this.#options), prepares };
    return { pid, ...(pooler === undefined ? {} : { pooler }) };
  }

  async connect(purpose: string, needs?: 'session'): Promise<Connection> {
    if (this.#closed) throw new Error('the driver is disposed');
    if (needs === 'session' && this.#direct !== undefined) return this.#direct.connect(purpose);
    const client = await this.#start(purpose);
    const { pid, pooler } = await this.#meet(client).catch(async (error: unknown) => {
      rawSession(client).cut();
      throw error;
    });
    const way = wayOf(this.#options, this.#way?.prepares === true, purpose);
    const connection = new PgConnection(client, way, pid, pooler);
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
    const way = wayOf(this.#options, this.#way?.prepares === true);
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
    await Promise.all([this.#pool.end(), this.#direct?.[Symbol.asyncDispose]()]);
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
 * `await queue.enqueue(job, { tx: pgTransaction(client) })`. The caller has sent BEGIN, awaited it unless the client pipelines,
 * and will send COMMIT. Thousands of jobs travel by COPY, unless `client` pipelines: others would send something amid their data.
 * Throws InvalidArgumentError for what is no client, as a pool is not; what is sent on a client without an open transaction
 * rejects with it, unless that pipelines.
 */
export function pgTransaction(client: pg.ClientBase): Database {
  requireClient(client);
  const pipelines = client instanceof pg.Client && client.pipeline;
  const send: Send = async (statement) => {
    if (!pipelines) requireOpenTransaction(client);
    const known = statement.name === undefined ? NAMELESS : callers.get(client);
    const way = known !== undefined && 'prepares' in known ? known : await (known ?? meetCaller(client));
    return run(client, statement, way);
  };
  if (pipelines) return { query: send };
  const { send: query, copyIn } = withTurns(send, async (text, rows) => {
    requireOpenTransaction(client);
    await copyThroughPg(client, text, rows);
  });
  return { query, copyIn };
}

/** A pool would send each statement on whatever connection is free. */
function requireClient(client: unknown): void {
  requireObject('the client of pgTransaction', client);
  if (client instanceof pg.Pool)
    throw new InvalidArgumentError(
      'the client of pgTransaction is a pool: give the client of await pool.connect() that has sent BEGIN',
    );
}

/** Without a transaction each statement would commit by itself. What pipelines may have sent BEGIN without an answer yet. */
function requireOpenTransaction(client: pg.ClientBase): void {
  if (client.getTransactionStatus?.() === 'I')
    throw new InvalidArgumentError('the client has no open transaction: await BEGIN first');
}

const NAMED: Way = { prepares: true };
const NAMELESS: Way = { prepares: false };
/** How statements go on the clients of callers, as asked once for each. */
const callers = new WeakMap<pg.ClientBase, Way | Promise<Way>>();

/** Behind a pooler the client's next transaction may be another server connection's, where nothing is prepared under our names. */
function meetCaller(client: pg.ClientBase): Promise<Way> {
  const asking = backendPid(client).then((pid) =>
    'processID' in client && client.processID !== pid ? NAMELESS : NAMED,
  );
  callers.set(client, asking);
  asking.then(
    (way) => callers.set(client, way),
    () => callers.delete(client),
  );
  return asking;
}
