// How does who needs it get READ COMMITTED, where a role or a database defaults to a stricter one?

import type { Database, Transactor } from '../../drivers/driver.ts';

/** What a routine raises that finds itself under another level: PostgreSQL's invalid_transaction_state. */
const INVALID_STATE = '25000';

/**
 * The same database, on which a statement that was refused for its isolation is sent again in a transaction at READ
 * COMMITTED. The usual case costs nothing: a SET at the start of each session would not survive a pooler, and a
 * transaction around each statement would double the messages of an idle worker.
 */
export function readCommitted(db: Database): Database {
  if (!isDriver(db)) return db;
  return {
    async query(statement) {
      try {
        return await db.query(statement);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === INVALID_STATE)) throw error;
        return atReadCommitted(db, (tx) => tx.query(statement));
      }
    },
  };
}

/**
 * Runs `work` in a transaction at READ COMMITTED: what is looked at behind a lock must be seen as it is when the lock was
 * got, not as it was when the transaction began.
 */
export function atReadCommitted<T>(driver: Transactor, work: (tx: Database) => Promise<T>): Promise<T> {
  return driver.transaction(async (tx) => {
    const set = tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED' });
    // Not awaited before: it travels with the first statement of the work, and fails only with the connection.
    const [result] = await Promise.all([work(tx), set]);
    return result;
  });
}

/** Whether statements on `db` are transactions of their own. */
export function isDriver(db: Database): db is Transactor {
  return 'transaction' in db;
}
