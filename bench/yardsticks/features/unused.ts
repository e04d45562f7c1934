// What do the features cost who uses none of them? The present commit beside the last one that had none.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { oneLine } from '../../../harness/errors.ts';
import { openScratch } from '../../../harness/run/scratch.ts';
import { BEFORE_FEATURES as BEFORE, earlierQueue } from '../../../testing/earlier-queue.ts';
import { type Bench, type Figure, wants, type Yardstick } from '../../yardstick.ts';
import { Rounds, ratioOf, type Side } from './rounds.ts';
import { STRATEGIES } from './strategies.ts';

const ROUNDS = 20;
const TARGET = 0.97;
const ROOT = path.resolve(import.meta.dirname, '../../..');

/** What is compared: a load, with handlers of one kind. */
const LOADS = [
  { load: 'drain', variant: 'plain' },
  { load: 'drain', variant: 'handlers that fail once in a hundred' },
  { load: 'enqueue', variant: 'plain' },
  { load: 'bulk', variant: 'plain' },
  { load: 'large bulk', variant: 'plain' },
] as const;

/** Throughput with nothing used, beside that of the commit before: at least 97 %. */
export const unused: Yardstick = {
  name: 'unused',
  question: `how fast are drains and enqueues that use no feature, beside ${BEFORE}, which has none?`,
  async run(bench) {
    await using scratch = await openScratch();
    const before = path.join(scratch.path, 'before');
    const present = path.join(scratch.path, 'present');
    let head: string;
    try {
      head = await presentCommit();
      // What is committed, and no edit that is under way.
      await earlierQueue(head, present);
      await earlierQueue(BEFORE, before);
    } catch (error) {
      return [
        {
          what: `this ÷ ${BEFORE}`,
          value: undefined,
          unit: '',
          target: { atLeast: TARGET },
          note: `a commit cannot be checked out (${oneLine(error)}): fetch the whole history`,
        },
      ];
    }
    await using rounds = await Rounds.open(bench);
    const figures: Figure[] = [];
    for (const strategy of STRATEGIES.filter(({ name }) => wants(bench, name)))
      for (const what of LOADS) {
        const both = [
          { root: present, name: head },
          { root: before, name: BEFORE },
        ] as const;
        figures.push(await compare(bench, rounds, both, strategy, what));
      }
    return figures;
  },
};

async function presentCommit(): Promise<string> {
  const { stdout } = await promisify(execFile)('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD']);
  return stdout.trim();
}

async function compare(
  bench: Bench,
  rounds: Rounds,
  both: readonly [Pick<Side, 'root' | 'name'>, Pick<Side, 'root' | 'name'>],
  { name, drainJobs }: (typeof STRATEGIES)[number],
  what: (typeof LOADS)[number],
): Promise<Figure> {
  const common = {
    ...what,
    strategy: name,
    jobs: bench.smoke ? 2_000 : drainJobs,
    seconds: bench.smoke ? 0.3 : 0.8,
  };
  const [now, then] = [
    { ...common, ...both[0] },
    { ...common, ...both[1] },
  ];
  const label = `${name}, ${what.load}${what.variant === 'plain' ? '' : `, ${what.variant}`}`;
  const slices = await rounds.measure([now, then], bench.smoke ? 1 : (bench.rounds ?? ROUNDS), label);
  return {
    what: `${label}: ${now.name} ÷ ${then.name}`,
    unit: '',
    target: { atLeast: TARGET },
    ...ratioOf(slices.get(now) ?? [], slices.get(then) ?? []),
  };
}
