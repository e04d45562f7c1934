// What is the process told whose queue is measured, and how is it run?

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Bench } from '../../yardstick.ts';

/** The environment variable that holds the orders as JSON: they hold the server's password. */
export const ORDERS_VARIABLE = 'CLAIMBENCH_FEATURES';

export const ordersSchema = z.object({
  /** The checkout whose queue/index.ts is measured. */
  root: z.string(),
  connection: z.object({
    host: z.string(),
    port: z.number(),
    user: z.string(),
    password: z.string(),
    database: z.string(),
  }),
  schema: z.string(),
  strategy: z.string(),
  /** `drain`: a worker with 8 sessions works `jobs` off. `enqueue`: 8 callers enqueue one by one. `bulk`: 2 callers, 1,000 at a time. */
  load: z.enum(['drain', 'enqueue', 'bulk']),
  /** Jobs of a drain; calls stop after `seconds`. */
  jobs: z.int().min(0),
  seconds: z.number().positive(),
  /** What of the features is in use: a name of `variants.ts`. */
  variant: z.string(),
});

export type Orders = z.output<typeof ordersSchema>;

const reportSchema = z.object({ jobsPerSec: z.number().positive(), jobs: z.number() });
export type Report = z.output<typeof reportSchema>;

const PROGRAM = fileURLToPath(new URL('./load.ts', import.meta.url));

/** Runs the process to its end. Rejects when it fails. */
export async function runLoad(orders: Orders, { signal }: Pick<Bench, 'signal'>): Promise<Report> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', PROGRAM], {
    signal,
    timeout: 300_000,
    env: { ...process.env, [ORDERS_VARIABLE]: JSON.stringify(orders) },
  });
  return reportSchema.parse(JSON.parse(stdout));
}
