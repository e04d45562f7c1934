// Is the harness as good as it must be? Every yardstick, each figure beside its target.
//
// `npm run bench:harness [-- --only NAME] [--rounds N]`. Ends with 1 when a target is missed. On an otherwise idle machine.

import { runYardsticks } from './command.ts';
import { checking } from './yardsticks/checking.ts';
import { containers } from './yardsticks/containers.ts';
import { generatorLag } from './yardsticks/generator-lag.ts';
import { metrics } from './yardsticks/metrics.ts';
import { networkProxy } from './yardsticks/network-proxy.ts';
import { nullCeiling } from './yardsticks/null-ceiling.ts';
import { pgbench } from './yardsticks/pgbench.ts';
import { recording } from './yardsticks/recording.ts';
import { rendering } from './yardsticks/rendering.ts';
import { sampler } from './yardsticks/sampler.ts';

process.exitCode = await runYardsticks('bench:harness', [
  pgbench,
  nullCeiling,
  recording,
  generatorLag,
  sampler,
  metrics,
  checking,
  rendering,
  containers,
  networkProxy,
]);
