// What would a cell say of a queue whose law is known? Loads of capacity, simulated job by job in virtual time.

import type { CellPlan } from '../../harness/cell/plan.ts';
import type { CellOutcome } from '../../harness/cell/result.ts';
import { voidCell } from '../../harness/cell/void.ts';
import { LOG_HEAD, Samples } from '../../harness/measure/samples.ts';
import type { Cell, Sample } from '../../harness/result/result.ts';
import { arrivalsOf, scheduledFaults, totalSeconds } from '../../scenarios/scenario.ts';
import { type Random, randomStream } from '../../stats/random.ts';
import { uslAt } from '../../stats/usl.ts';
import { Servers } from './queue-law.ts';

/** Exponential services, first come first served; Poisson arrivals where a load has some. */
export interface SimulatedContender {
  /** Throughput of N handlers that always have work: λN ÷ (1 + σ(N − 1) + κN(N − 1)), jobs/s. */
  readonly lambdaPerSec: number;
  readonly sigma: number;
  readonly kappa: number;
  /** What a claim takes where no job waits for a handler, seconds. */
  readonly claimSeconds: number;
  /** Share of that throughput that is lost for each job per second that comes. */
  readonly lostPerArrival?: number;
  /** By how much each job that was done beside a held snapshot makes the next one longer, seconds. */
  readonly perDeadSeconds?: number;
}

/** Handlers at work at once in a cell that a question of capacity asks for. */
export function handlersIn({ scenario, contender }: Pick<CellPlan, 'scenario' | 'contender'>): number {
  const { agents, connections } = scenario.workers;
  return agents * connections * (contender.axes.concurrency ?? 1);
}

/** A valid cell, as the harness would have it. Deterministic by the plan's seed. */
export function simulateCell(law: SimulatedContender, plan: CellPlan): CellOutcome {
  const seconds = totalSeconds(plan.scenario);
  const random = randomStream(plan.seed, plan.id);
  const perSec = uslAt(law, handlersIn(plan));
  return arrivalsOf(plan.scenario).length === 0
    ? closedCell(plan, closedSettles(law, plan, perSec, random), seconds)
    : openCell(law, plan, { perSec, seconds, random });
}

/** Instants at which jobs come, and the highest rate of all phases. */
function poissonArrivals({ phases }: CellPlan['scenario'], random: Random) {
  const came: number[] = [];
  let [from, ratePerSec] = [0, 0];
  for (const { arrival, seconds } of phases) {
    if (arrival?.model !== 'poisson' || typeof arrival.ratePerSec !== 'number')
      throw new Error(`no simulation of ${arrival?.model ?? 'no'} arrivals`);
    const gap = (perSec: number): number => -Math.log(1 - random()) / perSec;
    const to = from + seconds;
    for (let at = from + gap(arrival.ratePerSec); at < to; at += gap(arrival.ratePerSec)) came.push(at);
    from = to;
    ratePerSec = Math.max(ratePerSec, arrival.ratePerSec);
  }
  return { came, ratePerSec };
}

/** Instants at which jobs are settled, one after the other, while there is always work. */
function closedSettles(
  { perDeadSeconds = 0 }: SimulatedContender,
  { scenario }: CellPlan,
  perSec: number,
  random: Random,
): number[] {
  const held = scheduledFaults(scenario).some(({ fault }) => fault === 'held-xmin');
  const settles: number[] = [];
  const next = (): number => -Math.log(1 - random()) / perSec + (held ? perDeadSeconds * settles.length : 0);
  for (let at = next(); at < totalSeconds(scenario); at += next()) settles.push(at);
  return settles;
}

function closedCell(plan: CellPlan, settles: readonly number[], seconds: number): CellOutcome {
  const { warmupSeconds } = plan.scenario;
  const measured = settles.filter((at) => at >= warmupSeconds).length;
  return {
    cell: {
      ...validCell(plan, seconds, { preloadJobs: plan.scenario.preload.ready }),
      throughput: { settledPerSec: measured / (seconds - warmupSeconds) },
    },
    samples: courseOf(plan, { came: [], began: settles, ended: settles }, seconds),
    plans: [],
    histogramLog: LOG_HEAD,
  };
}

interface OpenLoad {
  /** Of all handlers together. */
  readonly perSec: number;
  readonly seconds: number;
  readonly random: Random;
}

