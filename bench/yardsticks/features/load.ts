// The program of a child process: enqueues or drains with a queue of some checkout, and tells how fast that was.

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { NewJob, Queue } from '../../../queue/index.ts';
import { ORDERS_VARIABLE, type Orders, ordersSchema } from './orders.ts';
import { VARIANTS } from './variants.ts';

const QUEUE = 'bench';
const CALLERS = 8;
const BULK_CALLERS = 2;
const BULK = 1_000;
/** Until the process has compiled what runs often. */
const WARMUP_SECONDS = 1.5;
/** Shares of a drain between which its rate is taken: not while sessions open, and not while the last jobs are looked for. */
const [FROM, TO] = [0.25, 0.95];

const orders = ordersSchema.parse(JSON.parse(process.env[ORDERS_VARIABLE] ?? '{}'));
const library: typeof import('../../../queue/index.ts') = await import(
  pathToFileURL(path.join(orders.root, 'queue/index.ts')).href
);
const variant = VARIANTS[orders.variant];
if (variant === undefined) throw new Error(`no variant ${orders.variant}`);
await using driver = library.pgDriver({ ...orders.connection, max: CALLERS });
await using queue = library.createQueue({
  driver,
  strategy: orders.strategy,
  schema: orders.schema,
  ...variant.queue?.(library),
});
await queue.install();
await variant.prepare?.(queue, QUEUE);
process.stdout.write(
  JSON.stringify(await (orders.load === 'drain' ? drain(queue, orders) : enqueue(queue, orders))),
);

/** About 100 bytes that do not compress. */
function payload(): unknown {
  return {
    a: Math.random().toString(36),
    b: Math.random().toString(36),
    c: Math.random().toString(36),
    d: Math.random(),
  };
}

function jobsFrom(first: number, count: number): NewJob[] {
  return Array.from({ length: count }, (_, nth) => ({
    queue: QUEUE,
    payload: payload(),
    ...variant?.job?.(first + nth),
  }));
}

async function drain(from: Queue, { jobs }: Orders) {
  for (let at = 0; at < jobs; at += 10_000) await from.enqueueMany(jobsFrom(at, Math.min(10_000, jobs - at)));
  await driver.query({ text: 'VACUUM ANALYZE' });
  await driver.query({ text: 'CHECKPOINT' });
  let acked = 0;
  let startedMs = 0;
  let jobsPerSec = 0;
  const [first, last] = [Math.floor(jobs * FROM), Math.floor(jobs * TO)];
  const over = Promise.withResolvers<void>();
  await using worker = library.createWorker(from, {
    queue: QUEUE,
    connections: CALLERS,
    handler: variant?.handler ?? (() => undefined),
    ...variant?.worker,
    events: {
      settled(_outcomes, result) {
        const before = acked;
        acked += result.acked;
        if (before < first && acked >= first) startedMs = performance.now();
        if (before < last && acked >= last)
          jobsPerSec = ((acked - first) / (performance.now() - startedMs)) * 1000;
        if (acked >= jobs) over.resolve();
      },
    },
  });
  await over.promise;
  await worker.stop();
  // A rate counts only when each job was done once, and none is left.
  const left = await from.strategy.contents(driver, undefined, 1);
  if (acked !== jobs || left.length > 0)
    throw new Error(`${acked} acks of ${jobs} jobs, and ${left.length === 0 ? 'none' : 'some'} left`);
  return { jobsPerSec, jobs: acked };
}

async function enqueue(into: Queue, { load, seconds }: Orders) {
  const [callers, perCall] = load === 'bulk' ? [BULK_CALLERS, BULK] : [CALLERS, 1];
  const fromMs = performance.now() + WARMUP_SECONDS * 1000;
  const untilMs = fromMs + seconds * 1000;
  let made = 0;
  let counted = 0;
  const call = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const jobs = jobsFrom(made, perCall);
      made += perCall;
      const options = variant?.enqueue?.(made);
      const [only] = jobs;
      if (perCall === 1 && only !== undefined) await into.enqueue(only, options);
      else await into.enqueueMany(jobs, options);
      const atMs = performance.now();
      if (atMs >= fromMs && atMs < untilMs) counted += perCall;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const { ready, delayed } = await into.stats(QUEUE);
  if (ready + delayed !== made) throw new Error(`${made} jobs enqueued, and ${ready + delayed} there`);
  return { jobsPerSec: counted / seconds, jobs: made };
}
