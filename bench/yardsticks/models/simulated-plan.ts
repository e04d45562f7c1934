// What does a plan say of a queue whose law is known? Its own loads, each simulated in virtual time.

import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { CapacityLog } from '../../../cli/capacity/capacity-log.ts';
import { handlerMoments } from '../../../cli/capacity/loads.ts';
import { type PlanMeasurements, planCells } from '../../../cli/capacity/plan-cells.ts';
import { questionOf } from '../../../cli/capacity/question.ts';
import { patternOf } from '../../../cli/capacity/workload.ts';
import type { CellOutcome } from '../../../harness/cell/result.ts';
import { parseContender } from '../../../harness/contenders/index.ts';
import type { Cell } from '../../../harness/result/result.ts';
import { CellSequence, type PlannedCell } from '../../../harness/run/plan.ts';
import { validOf } from '../../../reports/planning/measured.ts';
import { baseOf, pickupSeconds } from '../../../reports/planning/pickup.ts';
import { scalingOf } from '../../../reports/planning/scaling.ts';
import { stallsOf } from '../../../reports/planning/stalls.ts';
import { cellOf } from '../../../reports/testing-fixture-cell.ts';
import { STANDARD } from '../../../reports/testing-fixture-data.ts';
import { totalSeconds } from '../../../scenarios/scenario.ts';
import { randomStream } from '../../../stats/random.ts';
import { uslAt } from '../../../stats/usl.ts';
import { path, waitQuantile } from '../../../testing/synthetic/queue-law.ts';

/** Handlers alike whose times are exponential, and that hinder each other in nothing. */
export interface SimulatedQuestion {
  readonly ratePerSec: number;
  /** Mean time of a handler. */
  readonly jobMs: number;
}

/** One p99 of pickup, beside what theory says of the handlers that the plan chose. */
export interface Foretold {
  readonly handlers: number;
  /** Of those handlers, 0 … 1. */
  readonly utilisation: number;
  readonly predictedUs: number;
  readonly trueUs: number;
  /** Of the capacity that the law gives those handlers: found ÷ true − 1. */
  readonly capacityError: number;
}

/**
 * The predictions of a plan for loads at these shares of the capacity of the handlers that it chose. Where theory says that more than 99 % of
 * the jobs do not wait there is nothing to foretell, and none for it. The plan's search is left out: the models take nothing from it.
 */
export async function simulatedPlan(
  { ratePerSec, jobMs }: SimulatedQuestion,
  utilisations: readonly number[],
  seed: number,
): Promise<readonly Foretold[]> {
  const words = { rate: ratePerSec, jobMs, jobTime: { law: 'exponential' as const } };
  const pattern = await patternOf(words);
  const contender = parseContender(CONTENDER, () => '');
  const question = questionOf(words, pattern, contender.name);
  const measured: PlanMeasurements = { cells: [] };
  const log = new CapacityLog(new CellSequence(seed));
  // Closed loads are repeated while there is time, as on a real server; for the search there is none.
  let left = BUDGET_SECONDS;
  const loads = planCells({ question, pattern, contender, seed, secondsLeft: () => left }, log, measured);
  const servicePerSec = 1_000 / jobMs;
  let step = loads.next();
  while (step.done !== true) {
    const { scenario } = step.value.plan;
    const closed = scenario.phases.every(({ arrival }) => arrival === undefined);
    left = closed ? left - totalSeconds(scenario) - BETWEEN_SECONDS : 0;
    step = loads.next(simulatedOutcome(step.value, servicePerSec));
  }
  const check = measured.cells.find(({ purpose }) => purpose === 'check');
  if (check === undefined) throw new Error(`the plan came to no load to check its models by (seed ${seed})`);
  const { handlers } = check;
  const { law } = scalingOf(contender.name, measured.cells, seed);
  const light = validOf(measured.cells, 'light').findLast((cell) => cell.handlers === handlers);
  const base = law && light && baseOf(law, light);
  if (law === undefined || light === undefined || base === undefined)
    throw new Error(`the plan has no model of pickup (seed ${seed})`);
  const { scv: serviceScv } = handlerMoments(pattern.job.handler);
  const claiming = { law, handlers, base, serviceScv, ahead: { jobs: 0, batch: 1 } };
  const crowd = { ...claiming, stalls: stallsOf(claiming, light) };
  const capacityPerSec = handlers * servicePerSec;
  const capacityError = uslAt(law.fit, handlers) / capacityPerSec - 1;
  return utilisations.flatMap((utilisation): Foretold[] => {
    const rate = utilisation * capacityPerSec;
    const trueUs = 1e6 * waitQuantile({ servers: handlers, servicePerSec, arrivalPerSec: rate }, 0.99);
    if (trueUs === 0) return [];
    // How busy they are is for theory to say here: a law that is wrong about it is not let off.
    const predictedUs = 1e6 * (pickupSeconds(crowd, rate, 99) ?? Number.POSITIVE_INFINITY);
    return [{ handlers, utilisation, capacityError, predictedUs, trueUs }];
  });
}

