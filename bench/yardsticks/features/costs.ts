// What does each feature cost who uses it?

import path from 'node:path';
import type { Bench, Figure, Yardstick } from '../../yardstick.ts';
import { wants } from '../../yardstick.ts';
import { Rounds, ratioOf, type Side } from './rounds.ts';
import { STRATEGIES } from './strategies.ts';

const ROUNDS = 7;
const ROOT = path.resolve(import.meta.dirname, '../../..');

/** A feature in use, beside the same load without it. */
interface Use {
  readonly variant: string;
  /** What it is set beside; `plain` when nothing is said. */
  readonly beside?: string;
  /** Far slower than the queue without it: fewer jobs tell as much. */
  readonly slow?: true;
}

const WAIT = 'handlers that wait';

const USES: Readonly<Partial<Record<Side['load'], readonly Use[]>>> = {
  drain: [
    { variant: 'an observer' },
    { variant: 'finished jobs kept' },
    { variant: 'finished jobs kept with payloads' },
    { variant: 'progress of every job', slow: true },
    { variant: 'a time limit', beside: WAIT },
    { variant: 'adaptive concurrency', beside: WAIT },
    { variant: 'a rate limit far away', beside: WAIT, slow: true },
    { variant: 'a rate limit far away, one handler', slow: true },
    { variant: 'a concurrency limit far away', beside: WAIT, slow: true },
    { variant: 'a concurrency key for every job', beside: WAIT, slow: true },
  ],
  enqueue: [
    { variant: 'an observer' },
    { variant: 'an idempotency key' },
    { variant: 'a unique key' },
    { variant: 'a delay of an hour' },
  ],
  bulk: [{ variant: 'an idempotency key' }, { variant: 'a unique key' }],
};
/** Of a slice of what is slow: a few seconds of the slowest. */
const SLOW_JOBS = 6_000;

/** Throughput with each feature in use, as a share of that without. Judged by nobody: it is what its users pay. */
export const costs: Yardstick = {
  name: 'costs',
  question: 'what share of the throughput is left when a feature is in use?',
  async run(bench) {
    await using rounds = await Rounds.open(bench);
    const figures: Figure[] = [];
    for (const strategy of STRATEGIES.filter(({ name }) => wants(bench, name)))
      for (const load of ['drain', 'enqueue', 'bulk'] as const)
        figures.push(...(await costsOf(bench, rounds, strategy, load, USES[load] ?? [])));
    return figures;
  },
};

/** All uses under one load, round by round, each beside what it is to be compared with. */
async function costsOf(
  bench: Bench,
  rounds: Rounds,
  { name, drainJobs }: (typeof STRATEGIES)[number],
  load: Side['load'],
  uses: readonly Use[],
): Promise<readonly Figure[]> {
  const sideOf = (variant: string, slow = false): Side => ({
    root: ROOT,
    name: variant,
    strategy: name,
    load,
    variant,
    jobs: bench.smoke ? 1_000 : slow ? Math.min(SLOW_JOBS, drainJobs) : drainJobs,
    seconds: bench.smoke ? 0.3 : 0.8,
  });
  const bases = new Map(
    [...new Set(uses.map(({ beside = 'plain' }) => beside))].map((base) => [base, sideOf(base)]),
  );
  const sides = uses.map((use) => ({ use, side: sideOf(use.variant, use.slow) }));
  const slices = await rounds.measure(
    [...bases.values(), ...sides.map(({ side }) => side)],
    bench.smoke ? 1 : (bench.rounds ?? ROUNDS),
    `${name}, ${load}`,
  );
  return sides.map(({ use: { variant, beside = 'plain' }, side }) => {
    const base = bases.get(beside);
    return {
      what: `${name}, ${load} with ${variant} ÷ ${beside === 'plain' ? 'without' : `with ${beside}`}`,
      unit: '',
      ...ratioOf(slices.get(side) ?? [], (base && slices.get(base)) ?? []),
    };
  });
}
