// In what kind of transaction does an enqueue look at what others have done?

import type { Database, Transactor } from '../drivers/driver.ts';

/**
 * Runs `work` in a transaction at READ COMMITTED, whatever the role or the database defaults to: what is looked at behind a
 * lock must be seen as it is when the lock was got.
 */
export function readCommitted<T>(driver: Transactor, work: (tx: Database) => Promise<T>): Promise<T> {
  return driver.transaction(async (tx) => {
    const set = tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED' });
    // Not awaited before: it travels with the first statement of the work, and fails only with the connection.
    const [result] = await Promise.all([work(tx), set]);
    return result;
  });
}
