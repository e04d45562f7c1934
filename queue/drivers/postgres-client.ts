// How does one session behave over postgres.js, which would rather manage its connections itself?
//
// Each client of postgres.js holds one connection here and never opens a second: a statement that was sent again in
// silence, on a session without the locks and settings of the first, would break what a strategy relies on.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import postgres from 'postgres';
import type { PoolerMode, Statement } from './driver.ts';
import { connectTimeoutMs, type DriverOptions, type Observe, observer } from './options.ts';
import { type PassageFinder, PID, type RawSession } from './passage.ts';
import { copyThroughPostgres } from './postgres-copy.ts';
import { clientOptions, type Endpoint } from './postgres-options.ts';
import { parameterText } from './postgres-values.ts';
import { sentTogether } from './sent-together.ts';
import { watchSession } from './session.ts';
import type { Answer } from './transaction.ts';

/** How long statements in flight and the goodbye may take when a session is closed, in ms; then the wire is cut. */
const GOODBYE_MS = 10_000;

/** A statement that has not been answered. */
interface Pending {
  readonly reject: (error: Error) => void;
  readonly described: boolean;
}

/** What a text does to the transaction around it, by the server's word for it. */
const OPENS = /^(BEGIN|START TRANSACTION)$/;
const CLOSES = /^(COMMIT|ROLLBACK|PREPARE TRANSACTION)$/;
/** Answered with ROLLBACK as well, though the transaction goes on. */
const TO_SAVEPOINT = /^\s*ROLLBACK\s+(WORK\s+|TRANSACTION\s+)?TO\b/i;

/** A text of its own, of no parameters. */
const SIMPLE = { prepare: false, simple: true };
/** One that is prepared, though it has no parameters. */
const PREPARED = { prepare: true, simple: false };

/** One session. Once it has ended, whatever is asked of it rejects. */
export class PostgresClient {
  readonly ended: AbortSignal;
  /** Told of notifications on every channel that the session listens to. */
  onNotification: (channel: string, payload: string) => void = () => undefined;
  readonly #ended = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  readonly #sql: postgres.Sql<Record<string, unknown>>;
  readonly #observe: Observe | undefined;
  readonly #pipeline: boolean;
  readonly #pending = new Set<Pending>();
  /** Texts that the server has prepared on this session. */
  readonly #prepared = new Set<string>();
  #socket: Socket | undefined;
  #backendPid = 0;
  /** As the session was told when it started: the server's, or a pooler's. */
  #startPid = 0;
  #pooler: PoolerMode | undefined;
  #prepares = true;
  #inTransaction = false;
  #onIdle: () => void = () => undefined;
  #onNotice: (message: string) => void = () => undefined;

  private constructor(options: DriverOptions, purpose: string | undefined) {
    this.ended = this.#ended.signal;
    this.#observe = observer(options, purpose);
    this.#pipeline = options.pipeline ?? true;
    const mine = clientOptions(options, purpose, {
      socket: (endpoint) => this.#open(endpoint),
      onclose: () => this.#lost(),
      onnotice: ({ message }) => this.#onNotice(message ?? ''),
      onnotify: (channel, payload) => this.onNotification(channel, payload),
    });
    this.#sql = 'connectionString' in options ? postgres(options.connectionString, mine) : postgres(mine);
  }

  /** Opens a session that nobody has used; rejects when it takes longer than `connectTimeoutMs`. */
  static async start(options: DriverOptions, purpose?: string): Promise<PostgresClient> {
    const client = new PostgresClient(options, purpose);
    await client.#greet(connectTimeoutMs(options));
    return client;
  }

