// How is a job enqueued in a transaction of postgres.js? The `sql` of `begin` is given to the queue.

import type { Sql } from 'postgres';
import { postgresTransaction, type Queue } from '../../queue/index.ts';

/** Places an order and enqueues its job: both are there, or neither is. Returns the order's number. */
export async function placeOrder(sql: Sql, queue: Queue, item: string): Promise<number> {
  return await sql.begin(async (tx) => {
    const rows = await tx<{ id: number }[]>`INSERT INTO orders (item) VALUES (${item}) RETURNING id`;
    const order = rows[0]?.id ?? 0;
    await queue.enqueue({ queue: 'shipping', payload: { order } }, { tx: postgresTransaction(tx) });
    if (item === '') throw new Error('an order needs an item');
    return order;
  });
}
