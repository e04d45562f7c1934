// Which loads does a question of capacity put to a queue? Scenarios made from one pattern: open at a rate, or closed.

import type { ContenderSpec } from '../../harness/contender.ts';
import { type Crew, handlersOf } from '../../reports/planning/crew.ts';
import { type FaultInput, faultSchema } from '../../scenarios/fault.ts';
import type { HandlerTime } from '../../scenarios/job.ts';
import type { Scenario } from '../../scenarios/scenario.ts';

/** The contender with so many handlers in each session; its name stays, as the bundle tells handlers by cell. */
export function withConcurrency(contender: ContenderSpec, { concurrency }: Crew): ContenderSpec {
  return concurrency === 1 && contender.axes.concurrency === undefined
    ? contender
    : { ...contender, axes: { ...contender.axes, concurrency } };
}

/** Left out at the head of each load: connections, caches and the first wake-ups. */
const WARM_UP_SECONDS = 1;
/** A load that is over may take so long to be settled: a job that is late is then known to be. */
const SETTLE_SECONDS = 2;

export interface OpenLoad {
  readonly ratePerSec: number;
  /** Of all phases together, warm-up and faults included. */
  readonly seconds: number;
  readonly crew: Crew;
  /** Begins the scenario's name: `open` where absent. */
  readonly name?: string;
  /** What breaks, and when, in seconds from the start of the load. */
  readonly fault?: FaultInput & { readonly afterSeconds: number };
  readonly settleWithinSeconds?: number;
}

/** Poisson arrivals at one rate, with the pattern's jobs, producers and surroundings. */
export function openLoad(pattern: Scenario, load: OpenLoad): Scenario {
  const { ratePerSec, seconds, crew, fault } = load;
  const warmupSeconds = Math.min(WARM_UP_SECONDS, seconds / 4);
  return {
    ...pattern,
    ...bare(pattern, crew),
    name: `${load.name ?? 'open'}-${numberName(ratePerSec)}`,
    question: `Can ${numberText(ratePerSec)} jobs per second be sustained by ${handlersOf(crew)} handlers?`,
    warmupSeconds,
    warmupCapSeconds: warmupSeconds,
    phases: [
      {
        label: 'load',
        seconds,
        measured: true,
        arrival: { model: 'poisson', ratePerSec },
        faults: fault === undefined ? [] : [faultSchema.parse(fault)],
      },
    ],
    settleWithinSeconds: load.settleWithinSeconds ?? SETTLE_SECONDS,
  };
}

export interface ClosedLoad {
  readonly crew: Crew;
  readonly seconds: number;
  /** Jobs that lie ready. */
  readonly backlog: number;
  /** Begins the scenario's name: `closed` where absent. */
  readonly name?: string;
  readonly fault?: FaultInput & { readonly afterSeconds: number };
}

/** Every handler always has a job: a backlog that is not to end. */
export function closedLoad(pattern: Scenario, load: ClosedLoad): Scenario {
  const { crew, seconds, backlog, fault } = load;
  const warmupSeconds = Math.min(WARM_UP_SECONDS, seconds / 4);
  const handlers = handlersOf(crew);
  return {
    ...pattern,
    ...bare(pattern, crew),
    name: `${load.name ?? 'closed'}-${handlers}`,
    question: `How many jobs per second do ${handlers} handlers settle when there is always work?`,
    preload: { ...pattern.preload, ready: backlog },
    warmupSeconds,
    warmupCapSeconds: warmupSeconds,
    phases: [
      {
        label: 'load',
        seconds,
        measured: true,
        faults: fault === undefined ? [] : [faultSchema.parse(fault)],
      },
    ],
    settleWithinSeconds: 0,
  };
}

/** Without what belongs to the pattern's own story. */
function bare(pattern: Scenario, { agents, sessions }: Crew): Partial<Scenario> {
  return {
    group: 'own',
    preload: { ...pattern.preload, ready: 0 },
    workers: { agents, connections: sessions },
    expect: [],
  };
}

/** Mean of a handler's time, ms, and its squared coefficient of variation. */
export function handlerMoments(handler: HandlerTime): { readonly meanMs: number; readonly scv: number } {
  switch (handler.time) {
    case 'none':
      return { meanMs: 0, scv: 0 };
    case 'constant':
    case 'cpu':
      return { meanMs: handler.ms, scv: 0 };
    case 'exponential':
      return { meanMs: handler.meanMs, scv: 1 };
    case 'lognormal': {
      // 2.3263…: the 99th percentile of the standard normal law.
      const sigma = Math.log(handler.p99Ms / handler.medianMs) / 2.326_347_874;
      return { meanMs: handler.medianMs * Math.exp(sigma ** 2 / 2), scv: Math.exp(sigma ** 2) - 1 };
    }
  }
}

/** Four digits at most, so that a rate that is named is the rate that is run. */
export function roundRate(ratePerSec: number): number {
  return Number(ratePerSec.toPrecision(ratePerSec >= 1_000 ? 4 : 3));
}

function numberName(value: number): string {
  return String(value).replaceAll('.', '-');
}

function numberText(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 1 });
}
