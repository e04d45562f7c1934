// How is a job enqueued in a transaction of pg-promise? Whatever runs a statement can stand in for the queue's driver.

import pgPromise, { type IDatabase, type ITask } from 'pg-promise';
import type { Database, Queue } from '../../queue/index.ts';

/** Values go to the server as parameters, which pg-promise does with a ParameterizedQuery only: otherwise it writes them into the text. */
function throughPgPromise(task: ITask<object>): Database {
  return {
    async query<Row>({ text, values = [] }: { readonly text: string; readonly values?: readonly unknown[] }) {
      const { rows, rowCount } = await task.result<Row>(
        new pgPromise.ParameterizedQuery({ text, values: [...values] }),
      );
      return { rows, rowCount };
    },
  };
}

/** Places an order and enqueues its job: both are there, or neither is. Returns the order's number. */
export async function placeOrder(db: IDatabase<object>, queue: Queue, item: string): Promise<number> {
  const order = await db.tx(async (task) => {
    const { id } = await task.one<{ id: number }>('INSERT INTO orders (item) VALUES ($1) RETURNING id', [
      item,
    ]);
    await queue.enqueue({ queue: 'shipping', payload: { order: id } }, { tx: throughPgPromise(task) });
    if (item === '') throw new Error('an order needs an item');
    return id;
  });
  queue.signal('shipping'); // committed: wakes idle workers
  return order;
}
