// What does sampling the server cost the queue? The same drain with the sampler and without it, in turn.

import { scenarioSchema } from '../../scenarios/scenario.ts';
import { bootstrapInterval } from '../../stats/bootstrap.ts';
import { seeded } from '../../stats/random.ts';
import { median } from '../../stats/spread.ts';
import { type CellContext, runCell } from '../cell/cell.ts';
import type { CellPlan } from '../cell/plan.ts';
import { parseContender } from '../contenders/index.ts';
import { RuntimeFailure } from '../errors.ts';
import type { PostgresServer } from '../server/server.ts';

/** How much slower a drain may be with the sampler on. */
export const SAMPLER_COST_LIMIT = 0.01;
const PRELOAD_PER_SECOND = 10_000;
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
  /** Of the median, 95 %. */
  readonly interval: readonly [low: number, high: number];
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/**
 * Rounds of two cells, each first in every other.
 * @throws RuntimeFailure when a cell was void.
 */
export async function measureSamplerCost(options: SamplerCostOptions): Promise<SamplerCost> {
  const costs: number[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const first = await drained(options, round, round % 2 === 0);
    const second = await drained(options, round, round % 2 !== 0);
    const [on, off] = round % 2 === 0 ? [first, second] : [second, first];
    costs.push(1 - on / off);
    options.onRound?.(1 - on / off);
  }
  return {
    median: median(costs) ?? 0,
    interval: medianInterval(costs),
    min: Math.min(...costs),
    max: Math.max(...costs),
    rounds: costs.length,
  };
}

function medianInterval(costs: readonly number[]): readonly [number, number] {
  const { low, high } = bootstrapInterval(costs, (values) => median(values) ?? 0, {
    random: seeded(costs.length),
    method: 'percentile',
  });
  return [low, high];
}

/** Jobs per second. */
async function drained(options: SamplerCostOptions, round: number, sampling: boolean): Promise<number> {
  const plan: CellPlan = {
    id: `sampling.${round}`,
    block: round,
    order: sampling ? 1 : 0,
    repeat: round,
    scenario: scenarioSchema.parse({
      name: 'sampler-cost',
      question: 'What does the sampler take from a queue that works as fast as it can?',
      preload: { ready: (options.seconds + 1) * PRELOAD_PER_SECOND },
      workers: { agents: 1, connections: 8 },
      warmupSeconds: WARMUP_SECONDS,
      warmupCapSeconds: WARMUP_SECONDS,
      phases: [{ label: 'drain', seconds: options.seconds + WARMUP_SECONDS }],
    }),
    contender: parseContender('skip-locked', () => ''),
    seed: round,
  };
  const context: CellContext = {
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
  if (samples.some(({ kind }) => kind === 'server') !== sampling)
    throw new RuntimeFailure(
      `sampling was to be ${sampling ? 'on' : 'off'} in a cell of the comparison, and was not`,
    );
  return cell.throughput.settledPerSec;
}
