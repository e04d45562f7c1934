// How is a job enqueued in a transaction of postgres.js? The `sql` of `begin` is given to the queue.

import type { Sql } from 'postgres';
import { postgresTransaction, type Queue } from '../../queue/index.ts';

/** Places an order and enqueues its job: both are there, or neither is. Returns the order's number. */
export async function placeOrder(sql: Sql, queue: Queue, item: string): Promise<number> {
  const order = await sql.begin(async (tx) => {
    const [row] = await tx<{ id: number }[]>`INSERT INTO orders (item) VALUES (${item}) RETURNING id`;
    if (row === undefined) throw new Error('the insert returned no row');
    await queue.enqueue({ queue: 'shipping', payload: { order: row.id } }, { tx: postgresTransaction(tx) });
    if (item === '') throw new Error('an order needs an item');
    return row.id;
  });
  queue.signal('shipping'); // committed: wakes idle workers
  return order;
}
