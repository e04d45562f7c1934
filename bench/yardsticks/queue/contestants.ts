// Which strategies does a yardstick of the queue's limits compare?

import { type StrategyFactory, strategies } from '../../../queue/index.ts';
import { STRATEGY_CONTENDERS } from '../../../scenarios/index.ts';
import { type Bench, wants } from '../../yardstick.ts';

/** Those that may be the fastest durable job queue. */
export const FAVOURITES = ['range-lease', 'ring', 'packed-lease'];
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
  return strategies.filter(({ strategyName: name }) => wanted.includes(name) && wants(bench, name));
}

/** Jobs per claim when nobody chooses. */
export function defaultBatch(factory: StrategyFactory): number {
  return factory.create({ schema: 'claimbench' }).workerDefaults.batch;
}
