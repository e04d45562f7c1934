// What do the features cost who uses none of them? This checkout beside the last one that had none.

import path from 'node:path';
import { oneLine } from '../../../harness/errors.ts';
import { openScratch } from '../../../harness/scratch.ts';
import { BEFORE_FEATURES as BEFORE, earlierQueue } from '../../../testing/earlier-queue.ts';
import { type Bench, type Figure, wants, type Yardstick } from '../../yardstick.ts';
import { Rounds, ratioOf, type Side } from './rounds.ts';
import { STRATEGIES } from './strategies.ts';

const ROUNDS = 7;
const TARGET = 0.97;
const ROOT = path.resolve(import.meta.dirname, '../../..');

/** Throughput with nothing used, beside that of the commit before: at least 97 %. */
export const unused: Yardstick = {
  name: 'unused',
  question: `how fast are drains and enqueues that use no feature, beside ${BEFORE}, which has none?`,
  async run(bench) {
    await using scratch = await openScratch();
    const before = path.join(scratch.path, 'before');
    try {
      await earlierQueue(BEFORE, before);
    } catch (error) {
      return [
        {
          what: `this ÷ ${BEFORE}`,
          value: undefined,
          unit: '',
          target: { atLeast: TARGET },
          note: `that commit cannot be checked out (${oneLine(error)}): fetch the whole history`,
        },
      ];
    }
    await using rounds = await Rounds.open(bench);
    const figures: Figure[] = [];
    for (const strategy of STRATEGIES.filter(({ name }) => wants(bench, name)))
      for (const load of ['drain', 'enqueue', 'bulk'] as const)
        figures.push(await compare(bench, rounds, before, strategy, load));
    return figures;
  },
};

async function compare(
  bench: Bench,
  rounds: Rounds,
  before: string,
  { name, drainJobs }: (typeof STRATEGIES)[number],
  load: Side['load'],
): Promise<Figure> {
  const common = {
    strategy: name,
    load,
    variant: 'plain',
    jobs: bench.smoke ? 2_000 : drainJobs,
    seconds: bench.smoke ? 0.5 : 4,
  };
  const sides: readonly [Side, Side] = [
    { ...common, root: ROOT, name: `${load}, this` },
    { ...common, root: before, name: `${load}, before` },
  ];
  const rates = await rounds.measure(sides, bench.smoke ? 1 : (bench.rounds ?? ROUNDS));
  const [now, then] = sides.map((side) => rates.get(side) ?? []);
  return {
    what: `${name}, ${load}: this ÷ ${BEFORE}`,
    unit: '',
    target: { atLeast: TARGET },
    ...ratioOf(now ?? [], then ?? []),
  };
}
