// Does a sweep measure every point as often as it should, also when it was interrupted, and nothing twice?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CellPlan } from '../../harness/cell/plan.ts';
import type { CellOutcome } from '../../harness/cell/result.ts';
import { voidCell } from '../../harness/cell/void.ts';
import type { Cell } from '../../harness/result/result.ts';
import { resultSchema } from '../../harness/result/result.ts';
import { gridOf, parseAxes } from './grid.ts';
import { SweepCells, type SweepOptions } from './sweep-cells.ts';
import { baseOf } from './sweep-load.ts';
import { keptWords, parseRate, type SweepWords } from './sweep-words.ts';

const WORDS: SweepWords = {
  contender: 'batch',
  axis: ['connections=1..64', 'batch=1,100'],
  seconds: 1,
  repeats: 2,
  refine: 0,
  seed: 7,
  server: 'postgres://me:secret@db:5432/bench',
  pin: 'off',
  producerPriority: 'auto',
  sampling: true,
};

async function optionsOf(words: Partial<SweepWords> = {}): Promise<SweepOptions> {
  const all = { ...WORDS, ...words };
  const axes = parseAxes(all.axis);
  const base = await baseOf(all, parseRate(all.rate), gridOf(axes));
  return { axes, base, repeats: all.repeats, refine: all.refine, seed: all.seed, words: keptWords(all) };
}

/** A valid cell with the rate of a law that saturates. */
function measured(plan: CellPlan): CellOutcome {
  const outcome = voidCell(plan, 'job-queue', 'not measured');
  const { connections } = plan.scenario.workers;
  const settledPerSec = Math.min(connections, 6) * 1_000 * (1 + plan.repeat / 1_000);
  const cell: Cell = { ...outcome.cell, verdict: 'valid', reasons: [], throughput: { settledPerSec } };
  return { ...outcome, cell };
}

/** Runs so many cells of a sweep. */
function drive(sweep: SweepCells, atMost = Number.POSITIVE_INFINITY): { plans: CellPlan[]; cells: Cell[] } {
  const [plans, cells]: [CellPlan[], Cell[]] = [[], []];
  let step = sweep.cells.next();
  while (step.done !== true && plans.length < atMost) {
    const outcome = measured(step.value.plan);
    plans.push(step.value.plan);
    cells.push(outcome.cell);
    step = sweep.cells.next(outcome);
  }
  return { plans, cells };
}

test('one block per repeat has every point once, in an order that the seed draws', async () => {
  const sweep = new SweepCells(await optionsOf());
  assert.equal(sweep.expected(), 28);
  const { plans } = drive(sweep);
  assert.equal(plans.length, 28);
  assert.equal(new Set(plans.map(({ id }) => id)).size, 28);
  for (const repeat of [1, 2]) {
    const block = plans.slice((repeat - 1) * 14, repeat * 14);
    assert.ok(block.every((plan) => plan.repeat === repeat && plan.block === repeat - 1));
  }
  const names = (of: readonly CellPlan[]) => of.map(({ id }) => id.replace(/\.\d$/, ''));
  assert.notDeepEqual(names(plans.slice(0, 14)), names(plans.slice(14)), 'blocks are shuffled apart');
  const again = drive(new SweepCells(await optionsOf())).plans;
  assert.deepEqual(names(again), names(plans));
  const { sweep: told, cells } = sweep.capacity();
  assert.ok(told?.points.every((point) => point.cells.length === 2));
  assert.ok(cells.every(({ purpose }) => purpose === 'closed'));
  const eight = told?.points.find(({ at }) => at['connections'] === 8 && at['batch'] === 1);
  assert.equal(cells.find(({ id }) => id === eight?.cells[0])?.handlers, 8);
  assert.ok(!JSON.stringify(told).includes('secret'), 'the password is kept');
});

test('refined at the knee, with as many repeats, and no further than asked', async () => {
  const sweep = new SweepCells(await optionsOf({ refine: 3 }));
  const { plans } = drive(sweep);
  const { sweep: told } = sweep.capacity();
  const further = told?.points.slice(14) ?? [];
  assert.ok(further.length > 0 && further.length <= 3, `${further.length}`);
  for (const { at, cells } of further) {
    assert.equal(cells.length, 2);
    assert.ok(Number(at['connections']) > 2 && Number(at['connections']) < 16, JSON.stringify(at));
  }
  assert.equal(plans.length, sweep.expected());
  const connections = told?.axes.find(({ name }) => name === 'connections')?.values;
  assert.deepEqual(
    connections,
    connections?.toSorted((x, y) => Number(x) - Number(y)),
  );
  assert.ok((connections?.length ?? 0) > 7);
});

