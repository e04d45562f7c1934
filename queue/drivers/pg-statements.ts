// How do statements go through a client of `pg`?

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Statement } from './driver.ts';
import { type OneByOne, oneByOne } from './one-by-one.ts';
import { type DriverOptions, type Observe, observer } from './options.ts';
import { PID, type RawSession } from './passage.ts';
import { sentTogether } from './sent-together.ts';
import type { Answer } from './transaction.ts';

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

/** Turns one of our statements into pg's: absent fields stay absent, since pg tells `undefined` from missing. */
function toQuery(statement: Statement, prepares: boolean): pg.QueryConfig {
  return {
    text: statement.text,
    ...(statement.values === undefined ? {} : { values: [...statement.values] }),
    ...(statement.name === undefined || !prepares ? {} : { name: statement.name }),
  };
}

/** How the statements of one connection go: who is told of each, and the turns that they take when they are kept apart. */
export interface Way {
  readonly observe?: Observe | undefined;
  readonly turns?: OneByOne | undefined;
  /** Whether statements with a name are prepared under it. */
  readonly prepares: boolean;
}

/** The way of one connection that was opened for `purpose`, or lent by the pool. */
export function wayOf(options: DriverOptions, prepares: boolean, purpose?: string): Way {
  return {
    prepares,
    observe: observer(options, purpose),
    // pg itself warns of a statement that is issued while another waits.
    turns: options.pipeline === false ? oneByOne() : undefined,
  };
}

/** `Row` is the caller's claim about its own SQL: the one place where the driver takes its word for it. */
export function run<Row>(
  client: pg.ClientBase | pg.Pool,
  statement: Statement,
  way: Way,
): Promise<Answer<Row>> {
  const { turns } = way;
  return turns === undefined
    ? runNow<Row>(client, statement, way)
    : turns(() => runNow<Row>(client, statement, way));
}

async function runNow<Row>(
  client: pg.ClientBase | pg.Pool,
  statement: Statement,
  { observe, turns, prepares }: Way,
): Promise<Answer<Row>> {
  const joined = turns === undefined && joins(client);
  observe?.(statement, { joined, described: false });
  const result =
    client instanceof pg.Client
      ? await send<Row & pg.QueryResultRow>(client, statement, prepares)
      : await client.query<Row & pg.QueryResultRow>(toQuery(statement, prepares));
  // A text of several statements is answered by a list, whatever the types say.
  const last: pg.QueryResult<Row & pg.QueryResultRow> = Array.isArray(result) ? result.at(-1) : result;
  return { rows: last.rows, rowCount: last.rowCount ?? 0, command: last.command };
}

/**
 * The short way through pg. Given a config, it copies that with all property descriptors and makes a promise with a
 * handler of its own for the stack of errors: for a small statement a quarter of this process's time. A Query with a
 * callback is taken as it is.
 */
async function send<Row extends pg.QueryResultRow>(
  client: pg.Client,
  { text, values, name }: Statement,
  prepares: boolean,
): Promise<pg.QueryResult<Row>> {
  try {
    return await new Promise<pg.QueryResult<Row>>((resolve, reject) => {
      const copy = values === undefined ? undefined : [...values];
      const query = new pg.Query<Row>(text, copy, (error, result) =>
        error ? reject(error) : resolve(result),
      );
      if (name !== undefined && prepares) Object.assign(query, { name });
      client.query(query);
    });
  } catch (error) {
    // As pg does for its own promises: the stack of the socket's reader says nothing of who asked.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  }
}

/** The process id as pg learned it at start-up, the server's or a pooler's; its published types leave it out. */
function startPid(client: pg.ClientBase): number {
  assert('processID' in client && typeof client.processID === 'number', 'pg reports no process id');
  return client.processID;
}

/** `client` for whoever finds out where it leads. */
export function rawSession(client: pg.ClientBase): RawSession {
  return {
    startPid: startPid(client),
    query: async (text) => (await client.query<Record<string, unknown>>(text)).rows,
    async prepare(text) {
      const name = `claimbench_${randomUUID()}`;
      await client.query({ name, text });
      return name;
    },
    // Whatever it waits for: pg then does not say goodbye.
    cut: () => void (client instanceof pg.Client && client.connection.stream.destroy()),
  };
}

/** The server's process for `client`. */
export async function backendPid(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ readonly pid: number }>(PID);
  return rows[0]?.pid ?? 0;
}
