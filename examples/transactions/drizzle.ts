// How is a job enqueued in a transaction of Drizzle? Drizzle runs on a client of the pool, and that client is given to the queue.

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
    return await drizzle({ client }).transaction(async (transaction) => {
      const rows = await transaction.insert(orders).values({ item }).returning({ id: orders.id });
      const order = rows[0]?.id ?? 0;
      await queue.enqueue({ queue: 'shipping', payload: { order } }, { tx: pgTransaction(client) });
      if (item === '') throw new Error('an order needs an item');
      return order;
    });
  } finally {
    client.release();
  }
}
