// Does a plan measure what its question needs, and no more: levels, a light load, a search, a check, an outage, a snapshot?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { voidCell } from '../../harness/cell/void.ts';
import { capacitySchema, type PlanQuestion } from '../../harness/result/capacity.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { planOf } from '../../reports/planning/answer.ts';
import { scenarioSchema, scheduledFaults, totalSeconds } from '../../scenarios/scenario.ts';
import {
  CONTENDER,
  drive,
  LINEAR,
  patternFor,
  planned,
  question,
} from '../../testing/synthetic/capacity-world.ts';
import { handlersIn, simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { CapacityLog } from './capacity-log.ts';
import { expectedCells, type PlanMeasurements, planCells } from './plan-cells.ts';
import { levelsFor } from './plan-sizes.ts';

/** What every cell is for, in order, each purpose once. */
function purposes(cells: readonly { readonly purpose: string }[]): string[] {
  return cells.map(({ purpose }) => purpose).filter((purpose, i, all) => purpose !== all[i - 1]);
}

const OUTAGE = { seconds: 600, recoverSeconds: 1_800 };

test('a whole plan: every cell fits the schema, and the log says what it was for', async () => {
  const asked = question({ ratePerSec: 60, outage: OUTAGE, bloatSeconds: 600 });
  const { plans, log, input } = await planned(asked);
  const found = capacitySchema.parse(JSON.parse(JSON.stringify(log)));
  assert.deepEqual(
    found.cells.map(({ id }) => id),
    plans.map(({ id }) => id),
  );
  assert.deepEqual(
    found.cells.map(({ handlers }) => handlers),
    plans.map(handlersIn),
  );
  assert.deepEqual(
    input.cells.map(({ cell }) => cell.id),
    plans.map(({ id }) => id),
  );
  const loads = purposes(found.cells.filter(({ purpose }) => purpose !== 'held back'));
  assert.deepEqual(loads, ['closed', 'catch-up', 'light', 'probe', 'check', 'outage', 'bloat']);
  for (const { scenario } of plans) scenarioSchema.parse(scenario);
  for (const purpose of ['light', 'check']) {
    const { scenario } = plans[found.cells.findIndex((cell) => cell.purpose === purpose)] ?? assert.fail();
    // Neither comes to 10,500 jobs in 30 s at such rates.
    assert.ok(Math.abs(totalSeconds(scenario) - scenario.warmupSeconds - 30) < 1e-9, scenario.name);
  }
  const after = found.cells.slice(found.cells.findIndex(({ purpose }) => purpose === 'probe'));
  assert.equal(
    new Set(after.map(({ handlers }) => handlers)).size,
    1,
    'one number of handlers from the search on',
  );
  const faults = plans.flatMap(({ scenario }) => scheduledFaults(scenario).map(({ fault }) => fault));
  assert.deepEqual(faults, ['stall-worker', 'held-xmin']);
  assert.ok(found.search?.answer.passPerSec !== undefined, found.search?.answer.text);
  const closed = found.cells.filter(({ purpose }) => purpose === 'closed' || purpose === 'held back');
  assert.ok(closed.length < expectedCells({ question: asked }));
});

test('closed loads: each level twice, upwards the first time, a third time where the two are far apart, and no backlog that ends before the load', async () => {
  const { plans, log, input } = await planned(question(), { search: false });
  const closed = plans.filter((_, i) => /closed|held back/.test(log.cells[i]?.purpose ?? ''));
  const levels = closed.map(handlersIn);
  const once = new Set(levels).size;
  assert.deepEqual(
    levels.slice(0, once),
    levels.slice(0, once).toSorted((x, y) => x - y),
  );
  assert.deepEqual(
    levels.slice(once, 2 * once).toSorted((x, y) => x - y),
    levels.slice(0, once),
  );
  const settled = (handlers: number): number[] =>
    input.cells
      .slice(0, 2 * once)
      .flatMap((one) => (one.handlers === handlers ? (one.cell.throughput?.settledPerSec ?? 0) : []));
  assert.deepEqual(
    levels.slice(2 * once),
    levels.slice(0, once).filter((n) => Math.max(...settled(n)) > 1.1 * Math.min(...settled(n))),
  );
  assert.ok(levels.length > 2 * once, 'exponential jobs leave some levels in doubt');
  for (const { scenario, ...plan } of closed) {
    const seconds = scenario.phases[0]?.seconds ?? 0;
    assert.ok(scenario.preload.ready > (handlersIn({ scenario, ...plan }) / 0.041) * seconds, scenario.name);
  }
});

test('without an outage or a snapshot in the question none is measured; with no time left, no probe', async () => {
  const { log } = await planned(question(), { search: false });
  const loads = purposes(log.cells.filter(({ purpose }) => purpose !== 'held back'));
  assert.deepEqual(loads, ['closed', 'catch-up', 'light', 'check']);
  assert.equal(log.search?.answer.state, 'interrupted');
});

test('a small budget: each level once, and no probe', async () => {
  const log = new CapacityLog(new CellSequence(1));
  const asked = question();
  const setup = {
    ...{ question: asked, contender: CONTENDER, seed: 1 },
    pattern: await patternFor(),
    secondsLeft: () => 30,
  };
  drive(planCells(setup, log, { cells: [] }), (plan) => simulateCell(LINEAR, plan));
  const { closed, heldBack } = levelsFor(asked);
  const loads = log.value().cells.filter(({ purpose }) => purpose === 'closed' || purpose === 'held back');
  assert.equal(loads.length, closed.length + heldBack.length);
  assert.equal(log.value().search?.probes.length, 0);
});

test('where no closed load is valid there is no law, and nothing more is measured', async () => {
  const log = new CapacityLog(new CellSequence(1));
  const measured: PlanMeasurements = { cells: [] };
  const asked: PlanQuestion = question();
  const setup = {
    ...{ question: asked, contender: CONTENDER, seed: 1 },
    pattern: await patternFor(),
    secondsLeft: () => 600,
  };
  const { plans } = drive(planCells(setup, log, measured), (plan) => voidCell(plan, 'job-queue', 'too busy'));
  assert.deepEqual(purposes(log.value().cells.filter(({ purpose }) => purpose !== 'held back')), ['closed']);
  assert.equal(plans.length, measured.cells.length);
  assert.equal(measured.search, undefined);
});

test('cut short, what was measured until then is there', async () => {
  const log = new CapacityLog(new CellSequence(1));
  const measured: PlanMeasurements = { cells: [] };
  const setup = {
    ...{ question: question(), contender: CONTENDER, seed: 1 },
    pattern: await patternFor(),
    secondsLeft: () => 600,
  };
  drive(planCells(setup, log, measured), (plan) => simulateCell(LINEAR, plan), 5);
  assert.equal(log.finished, 5);
  assert.equal(measured.cells.length, 5);
});

test('no load prepares more than a disk holds, however large its jobs', async () => {
  for (const payloadBytes of [100, 1_000_000]) {
    const asked = question({ ratePerSec: 5_000, jobMs: 1, payloadBytes, bloatSeconds: 60 });
    const pattern = await patternFor({ jobMs: 1, payload: payloadBytes });
    const setup = { question: asked, contender: CONTENDER, seed: 1, pattern, secondsLeft: () => 600 };
    const law = { ...LINEAR, lambdaPerSec: 900 };
    const { plans } = drive(planCells(setup, new CapacityLog(new CellSequence(1)), { cells: [] }), (plan) =>
      simulateCell(law, plan),
    );
    for (const { scenario } of plans)
      assert.ok(scenario.preload.ready * payloadBytes <= 8e9, `${scenario.name}: ${scenario.preload.ready}`);
  }
});

test('repeats of closed loads leave a third of the budget', async () => {
  const asked = question();
  const { closed, heldBack } = levelsFor(asked);
  const levels = closed.length + heldBack.length;
  const closedWithin = async (budget: number, perCell: number): Promise<number> => {
    const log = new CapacityLog(new CellSequence(1));
    const setup = {
      ...{ question: asked, contender: CONTENDER, seed: 1, pattern: await patternFor() },
      secondsLeft: () => budget - log.finished * perCell,
    };
    drive(planCells(setup, log, { cells: [] }), (plan) => simulateCell(LINEAR, plan));
    return log.value().cells.filter(({ purpose }) => purpose === 'closed' || purpose === 'held back').length;
  };
  // Two thirds of 3,000 s are gone after 12 cells of 170 s.
  assert.equal(await closedWithin(3_000, 170), Math.max(levels, 12));
  // Without each level once there is no law.
  assert.equal(await closedWithin(100, 30), levels);
});

test('a plan is over within its budget, whatever its probes last, and though a load is void', async () => {
  for (const [ratePerSec, voidName] of [
    [40, 'none'],
    [100, 'check'],
    [400, 'outage'],
    [400, 'light'],
  ] as const) {
    let left = 600;
    const asked = question({ ratePerSec, outage: OUTAGE, bloatSeconds: 60 });
    const setup = { question: asked, contender: CONTENDER, seed: 1, pattern: await patternFor() };
    const log = new CapacityLog(new CellSequence(1));
    drive(planCells({ ...setup, secondsLeft: () => left }, log, { cells: [] }), (plan) => {
      // As it was on a real server: a database, the preload and the audit take some six seconds.
      left -= totalSeconds(plan.scenario) + 6;
      if (plan.scenario.name.startsWith(voidName)) return voidCell(plan, 'job-queue', 'too busy');
      return simulateCell(LINEAR, plan);
    });
    assert.ok(log.value().cells.some(({ purpose }) => purpose === 'outage'));
    assert.ok(left >= 10, `${ratePerSec} jobs/s: ${left} s left for the report`);
  }
});

test('an outage is at half of what was held, after a level stretch, and its load outlasts the drain', async () => {
  const { plans, log } = await planned(question({ ratePerSec: 60, outage: OUTAGE }));
  const scenario = plans[log.cells.findIndex(({ purpose }) => purpose === 'outage')]?.scenario;
  assert.ok(scenario !== undefined);
  const phase = scenario.phases.at(-1);
  const rate = phase?.arrival?.model === 'poisson' ? phase.arrival.ratePerSec : undefined;
  assert.ok(Math.abs(Number(rate) / (log.search?.answer.passPerSec ?? 0) - 0.5) < 0.01, `${rate}`);
  const [fault] = scheduledFaults(scenario);
  assert.ok(Math.abs(Number(fault?.atSeconds) - scenario.warmupSeconds - 6) < 1e-9);
  assert.ok(scenario.warmupSeconds >= 2);
  assert.ok((phase?.seconds ?? 0) >= 6 + 20 + 30, `${phase?.seconds}`);
});

test('no load takes more sessions than the question leaves', async () => {
  const { plans, input } = await planned(question({ connections: 7 }), { search: false });
  assert.ok(plans.every(({ scenario }) => scenario.workers.agents * (scenario.workers.connections + 3) <= 7));
  const recommended = planOf(input).plan?.answer.recommended;
  assert.ok(recommended !== undefined && recommended.connections <= 7, JSON.stringify(recommended));
});
