// What does the harness itself carry? The null contender, per agent process, by jobs per claim.
//
// Target: ≥ 100,000 jobs/s per agent process. Ends with 1 when the median at one job per claim misses it.

import { measureCeiling } from '../harness/calibrate/ceiling.ts';
import { openScratch } from '../harness/scratch.ts';
import { median } from '../stats/spread.ts';

const ROUNDS = 5;
const TARGET = 100_000;
const signal = new AbortController().signal;

await using scratch = await openScratch();
let missed = false;
for (const batch of [1, 10, 100]) {
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { ceilingPerSec, reasons } = await measureCeiling(
      { scratchDir: scratch.path, signal, onProgress: () => undefined },
      batch,
    );
    if (ceilingPerSec === undefined) throw new Error(`void cell: ${reasons.join('; ')}`);
    rates.push(ceilingPerSec);
  }
  const middle = median(rates) ?? 0;
  missed ||= middle < TARGET;
  console.log(
    `null contender, ${batch} per claim: median ${Math.round(middle).toLocaleString('en')} jobs/s [${Math.round(Math.min(...rates)).toLocaleString('en')}–${Math.round(Math.max(...rates)).toLocaleString('en')}]; target ${TARGET.toLocaleString('en')}`,
  );
}
process.exitCode = missed ? 1 : 0;
