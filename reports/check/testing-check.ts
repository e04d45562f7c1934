// Which checks do the tests judge? Copies of a synthetic cell on both sides, with noise around planted changes.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Cell, Check, Plan, RunResult } from '../../harness/result/result.ts';
import { seeded } from '../../stats/random.ts';
import { writeFixture } from '../testing-fixture.ts';
import { STANDARD } from '../testing-fixture-data.ts';
import type { CheckBundle } from './check.ts';
import { sideName } from './sides.ts';

/** What a synthetic check is to hold. */
type Wish = {
  readonly blocks: number;
  /** Of every cost, as a share. */
  readonly noise?: number;
  readonly check?: Partial<Check>;
  /** Last word on a cell of a side. */
  readonly amend?: (cell: Cell, side: 'base' | 'head', block: number) => Cell;
  readonly plans?: (side: 'base' | 'head') => readonly Omit<Plan, 'cell'>[];
  readonly amendResult?: (result: RunResult) => RunResult;
};

export const CONTENDER = 'it';

/** A check whose sides are alike but for what the wish amends. */
export async function syntheticCheck(t: TestContext, wish: Wish): Promise<CheckBundle> {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-check-'));
  t.after(() => rm(dir, { recursive: true }));
  const made = await writeFixture(dir, {
    contenders: STANDARD.contenders.slice(0, 1),
    scenarios: STANDARD.scenarios.slice(0, 1).map((one) => ({ ...one, seconds: 3, warmupSeconds: 1 })),
    repeats: 1,
  });
  const [template] = made.cells;
  if (template === undefined) throw new Error('the fixture has a cell');
  const random = seeded(11);
  const noise = wish.noise ?? 0.002;
  const plans = new Map<string, readonly Plan[]>();
  const cells = Array.from({ length: wish.blocks }, (_, block) =>
    (['base', 'head'] as const).map((side): Cell => {
      const id = `${side}-${block}`;
      const luck = (value: number): number => value * (1 + noise * (random() + random() - 1));
      const cost = Object.fromEntries(
        Object.entries(template.cost ?? {}).map(([name, value = 0]) => [name, luck(value)]),
      );
      const contender = { ...template.contender, name: sideName(CONTENDER, side) };
      const cell = { ...template, id, block, repeat: block + 1, order: plans.size, contender, cost };
      plans.set(
        id,
        (wish.plans?.(side) ?? []).map((plan) => ({ ...plan, cell: id })),
      );
      return wish.amend?.(cell, side, block) ?? cell;
    }),
  ).flat();
  const check: Check = {
    base: { kind: 'ref', label: 'main', commit: 'a'.repeat(40) },
    head: { kind: 'tree', label: 'the working tree', commit: 'b'.repeat(40), changed: true },
    ...{ contenders: [CONTENDER], unmatched: [], limits: {}, minEffect: 0.1, budgetSeconds: 480 },
    ...wish.check,
  };
  const contenders = [sideName(CONTENDER, 'base'), sideName(CONTENDER, 'head')];
  const result: RunResult = { ...made, contenders, cells, check, comparisons: [] };
  return { result: wish.amendResult?.(result) ?? result, plans };
}

/** The cell with a cost multiplied. */
export function withCost(cell: Cell, name: keyof NonNullable<Cell['cost']>, factor: number): Cell {
  return { ...cell, cost: { ...cell.cost, [name]: (cell.cost?.[name] ?? 0) * factor } };
}
