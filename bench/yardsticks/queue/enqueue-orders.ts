// What is the process that enqueues told, and how is it run?

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

/** The environment variable that holds the orders as JSON. */
export const ORDERS_VARIABLE = 'CLAIMBENCH_ENQUEUE';

/** Jobs per second counts calls that were answered within `seconds`, after the warm-up; `enqueued` counts all. */
export const ordersSchema = z.object({
  of: z.union([z.literal('pg-boss'), z.object({ strategy: z.string(), wakeup: z.string() })]),
  connection: z.object({
    host: z.string(),
    port: z.number(),
    user: z.string(),
    password: z.string(),
    database: z.string(),
  }),
  schema: z.string(),
  /** Each has one call under way; the pool has as many connections. */
  callers: z.int().min(1),
  jobsPerCall: z.int().min(1),
  seconds: z.number().positive(),
  warmupSeconds: z.number().min(0),
});

const reportSchema = z.object({ enqueued: z.number(), jobsPerSec: z.number() });
export type EnqueueReport = z.output<typeof reportSchema>;

const PROGRAM = fileURLToPath(new URL('./enqueue-load.ts', import.meta.url));

/** Runs the process to its end, on the cores given. Rejects when it fails. */
export async function runEnqueueLoad(
  orders: z.input<typeof ordersSchema>,
  options: { readonly cpus: readonly number[] | undefined; readonly signal: AbortSignal },
): Promise<EnqueueReport> {
  const node = [process.execPath, '--import', 'tsx', PROGRAM];
  const [command = '', ...words] =
    options.cpus === undefined ? node : ['taskset', '-c', options.cpus.join(','), ...node];
  const { stdout } = await promisify(execFile)(command, words, {
    signal: options.signal,
    timeout: (orders.seconds + orders.warmupSeconds + 60) * 1000,
    env: { ...process.env, [ORDERS_VARIABLE]: JSON.stringify(orders) },
  });
  return reportSchema.parse(JSON.parse(stdout));
}
