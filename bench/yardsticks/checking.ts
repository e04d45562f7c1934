// How long does it take, and how much memory, to follow five million events to their jobs' ends?

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { openScratch } from '../../harness/run/scratch.ts';
import type { Yardstick } from '../yardstick.ts';
import { writeLedgers } from './synthetic-ledger.ts';

const EVENTS = 5_000_000;
const TARGET_SECONDS = 5;
const TARGET_MEGABYTES = 500;
const PROGRAM = fileURLToPath(new URL('./check-ledgers.ts', import.meta.url));
const reportSchema = z.object({
  seconds: z.number(),
  figureSeconds: z.number(),
  peakRssBytes: z.number(),
  violations: z.array(z.string()),
  settled: z.number(),
  redelivered: z.number(),
});

export const checking: Yardstick = {
  name: 'checking',
  question: 'how long does a long run wait for its checker?',
  async run(bench) {
    await using scratch = await openScratch();
    const written = writeLedgers(scratch.path, EVENTS);
    const ledgers = written.files.map((file) => join(scratch.path, file));
    // A process of its own: its memory is the checker's.
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', PROGRAM, String(written.jobs), ...ledgers],
      { signal: bench.signal },
    );
    const report = reportSchema.parse(JSON.parse(stdout));
    if (report.violations.length > 0 || report.settled !== written.jobs)
      throw new Error(`the ledgers do not check: ${report.violations.join('; ')}`);
    if (report.redelivered !== written.redelivered)
      throw new Error(`${report.redelivered} redeliveries found of ${written.redelivered}`);
    const note = `${written.events.toLocaleString('en')} events of ${written.jobs.toLocaleString('en')} jobs, ${written.redelivered.toLocaleString('en')} redelivered`;
    return [
      {
        what: 'reading and checking',
        value: report.seconds,
        unit: 's',
        target: { atMost: TARGET_SECONDS },
        note,
      },
      {
        what: 'peak memory',
        value: report.peakRssBytes / 1e6,
        unit: 'MB',
        target: { atMost: TARGET_MEGABYTES },
        note: 'resident, figures included',
      },
      { what: 'figures and interval log of the same ledgers', value: report.figureSeconds, unit: 's' },
    ];
  },
};
