// Does the generator send each job at its intended instant? As a run sends, and two lesser ways beside it, in turn.

import { runCell } from '../../harness/cell/cell.ts';
import { parseContender } from '../../harness/contenders/index.ts';
import type { Pacing } from '../../harness/load/alarm.ts';
import { type Priority, planPriority } from '../../harness/load/priority.ts';
import { openScratch } from '../../harness/run/scratch.ts';
import { startEmbedded } from '../../harness/server/embedded.ts';
import type { PostgresServer } from '../../harness/server/server.ts';
import { type Scenario, scenarioSchema } from '../../scenarios/scenario.ts';
import { type Spread, spread } from '../../stats/spread.ts';
import type { Bench, Figure, Yardstick } from '../yardstick.ts';

const ROUNDS = 5;
const WARMUP_SECONDS = 1;
/** A p99 needs 10,000 jobs. */
const JOBS = 12_000;

interface Load {
  readonly contender: string;
  readonly ratePerSec: number;
  readonly targetMs: number;
}

const LOADS: readonly Load[] = [
  { contender: 'null', ratePerSec: 1_000, targetMs: 1 },
  { contender: 'null', ratePerSec: 10_000, targetMs: 3 },
  { contender: 'skip-locked', ratePerSec: 1_000, targetMs: 1 },
];

interface Way {
  readonly name: string;
  readonly pacing: Pacing;
  readonly priority: () => Priority;
  /** Whether it is the one that a run takes: the others have no target. */
  readonly judged: boolean;
}

const WAYS: readonly Way[] = [
  { name: 'as run does', pacing: 'thread', priority: () => planPriority('auto'), judged: true },
  { name: 'at normal priority', pacing: 'thread', priority: () => 'normal', judged: false },
  { name: 'by timers', pacing: 'timers', priority: () => 'normal', judged: false },
];

export const generatorLag: Yardstick = {
  name: 'generator-lag',
  question: 'does the generator send each job at its intended instant?',
  async run(bench) {
    await using scratch = await openScratch();
    await using server = await startEmbedded({ signal: bench.signal });
    const tries = LOADS.flatMap((load) => WAYS.map((way) => ({ load, way, found: [] as Reading[] })));
    let order = 0;
    for (let round = 0; round < (bench.rounds ?? ROUNDS); round += 1) {
      // First goes first in one round, last in the next.
      for (const one of round % 2 === 0 ? tries : tries.toReversed()) {
        one.found.push(await measured(one, { bench, server, folder: scratch.path, round, order }));
        order += 1;
      }
    }
    return tries.map(figureOf);
  },
};

interface Try {
  readonly load: Load;
  readonly way: Way;
  readonly found: Reading[];
}

interface Reading {
  /** Undefined in a cell that is void. */
  readonly p99Ms: number | undefined;
  readonly problem: string | undefined;
}

interface Place {
  readonly bench: Bench;
  readonly server: PostgresServer;
  readonly folder: string;
  readonly round: number;
  readonly order: number;
}

async function measured({ load, way }: Try, place: Place): Promise<Reading> {
  const { bench, server, folder, round, order } = place;
  const { cell } = await runCell(
    {
      id: `lag.${order}`,
      block: round,
      order,
      repeat: round,
      scenario: scenarioOf(load),
      contender: parseContender(load.contender, () => ''),
      seed: round,
    },
    {
      server: load.contender === 'null' ? undefined : server,
      scratchDir: folder,
      signal: bench.signal,
      ceilingFor: async () => undefined,
      onProgress: () => undefined,
      pacing: way.pacing,
      producerPriority: way.priority(),
    },
  );
  const p99Us = cell.latencyUs?.generatorLag?.p99;
  if (cell.verdict !== 'valid') return { p99Ms: undefined, problem: cell.reasons.join('; ') };
  return { p99Ms: p99Us === undefined ? undefined : p99Us / 1_000, problem: undefined };
}

function scenarioOf({ ratePerSec }: Load): Scenario {
  const seconds = WARMUP_SECONDS + JOBS / ratePerSec;
  return scenarioSchema.parse({
    name: 'generator-lag',
    question: 'How late does one producer send its jobs?',
    warmupSeconds: WARMUP_SECONDS,
    warmupCapSeconds: WARMUP_SECONDS,
    phases: [{ label: 'steady', seconds, arrival: { model: 'poisson', ratePerSec } }],
  });
}

function figureOf({ load, way, found }: Try): Figure {
  const lag = spread(found.flatMap(({ p99Ms }) => p99Ms ?? []));
  const problems = [...new Set(found.flatMap(({ problem }) => problem ?? []))];
  return {
    what: `lag p99, ${load.contender}, ${load.ratePerSec.toLocaleString('en')} jobs/s, ${way.name}`,
    // A void cell in the run's own way is no reading to be left out.
    value: way.judged && problems.length > 0 ? Number.NaN : lag?.median,
    unit: 'ms',
    ...(way.judged ? { target: { atMost: load.targetMs } } : {}),
    note: [rangeOf(lag), ...problems.map((problem) => `void: ${problem}`)].join('; '),
  };
}

function rangeOf(lag: Spread | undefined): string {
  return lag === undefined
    ? 'no valid round'
    : `median of ${lag.n} [${lag.min.toFixed(2)}–${lag.max.toFixed(2)}]`;
}
