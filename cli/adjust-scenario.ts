// How is a scenario run at another length or another rate?

import { UsageError } from '../harness/errors.ts';
import { type Arrival, mapRates, misfit, type Rate, ratesOf } from '../scenarios/arrival.ts';
import { arrivalsOf, type Fault, type Scenario, totalSeconds } from '../scenarios/scenario.ts';

/** Refuses arrivals that do not fit in their phases, as those of a trace or under --duration may not. */
export function requireFit(scenario: Scenario): Scenario {
  for (const { label, seconds, arrival } of scenario.phases) {
    const problem = arrival === undefined ? undefined : misfit(arrival, seconds);
    if (problem !== undefined) throw new UsageError(`scenario ${scenario.name}, phase ${label}: ${problem}`);
  }
  return scenario;
}

/**
 * The scenario with its whole load lasting `seconds`: phases, their steps, warm-up and the times of faults are stretched
 * alike. Throws UsageError for a trace, whose length is its own.
 */
export function withDuration(scenario: Scenario, seconds: number): Scenario {
  const factor = seconds / totalSeconds(scenario);
  requireNo(
    scenario,
    ['trace'],
    '--duration',
    'which has a length of its own: change its speed and its phase',
  );
  return requireFit({
    ...scenario,
    warmupSeconds: Math.min(scenario.warmupSeconds, seconds / 4),
    ...(scenario.warmupCapSeconds === undefined
      ? {}
      : { warmupCapSeconds: Math.min(scenario.warmupCapSeconds, seconds / 4) }),
    phases: scenario.phases.map((phase) => ({
      ...phase,
      seconds: phase.seconds * factor,
      ...(phase.arrival === undefined ? {} : { arrival: stretched(phase.arrival, factor) }),
      faults: phase.faults.map((fault) => stretchedFault(fault, factor)),
    })),
    preload: stretchedPreload(scenario.preload, factor),
  });
}

/** A load of a second or more is not left without a backlog; one of minutes is not left waiting for its preload. */
const BACKLOG_MIN = 150_000;
const BACKLOG_MAX = 3_000_000;

/** In proportion, within bounds that leave what the scenario itself asks for as it is. */
function stretchedBacklog(jobs: number, factor: number): number {
  const wanted = Math.ceil(jobs * factor);
  return factor < 1
    ? Math.max(wanted, Math.min(jobs, BACKLOG_MIN))
    : Math.min(wanted, Math.max(jobs, BACKLOG_MAX));
}

function stretchedPreload(preload: Scenario['preload'], factor: number): Scenario['preload'] {
  const { delayed } = preload;
  return {
    ...preload,
    ready: stretchedBacklog(preload.ready, factor),
    ...(delayed === undefined
      ? {}
      : { delayed: { ...delayed, dueAtSeconds: delayed.dueAtSeconds * factor } }),
  };
}

function stretched(arrival: Arrival, factor: number): Arrival {
  if (arrival.model !== 'steps') return arrival;
  const steps = arrival.steps.map((step) =>
    step.seconds === undefined ? step : { ...step, seconds: step.seconds * factor },
  );
  return { ...arrival, steps };
}

/** A stall is held against the lease, which does not stretch. */
function stretchedFault(fault: Fault, factor: number): Fault {
  const moved = { ...fault, afterSeconds: fault.afterSeconds * factor };
  return !('forSeconds' in moved) || moved.forSeconds === undefined || moved.fault === 'stall-worker'
    ? moved
    : { ...moved, forSeconds: moved.forSeconds * factor };
}

function requireNo(
  scenario: Scenario,
  models: readonly Arrival['model'][],
  option: string,
  why: string,
): void {
  const phase = scenario.phases.find((p) => p.arrival !== undefined && models.includes(p.arrival.model));
  if (phase === undefined) return;
  const what = phase.arrival?.model === 'closed' ? 'is a closed loop' : 'replays a trace';
  throw new UsageError(`${option}: phase ${phase.label} of ${scenario.name} ${what}, ${why}`);
}

const NO_RATE = 'which has no rate to set: change its clients, its think time or its speed in the scenario';

/**
 * The scenario at another rate: its highest rate becomes `ratePerSec`, the others keep their proportion to it. A burst
 * keeps the size of its clumps. Throws UsageError for a closed loop and for a trace.
 */
export function withRate(scenario: Scenario, ratePerSec: number): Scenario {
  requireNo(scenario, ['closed', 'trace'], '--rate', NO_RATE);
  const highest = highestOf(arrivalsOf(scenario).flatMap(ratesOf));
  return requireFit(
    withRates(scenario, () => (rate) => ratePerSec * (typeof rate === 'number' ? rate / highest : 1)),
  );
}

/**
 * The scenario with every phase's highest rate as a share of what the contender settles in `of`; other rates of the same
 * phase keep their proportion to it. Throws as `withRate` does.
 */
export function withRateShare(scenario: Scenario, share: number, of: string): Scenario {
  requireNo(scenario, ['closed', 'trace'], '--rate', NO_RATE);
  return withRates(scenario, (arrival) => {
    const highest = highestOf(ratesOf(arrival));
    return (rate) => {
      if (rate === 0) return 0;
      return { share: share * (typeof rate === 'number' ? rate / highest : 1), of };
    };
  });
}

function withRates(scenario: Scenario, to: (arrival: Arrival) => (rate: Rate) => Rate): Scenario {
  const phases = scenario.phases.map((phase) =>
    phase.arrival === undefined ? phase : { ...phase, arrival: mapRates(phase.arrival, to(phase.arrival)) },
  );
  return { ...scenario, phases };
}

function highestOf(rates: readonly Rate[]): number {
  return Math.max(...rates.filter((rate) => typeof rate === 'number'));
}
