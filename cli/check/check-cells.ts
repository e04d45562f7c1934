// Which cells does a check measure? Blocks of base and head side by side, until the verdict is clear or the time is used.

import type { ContenderSpec } from '../../harness/contender.ts';
import type { Cell, Check, Plan } from '../../harness/result/result.ts';
import type { PlannedCell, StepOutcome } from '../../harness/run/plan.ts';
import { gateOf } from '../../reports/check/check.ts';
import { sideName } from '../../reports/check/sides.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { HARD_BLOCKS } from '../../stats/gate.ts';
import { randomStream, shuffled } from '../../stats/random.ts';

/** One contender on both sides, or on the head alone; their names in cells say which. */
export interface Pair {
  readonly base?: ContenderSpec;
  readonly head: ContenderSpec;
}

export function pairOf(name: string, base: ContenderSpec | undefined, head: ContenderSpec): Pair {
  return {
    ...(base === undefined ? {} : { base: { ...base, name: sideName(name, 'base') } }),
    head: { ...head, name: sideName(name, 'head') },
  };
}

export interface CheckSetup {
  readonly check: Check;
  readonly scenarios: readonly Scenario[];
  readonly pairs: readonly Pair[];
  readonly seed: number;
  /** Milliseconds until the time is used. */
  readonly leftMs: () => number;
  readonly nowMs: () => number;
  /** Told as a block begins, from 0. */
  readonly onBlock: (block: number) => void;
}

/** Cells of one block. */
export function cellsPerBlock({ pairs, scenarios }: Pick<CheckSetup, 'pairs' | 'scenarios'>): number {
  return scenarios.length * pairs.reduce((sum, { base }) => sum + (base === undefined ? 1 : 2), 0);
}

/** Blocks after which the first verdict can be clear; of a recording all of them. */
export function fewestBlocks({ record }: Pick<Check, 'record'>): number {
  return record === true ? RECORDED_BLOCKS : HARD_BLOCKS.first + HARD_BLOCKS.again;
}

/** No check is longer. */
const BLOCKS_MAX = 200;
/** Of a baseline that is recorded: as many as tell its spread. */
const RECORDED_BLOCKS = 8;

/**
 * In a block every contender meets every scenario once on either side, with the same arrivals. The two sides come one right after the
 * other, which of them first by lot, since a shared machine changes from minute to minute. No block begins that is not
 * likely to end in time.
 */
export function* checkCells(setup: CheckSetup): Generator<PlannedCell, void, StepOutcome> {
  const random = randomStream(setup.seed, 'order');
  const cells: Cell[] = [];
  const plans = new Map<string, readonly Plan[]>();
  let longestMs = 0;
  const { check } = setup;
  const most = check.record === true ? RECORDED_BLOCKS : BLOCKS_MAX;
  for (let block = 0; block < most; block += 1) {
    if (setup.leftMs() < longestMs) return;
    const startMs = setup.nowMs();
    setup.onBlock(block);
    const meetings = setup.pairs.flatMap((pair, place) =>
      setup.scenarios.map((scenario) => ({ pair, place, scenario })),
    );
    for (const { pair, place, scenario } of shuffled(meetings, random)) {
      for (const side of shuffled(['base', 'head'] as const, random)) {
        const contender = pair[side];
        if (contender === undefined) continue;
        const outcome = yield {
          plan: {
            id: `${scenario.name}.${place}-${side}.${block + 1}`,
            ...{ block, order: cells.length, repeat: block + 1, scenario },
            contender,
            seed: scenario.seed ?? setup.seed + block,
          },
          needs: [],
        };
        cells.push(outcome.cell);
        plans.set(outcome.cell.id, outcome.plans);
        // Nothing is left to be told, and what failed is known.
        if (outcome.cell.verdict === 'incorrect') return;
      }
    }
    longestMs = Math.max(longestMs, setup.nowMs() - startMs);
    const result = { check, cells };
    if (check.record !== true && gateOf({ result, plans }).clear) return;
  }
}
