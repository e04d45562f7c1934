// How does an application use the queue? Orders, each with a job in the same transaction, worked off with a retry and a
// dead letter that is redriven once its cause is mended. Run it against an empty database, by the Node that npm has installed here whatever the system's own is:
//
// DATABASE_URL=postgres://… npx node --import tsx examples/orders.ts

import pg from 'pg';
import {
  createQueue,
  DeadLetterError,
  fixedRetry,
  pgDriver,
  pgTransaction,
  type Queue,
  runUntilIdle,
} from '../queue/index.ts';

const ORDERS = [
  { item: 'lamp', address: 'Ny Adelgade 7' },
  { item: 'chair', address: 'unreachable at first' },
  { item: 'table', address: '' },
];

/** The order and its job commit together: no order without a job, no job without an order. */
async function placeOrder(pool: pg.Pool, queue: Queue, order: (typeof ORDERS)[number]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ id: number }>(
      'INSERT INTO orders (item, address) VALUES ($1, $2) RETURNING id',
      [order.item, order.address],
    );
    const payload = { orderId: rows[0]?.id };
    await queue.enqueue({ queue: 'shipping', payload, maxAttempts: 5 }, { tx: pgTransaction(client) });
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** A payload is outside data: what it should be is checked, and what it is not can never be shipped. */
function orderIdOf(payload: unknown): number {
  if (typeof payload === 'object' && payload !== null && 'orderId' in payload)
    if (typeof payload.orderId === 'number') return payload.orderId;
  throw new DeadLetterError(`payload names no order: ${JSON.stringify(payload)}`);
}

/** Ships one order. An attempt may run twice, so shipping a shipped order must do no harm: the UPDATE sets, it does not add. */
async function ship(pool: pg.Pool, payload: unknown, attempt: number): Promise<void> {
  const orderId = orderIdOf(payload);
  const { rows } = await pool.query<{ item: string; address: string }>(
    'SELECT item, address FROM orders WHERE id = $1',
    [orderId],
  );
  const order = rows[0];
  if (order === undefined || order.address === '')
    throw new DeadLetterError(`order ${orderId} has no address`);
  if (order.address === 'unreachable at first' && attempt === 1)
    throw new Error('the carrier is not answering');
  await pool.query('UPDATE orders SET shipped_at = now() WHERE id = $1', [orderId]);
  console.log(`order ${orderId}: ${order.item} shipped in attempt ${attempt}`);
}

/** Works the queue off until nothing that can run is left, and says what became of each job. */
async function workOff(pool: pg.Pool, queue: Queue): Promise<void> {
  const report = await runUntilIdle(queue, {
    queue: 'shipping',
    concurrency: 4,
    retry: fixedRetry(0),
    handler: (job) => ship(pool, job.payload, job.attempt),
  });
  const { acked, retried, deadLettered } = report;
  console.log(`worked off: ${acked} done, ${retried} tried again, ${deadLettered} given up`);
}

async function main(connectionString: string): Promise<void> {
  const pool = new pg.Pool({ connectionString, max: 4 });
  await using driver = pgDriver({ connectionString, applicationName: 'orders' });
  await using queue = createQueue({ driver });
  await queue.install();
  await pool.query(`CREATE TABLE IF NOT EXISTS orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text NOT NULL, address text NOT NULL, shipped_at timestamptz
  )`);

  for (const order of ORDERS) await placeOrder(pool, queue, order);
  queue.signal('shipping');
  console.log(`${(await queue.stats('shipping')).ready} orders placed, each with its job in one transaction`);
  await workOff(pool, queue);

  const letters = await queue.deadLetters.list({ queue: 'shipping' });
  for (const { id, payload, attempt, errors } of letters) {
    const reason = errors.at(-1)?.error.split('\n')[0];
    console.log(`dead letter ${id} ${JSON.stringify(payload)}, attempt ${attempt}: ${reason}`);
  }
  // Somebody finds the address out; then the job is worth another try.
  await pool.query("UPDATE orders SET address = 'Strandgade 12' WHERE address = ''");
  console.log(`${await queue.deadLetters.redrive({ queue: 'shipping' })} brought back`);
  await workOff(pool, queue);

  const { rows } = await pool.query<{ shipped: number }>(
    'SELECT count(shipped_at)::integer AS shipped FROM orders',
  );
  const { ready, delayed, leased, dead } = await queue.stats('shipping');
  console.log(
    `${rows[0]?.shipped} of ${ORDERS.length} orders shipped, ${ready + delayed + leased + dead} jobs left`,
  );
  await pool.end();
}

const url = process.env['DATABASE_URL'];
if (url === undefined) {
  console.error('DATABASE_URL is not set: give a postgres://… address of an empty database');
  process.exitCode = 1;
} else await main(url);
