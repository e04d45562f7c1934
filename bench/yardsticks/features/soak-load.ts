// The program of a child process, run with --expose-gc: enqueues and works off so many jobs, and tells what its heap holds on the way.

import { createQueue, createWorker, pgDriver } from '../../../queue/index.ts';
import { FAILS_ONCE, SOAK_VARIABLE, soakSchema } from './soak.ts';

const QUEUE = 'soak';
const PER_CALL = 5_000;
/** Jobs that may wait: enqueues pause while there are more. */
const AHEAD = 100_000;
const KEYS = 1_000;

const { connection, strategy, jobs, looks, features } = soakSchema.parse(
  JSON.parse(process.env[SOAK_VARIABLE] ?? '{}'),
);
const { gc } = globalThis;
if (gc === undefined) throw new Error('the program wants node --expose-gc');
let seen = 0;
await using driver = pgDriver({ ...connection, max: 6 });
await using queue = createQueue({
  driver,
  strategy,
  schema: 'soak',
  observe: () => {
    seen += 1;
  },
  ...(features ? { retention: { days: 1 } } : {}),
});
await queue.install();
if (features)
  await queue.limits.set(QUEUE, {
    rate: { jobs: 1_000_000, periodMs: 1000 },
    concurrency: 100_000,
    concurrencyPerKey: 10_000,
  });
let acked = 0;
let failed = 0;
let enqueued = 0;
const heapMb: number[] = [];
const every = Math.ceil(jobs / looks);
const over = Promise.withResolvers<void>();
const worker = createWorker(queue, {
  queue: QUEUE,
  connections: 4,
  concurrency: 64,
  timeoutMs: 60_000,
  retry: () => 0,
  // One in a hundred waits, or says how far it is.
  handler(job, { progress }) {
    const number = typeof job.payload === 'number' ? job.payload : 0;
    if (number % FAILS_ONCE === 0 && job.attempt === 1)
      throw new Error(`attempt ${job.attempt} of ${number}`);
    if (number % 100 !== 1) return undefined;
    return features ? progress({ number }) : Promise.resolve();
  },
  events: {
    error: (error) => over.reject(error),
    settled(_outcomes, result) {
      acked += result.acked;
      failed += result.retried;
      while (heapMb.length < Math.floor(acked / every)) {
        gc();
        heapMb.push(process.memoryUsage().heapUsed / 2 ** 20);
      }
      if (acked >= jobs) over.resolve();
    },
  },
});
const produce = async (): Promise<void> => {
  while (enqueued < jobs) {
    if (enqueued - acked > AHEAD) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    const first = enqueued;
    enqueued += Math.min(PER_CALL, jobs - first);
    await queue.enqueueMany(
      Array.from({ length: enqueued - first }, (_, nth) => ({
        queue: QUEUE,
        payload: first + nth,
        ...(features ? { concurrencyKey: `key ${nth % KEYS}` } : {}),
      })),
    );
  }
};
await Promise.all([produce(), over.promise]);
await worker.stop();
const left = (await queue.strategy.contents(driver, undefined, 1)).length;
process.stdout.write(JSON.stringify({ heapMb, acked, failed, left, seen }));
