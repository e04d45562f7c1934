// How is a question of capacity put to a simulated contender? The command's own cells, without a server.

import { CapacityLog } from '../../cli/capacity/capacity-log.ts';
import { type PlanMeasurements, planCells } from '../../cli/capacity/plan-cells.ts';
import { patternOf, type WorkloadWords } from '../../cli/capacity/workload.ts';
import type { CellPlan } from '../../harness/cell/plan.ts';
import type { CellOutcome } from '../../harness/cell/result.ts';
import { parseContender } from '../../harness/contenders/index.ts';
import type { Capacity, PlanQuestion } from '../../harness/result/result.ts';
import { CellSequence, type PlannedCell } from '../../harness/run/plan.ts';
import type { PlanInput } from '../../reports/planning/input.ts';
import type { Law } from '../../reports/planning/law.ts';
import { uslAt } from '../../stats/usl.ts';
import { type SimulatedContender, simulateCell } from './simulated-cell.ts';

export const CONTENDER = parseContender('skip-locked', () => '');

/** Jobs of 40 ms on average, unless told. */
export function patternFor(words: WorkloadWords = { jobMs: 40, jobTime: { law: 'exponential' } }) {
  return patternOf(words);
}

/** A question of 100 jobs/s of 40 ms, unless told. */
export function question(words: Partial<PlanQuestion> = {}): PlanQuestion {
  return {
    ratePerSec: 100,
    peakFactor: 1,
    jobMs: 40,
    handler: { time: 'exponential', meanMs: 40 },
    payloadBytes: 100,
    slo: [{ of: 'pickup', percentile: 99, limitUs: 250_000, text: 'pickup.p99 < 250 ms' }],
    contender: CONTENDER.name,
    ...words,
  };
}

/** Runs cells to their end, or so many. @returns what the generator returned, or undefined where it was cut short. */
export function drive<Found>(
  cells: Generator<PlannedCell, Found, CellOutcome>,
  outcomeOf: (plan: CellPlan) => CellOutcome,
  atMost = 500,
): { readonly plans: CellPlan[]; readonly found: Found | undefined } {
  const plans: CellPlan[] = [];
  let step = cells.next();
  while (step.done !== true) {
    if (plans.length >= atMost) return { plans, found: undefined };
    plans.push(step.value.plan);
    step = cells.next(outcomeOf(step.value.plan));
  }
  return { plans, found: step.value };
}

/** A law without contention, of which one handler settles a job in 41 ms. */
export const LINEAR: SimulatedContender = {
  lambdaPerSec: 1_000 / 41,
  sigma: 0,
  kappa: 0,
  claimSeconds: 0.001,
};

/** That law, as a plan would find it without an error. */
export const LINEAR_LAW: Law = {
  fit: { ...LINEAR, relativeError: 0 },
  saidUpTo: 32,
  lowPerSec: (n) => uslAt(LINEAR, n),
  highPerSec: (n) => uslAt(LINEAR, n),
  quality: 'good',
};

/** All that a plan measures, and what it is answered from. `search` false: no probe. */
export async function planned(
  asked: PlanQuestion,
  options: { readonly law?: SimulatedContender; readonly seed?: number; readonly search?: boolean } = {},
): Promise<{ readonly input: PlanInput; readonly plans: readonly CellPlan[]; readonly log: Capacity }> {
  const { law = LINEAR, seed = 1, search = true } = options;
  const log = new CapacityLog(new CellSequence(seed));
  const measured: PlanMeasurements = { cells: [] };
  const setup = {
    ...{ question: asked, contender: CONTENDER, seed },
    pattern: await patternFor(),
    secondsLeft: () => (search || !measured.cells.some(({ purpose }) => purpose === 'light') ? 600 : 0),
  };
  const { plans } = drive(planCells(setup, log, measured), (plan) => simulateCell(law, plan));
  const input: PlanInput = {
    ...{ question: asked, cells: measured.cells, search: measured.search, seed, serviceScv: 1, cores: 2 },
    startedAt: '2026-01-01T00:00:00.000Z',
  };
  return { input, plans, log: log.value() };
}
