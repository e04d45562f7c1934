// How does a piece of work become one transaction, over whichever client library?

import type { Database, QueryResult, Statement } from './driver.ts';

/** The answer to one statement, with the server's word for what was done: `COMMIT`, `INSERT`, … */
export interface Answer<Row> extends QueryResult<Row> {
  readonly command: string;
}

/** Sends one statement on one connection; statements go in the order of the calls. */
export type Send = <Row>(statement: Statement) => Promise<Answer<Row>>;

/** As `Database.copyIn`. */
export type CopyIn = (text: string, rows: Iterable<string>) => Promise<void>;

/** Both ways of sending on one connection. */
export interface Ways {
  readonly send: Send;
  readonly copyIn: CopyIn;
}

/**
 * Runs `work` in a transaction on the connection under `ways`: commits when it resolves, rolls back when it rejects.
 * `broken` is told of a connection that could not even roll back, and must be thrown away.
 */
export async function inTransaction<T>(
  { send, copyIn }: Ways,
  work: (tx: Database) => Promise<T>,
  broken: (error: Error) => void,
): Promise<T> {
  try {
    // BEGIN travels with the first statement of the work. It fails only with the connection, and then so does the rest.
    const [, result] = await Promise.all([send({ text: 'BEGIN' }), work({ query: send, copyIn })]);
    const { command } = await send({ text: 'COMMIT' });
    // The server answers the COMMIT of a transaction that failed with ROLLBACK, and no error.
    if (command !== 'COMMIT') {
      throw new Error(
        'the transaction was rolled back: a statement in it had failed, and its error was caught',
      );
    }
    return result;
  } catch (error) {
    await send({ text: 'ROLLBACK' }).catch(broken);
    throw error;
  }
}
