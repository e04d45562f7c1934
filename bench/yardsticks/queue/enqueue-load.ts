// The program of a child process: enqueues as fast as it is answered, and tells how many jobs that were.
//
// Its orders are in the environment, not among its words: they hold the server's password.

import { PgBoss } from 'pg-boss';
import type { z } from 'zod';
import { Workload } from '../../../harness/load/workload.ts';
import { createQueue, type NewJob, pgDriver, type WakeupName, wakeups } from '../../../queue/index.ts';
import { ORDERS_VARIABLE, ordersSchema } from './enqueue-orders.ts';

type Orders = z.output<typeof ordersSchema>;

const QUEUE = 'bench';
const PAYLOAD_BYTES = 100;

/** Enqueues so many jobs, all or none. */
type Enqueue = (payloads: readonly object[]) => Promise<unknown>;

const orders = ordersSchema.parse(JSON.parse(process.env[ORDERS_VARIABLE] ?? '{}'));
const report = orders.of === 'pg-boss' ? await throughPgBoss(orders) : await throughQueue(orders, orders.of);
process.stdout.write(JSON.stringify(report));

async function throughQueue(orders: Orders, of: Exclude<Orders['of'], 'pg-boss'>) {
  await using driver = pgDriver({ ...orders.connection, max: orders.callers });
  await using queue = createQueue({
    driver,
    strategy: of.strategy,
    schema: orders.schema,
    wakeup: wakeupOf(of.wakeup),
  });
  await queue.install();
  const toJob = (payload: object): NewJob => ({ queue: QUEUE, payload });
  return await load(orders, async (payloads) => {
    const [only] = payloads;
    if (payloads.length === 1 && only !== undefined) await queue.enqueue(toJob(only));
    else await queue.enqueueMany(payloads.map(toJob));
  });
}

/** Without its timers: nothing but the inserts is to be seen. */
async function throughPgBoss(orders: Orders) {
  const boss = new PgBoss({
    ...orders.connection,
    max: orders.callers,
    schema: orders.schema,
    supervise: false,
    schedule: false,
  });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  // A table of its own, as where it is drained: without the indexes of policies that this queue has not.
  await boss.createQueue(QUEUE, { partition: true });
  const report = await load(orders, (payloads) =>
    boss.insert(
      QUEUE,
      payloads.map((data) => ({ data })),
    ),
  );
  await boss.stop({ graceful: false, close: true });
  return report;
}

async function load({ callers, jobsPerCall, seconds, warmupSeconds }: Orders, enqueue: Enqueue) {
  const workload = new Workload(PAYLOAD_BYTES, [0]);
  const fromMs = performance.now() + warmupSeconds * 1000;
  const untilMs = fromMs + seconds * 1000;
  let [keys, enqueued, counted] = [0, 0, 0];
  const call = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const payloads = Array.from({ length: jobsPerCall }, (_, i) => workload.job(keys + i, 0).payload);
      keys += jobsPerCall;
      await enqueue(payloads);
      enqueued += jobsPerCall;
      const atMs = performance.now();
      if (atMs >= fromMs && atMs < untilMs) counted += jobsPerCall;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return { enqueued, jobsPerSec: counted / seconds };
}

function wakeupOf(name: string): WakeupName {
  const found = wakeups.find(({ wakeupName }) => wakeupName === name);
  if (found === undefined) throw new Error(`unknown wakeup ${name}`);
  return found.wakeupName;
}
