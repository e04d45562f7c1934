// What does each feature cost who uses it?

import path from 'node:path';
import type { Bench, Figure, Yardstick } from '../../yardstick.ts';
import { wants } from '../../yardstick.ts';
import { Rounds, ratioOf, type Side } from './rounds.ts';
import { STRATEGIES } from './strategies.ts';

const ROUNDS = 5;
const ROOT = path.resolve(import.meta.dirname, '../../..');

/** A feature in use, under a load, beside the same load without it. */
interface Use {
  readonly load: Side['load'];
  readonly variant: string;
  /** What it is set beside; `plain` when nothing is said. */
  readonly beside?: string;
  /** Of a drain: where a feature is far slower than the queue, fewer jobs tell as much. */
  readonly jobs?: number;
}

const USES: readonly Use[] = [
  { load: 'drain', variant: 'handlers that wait' },
  { load: 'drain', variant: 'a time limit', beside: 'handlers that wait' },
  { load: 'drain', variant: 'adaptive concurrency', beside: 'handlers that wait' },
  { load: 'drain', variant: 'an observer' },
  { load: 'drain', variant: 'progress of every job', jobs: 10_000 },
  { load: 'drain', variant: 'finished jobs kept' },
  { load: 'drain', variant: 'finished jobs kept with payloads' },
  { load: 'drain', variant: 'a rate limit far away', jobs: 10_000 },
  { load: 'drain', variant: 'a concurrency limit far away', jobs: 10_000 },
  { load: 'drain', variant: 'a concurrency key for every job', jobs: 10_000 },
  { load: 'enqueue', variant: 'an observer' },
  { load: 'enqueue', variant: 'an idempotency key' },
  { load: 'enqueue', variant: 'a unique key' },
  { load: 'enqueue', variant: 'a delay of an hour' },
  { load: 'bulk', variant: 'an idempotency key' },
  { load: 'bulk', variant: 'a unique key' },
];

/** Throughput with each feature in use, as a share of that without. Judged by nobody: it is what its users pay. */
export const costs: Yardstick = {
  name: 'costs',
  question: 'what share of the throughput is left when a feature is in use?',
  async run(bench) {
    await using rounds = await Rounds.open(bench);
    const figures: Figure[] = [];
    for (const strategy of STRATEGIES.filter(({ name }) => wants(bench, name)))
      for (const use of USES) figures.push(await cost(bench, rounds, strategy, use));
    return figures;
  },
};

async function cost(
  bench: Bench,
  rounds: Rounds,
  { name, drainJobs }: (typeof STRATEGIES)[number],
  { load, variant, beside = 'plain', jobs = drainJobs }: Use,
): Promise<Figure> {
  const common = {
    root: ROOT,
    strategy: name,
    load,
    jobs: bench.smoke ? 2_000 : jobs,
    seconds: bench.smoke ? 0.5 : 3,
  };
  const used = { ...common, variant, name: `${load}, ${variant}` };
  const without = { ...common, variant: beside, name: `${load}, ${beside}` };
  const rates = await rounds.measure([used, without], bench.smoke ? 1 : (bench.rounds ?? ROUNDS));
  return {
    what: `${name}, ${load} with ${variant} ÷ ${beside === 'plain' ? 'without' : `with ${beside}`}`,
    unit: '',
    ...ratioOf(rates.get(used) ?? [], rates.get(without) ?? []),
  };
}
