// How is a job enqueued in a transaction of Drizzle? Drizzle runs on a client of the pool, and that client is given to the queue.
//
// A Drizzle over the pool keeps to itself which client a transaction has, so each transaction gets a Drizzle over a client of its own. That
// opens nothing. Give it the same options (schema, logger) as your other one.

import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import type { Pool } from 'pg';
import { pgTransaction, type Queue } from '../../queue/index.ts';

const orders = pgTable('orders', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  item: text().notNull(),
});

/** Places an order and enqueues its job: both are there, or neither is. Returns the order's number. */
export async function placeOrder(pool: Pool, queue: Queue, item: string): Promise<number> {
  const client = await pool.connect();
  try {
    const order = await drizzle({ client }).transaction(async (transaction) => {
      const [row] = await transaction.insert(orders).values({ item }).returning({ id: orders.id });
      if (row === undefined) throw new Error('the insert returned no row');
      await queue.enqueue({ queue: 'shipping', payload: { order: row.id } }, { tx: pgTransaction(client) });
      if (item === '') throw new Error('an order needs an item');
      return row.id;
    });
    queue.signal('shipping'); // committed: wakes idle workers
    return order;
  } finally {
    client.release();
  }
}
