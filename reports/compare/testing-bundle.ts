// Which bundles do the tests of comparisons compare? Copies of a synthetic cell, with noise around planted factors.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { BUNDLE, type Cell, type RunResult } from '../../harness/result/result.ts';
import { seeded } from '../../stats/random.ts';
import { writeFixture } from '../testing-fixture.ts';
import { STANDARD } from '../testing-fixture-data.ts';
import type { CompareRequest } from './index.ts';

/** What a synthetic bundle is to hold. */
type Plan = {
  /** Throughput and costs of each contender as a multiple of the first's; latencies divided by it. */
  readonly factors: Readonly<Record<string, number>>;
  readonly repeats: number;
  readonly seed?: number;
  readonly noise?: number;
  readonly amend?: (cell: Cell) => Cell;
  readonly amendResult?: (result: RunResult) => RunResult;
};

let runs = 0;

/** A bundle whose cells are copies of a synthetic one, with noise around the planted factors. */
export async function comparedBundle(
  t: TestContext,
  plan: Plan,
): Promise<{ dir: string; result: RunResult }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-compare-'));
  t.after(() => rm(dir, { recursive: true }));
  const made = await writeFixture(path.join(dir, 'template'), {
    contenders: STANDARD.contenders.slice(0, 1),
    scenarios: STANDARD.scenarios.slice(0, 2).map((one) => ({ ...one, seconds: 6, warmupSeconds: 1 })),
    repeats: 1,
  });
  const random = seeded(plan.seed ?? 7);
  const noise = plan.noise ?? 0.02;
  const cells = Object.entries(plan.factors).flatMap(([name, factor], place) =>
    made.cells.flatMap((cell) =>
      Array.from({ length: plan.repeats }, (_, block) => {
        const luck = factor * (1 + noise * (random() + random() - 1));
        return scaled({ ...cell, block, repeat: block + 1, id: `${cell.id}-${place}-${block}` }, name, luck);
      }),
    ),
  );
  const result: RunResult = {
    ...made,
    // Two bundles of one run would be the same cells.
    runId: `run-${++runs}`,
    contenders: Object.keys(plan.factors),
    cells: cells.map((cell) => plan.amend?.(cell) ?? cell),
  };
  const amended = plan.amendResult?.(result) ?? result;
  const folder = path.join(dir, 'bundle');
  await mkdir(folder);
  await writeFile(path.join(folder, BUNDLE.result), JSON.stringify(amended));
  return { dir: folder, result: amended };
}

function scaled(cell: Cell, name: string, factor: number): Cell {
  const times = <T extends object>(record: T, by: number): T =>
    Object.fromEntries(
      Object.entries(record).map(([key, value]) => [key, key === 'count' ? value : value * by]),
    ) as T;
  const { throughput, latencyUs, cost } = cell;
  return {
    ...cell,
    contender: { ...cell.contender, name },
    ...(throughput === undefined ? {} : { throughput: times(throughput, factor) }),
    ...(cost === undefined ? {} : { cost: times(cost, 1 / factor) }),
    ...(latencyUs?.response === undefined || latencyUs.pickup === undefined
      ? {}
      : {
          latencyUs: {
            pickup: times(latencyUs.pickup, 1 / factor),
            response: times(latencyUs.response, 1 / factor),
          },
        }),
  };
}

/** What `compare` is asked for a folder, or two. */
export const request = (base: string, rest: Partial<CompareRequest> = {}): CompareRequest => ({
  base,
  force: false,
  ...rest,
});
