// How many jobs per second can one agent hand out, run and record without a database?

import { measureCeiling } from '../../harness/calibrate/ceiling.ts';
import { openScratch } from '../../harness/run/scratch.ts';
import { median } from '../../stats/spread.ts';
import type { Figure, Yardstick } from '../yardstick.ts';

const ROUNDS = 5;
const TARGET_PER_SEC = 300_000;

export const nullCeiling: Yardstick = {
  name: 'null',
  question: 'what does the harness itself carry, ledger and histograms on?',
  async run(bench) {
    await using scratch = await openScratch();
    const figures: Figure[] = [];
    for (const batch of [1, 10, 100]) {
      const rates: number[] = [];
      for (let round = 0; round < (bench.rounds ?? ROUNDS); round += 1) {
        const context = { scratchDir: scratch.path, signal: bench.signal, onProgress: () => undefined };
        const { ceilingPerSec, reasons } = await measureCeiling(context, batch);
        if (ceilingPerSec === undefined) throw new Error(`a void cell: ${reasons.join('; ')}`);
        rates.push(ceilingPerSec);
      }
      figures.push({
        what: `null contender, ${batch} per claim`,
        value: median(rates),
        unit: 'jobs/s per agent',
        // One per claim is the dearest; the others cannot be slower.
        ...(batch === 1 ? { target: { atLeast: TARGET_PER_SEC } } : {}),
        note: `median of ${rates.length} [${Math.round(Math.min(...rates)).toLocaleString('en')}–${Math.round(Math.max(...rates)).toLocaleString('en')}]`,
      });
    }
    return figures;
  },
};
