// Is the queue as fast and as frugal as it must be? Every yardstick, each figure beside its target.
//
// `npm run bench:queue [-- --only NAME] [--contender NAME] [--rounds N] [--smoke]`. Ends with 1 when a target is missed. On an otherwise
// idle machine.

import { strategies } from '../queue/index.ts';
import { runYardsticks } from './command.ts';
import { PEERS } from './yardsticks/queue/drains.ts';
import { QUEUE_YARDSTICKS } from './yardsticks/queue/index.ts';

process.exitCode = await runYardsticks('bench:queue', QUEUE_YARDSTICKS, [
  ...strategies.map(({ strategyName }) => strategyName),
  ...Object.keys(PEERS),
]);
