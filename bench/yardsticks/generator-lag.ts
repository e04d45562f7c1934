// Does the generator send in time? A program of its own answers, where it is present.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Yardstick } from '../yardstick.ts';

const PROGRAM = fileURLToPath(new URL('../generator-lag.ts', import.meta.url));
const WITHIN_MS = 600_000;

export const generatorLag: Yardstick = {
  name: 'generator-lag',
  question: 'does the generator send each job at its intended instant?',
  async run(bench) {
    const what = 'bench/generator-lag.ts misses its targets';
    if (!existsSync(PROGRAM)) return [{ what, value: undefined, unit: '', note: 'no such program yet' }];
    // It prints its own figures beside their targets, and says by its exit code whether one is missed.
    const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit'],
      signal: AbortSignal.any([bench.signal, AbortSignal.timeout(WITHIN_MS)]),
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return [{ what, value: code === 0 ? 0 : 1, unit: '', target: { atMost: 0 } }];
  },
};
