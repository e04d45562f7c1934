// What does it cost to record one event of a job, in time and in bytes?

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runCell } from '../../harness/cell/cell.ts';
import { parseContender } from '../../harness/contenders/index.ts';
import { nowUs } from '../../harness/load/clock.ts';
import { LatencyHistogram } from '../../harness/measure/histogram.ts';
import { LedgerWriter } from '../../harness/measure/ledger-writer.ts';
import { newCounters, recordingEvents } from '../../harness/measure/recorder.ts';
import { openScratch } from '../../harness/run/scratch.ts';
import { startEmbedded } from '../../harness/server/embedded.ts';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import type { Bench, Yardstick } from '../yardstick.ts';

const EVENTS = 5_000_000;
/** Claimed, settling, settled: what a worker records of a job that it claims alone. */
const EVENTS_PER_JOB = 3;
const TARGET_US = 1;
const TARGET_BYTES = 32;

export const recording: Yardstick = {
  name: 'recording',
  question: 'what does recording one event of a job cost?',
  async run(bench) {
    return [
      {
        what: 'recorder, ledger with its flushes, and live histogram',
        value: await timeOfEvent(),
        unit: 'µs per event',
        target: { atMost: TARGET_US },
        note: `${EVENTS.toLocaleString('en')} events, one job per claim: the dearest`,
      },
      {
        what: 'ledger',
        value: await bytesOfEvent(bench),
        unit: 'bytes per event',
        target: { atMost: TARGET_BYTES },
        note: 'files of a cell on a real server ÷ events that its jobs must have had',
      },
    ];
  },
};

async function timeOfEvent(): Promise<number> {
  await using scratch = await openScratch();
  using ledger = new LedgerWriter(join(scratch.path, 'agent.ledger'));
  const pickup = new LatencyHistogram();
  const events = recordingEvents(ledger, newCounters(), nowUs, () => undefined);
  const jobs = Math.ceil(EVENTS / EVENTS_PER_JOB);
  const startUs = nowUs();
  for (let key = 0; key < jobs; key += 1) {
    const claimer = key % 8;
    const requestedUs = nowUs();
    events.claimed(claimer, requestedUs, [key], [1]);
    pickup.record(nowUs() - requestedUs);
    events.settled(claimer, events.settling(claimer, [key], ['ack']), []);
  }
  return (nowUs() - startUs) / (jobs * EVENTS_PER_JOB);
}

/** An open loop, so that all kinds of event occur. */
async function bytesOfEvent(bench: Bench): Promise<number> {
  await using scratch = await openScratch();
  await using server = await startEmbedded({ signal: bench.signal });
  let bytes = 0;
  const { cell } = await runCell(
    {
      id: 'ledger',
      block: 0,
      order: 0,
      repeat: 1,
      scenario: scenarioSchema.parse({
        name: 'ledger',
        question: 'How large is the ledger?',
        workers: { agents: 1, connections: 4 },
        phases: [{ label: 'steady', seconds: 3, arrival: { model: 'poisson', ratePerSec: 300 } }],
      }),
      contender: parseContender('skip-locked?settle=each', () => ''),
      seed: 1,
    },
    {
      server,
      scratchDir: scratch.path,
      signal: bench.signal,
      ceilingFor: async () => undefined,
      onProgress: ({ stage }) => {
        // The agents have closed their files, and the checker has not read them yet.
        if (stage === 'checking') bytes = ledgerBytes(scratch.path);
      },
    },
  );
  const { jobs, audit } = cell;
  if (jobs.settled !== jobs.offered || audit.redelivered > 0)
    throw new Error(`the cell for the ledger's size did not run through: ${cell.reasons.join('; ')}`);
  // Sent, confirmed, claimed, settling, settled.
  return bytes / (jobs.settled * 5);
}

function ledgerBytes(scratch: string): number {
  return readdirSync(scratch, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ledger'))
    .reduce((sum, name) => sum + statSync(join(scratch, name)).size, 0);
}
