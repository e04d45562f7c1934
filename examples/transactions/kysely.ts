// How is a job enqueued in a transaction of Kysely? A raw query with its parameters stands in for the queue's driver.

import { CompiledQuery, type Generated, type Kysely, type Transaction } from 'kysely';
import type { Database, Queue } from '../../queue/index.ts';

export interface Shop {
  readonly orders: { readonly id: Generated<number>; readonly item: string };
}

function throughKysely(transaction: Transaction<Shop>): Database {
  return {
    async query<Row>({ text, values = [] }: { readonly text: string; readonly values?: readonly unknown[] }) {
      const query: CompiledQuery<Row> = CompiledQuery.raw(text, [...values]);
      const { rows, numAffectedRows } = await transaction.executeQuery(query);
      return { rows, rowCount: Number(numAffectedRows ?? rows.length) };
    },
  };
}

/** Places an order and enqueues its job: both are there, or neither is. Returns the order's number. */
export async function placeOrder(db: Kysely<Shop>, queue: Queue, item: string): Promise<number> {
  const order = await db.transaction().execute(async (transaction) => {
    const { id } = await transaction
      .insertInto('orders')
      .values({ item })
      .returning('id')
      .executeTakeFirstOrThrow();
    await queue.enqueue({ queue: 'shipping', payload: { order: id } }, { tx: throughKysely(transaction) });
    if (item === '') throw new Error('an order needs an item');
    return id;
  });
  queue.signal('shipping'); // committed: wakes idle workers
  return order;
}
