// Does the same code pass in many checks that are made of recorded cells?

import type { RunResult } from '../../../harness/result/result.ts';
import { checkDocument } from '../../../reports/check/check.ts';
import { pairingsOf, sideName } from '../../../reports/check/sides.ts';
import { seeded } from '../../../stats/random.ts';
import type { Bench, Yardstick } from '../../yardstick.ts';
import type { Checks } from './checks.ts';

const CHECKS = 600;
const SMOKE_CHECKS = 20;
const BLOCKS = 20;
const TARGET_PERCENT = 1;
/** With fewer the same few cells would be drawn again and again. */
const LEAST_BLOCKS = 10;

export function simulated(checks: Checks): Yardstick {
  return {
    name: 'simulated',
    question: 'does the same code pass in checks made of the cells that were recorded?',
    async run(bench) {
      const count = bench.smoke ? SMOKE_CHECKS : CHECKS;
      if (checks.same.length === 0) await checks.check(undefined, bench);
      const recorded = checks.same.flatMap(blocksOf);
      const what = `false failures, of ${count} simulated checks of the same code`;
      const common = { what, unit: '%', target: { atMost: TARGET_PERCENT } };
      if (recorded.length < LEAST_BLOCKS)
        return [{ ...common, value: undefined, note: `${recorded.length} recorded blocks are too few` }];
      return [{ ...common, ...simulate(recorded, count, bench) }];
    },
  };
}

type Block = { readonly result: RunResult; readonly block: number };

function blocksOf(result: RunResult): Block[] {
  const blocks = new Set(pairingsOf(result).flatMap((pairing) => pairing.blocks.map(({ block }) => block)));
  return [...blocks].map((block) => ({ result, block }));
}

/**
 * Each check is made of recorded blocks drawn with replacement, in each of which base and head change places by lot: what a block's
 * cells have in common stays together, and nothing tells the sides apart but chance. Stops where a check would.
 */
function simulate(recorded: readonly Block[], count: number, { say }: Bench) {
  const random = seeded(20_260_901);
  const failed: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const [first] = recorded;
    if (first === undefined) throw new Error('there are recorded blocks');
    const cells: RunResult['cells'] = [];
    let document: ReturnType<typeof checkDocument> | undefined;
    for (let block = 0; block < BLOCKS; block += 1) {
      const drawn = recorded[Math.floor(random() * recorded.length)] ?? first;
      cells.push(...cellsOf(drawn, block, random() < 0.5));
      // The first verdict comes after three blocks; later looks are those of a check that used all its time.
      if (block + 1 < 5 || (block + 1) % 3 !== 2) continue;
      document = checkDocument({ result: { ...first.result, seed: i, cells }, plans: new Map() });
      if (document.verdict !== 'pass') break;
    }
    if (document?.verdict === 'regression') {
      failed.push(document.headline);
      say(document.headline);
    }
  }
  return {
    value: (100 * failed.length) / count,
    note: `${failed.length} of ${count}, out of ${recorded.length} recorded blocks`,
  };
}

function cellsOf({ result, block }: Block, place: number, swapped: boolean): RunResult['cells'] {
  const contenders = result.check?.contenders ?? [];
  const other = new Map(
    contenders.flatMap((name) => [
      [sideName(name, 'base'), sideName(name, 'head')],
      [sideName(name, 'head'), sideName(name, 'base')],
    ]),
  );
  return result.cells
    .filter((cell) => cell.block === block)
    .map((cell) => {
      const name = swapped ? (other.get(cell.contender.name) ?? cell.contender.name) : cell.contender.name;
      return { ...cell, id: `${cell.id}.${place}`, block: place, contender: { ...cell.contender, name } };
    });
}