function openCell(law: SimulatedContender, plan: CellPlan, load: OpenLoad): CellOutcome {
  const { perSec, seconds, random } = load;
  const { warmupSeconds } = plan.scenario;
  const handlers = handlersIn(plan);
  const arrivals = poissonArrivals(plan.scenario, random);
  const left = 1 - (law.lostPerArrival ?? 0) * arrivals.ratePerSec;
  const service = (): number => (-Math.log(1 - random()) * handlers) / (perSec * left);
  const outage = outageOf(plan);
  const servers = new Servers(handlers);
  const samples = new Samples(0, seconds * 1e6);
  const course = { came: [] as number[], began: [] as number[], ended: [] as number[] };
  let [offered, settled] = [0, 0];
  const ready = Array.from({ length: plan.scenario.preload.ready }, () => 0);
  for (const at of [...ready, ...arrivals.came]) {
    const visit = servers.visit(afterOutage(at, outage), service());
    const [began, ended] = [visit.began + law.claimSeconds, visit.ended + law.claimSeconds];
    if (at > 0) course.came.push(at);
    course.began.push(began);
    course.ended.push(ended);
    if (ended >= warmupSeconds && ended < seconds) settled += 1;
    if (at < warmupSeconds) continue;
    offered += 1;
    samples.record('enqueue', 0, at * 1e6);
    samples.record('pickup', (began - at) * 1e6, Math.min(began, seconds) * 1e6);
    samples.record('response', (ended - at) * 1e6, Math.min(ended, seconds) * 1e6);
  }
  const measured = seconds - warmupSeconds;
  const recovery = outage && recoveryOf(course, outage, { warmupSeconds, seconds });
  return {
    cell: {
      ...validCell(plan, seconds, { ratePerSec: arrivals.ratePerSec }),
      throughput: { offeredPerSec: offered / measured, settledPerSec: settled / measured },
      latencyUs: samples.latencies(),
      ...(recovery === undefined ? {} : { recovery }),
    },
    samples: courseOf(plan, course, seconds),
    plans: [],
    histogramLog: LOG_HEAD + samples.lines().join('\n'),
  };
}

interface Outage {
  readonly from: number;
  readonly to: number;
}

function outageOf({ scenario }: CellPlan): Outage | undefined {
  const stall = scheduledFaults(scenario).find(({ fault }) => fault === 'stall-worker');
  return stall && { from: stall.atSeconds, to: stall.atSeconds + (stall.forSeconds ?? 0) };
}

/** What comes while no worker works is as good as come when they are back. */
function afterOutage(at: number, outage: Outage | undefined): number {
  return outage !== undefined && at >= outage.from && at < outage.to ? outage.to : at;
}

/** Instants in seconds, each list rising but for what overtook. */
interface Course {
  readonly came: readonly number[];
  readonly began: readonly number[];
  readonly ended: readonly number[];
}

function courseOf({ id, scenario }: CellPlan, course: Course, seconds: number): Sample[] {
  const step = 0.5;
  const count = (instants: readonly number[]): number[] => {
    const each = new Array<number>(Math.ceil(seconds / step)).fill(0);
    for (const at of instants) {
      const i = Math.floor(at / step);
      if (i < each.length) each[i] = (each[i] ?? 0) + 1;
    }
    return each;
  };
  const [came, began, ended] = [count(course.came), count(course.began), count(course.ended)];
  let backlog = scenario.preload.ready;
  return came.map((enqueued, i) => {
    const settled = ended[i] ?? 0;
    backlog += enqueued - settled;
    const t = Math.min(seconds, (i + 1) * step);
    const row = { enqueued, claimed: began[i] ?? 0, settled, backlog: Math.max(0, backlog) };
    return { kind: 'load', cell: id, t, seconds: t - i * step, ...row };
  });
}

/** Gone is the backlog when no more jobs are about than were before. */
function recoveryOf(
  { came, ended }: Course,
  { from, to }: Outage,
  { warmupSeconds, seconds }: { readonly warmupSeconds: number; readonly seconds: number },
): Cell['recovery'] {
  const steps = [...came.map((at) => ({ at, by: 1 })), ...ended.map((at) => ({ at, by: -1 }))];
  steps.sort((x, y) => x.at - y.at);
  let [jobs, before, gone] = [0, 0, Number.NaN];
  for (const { at, by } of steps) {
    jobs += by;
    if (at >= warmupSeconds && at < from) before = Math.max(before, jobs);
    if (at >= to && at < seconds && jobs <= before && Number.isNaN(gone)) gone = at - to;
  }
  const settledIn = (a: number, b: number): number => ended.filter((at) => at >= a && at < b).length;
  return {
    faultsFromSeconds: from,
    faultsToSeconds: to,
    baseline: {
      settledPerSec: settledIn(warmupSeconds, from) / (from - warmupSeconds),
      seconds: from - warmupSeconds,
      backlogMax: before,
    },
    during: { settledPerSec: settledIn(from, to) / (to - from), seconds: to - from },
    observedSeconds: seconds - to,
    ...(Number.isNaN(gone) ? {} : { drainSeconds: gone }),
  };
}

/** Valid, without figures: those are the load's. */
function validCell(plan: CellPlan, seconds: number, parameters: Cell['parameters']): Cell {
  const { cell } = voidCell(plan, 'job-queue', 'not yet simulated');
  const { warmupSeconds } = plan.scenario;
  return {
    ...cell,
    parameters,
    contender: { ...cell.contender, strategy: 'skip-locked', wakeup: 'poll' },
    verdict: 'valid',
    reasons: [],
    window: {
      ...cell.window,
      warmupSeconds,
      measuredSeconds: seconds - warmupSeconds,
      totalSeconds: seconds,
    },
  };
}
