// How does a connection that a pool has lent serve one piece of work, and go back?

import { withTurns } from './copying.ts';
import type { Database, QueryResult, Statement } from './driver.ts';
import { type CopyIn, inTransaction, type Send } from './transaction.ts';

/** A connection for one piece of work. Without `broken` it returns to the pool, with it, it is thrown away. */
export interface Lent {
  readonly send: Send;
  /** Nothing may be sent before it is answered, or have been sent that is not. */
  readonly copy: CopyIn;
  release(broken?: Error): void | Promise<void>;
}

/** As `Driver.transaction`. */
export async function transactionOn<T>(lent: Lent, work: (tx: Database) => Promise<T>): Promise<T> {
  let broken: Error | undefined;
  try {
    return await inTransaction(withTurns(lent.send, lent.copy), work, (error) => {
      broken = error;
    });
  } finally {
    // A connection that could not even roll back must not return to the pool.
    await lent.release(broken);
  }
}

/** As `Driver.queryFollowed`, on what `lend` resolves with. */
export async function followedOn<Row>(
  lend: () => Promise<Lent>,
  statement: Statement,
  follower: Statement,
  onFollowed: (error?: unknown) => void,
): Promise<QueryResult<Row>> {
  let lent: Lent;
  try {
    lent = await lend();
  } catch (error) {
    onFollowed();
    throw error;
  }
  const first = lent.send<Row>(statement);
  const second = lent.send(follower).then(() => onFollowed(), onFollowed);
  void Promise.allSettled([first, second]).then(() => lent.release());
  return first;
}
