// Who does what? A cell's load divided among its agents.

import { join } from 'node:path';
import type { Scenario } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell-plan.ts';
import { CLAIMERS_PER_AGENT, type Target } from '../contender.ts';
import { type ArrivalPhase, arrivals, shareOf } from './arrivals.ts';
import type { Assignment, ProducerSchedule } from './protocol.ts';
import { randomStream } from './random.ts';

/** The agents' assignments, and how many keys the preload and the whole schedule offer together. */
export function planAgents(
  plan: CellPlan,
  target: Target,
  scratch: string,
): { readonly assignments: readonly Assignment[]; readonly keys: number } {
  const { scenario } = plan;
  const phases = arrivalPhases(scenario);
  const producers = phases.some((p) => p.ratePerSec !== undefined) ? scenario.producers.agents : 0;
  const common = { kind: 'assign' as const, contender: plan.contender, target, ...jobShape(scenario) };
  const assignments: Assignment[] = [];
  let nextKey = scenario.preloadJobs;
  for (let p = 0; p < producers; p += 1) {
    const schedule = producerSchedule(plan, phases, p, producers);
    const firstKey = nextKey;
    nextKey += countArrivals(schedule);
    assignments.push({
      ...common,
      agent: p,
      ledgerPath: join(scratch, `agent-${p}.ledger`),
      role: { kind: 'producer', connections: scenario.producers.connections, schedule, firstKey },
    });
  }
  for (let w = 0; w < scenario.workers.agents; w += 1) {
    const agent = producers + w;
    const { agents, connections, handlerMs } = scenario.workers;
    assignments.push({
      ...common,
      agent,
      ledgerPath: join(scratch, `agent-${agent}.ledger`),
      role: {
        kind: 'worker',
        connections,
        firstClaimer: w * CLAIMERS_PER_AGENT,
        leaseMs: scenario.leaseMs,
        handlerMs,
        keys: { first: w, stride: agents, end: scenario.preloadJobs },
      },
    });
  }
  return { assignments, keys: nextKey };
}

function jobShape(scenario: Scenario): Pick<Assignment, 'payloadBytes' | 'priorities'> {
  return { payloadBytes: scenario.payloadBytes, priorities: scenario.priorities };
}

function producerSchedule(
  plan: CellPlan,
  phases: readonly ArrivalPhase[],
  producer: number,
  producers: number,
): ProducerSchedule {
  return {
    phases: shareOf(phases, producers),
    seed: plan.seed,
    stream: `${plan.scenario.name}/${plan.repeat}/producer-${producer}`,
    shift: (producer + 0.5) / producers,
  };
}

/** The coordinator draws the very schedule that the producer will draw, so that it knows what was offered. */
function countArrivals(schedule: ProducerSchedule): number {
  let count = 0;
  for (const _ of arrivals(schedule.phases, randomStream(schedule.seed, schedule.stream), schedule.shift))
    count += 1;
  return count;
}

function arrivalPhases(scenario: Scenario): ArrivalPhase[] {
  return scenario.phases.map((phase) => {
    if (phase.arrival === undefined) return { seconds: phase.seconds };
    const { model, ratePerSec } = phase.arrival;
    if (typeof ratePerSec !== 'number') throw new Error('a share of a rate reached the load unresolved');
    return { seconds: phase.seconds, model, ratePerSec };
  });
}
