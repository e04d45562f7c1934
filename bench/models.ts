// Do search and plan find what is true, and do they find it in time? Every yardstick, each figure beside its target.
//
// `npm run bench:models [-- --only NAME] [--contender NAME] [--rounds N] [--smoke]`. Ends with 1 when a target is missed. `brackets` and `theory`
// are simulated; the others measure, on an otherwise idle machine.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strategies } from '../queue/index.ts';
import { runYardsticks } from './command.ts';
import { modelYardsticks } from './yardsticks/models/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'claimbench-models-'));
try {
  process.exitCode = await runYardsticks(
    'bench:models',
    modelYardsticks(folder),
    strategies.map(({ strategyName }) => strategyName),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
