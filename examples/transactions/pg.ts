// How is a job enqueued in a transaction of the `pg` package? The client that has sent BEGIN is given to the queue.

import type { Pool } from 'pg';
import { pgTransaction, type Queue } from '../../queue/index.ts';

/** Places an order and enqueues its job: both are there, or neither is. Returns the order's number. */
export async function placeOrder(pool: Pool, queue: Queue, item: string): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ id: number }>(
      'INSERT INTO orders (item) VALUES ($1) RETURNING id',
      [item],
    );
    const order = rows[0]?.id;
    if (order === undefined) throw new Error('the insert returned no row');
    await queue.enqueue({ queue: 'shipping', payload: { order } }, { tx: pgTransaction(client) });
    if (item === '') throw new Error('an order needs an item');
    await client.query('COMMIT');
    queue.signal('shipping'); // wakes idle workers
    return order;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
