// Does the heap of a process grow while ten million jobs pass through its queue and its worker?

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import { type Bench, type Figure, wants, type Yardstick } from '../../yardstick.ts';
import { connectionSchema } from './orders.ts';
import { STRATEGIES } from './strategies.ts';

export const SOAK_VARIABLE = 'CLAIMBENCH_SOAK';
const JOBS = 10_000_000;
/** With limits, keys, progress and retention in use, which take their time. */
const JOBS_WITH_FEATURES = 500_000;
const SMOKE_JOBS = 20_000;
/** How often the heap is looked at, after a collection. */
const LOOKS = 20;
/** Of the first looks, that are left out: what is compiled and cached once is no leak. */
const SETTLING = 2;
const TARGET_MB = 4;
const PROGRAM = fileURLToPath(new URL('./soak-load.ts', import.meta.url));

/** One job in so many fails once. */
export const FAILS_ONCE = 1_000;

export const soakSchema = z.object({
  connection: connectionSchema,
  strategy: z.string(),
  jobs: z.int().min(1),
  looks: z.int().min(4),
  /** Whether limits, concurrency keys, progress and retention are in use. */
  features: z.boolean(),
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
      for (const features of [false, true]) {
        await using database = await server.openDatabase('soak');
        const { host, port, user, password, database: inside } = database.connection;
        const connection = { host, port, user, password, database: inside };
        figures.push(await soakOf(bench, { strategy: name, features, connection }));
      }
    }
    return figures;
  },
};

async function soakOf(
  bench: Bench,
  what: Pick<z.output<typeof soakSchema>, 'strategy' | 'features' | 'connection'>,
): Promise<Figure> {
  const { strategy, features } = what;
  const jobs = bench.smoke ? SMOKE_JOBS : features ? JOBS_WITH_FEATURES : JOBS;
  const orders: z.input<typeof soakSchema> = { ...what, jobs, looks: LOOKS };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', PROGRAM],
    {
      signal: bench.signal,
      timeout: 2 * 3_600_000,
      env: { ...process.env, [SOAK_VARIABLE]: JSON.stringify(orders) },
    },
  );
  const { heapMb, acked, failed, left, seen } = reportSchema.parse(JSON.parse(stdout));
  const figure = {
    what: `${strategy}${features ? ', features in use' : ''}: heap after ${jobs.toLocaleString('en')} jobs, over that after a tenth of them`,
    unit: 'MB',
    target: { atMost: TARGET_MB },
  };
  // Each job is told of twice at least: it starts, and is completed.
  const wrong = acked !== jobs || left > 0 || failed !== Math.ceil(jobs / FAILS_ONCE) || seen < 2 * jobs;
  const [from = Number.NaN, to = Number.NaN] = [heapMb[SETTLING - 1], heapMb.at(-1)];
  const course = heapMb.map((mb) => mb.toFixed(1)).join(' ');
  return {
    ...figure,
    value: wrong ? Number.NaN : to - from,
    note: wrong
      ? `${acked} of ${jobs} acked, ${left} left, ${failed} failed once, ${seen} events`
      : `MB after each twentieth: ${course}`,
  };
}