const CONTENDER = 'skip-locked';
/** As the command has it by default. */
const BUDGET_SECONDS = 600;
/** What a cell takes beside its load: a database of its own, the preload, a checkpoint, the audit. */
const BETWEEN_SECONDS = 4;
/** What a load would have left behind. Deterministic by the cell's seed. */
function simulatedOutcome({ plan }: PlannedCell, servicePerSec: number): CellOutcome {
  const { scenario, contender, seed } = plan;
  const { agents, connections } = scenario.workers;
  const servers = agents * connections * (contender.axes.concurrency ?? 1);
  // What comes before it ends with it empty, as it begins here.
  const phase = scenario.phases.find(({ measured }) => measured);
  if (phase === undefined) throw new Error(`${scenario.name} has no phase that is measured`);
  const { seconds, arrival } = phase;
  const warmupSeconds = scenario.warmupSeconds - (totalSeconds(scenario) - seconds);
  const measuredSeconds = seconds - warmupSeconds;
  if (arrival === undefined) {
    // Servers that are never idle settle as a Poisson process does.
    const settled = poissonCount(servers * servicePerSec * measuredSeconds, seed);
    return outcomeOf(plan, { seconds, warmupSeconds, settled });
  }
  if (scenario.preload.ready > 0) {
    const looks = Array.from({ length: Math.floor(measuredSeconds * 2) }, (_, i) => ({
      ...{ kind: 'load' as const, cell: plan.id, t: warmupSeconds + (i + 1) / 2, seconds: 0.5 },
      ...{ enqueued: 0, claimed: 0, backlog: scenario.preload.ready },
      settled: poissonCount((servers * servicePerSec) / 2, seed + i),
    }));
    const settled = looks.reduce((sum, one) => sum + one.settled, 0);
    const offeredPerSec = Number(arrival.model === 'poisson' && arrival.ratePerSec);
    return { ...outcomeOf(plan, { seconds, warmupSeconds, settled, offeredPerSec }), samples: looks };
  }
  if (arrival.model !== 'poisson') throw new Error(`${scenario.name} does not arrive as a Poisson process`);
  const arrivalPerSec = Number(arrival.ratePerSec);
  const visits = path({ servers, servicePerSec, arrivalPerSec }, seconds, seed);
  const measured = visits.filter(({ arrived }) => arrived >= warmupSeconds);
  const pickup = build({ bitBucketSize: 32, autoResize: true, numberOfSignificantValueDigits: 3 });
  for (const { arrived, began } of measured) pickup.recordValue(Math.round((began - arrived) * 1e6));
  return outcomeOf(plan, {
    ...{ seconds, warmupSeconds, settled: measured.length, pickup },
    offeredPerSec: arrivalPerSec,
  });
}

function poissonCount(mean: number, seed: number): number {
  const random = randomStream(seed, 'closed');
  const gap = (): number => -Math.log(1 - random());
  let count = 0;
  for (let t = gap(); t < mean; t += gap()) count += 1;
  return count;
}

interface Facts {
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** In the measured window. */
  readonly settled: number;
  readonly offeredPerSec?: number;
  readonly pickup?: Histogram;
}

function outcomeOf(
  { id, repeat, order, scenario: { name, question } }: PlannedCell['plan'],
  { seconds, warmupSeconds, settled, offeredPerSec, pickup }: Facts,
): CellOutcome {
  const [contender] = STANDARD.contenders;
  if (contender === undefined) throw new Error('the fixture has no contender');
  const cell: Cell = cellOf(
    {
      ...{
        name,
        question,
        loadModel: 'simulated',
        seconds,
        warmupSeconds,
        preload: 0,
        phases: [],
        faults: [],
      },
      ...(offeredPerSec === undefined ? {} : { offeredPerSec }),
    },
    contender,
    {
      ...{ id, repeat, order, rate: settled / (seconds - warmupSeconds), settledTotal: settled, backlog: 0 },
      latencyUs: { pickup: undefined, response: undefined },
    },
    () => 0.5,
  );
  const histogramLog =
    pickup === undefined
      ? ''
      : `Tag=pickup,0.000,${seconds},${pickup.maxValue},${encodeIntoCompressedBase64(pickup)}\n`;
  return { cell, samples: [], plans: [], histogramLog };
}
