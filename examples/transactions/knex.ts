// How is a job enqueued in a transaction of Knex? The connection that the transaction has is one of `pg`, and is given to the queue.

import type { Knex } from 'knex';
import pg from 'pg';
import { type Database, pgTransaction, type Queue } from '../../queue/index.ts';

async function throughKnex(transaction: Knex.Transaction): Promise<Database> {
  const client: unknown = await transaction.client.acquireConnection();
  if (!(client instanceof pg.Client)) throw new Error('this Knex does not stand on the package pg');
  return pgTransaction(client);
}

/** Places an order and enqueues its job: both are there, or neither is. Returns the order's number. */
export async function placeOrder(knex: Knex, queue: Queue, item: string): Promise<number> {
  const order = await knex.transaction(async (transaction) => {
    const [row] = await transaction('orders').insert({ item }).returning<{ id: number }[]>('id');
    if (row === undefined) throw new Error('the insert returned no row');
    const tx = await throughKnex(transaction);
    await queue.enqueue({ queue: 'shipping', payload: { order: row.id } }, { tx });
    if (item === '') throw new Error('an order needs an item');
    return row.id;
  });
  queue.signal('shipping'); // committed: wakes idle workers
  return order;
}
