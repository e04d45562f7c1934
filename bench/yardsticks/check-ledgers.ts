// The program of a child process: checks ledgers, and tells what that took. `check-ledgers.ts JOBS FILE…`

import { figures } from '../../harness/measure/figures.ts';
import { Ledger } from '../../harness/measure/ledger.ts';
import { check } from '../../harness/verify/checker.ts';
import { LEASE_MS } from './synthetic-ledger.ts';

const [jobs, ...files] = process.argv.slice(2);
const startMs = performance.now();
const ledger = new Ledger(Number(jobs), 0, 0);
for (const [agent, file] of files.entries()) ledger.readFile(file, agent);
const endUs = Number.MAX_SAFE_INTEGER / 2;
const checked = await check({
  ledger,
  promises: { order: 'priority-then-enqueue', lease: 'timed' },
  leaseMs: LEASE_MS,
  preloaded: 0,
  priorityOf: () => 0,
  held: nothing(),
  startUs: 0,
  endUs,
  lastFaultUs: 0,
  cleanStop: true,
  troubled: false,
  brokenAgents: new Set(),
  killedAgents: new Set(),
});
const seconds = (performance.now() - startMs) / 1000;
figures({
  ledger,
  preloaded: 0,
  openLoop: true,
  startUs: 0,
  endUs,
  measured: [{ fromUs: 0, toUs: endUs }],
  assumedSettled: checked.assumedSettled,
  failed: checked.failed,
});
process.stdout.write(
  JSON.stringify({
    seconds,
    figureSeconds: (performance.now() - startMs) / 1000 - seconds,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    violations: checked.violations,
    settled: checked.jobs.settled,
    redelivered: checked.audit.redelivered,
  }),
);

/** Every job was settled: the database holds none. */
async function* nothing(): AsyncGenerator<never> {}
