// Does the heap of a process grow while ten million jobs pass through its queue and its worker?

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import { type Bench, type Figure, wants, type Yardstick } from '../../yardstick.ts';
import { STRATEGIES } from './strategies.ts';

export const SOAK_VARIABLE = 'CLAIMBENCH_SOAK';
const JOBS = 10_000_000;
const SMOKE_JOBS = 100_000;
/** How often the heap is looked at, after a collection. */
const LOOKS = 20;
/** Of the first looks, that are left out: what is compiled and cached once is no leak. */
const SETTLING = 2;
const TARGET_MB = 4;
const PROGRAM = fileURLToPath(new URL('./soak-load.ts', import.meta.url));

export const soakSchema = z.object({
  connection: z.object({
    host: z.string(),
    port: z.number(),
    user: z.string(),
    password: z.string(),
    database: z.string(),
  }),
  strategy: z.string(),
  jobs: z.int().min(1),
  looks: z.int().min(4),
});

const reportSchema = z.object({
  heapMb: z.array(z.number()),
  acked: z.number(),
  failed: z.number(),
  left: z.number(),
  seen: z.number(),
});

/** Growth of the heap from its first tenth to its end, in MB; each job must have been acked once. */
export const soak: Yardstick = {
  name: 'soak',
  question: 'does the heap stay as it is over ten million jobs?',
  async run(bench) {
    await using server = await startEmbedded({ signal: bench.signal });
    const figures: Figure[] = [];
    for (const { name } of STRATEGIES.filter((strategy) => wants(bench, strategy.name))) {
      await using database = await server.openDatabase('soak');
      const { host, port, user, password, database: inside } = database.connection;
      figures.push(await soakOf(bench, name, { host, port, user, password, database: inside }));
    }
    return figures;
  },
};

async function soakOf(
  bench: Bench,
  strategy: string,
  connection: z.output<typeof soakSchema>['connection'],
): Promise<Figure> {
  const jobs = bench.smoke ? SMOKE_JOBS : JOBS;
  const orders: z.input<typeof soakSchema> = { connection, strategy, jobs, looks: LOOKS };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', PROGRAM],
    {
      signal: bench.signal,
      timeout: 2 * 3_600_000,
      env: { ...process.env, [SOAK_VARIABLE]: JSON.stringify(orders) },
    },
  );
  const { heapMb, acked, failed, left } = reportSchema.parse(JSON.parse(stdout));
  const figure = {
    what: `${strategy}: heap after ${jobs.toLocaleString('en')} jobs, over that after a tenth of them`,
    unit: 'MB',
    target: { atMost: TARGET_MB },
  };
  const wrong = acked !== jobs || left > 0 || failed === 0;
  const [from = Number.NaN, to = Number.NaN] = [heapMb[SETTLING - 1], heapMb.at(-1)];
  const course = heapMb.map((mb) => mb.toFixed(1)).join(' ');
  return {
    ...figure,
    value: wrong ? Number.NaN : to - from,
    note: wrong
      ? `${acked} of ${jobs} acked, ${left} left, ${failed} failed once`
      : `MB after each twentieth: ${course}`,
  };
}
