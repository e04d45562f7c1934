// What does sampling the server cost the queue? The same drain with the sampler and without it, in turn.

import { scenarioSchema } from '../../scenarios/scenario.ts';
import { median } from '../../stats/spread.ts';
import { type CellContext, runCell } from '../cell.ts';
import type { CellPlan } from '../cell-plan.ts';
import { parseContender } from '../contenders/index.ts';
import { RuntimeFailure } from '../errors.ts';
import type { PostgresServer } from '../server/server.ts';

/** How much slower a drain may be with the sampler on. */
export const SAMPLER_COST_LIMIT = 0.01;
const PRELOAD_PER_SECOND = 15_000;
const WARMUP_SECONDS = 0.5;

export interface SamplerCostOptions {
  readonly server: PostgresServer;
  readonly rounds: number;
  /** Of each cell, s. */
  readonly seconds: number;
  readonly scratchDir: string;
  readonly signal: AbortSignal;
  readonly agentCpus?: readonly number[] | undefined;
  readonly onRound?: (cost: number) => void;
}

/** Shares of the throughput that the sampler took, 0.01 for one per cent; negative where chance outweighed it. */
export interface SamplerCost {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/**
 * Rounds of two cells, each first in every other. Undefined when cells cannot be run without the sampler: the harness
 * took samples although it was told not to.
 * @throws RuntimeFailure when a cell was void.
 */
export async function measureSamplerCost(options: SamplerCostOptions): Promise<SamplerCost | undefined> {
  const costs: number[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const first = await drained(options, round, round % 2 === 0);
    const second = await drained(options, round, round % 2 !== 0);
    const [on, off] = round % 2 === 0 ? [first, second] : [second, first];
    if (off.sampled) return undefined;
    costs.push(1 - on.perSec / off.perSec);
    options.onRound?.(1 - on.perSec / off.perSec);
  }
  return {
    median: median(costs) ?? 0,
    min: Math.min(...costs),
    max: Math.max(...costs),
    rounds: costs.length,
  };
}

async function drained(
  options: SamplerCostOptions,
  round: number,
  sampling: boolean,
): Promise<{ readonly perSec: number; readonly sampled: boolean }> {
  const plan: CellPlan = {
    id: `sampling.${round}`,
    block: round,
    order: sampling ? 1 : 0,
    repeat: round,
    scenario: scenarioSchema.parse({
      name: 'sampler-cost',
      question: 'What does the sampler take from a queue that works as fast as it can?',
      preloadJobs: (options.seconds + 1) * PRELOAD_PER_SECOND,
      workers: { agents: 1, connections: 8 },
      warmupSeconds: WARMUP_SECONDS,
      warmupCapSeconds: WARMUP_SECONDS,
      phases: [{ label: 'drain', seconds: options.seconds + WARMUP_SECONDS }],
    }),
    contender: parseContender('skip-locked', () => ''),
    seed: round,
  };
  const context: CellContext & { readonly sampling?: boolean } = {
    server: options.server,
    scratchDir: options.scratchDir,
    signal: options.signal,
    ceilingFor: async () => undefined,
    onProgress: () => undefined,
    sampling,
    ...(options.agentCpus === undefined ? {} : { agentCpus: options.agentCpus }),
  };
  const { cell, samples } = await runCell(plan, context);
  if (cell.verdict !== 'valid' || cell.throughput === undefined)
    throw new RuntimeFailure(`a cell of the comparison was void: ${cell.reasons.join('; ')}`);
  return {
    perSec: cell.throughput.settledPerSec,
    sampled: samples.some((sample) => sample.kind === 'server'),
  };
}