  /** Opens a session; rejects when it takes longer than `connectTimeoutMs`. */
  static async open(
    options: DriverOptions,
    finder: PassageFinder,
    purpose?: string,
  ): Promise<PostgresClient> {
    const client = await PostgresClient.start(options, purpose);
    try {
      const { pooler, prepares } = await finder.meet(client.raw(), client.#backendPid);
      client.#pooler = pooler;
      client.#prepares = prepares;
    } catch (error) {
      client.#cut();
      throw error;
    }
    const wire = {
      send: (text: string) => client.#send({ text }, false),
      onIdle: (idle: () => void) => {
        client.#onIdle = idle;
      },
      onNotice: (notice: (message: string) => void) => {
        client.#onNotice = notice;
      },
    };
    await watchSession(wire, purpose, options.onSession);
    return client;
  }

  /** The server's process id for this session. */
  get backendPid(): number {
    return this.#backendPid;
  }

  /** The pooler that it goes through, if any. */
  get pooler(): PoolerMode | undefined {
    return this.#pooler;
  }

  /** The session for whoever finds out where it leads. */
  raw(): RawSession {
    return {
      startPid: this.#startPid,
      query: async (text) => [...(await this.#sql.unsafe(text, [], SIMPLE))],
      prepare: async (text) => (await this.#sql.unsafe(text, [], PREPARED)).statement.name,
      cut: () => this.#cut(),
    };
  }

  /** Sends one statement; statements go in the order of the calls. */
  async run<Row>(statement: Statement): Promise<Answer<Row>> {
    const { values = [] } = statement;
    const prepares = this.#prepares && statement.name !== undefined;
    if (this.ended.aborted) throw this.ended.reason;
    const described = values.length > 0 && !(prepares && this.#prepared.has(statement.text));
    const joined = this.#joins();
    this.#observe?.(statement, { joined, described });
    try {
      const answer = await this.#send<Row>(statement, described);
      if (prepares) this.#prepared.add(statement.text);
      return answer;
    } catch (error) {
      // The stack of the socket's reader says nothing of who asked.
      if (error instanceof Error) Error.captureStackTrace(error);
      throw error;
    }
  }

  /** Sends `rows` as the data of `text`, a COPY. All that was sent before must be answered, and nothing be sent meanwhile. */
  async copy(text: string, rows: Iterable<string>): Promise<void> {
    if (this.ended.aborted) throw this.ended.reason;
    this.#observe?.({ text }, { joined: false, described: true });
    await copyThroughPostgres(this.#sql, text, rows);
  }

  /** Ends the session when what was sent is answered. Asked again, it does nothing. */
  async close(): Promise<void> {
    if (this.ended.aborted) return;
    // Ended before the wire is closed, so that nobody queues behind the goodbye.
    this.#end();
    const cut = setTimeout(() => this.#socket?.destroy(), GOODBYE_MS);
    await this.#sql.end({ timeout: GOODBYE_MS / 1000 });
    await this.#closed.promise;
    clearTimeout(cut);
  }

  async #open({ host: [host], port: [port], path }: Endpoint): Promise<Socket> {
    if (this.#socket !== undefined || this.ended.aborted) throw this.#reason();
    const at = path ? { path } : { host: host ?? 'localhost', port: port ?? 5432 };
    // A small statement behind an unanswered one would wait for the other end to acknowledge that.
    const socket = connect({ ...at, noDelay: true });
    this.#socket = socket;
    await once(socket, 'connect');
    // postgres.js reads from its socket what a certificate must be for.
    return Object.assign(socket, at);
  }

  /** The first statement makes postgres.js connect; there is no other way to ask it to. */
  async #greet(timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`no connection within ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      const asked = this.#sql.unsafe<{ readonly pid: number }[]>(PID, [], SIMPLE);
      const { 0: row, state } = await Promise.race([asked, late.promise]);
      this.#backendPid = row?.pid ?? 0;
      this.#startPid = state.pid;
    } catch (error) {
      this.#cut();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Whether a statement that is sent now leaves together with the one before it. While the server describes a statement
   * to postgres.js, that holds back all others.
   */
  #joins(): boolean {
    if (!this.#pipeline) return false;
    const together = sentTogether(this);
    return together && ![...this.#pending].some(({ described }) => described);
  }

  #send<Row>(statement: Statement, described: boolean): Promise<Answer<Row>> {
    const { text, values = [], name } = statement;
    // `simple` is a text of its own: the only way in which it may hold several statements.
    const how = {
      prepare: this.#prepares && name !== undefined,
      simple: name === undefined && values.length === 0,
    };
    return new Promise((resolve, reject) => {
      const pending = { reject, described };
      this.#pending.add(pending);
      this.#sql.unsafe<(Row & postgres.Row)[]>(text, values.map(parameterText), how).then(
        (result) => {
          const answer = answerOf<Row>(result);
          if (OPENS.test(answer.command)) this.#inTransaction = true;
          else if (CLOSES.test(answer.command) && !TO_SAVEPOINT.test(text)) this.#inTransaction = false;
          this.#answered(pending);
          resolve(answer);
        },
        (error: unknown) => {
          this.#answered(pending);
          reject(error);
        },
      );
    });
  }

  #answered(pending: Pending): void {
    this.#pending.delete(pending);
    if (this.#pending.size === 0 && !this.#inTransaction && !this.ended.aborted) this.#onIdle();
  }

  #reason(): Error {
    return new Error(
      this.#backendPid === 0
        ? 'the connection was closed before the server was ready'
        : `connection of backend ${this.#backendPid} is closed`,
    );
  }

  #end(): void {
    this.#ended.abort(this.#reason());
  }

  /** Ends the session without a goodbye. */
  #cut(): void {
    this.#end();
    this.#socket?.destroy();
  }

  #lost(): void {
    this.#closed.resolve();
    this.#end();
    // postgres.js has rejected what was on the wire, which arrives first. What it held back it would send again.
    setImmediate(() => {
      for (const { reject } of this.#pending) reject(this.#reason());
      this.#pending.clear();
    });
  }
}

/** A text of several statements is answered by a list of lists, whatever the types say. */
function answerOf<Row>(result: postgres.RowList<(Row & postgres.Row)[]>): Answer<Row> {
  return { rows: [...result], rowCount: result.count ?? 0, command: result.command ?? '' };
}
