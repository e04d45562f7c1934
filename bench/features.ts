// What do the queue's features cost, in use and not in use?
//
// `npm run bench:features [-- --only NAME] [--contender NAME] [--rounds N] [--smoke]`. Ends with 1 when a target is missed. On an
// otherwise idle machine.

import { runYardsticks } from './command.ts';
import { FEATURE_YARDSTICKS } from './yardsticks/features/index.ts';
import { STRATEGIES } from './yardsticks/features/strategies.ts';

process.exitCode = await runYardsticks(
  'bench:features',
  FEATURE_YARDSTICKS,
  STRATEGIES.map(({ name }) => name),
);
