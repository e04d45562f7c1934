// Which schedule does a scenario ask for? Its phases, in the form in which arrivals and clients are drawn.

import type { Arrival as Model, Rate } from '../../scenarios/arrival.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import type { ArrivalPhase, Segment } from './arrivals.ts';
import type { ClientPhase } from './clients.ts';

/** The phases of an open loop. Throws for a rate that is still a share, or a trace that was not read: both are bugs. */
export function arrivalPhases(scenario: Pick<Scenario, 'phases'>): ArrivalPhase[] {
  return scenario.phases.map(({ seconds, arrival }) =>
    arrival === undefined ? { kind: 'silent', seconds } : arrivalPhase(arrival, seconds),
  );
}

function arrivalPhase(arrival: Model, seconds: number): ArrivalPhase {
  if (arrival.model === 'closed') throw new Error('a closed loop has no schedule');
  if (arrival.model === 'burst') {
    const everySeconds =
      arrival.ratePerSec === undefined
        ? (arrival.everySeconds ?? seconds)
        : arrival.jobs / known(arrival.ratePerSec);
    return { kind: 'clumps', seconds, everySeconds, jobs: arrival.jobs, first: 0, stride: 1 };
  }
  if (arrival.model === 'trace') {
    if (arrival.jobs === undefined) throw new Error('a trace reached the load unread');
    const jobs = arrival.jobs.map((job) => ({ ...job, at: job.at / arrival.speed }));
    return { kind: 'trace', seconds, jobs };
  }
  const spacing =
    arrival.model === 'poisson' || arrival.model === 'uniform' ? arrival.model : arrival.spacing;
  return { kind: 'rate', seconds, spacing, segments: segmentsOf(arrival, seconds), shift: 0.5 };
}

function segmentsOf(
  arrival: Exclude<Model, { model: 'closed' | 'burst' | 'trace' }>,
  seconds: number,
): Segment[] {
  if (arrival.model === 'ramp')
    return [{ seconds, fromPerSec: known(arrival.fromPerSec), toPerSec: known(arrival.toPerSec) }];
  if (arrival.model === 'steps') {
    return arrival.steps.map((step) => {
      const rate = known(step.ratePerSec);
      return { seconds: step.seconds ?? seconds / arrival.steps.length, fromPerSec: rate, toPerSec: rate };
    });
  }
  const rate = known(arrival.ratePerSec);
  return [{ seconds, fromPerSec: rate, toPerSec: rate }];
}

function known(rate: Rate): number {
  if (typeof rate !== 'number') throw new Error('a share of a rate reached the load unresolved');
  return rate;
}

/** The phases of a closed loop; one without clients is silent. */
export function clientPhases(scenario: Pick<Scenario, 'phases'>): ClientPhase[] {
  return scenario.phases.map(({ seconds, arrival }) =>
    arrival?.model === 'closed'
      ? { seconds, clients: arrival.clients, thinkMs: arrival.thinkMs, think: arrival.think }
      : { seconds, clients: 0, thinkMs: 0, think: 'constant' },
  );
}
