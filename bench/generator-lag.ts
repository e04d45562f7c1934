// How late does one producer send? Generator lag by an alarm thread and by timers, in turn.
//
// Targets for the thread: lag p99 ≤ 1 ms at 1,000 jobs/s, ≤ 3 ms at 10,000 jobs/s. Timers are shown for comparison. Ends
// with 1 when a median of the rounds misses its target, or a cell of the thread was void.

import { runCell } from '../harness/cell.ts';
import type { CellPlan } from '../harness/cell-plan.ts';
import { parseContender } from '../harness/contenders/index.ts';
import type { Pacing } from '../harness/load/alarm.ts';
import { openScratch } from '../harness/scratch.ts';
import { startEmbedded } from '../harness/server/embedded.ts';
import { type Scenario, scenarioSchema } from '../scenarios/scenario.ts';
import { median } from '../stats/spread.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const WARMUP_SECONDS = 1;
/** A p99 needs 10,000 jobs. */
const JOBS = 12_000;
const PACINGS: readonly Pacing[] = ['thread', 'timers'];

interface Case {
  readonly contender: string;
  readonly ratePerSec: number;
  readonly targetMs: number;
}

const CASES: readonly Case[] = [
  { contender: 'null', ratePerSec: 1_000, targetMs: 1 },
  { contender: 'null', ratePerSec: 10_000, targetMs: 3 },
  { contender: 'skip-locked', ratePerSec: 1_000, targetMs: 1 },
];

interface Reading {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Of the busiest agent. The null contender's worker has nothing to do, so there it is the producer. */
  readonly cpuShare: number;
  readonly problem: string | undefined;
}

function scenarioOf({ ratePerSec }: Case): Scenario {
  return scenarioSchema.parse({
    name: 'generator-lag',
    question: 'How late does one producer send its jobs?',
    warmupSeconds: WARMUP_SECONDS,
    warmupCapSeconds: WARMUP_SECONDS,
    phases: [
      {
        label: 'steady',
        seconds: WARMUP_SECONDS + JOBS / ratePerSec,
        arrival: { model: 'poisson', ratePerSec },
      },
    ],
  });
}

const signal = new AbortController().signal;
await using scratch = await openScratch();
await using server = await startEmbedded({ signal });

async function measured(one: Case, pacing: Pacing, round: number, order: number): Promise<Reading> {
  const plan: CellPlan = {
    id: `${one.contender}.${one.ratePerSec}.${pacing}.${round}`,
    block: round,
    order,
    repeat: round,
    scenario: scenarioOf(one),
    contender: parseContender(one.contender, () => ''),
    seed: round,
  };
  const { cell } = await runCell(plan, {
    server: one.contender === 'null' ? undefined : server,
    scratchDir: scratch.path,
    signal,
    ceilingFor: async () => undefined,
    onProgress: () => undefined,
    pacing,
  });
  const lag = cell.latencyUs?.generatorLag;
  return {
    p50Us: lag?.p50 ?? Number.NaN,
    p99Us: lag?.p99 ?? Number.NaN,
    maxUs: lag?.max ?? Number.NaN,
    cpuShare: cell.generator.cpuShare ?? Number.NaN,
    problem: cell.verdict === 'valid' ? undefined : cell.reasons.join('; '),
  };
}

const readings = new Map<string, Reading[]>();
let order = 0;
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [i, one] of CASES.entries()) {
    // Each goes first in every other round.
    for (const pacing of round % 2 === 0 ? PACINGS : PACINGS.toReversed()) {
      const reading = await measured(one, pacing, round, order);
      order += 1;
      readings.set(`${i}/${pacing}`, [...(readings.get(`${i}/${pacing}`) ?? []), reading]);
    }
  }
}

let missed = false;
for (const [i, one] of CASES.entries()) {
  for (const pacing of PACINGS) {
    const found = readings.get(`${i}/${pacing}`) ?? [];
    // A cell that failed has no lag.
    const middle = (of: (reading: Reading) => number): number =>
      median(found.map(of).filter(Number.isFinite)) ?? Number.NaN;
    const ms = (us: number): string => (us / 1000).toFixed(2);
    const p99Us = middle((r) => r.p99Us);
    const problems = found.flatMap((r) => r.problem ?? []);
    // Written so that a lag that is not a number misses.
    if (pacing === 'thread' && !(p99Us <= one.targetMs * 1000 && problems.length === 0)) missed = true;
    const range = found.map((r) => r.p99Us).filter(Number.isFinite);
    console.log(
      `${one.contender}, ${one.ratePerSec.toLocaleString('en')} jobs/s, ${pacing}: lag p50 ${ms(middle((r) => r.p50Us))} ms, ` +
        `p99 ${ms(p99Us)} ms [${ms(Math.min(...range))}–${ms(Math.max(...range))}], target ${one.targetMs} ms; ` +
        `max ${ms(middle((r) => r.maxUs))} ms; busiest agent ${(middle((r) => r.cpuShare) * 100).toFixed(0)} % of a core`,
    );
    for (const problem of problems) console.log(`  void: ${problem}`);
  }
}
process.exitCode = missed ? 1 : 0;
