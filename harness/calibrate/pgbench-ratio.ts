// Does the harness carry the load? The same claim and ack through pgbench and through the harness, in turn.
//
// Alike on both sides: the statements, the planner settings of a worker's connection, the preload, the connections, one
// thread on one core (when pinned), and a first stretch that is left out. Not alike: the worker sends an ack and its next
// claim together, as it always does, where pgbench waits for each; and pgbench neither decodes a payload nor records
// what became of a job, while the harness also samples the server twice a second.

import { scenarioSchema } from '../../scenarios/scenario.ts';
import { median } from '../../stats/spread.ts';
import { runCell } from '../cell/cell.ts';
import type { CellPlan } from '../cell/plan.ts';
import { parseContender } from '../contenders/index.ts';
import { RuntimeFailure } from '../errors.ts';
import type { Pinning } from '../run/pinning.ts';
import { startEmbedded } from '../server/embedded.ts';
import type { PostgresServer } from '../server/server.ts';
import { runPgbench } from './pgbench.ts';

/** Harness ÷ pgbench that the method asks for, with server and client on cores of their own. */
export const WANTED_RATIO = 0.95;

/** Above what a server on one core claims and acks per second today: nobody may run out of jobs. */
const PRELOAD_PER_SECOND = 15_000;
const WARMUP_SECONDS = 0.5;

export interface RatioOptions {
  readonly connections: number;
  readonly rounds: number;
  /** Whole seconds of each measurement that count. */
  readonly seconds: number;
  /** Cores for the server and for either client; absent to leave the scheduler free. */
  readonly pinned?: Pinning | undefined;
  readonly scratchDir: string;
  readonly signal: AbortSignal;
  /** No further round begins after so long, but one is always run, s. */
  readonly withinSeconds?: number;
  readonly onRound?: (round: RatioRound) => void;
}

/** One round; CPU as shares of one core, of the client alone. */
export interface RatioRound {
  readonly pgbenchPerSec: number;
  readonly harnessPerSec: number;
  readonly ratio: number;
  readonly pgbenchCpuShare?: number;
  readonly harnessCpuShare?: number;
}

export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: readonly RatioRound[];
}

/**
 * Runs the rounds on an embedded server of its own. In turn, and each side first in every other round: what the machine
 * does meanwhile hits both alike.
 * @throws RuntimeFailure when pgbench fails or the harness's cell was void.
 */
export async function comparePgbench(options: RatioOptions): Promise<Ratio> {
  const startMs = performance.now();
  const { pinned, signal } = options;
  await using server = await startEmbedded({
    signal,
    ...(pinned === undefined ? {} : { cpus: pinned.server }),
  });
  const rounds: RatioRound[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const late = performance.now() - startMs > (options.withinSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    if (late && round > 0) break;
    const one = await runRound(options, server, round);
    rounds.push(one);
    options.onRound?.(one);
  }
  const ratios = rounds.map((round) => round.ratio);
  return { median: median(ratios) ?? 0, min: Math.min(...ratios), max: Math.max(...ratios), rounds };
}

async function runRound(options: RatioOptions, server: PostgresServer, round: number): Promise<RatioRound> {
  const pgbench = () =>
    runPgbench({
      server,
      label: `pgbench_${round}`,
      connections: options.connections,
      seconds: options.seconds,
      preloadJobs: preloadOf(options),
      scratchDir: options.scratchDir,
      cpus: options.pinned?.agents,
      signal: options.signal,
    });
  const harness = () => throughHarness(options, server, round);
  const first = round % 2 === 0 ? await pgbench() : undefined;
  const ours = await harness();
  const theirs = first ?? (await pgbench());
  return {
    pgbenchPerSec: theirs.jobsPerSec,
    harnessPerSec: ours.jobsPerSec,
    ratio: ours.jobsPerSec / theirs.jobsPerSec,
    ...(theirs.cpuShare === undefined ? {} : { pgbenchCpuShare: theirs.cpuShare }),
    ...(ours.cpuShare === undefined ? {} : { harnessCpuShare: ours.cpuShare }),
  };
}

function preloadOf(options: RatioOptions): number {
  return (options.seconds + 1) * PRELOAD_PER_SECOND;
}

async function throughHarness(
  options: RatioOptions,
  server: PostgresServer,
  round: number,
): Promise<{ readonly jobsPerSec: number; readonly cpuShare: number | undefined }> {
  const plan: CellPlan = {
    id: `harness.${round}`,
    block: round,
    order: 0,
    repeat: round,
    scenario: scenarioSchema.parse({
      name: 'pgbench-ratio',
      question: 'Does the harness drive the server as hard as pgbench does?',
      preload: { ready: preloadOf(options) },
      workers: { agents: 1, connections: options.connections },
      warmupSeconds: WARMUP_SECONDS,
      warmupCapSeconds: WARMUP_SECONDS,
      phases: [{ label: 'drain', seconds: options.seconds + WARMUP_SECONDS }],
    }),
    contender: parseContender('skip-locked', () => ''),
    seed: round,
  };
  const { cell } = await runCell(plan, {
    server,
    scratchDir: options.scratchDir,
    signal: options.signal,
    ceilingFor: async () => undefined,
    onProgress: () => undefined,
    ...(options.pinned === undefined ? {} : { agentCpus: options.pinned.agents }),
  });
  if (cell.verdict !== 'valid' || cell.throughput === undefined)
    throw new RuntimeFailure(`the harness's half of the comparison was void: ${cell.reasons.join('; ')}`);
  return { jobsPerSec: cell.throughput.settledPerSec, cpuShare: cell.generator.cpuShare };
}
