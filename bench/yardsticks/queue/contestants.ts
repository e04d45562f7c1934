// Which strategies does a yardstick of the queue's limits compare?

import { type StrategyFactory, strategies } from '../../../queue/index.ts';
import { STRATEGY_CONTENDERS } from '../../../scenarios/index.ts';
import type { Bench } from '../../yardstick.ts';

/** Those that may be the fastest job queue, the likeliest first: the first one that is built in stands for it. */
const FAVOURITES = ['range-lease', 'packed-lease', 'ring', 'batch'];
/** What all are compared with. */
const REFERENCE = 'skip-locked';
/** Enough to see that a yardstick runs. */
const SMOKE = ['batch'];

/**
 * The built-in strategies among `names` (default: all that there are to be, and whatever else is built in). One that is
 * missing is said, and left out.
 */
export function contestants(bench: Bench, names?: readonly string[]): readonly StrategyFactory[] {
  const known = strategies.map(({ strategyName }) => strategyName);
  const all = names ?? [...new Set([...STRATEGY_CONTENDERS, ...known])];
  const wanted = bench.smoke && names === undefined ? SMOKE : all;
  const missing = wanted.filter((name) => !known.includes(name));
  if (missing.length > 0) bench.say(`not built in, and left out: ${missing.join(', ')}`);
  return strategies.filter(({ strategyName }) => wanted.includes(strategyName));
}

/** Whether a strategy is judged where only the best one and the reference are. */
export function isBestOrReference({ strategyName }: StrategyFactory): boolean {
  return strategyName === REFERENCE || strategyName === bestName();
}

/** Whether a strategy stands for the fastest job queue. */
export function isBest({ strategyName }: StrategyFactory): boolean {
  return strategyName === bestName();
}

function bestName(): string {
  const known = strategies.map(({ strategyName }) => strategyName);
  return FAVOURITES.find((name) => known.includes(name)) ?? REFERENCE;
}

/** Jobs per claim when nobody chooses. */
export function defaultBatch(factory: StrategyFactory): number {
  return factory.create({ schema: 'claimbench' }).workerDefaults.batch;
}
