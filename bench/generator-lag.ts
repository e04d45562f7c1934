// How late does one producer send? Generator lag as a run has it, and two lesser ways beside it, in turn.
//
// Targets: lag p99 ≤ 1 ms at 1,000 jobs/s, ≤ 3 ms at 10,000 jobs/s. Ends with 1 when a median of the rounds misses its
// target, or a cell of the run's own way was void.

import { runCell } from '../harness/cell.ts';
import type { CellPlan } from '../harness/cell-plan.ts';
import { parseContender } from '../harness/contenders/index.ts';
import type { Pacing } from '../harness/load/alarm.ts';
import { type Priority, planPriority } from '../harness/load/priority.ts';
import { openScratch } from '../harness/scratch.ts';
import { startEmbedded } from '../harness/server/embedded.ts';
import { type Scenario, scenarioSchema } from '../scenarios/scenario.ts';
import { median } from '../stats/spread.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const WARMUP_SECONDS = 1;
/** A p99 needs 10,000 jobs. */
const JOBS = 12_000;
const WAYS: readonly Way[] = [
  { name: 'as run does', pacing: 'thread', priority: planPriority('auto') },
  { name: 'at normal priority', pacing: 'thread', priority: 'normal' },
  { name: 'by timers', pacing: 'timers', priority: 'normal' },
];

interface Way {
  readonly name: string;
  readonly pacing: Pacing;
  readonly priority: Priority;
}

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

async function measured(one: Case, way: Way, round: number, order: number): Promise<Reading> {
  const plan: CellPlan = {
    id: `${one.contender}.${one.ratePerSec}.${order}`,
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
    pacing: way.pacing,
    producerPriority: way.priority,
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
    // First goes first in one round, last in the next.
    for (const way of round % 2 === 0 ? WAYS : WAYS.toReversed()) {
      const reading = await measured(one, way, round, order);
      order += 1;
      readings.set(`${i}/${way.name}`, [...(readings.get(`${i}/${way.name}`) ?? []), reading]);
    }
  }
}

let missed = false;
for (const [i, one] of CASES.entries()) {
  for (const way of WAYS) {
    const found = readings.get(`${i}/${way.name}`) ?? [];
    // A cell that failed has no lag.
    const middle = (of: (reading: Reading) => number): number =>
      median(found.map(of).filter(Number.isFinite)) ?? Number.NaN;
    const ms = (us: number): string => (us / 1000).toFixed(2);
    const p99Us = middle((r) => r.p99Us);
    const problems = found.flatMap((r) => r.problem ?? []);
    // Written so that a lag that is not a number misses.
    if (way === WAYS[0] && !(p99Us <= one.targetMs * 1000 && problems.length === 0)) missed = true;
    const range = found.map((r) => r.p99Us).filter(Number.isFinite);
    console.log(
      `${one.contender}, ${one.ratePerSec.toLocaleString('en')} jobs/s, ${way.name}: lag p50 ${ms(middle((r) => r.p50Us))} ms, ` +
        `p99 ${ms(p99Us)} ms [${ms(Math.min(...range))}–${ms(Math.max(...range))}], target ${one.targetMs} ms; ` +
        `max ${ms(middle((r) => r.maxUs))} ms; busiest agent ${(middle((r) => r.cpuShare) * 100).toFixed(0)} % of a core`,
    );
    for (const problem of problems) console.log(`  void: ${problem}`);
  }
}
process.exitCode = missed ? 1 : 0;
