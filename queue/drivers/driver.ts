// What does the queue need of a PostgreSQL client library?

/** One statement. A `name` makes it a prepared statement, kept per connection under that name. */
export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly name?: string;
}

/** The rows of one statement and the number of rows it touched (0 for statements that touch none). */
export interface QueryResult<Row> {
  readonly rows: readonly Row[];
  readonly rowCount: number;
}

/**
 * Whatever can run a statement: a pool, one connection, or **the caller's open transaction**.
 * Rejects with the client library's own error, whose `code` is the SQLSTATE.
 */
export interface Database {
  query<Row = Record<string, unknown>>(statement: Statement): Promise<QueryResult<Row>>;
  /**
   * Sends `rows`, lines of COPY's text format each with its newline, as the data of `text`, a COPY … FROM STDIN; resolves when
   * the server has taken them all. Present on transactions whose client library can do it. Through this object other
   * statements may be sent meanwhile: they wait.
   */
  copyIn?(text: string, rows: Iterable<string>): Promise<void>;
}

/** A database that can take the data of a COPY. */
export type CopyingDatabase = Database & Required<Pick<Database, 'copyIn'>>;

/** How a pooler between a client and the server lends the server's connections: for a client's whole session, or for each transaction. */
export type PoolerMode = 'session' | 'transaction';

/** One connection of its own, for whatever depends on the session: locks, LISTEN, a worker's claims. */
export interface Connection extends Database, AsyncDisposable {
  /** The server's process id for this connection. Behind a pooler in transaction mode it has another for each transaction: that of the first. */
  readonly backendPid: number;
  /**
   * The pooler that it goes through. In transaction mode nothing that is said on it outlasts the transaction: no LISTEN, no SET,
   * no session lock. Absent: none, as far as is known.
   */
  readonly pooler?: PoolerMode;
  /** Becomes true, for good, when the connection is lost or closed. */
  readonly closed: boolean;
  /** Aborts at the moment when `closed` becomes true, for whoever must act on a lost connection at once. */
  readonly ended: AbortSignal;
  /** Calls `onNotify` for each notification on `channel`, until the connection closes. */
  listen(channel: string, onNotify: (payload: string) => void): Promise<void>;
}

/** What runs statements as transactions of their own, or `work` as one. */
export interface Transactor extends Database {
  /** Runs `work` in one transaction: commits when it resolves, rolls back when it rejects. */
  transaction<T>(work: (tx: Database) => Promise<T>): Promise<T>;
}

/**
 * A pool of connections to one database. `query` runs on any free connection, `connect` opens one that belongs to
 * the caller and lies outside the pool's limit. Disposing waits for running statements and closes everything.
 */
export interface Driver extends Transactor, AsyncDisposable {
  readonly name: string;
  /** `session`: its user needs more of it than transactions, so it goes to `direct` where the driver has such an address. */
  connect(purpose: string, needs?: 'session'): Promise<Connection>;
  /**
   * Runs `statement`, and `follower` right behind it on the same connection: each a transaction of its own, so that the
   * follower finds the first one committed, or failed. Answers for the first alone. `onFollowed` is called once, when the
   * follower was answered or is not sent any more; with an error when it failed.
   */
  queryFollowed<Row = Record<string, unknown>>(
    statement: Statement,
    follower: Statement,
    onFollowed: (error?: unknown) => void,
  ): Promise<QueryResult<Row>>;
}
