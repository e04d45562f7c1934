// How does the queue talk to PostgreSQL through the `postgres` package (postgres.js)?

import type postgres from 'postgres';
import { InvalidArgumentError } from '../errors.ts';
import { quoteIdentifier } from '../sql.ts';
import { withTurns } from './copying.ts';
import type { Connection, Database, Driver, PoolerMode, QueryResult, Statement } from './driver.ts';
import { followedOn, type Lent, transactionOn } from './lent.ts';
import { type DriverOptions, directOptions, requireDriverOptions } from './options.ts';
import { PassageFinder } from './passage.ts';
import { PostgresClient } from './postgres-client.ts';
import { copyThroughPostgres } from './postgres-copy.ts';
import { PostgresPool } from './postgres-pool.ts';
import { foreignParameter } from './postgres-values.ts';

class PostgresConnection implements Connection {
  readonly backendPid: number;
  readonly pooler?: PoolerMode;
  readonly ended: AbortSignal;
  readonly #client: PostgresClient;
  readonly #listeners = new Map<string, (payload: string) => void>();

  constructor(client: PostgresClient) {
    this.#client = client;
    this.ended = client.ended;
    this.backendPid = client.backendPid;
    if (client.pooler !== undefined) this.pooler = client.pooler;
    client.onNotification = (channel, payload) => this.#listeners.get(channel)?.(payload);
  }

  get closed(): boolean {
    return this.ended.aborted;
  }

  query<Row = Record<string, unknown>>(statement: Statement): Promise<QueryResult<Row>> {
    return this.#client.run<Row>(statement);
  }

  async listen(channel: string, onNotify: (payload: string) => void): Promise<void> {
    this.#listeners.set(channel, onNotify);
    await this.query({ text: `LISTEN ${quoteIdentifier(channel)}` });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}

class PostgresDriver implements Driver {
  readonly name = 'postgres';
  readonly #options: DriverOptions;
  readonly #finder: PassageFinder;
  readonly #pool: PostgresPool;
  readonly #connections = new Set<PostgresConnection>();
  readonly #direct: PostgresDriver | undefined;
  #closed = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    const direct = directOptions(options);
    if (direct !== undefined) this.#direct = new PostgresDriver(direct);
    this.#finder = new PassageFinder(options, async () =>
      (await PostgresClient.start(options, 'pooler probe')).raw(),
    );
    this.#pool = new PostgresPool(options, this.#finder);
  }

  async query<Row = Record<string, unknown>>(statement: Statement): Promise<QueryResult<Row>> {
    const client = await this.#pool.acquire();
    try {
      return await client.run<Row>(statement);
    } finally {
      this.#pool.release(client);
    }
  }

  async connect(purpose: string, needs?: 'session'): Promise<Connection> {
    if (this.#closed) throw new Error('the driver is disposed');
    if (needs === 'session' && this.#direct !== undefined) return this.#direct.connect(purpose);
    const client = await PostgresClient.open(this.#options, this.#finder, purpose);
    const connection = new PostgresConnection(client);
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
    const client = await this.#pool.acquire();
    return {
      send: (statement) => client.run(statement),
      copy: (text, rows) => client.copy(text, rows),
      release: async (broken) => {
        if (broken !== undefined) await client.close();
        this.#pool.release(client);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#connections].map((connection) => connection[Symbol.asyncDispose]()));
    await Promise.all([this.#pool.close(), this.#direct?.[Symbol.asyncDispose]()]);
  }
}

/**
 * A driver over the `postgres` package. Opens nothing until it is used. bigint columns arrive as strings. postgres.js
 * prepares by text, once per connection. A statement that is in flight while the server ends its session rejects with
 * the code `CONNECTION_CLOSED` and no SQLSTATE: postgres.js does not pass on the server's last word.
 * Throws InvalidArgumentError when `max` lies outside 1…1,000, or no address is given.
 */
export function postgresDriver(options: DriverOptions): Driver {
  requireDriverOptions(options);
  return new PostgresDriver(options);
}

/** What of a transaction of postgres.js is needed. `savepoint` is what only a transaction has. */
type CallersTransaction = Pick<postgres.ISql<Record<string, unknown>>, 'unsafe'> & {
  readonly savepoint: (...given: never[]) => unknown;
};

/**
 * The caller's own transaction of postgres.js as a `Database`, so that a job is enqueued in it:
 * `await sql.begin(async (tx) => queue.enqueue(job, { tx: postgresTransaction(tx) }))`. Types that the caller has
 * defined are kept, but bigint arrives as a string, as everywhere in the queue; columns must not be renamed. Thousands of
 * jobs travel by COPY: await the enqueue before you send anything else in the transaction. Throws InvalidArgumentError for
 * what is no transaction: the `sql` around it would send each statement on whatever connection is free.
 */
export function postgresTransaction(sql: CallersTransaction): Database {
  if (typeof sql?.savepoint !== 'function')
    throw new InvalidArgumentError(
      'what was given to postgresTransaction is no transaction: give it the sql of await sql.begin(async (sql) => …)',
    );
  const send = async <Row>({ text, values = [], name }: Statement) => {
    const how = { prepare: name !== undefined, simple: name === undefined && values.length === 0 };
    const result = await sql.unsafe<(Row & postgres.Row)[]>(text, values.map(foreignParameter), how);
    const rows = result.map(withoutBigInt);
    return { rows, rowCount: result.count ?? 0, command: result.command ?? '' };
  };
  const { send: query, copyIn } = withTurns(send, (text, rows) => copyThroughPostgres(sql, text, rows));
  return { query, copyIn };
}

function withoutBigInt<Row extends object>(row: Row): Row {
  for (const [column, value] of Object.entries(row))
    if (typeof value === 'bigint') Object.assign(row, { [column]: String(value) });
  return row;
}
