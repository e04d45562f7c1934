// Does the gate let the same code pass, and does it catch what makes a queue dearer, in time? Each figure beside its target.
//
// `npm run bench:gate [-- --only NAME] [--contender PULL] [--rounds N] [--smoke]`. Ends with 1 when a target is missed. Takes two hours; keep the
// machine idle meanwhile.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BAD } from '../examples/guarded/pulls.ts';
import { runYardsticks } from './command.ts';
import { gateYardsticks } from './yardsticks/gate/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'claimbench-gate-'));
try {
  process.exitCode = await runYardsticks(
    'bench:gate',
    gateYardsticks(folder),
    BAD.map(({ name }) => name),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