for (const stopped of [0, 1, 13, 14, 27, 28, 29, 31])
  test(`interrupted after ${stopped} cells, the rest alone is measured, with the same points`, async () => {
    const options = await optionsOf({ refine: 3 });
    const whole = new SweepCells(options);
    drive(whole);
    const first = new SweepCells(options);
    const { cells } = drive(first, stopped);
    const points = first.capacity().sweep?.points.map(({ at }) => at) ?? [];
    const second = new SweepCells({ ...options, earlier: { cells, points } });
    const { plans } = drive(second);
    const ids = [...cells.map(({ id }) => id), ...plans.map(({ id }) => id)];
    assert.equal(new Set(ids).size, ids.length, 'a cell was measured twice');
    assert.deepEqual(second.capacity().sweep?.points, whole.capacity().sweep?.points);
    assert.equal(ids.length, second.expected());
  });

test('an open loop at a share of capacity: drains first, and points have the open cells alone', async () => {
  const sweep = new SweepCells(
    await optionsOf({ axis: ['connections=1,2', 'job-ms=5'], rate: '0.7 of capacity' }),
  );
  const { plans } = drive(sweep);
  assert.equal(plans.length, 8);
  assert.ok(plans.slice(0, 4).every(({ scenario }) => scenario.phases[0]?.arrival === undefined));
  for (const { scenario } of plans.slice(4))
    assert.deepEqual(scenario.phases[0]?.arrival, {
      model: 'poisson',
      ratePerSec: { share: 0.7, of: scenario.name.replace('open', 'drain') },
    });
  const { sweep: told, cells } = sweep.capacity();
  assert.equal(told?.load, 'open');
  const open = new Set(cells.filter(({ purpose }) => purpose === 'probe').map(({ id }) => id));
  assert.ok(
    told.points.every((point) => point.cells.length === 2 && point.cells.every((id) => open.has(id))),
  );
  // 16 handlers of 5 ms settle 400 a second at most: no backlog of hundreds of thousands is made for them.
  assert.ok(plans.every(({ scenario }) => scenario.preload.ready <= 20_000));
});

test('settings of the server name its cells, and stand apart from the contender', async () => {
  const sweep = new SweepCells(await optionsOf({ axis: ['set.work_mem=4MB,8MB', 'wakeup=poll'] }));
  const { plans } = drive(sweep);
  assert.deepEqual([...new Set(plans.map(({ server }) => server))].toSorted(), [
    'work_mem=4MB',
    'work_mem=8MB',
  ]);
  assert.deepEqual([...new Set(plans.map(({ contender }) => contender.name))].toSorted(), [
    'batch?wakeup=poll on work_mem=4MB',
    'batch?wakeup=poll on work_mem=8MB',
  ]);
  assert.ok(plans.every(({ contender }) => contender.axes.wakeup === 'poll'));
  assert.equal(new Set(plans.map(({ id }) => id)).size, 4);
  assert.ok(plans.every(({ id }) => /^[A-Za-z0-9.-]+$/.test(id)));
});

test('no point prepares more than a disk holds, whatever its depth, payload and length', async () => {
  const refused = (words: Parameters<typeof optionsOf>[0]) =>
    assert.rejects(
      optionsOf(words),
      /sweep: .* would lie ready, which is \d+ GB of disk .*: take fewer seconds/,
    );
  await refused({ axis: ['depth=1,10000000', 'payload=100,1000000'], repeats: 1 });
  await refused({ axis: ['payload=100,100000'], seconds: 60, repeats: 1 });
});

test('a drain counts whole rounds of its jobs, and begins when the handlers are full', async () => {
  const { plans } = drive(
    new SweepCells(await optionsOf({ axis: ['job-ms=0,40,1200'], seconds: 2, repeats: 1 })),
  );
  const lengths = plans.map(({ scenario }) => {
    const seconds = scenario.phases[0]?.seconds ?? 0;
    return [scenario.warmupSeconds, Number((seconds - scenario.warmupSeconds).toFixed(6))];
  });
  assert.deepEqual(
    lengths.toSorted(([x = 0], [y = 0]) => x - y),
    [
      [0.5, 1.5],
      [0.54, 1.52],
      [1.7, 28.8],
    ],
  );
});

test('scenario names of every point are valid and apart, however many axes there are', async () => {
  const axis = [
    'workers=1,16',
    'connections=2,64',
    'depth=1,7777',
    'payload=48,999999',
    'job-ms=0.25,599999.5',
    'rate=0.5,999999.5',
  ];
  const { plans } = drive(new SweepCells(await optionsOf({ axis, repeats: 1 })));
  assert.equal(plans.length, 64);
  assert.equal(new Set(plans.map(({ scenario }) => scenario.name)).size, 64);
});

test('what is told fits the schema of the bundle', async () => {
  const sweep = new SweepCells(await optionsOf());
  drive(sweep, 3);
  assert.ok(resultSchema.shape.capacity.safeParse(JSON.parse(JSON.stringify(sweep.capacity()))).success);
});
