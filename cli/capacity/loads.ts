// Which loads does a question of capacity put to a queue? Scenarios made from one pattern: open at a rate, or closed.

import type { ContenderSpec } from '../../harness/contender.ts';
import { type Crew, handlersOf } from '../../reports/planning/crew.ts';
import { type FaultInput, faultSchema } from '../../scenarios/fault.ts';
import type { HandlerTime } from '../../scenarios/job.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { connectionsNeeded } from './room.ts';

/** The contender with so many handlers in each session; its name stays, as the bundle tells handlers by cell. */
export function withConcurrency(contender: ContenderSpec, { concurrency }: Crew): ContenderSpec {
  return concurrency === 1 && contender.axes.concurrency === undefined
    ? contender
    : { ...contender, axes: { ...contender.axes, concurrency } };
}

/** Left out at the head of each load, at least: connections, caches and the first wake-ups. */
const WARM_UP_SECONDS = 1;
/**
 * Before an open load, at a share of its rate. Sessions that are new plan their statements, and agents compile theirs: for some tenths of
 * a second hardly anything is settled. At the full rate what came in meanwhile takes seconds to go where handlers are busy,
 * and would look like a queue that is slow.
 */
const LEAD_IN = { seconds: 1.5, share: 0.5 };
/** A load that is over may take so long to be settled: a job that is late is then known to be. */
const SETTLE_SECONDS = 2;

/** Even jobs of a closed load come in rounds: so many, for one more or less to matter little. */
export const ROUNDS = 24;

export interface OpenLoad {
  readonly ratePerSec: number;
  /** What is measured, faults included; lead-in and warm-up come before. */
  readonly seconds: number;
  readonly crew: Crew;
  /** Begins the scenario's name: `open` where absent. */
  readonly name?: string;
  /** Jobs that lie ready when it begins; absent: none. */
  readonly backlog?: number;
  /** What breaks, and when, in seconds from the end of the warm-up. */
  readonly fault?: FaultInput & { readonly afterSeconds: number };
  readonly settleWithinSeconds?: number;
}

/** Poisson arrivals at one rate, behind a lead-in, with the pattern's jobs, producers and surroundings. */
export function openLoad(pattern: Scenario, load: OpenLoad): Scenario {
  const { ratePerSec, crew, fault, backlog = 0 } = load;
  const warmupSeconds = warmUpSeconds(pattern.job.handler);
  const filling = warmupSeconds - LEAD_IN.seconds;
  return {
    ...pattern,
    ...bare(pattern, crew),
    name: `${load.name ?? 'open'}-${numberName(ratePerSec)}`,
    question: `Can ${numberText(ratePerSec)} jobs per second be sustained by ${handlersOf(crew)} handlers?`,
    preload: { ...pattern.preload, ready: backlog },
    warmupSeconds,
    warmupCapSeconds: warmupSeconds,
    phases: [
      {
        label: 'lead-in',
        seconds: LEAD_IN.seconds,
        measured: false,
        arrival: { model: 'poisson', ratePerSec: ratePerSec * LEAD_IN.share },
        faults: [],
      },
      {
        label: 'load',
        seconds: filling + load.seconds,
        measured: true,
        arrival: { model: 'poisson', ratePerSec },
        faults:
          fault === undefined
            ? []
            : [faultSchema.parse({ ...fault, afterSeconds: filling + fault.afterSeconds })],
      },
    ],
    settleWithinSeconds: load.settleWithinSeconds ?? SETTLE_SECONDS,
  };
}

/** The lead-in of an open load, and until as many jobs are in hand as will be: before that each of them looks like a backlog that grows. */
export function warmUpSeconds(handler: HandlerTime): number {
  return LEAD_IN.seconds + WARM_UP_SECONDS + handlerMoments(handler).p99Ms / 1_000;
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
  const filling = handlerMoments(pattern.job.handler).p99Ms / 1_000;
  const warmupSeconds = Math.min(WARM_UP_SECONDS + filling, Math.max(seconds / 4, seconds - 2));
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
  const workers = { agents, connections: sessions };
  const connections = connectionsNeeded(workers, pattern.producers);
  return {
    group: 'own',
    preload: { ...pattern.preload, ready: 0 },
    workers,
    serverNeeds: {
      ...pattern.serverNeeds,
      max_connections: Math.max(connections, pattern.serverNeeds.max_connections ?? 0),
    },
    expect: [],
  };
}

/** Mean and 99th percentile of a handler's time, ms, and its squared coefficient of variation. */
export function handlerMoments(handler: HandlerTime): {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly scv: number;
} {
  switch (handler.time) {
    case 'none':
      return { meanMs: 0, p99Ms: 0, scv: 0 };
    case 'constant':
    case 'cpu':
      return { meanMs: handler.ms, p99Ms: handler.ms, scv: 0 };
    case 'exponential':
      return { meanMs: handler.meanMs, p99Ms: handler.meanMs * Math.log(100), scv: 1 };
    case 'lognormal': {
      // 2.3263…: the 99th percentile of the standard normal law.
      const sigma = Math.log(handler.p99Ms / handler.medianMs) / 2.326_347_874;
      return {
        meanMs: handler.medianMs * Math.exp(sigma ** 2 / 2),
        p99Ms: handler.p99Ms,
        scv: Math.exp(sigma ** 2) - 1,
      };
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
