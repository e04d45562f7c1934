// Does a search bracket the true limit of queues whose limit is known?

import { quantile } from '../../../stats/spread.ts';
import {
  brackets as bracketsLimit,
  LIMIT_KINDS,
  type LimitKind,
  searchTrial,
  widthOf,
} from '../../../testing/synthetic/search-trial.ts';
import type { Bench, Figure, Yardstick } from '../../yardstick.ts';

const TRIALS = 100;
const SMOKE_TRIALS = 3;
/** Others than those that the tests hold the search to. */
const FIRST_SEED = 10_000;
const TARGET_SHARE = 0.95;

export const brackets: Yardstick = {
  name: 'brackets',
  question: 'does a search bracket the true limit of M/M/c, as it is, with a collapse, with a leak?',
  async run(bench) {
    const figures: Figure[] = [];
    for (const kind of LIMIT_KINDS) figures.push(...(await figuresOf(kind, bench)));
    return figures;
  },
};

async function figuresOf(kind: LimitKind, { rounds, smoke, signal }: Bench): Promise<readonly Figure[]> {
  const trials = rounds ?? (smoke ? SMOKE_TRIALS : TRIALS);
  const widths: number[] = [];
  const missed: number[] = [];
  for (let trial = 0; trial < trials; trial += 1) {
    // Lets a signal through.
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    const found = searchTrial(kind, FIRST_SEED + trial);
    widths.push(widthOf(found.one));
    if (!bracketsLimit(found)) missed.push(FIRST_SEED + trial);
  }
  const seeds = missed.length === 0 ? '' : `; missed by seed ${missed.join(', ')}`;
  return [
    {
      what: `${kind}: share of searches that bracket the true limit`,
      value: 1 - missed.length / trials,
      unit: '',
      target: { atLeast: TARGET_SHARE },
      note: `${trials} seeded searches${seeds}`,
    },
    { what: `${kind}: fail ÷ pass, median`, value: quantile(widths, 0.5), unit: '' },
    { what: `${kind}: fail ÷ pass, 90th percentile`, value: quantile(widths, 0.9), unit: '' },
  ];
}
