// Who does what? A cell's load divided among its agents.

import { join } from 'node:path';
import { replacements } from '../../scenarios/fault.ts';
import {
  arrivalsOf,
  isClosedLoop,
  preloadedJobs,
  type Scenario,
  scheduledFaults,
} from '../../scenarios/scenario.ts';
import { randomStream } from '../../stats/random.ts';
import { type CellPlan, leaseMsOf } from '../cell/plan.ts';
import { CLAIMERS_PER_AGENT, type Target } from '../contender.ts';
import { frontConnections } from '../http/scenario.ts';
import type { Pacing } from './alarm.ts';
import { arrivals, shareOf } from './arrivals.ts';
import type { HandlerFault } from './handling.ts';
import { JobTraits, traitsOf } from './job-traits.ts';
import { arrivalPhases, clientPhases } from './phases.ts';
import type { Priority } from './priority.ts';
import type {
  Assignment,
  FrontRole,
  LateCommit,
  ProducerClients,
  ProducerRole,
  ProducerSchedule,
} from './protocol.ts';

/** The agents' assignments. */
export interface AgentPlan {
  readonly assignments: readonly Assignment[];
  /** Keys 0 … keys − 1 are the preload's and the producers': of an open loop all are offered, of a closed loop those that are sent. */
  readonly keys: number;
}

export function planAgents(
  plan: CellPlan,
  target: Target,
  scratch: string,
  pacing: Pacing = 'thread',
  priority: Priority = 'normal',
): AgentPlan {
  const { scenario } = plan;
  const loads = producerLoads(plan);
  const traits = traitsOf(plan, preloadedJobs(scenario));
  const common = {
    kind: 'assign' as const,
    contender: plan.contender,
    target,
    ...jobShape(scenario),
    traits,
  };
  const assignments: Assignment[] = [];
  let nextKey = preloadedJobs(scenario);
  const { connections, bulk } = scenario.producers;
  const transaction = transactionOf(scenario, target);
  for (const [agent, load] of loads.entries()) {
    const role: ProducerRole = {
      kind: 'producer',
      connections,
      pacing,
      // Clients of a closed loop send as fast as they are answered: urgent, they would starve the server.
      priority: load.loop === 'open' ? priority : 'normal',
      load,
      firstKey: nextKey,
      lateCommits: agent === 0 ? lateCommitsOf(scenario) : [],
      ...(bulk === undefined ? {} : { bulk }),
      ...(transaction === undefined ? {} : { transaction }),
    };
    nextKey += load.loop === 'open' ? countArrivals(load) * jobsPerArrival(scenario) : load.maxJobs;
    assignments.push({ ...common, agent, ledgerPath: join(scratch, `agent-${agent}.ledger`), role });
  }
  const { agents } = scenario.workers;
  for (let w = 0; w < agents + replacements(scenario); w += 1) {
    const agent = loads.length + w;
    const spare = w >= agents;
    assignments.push({
      ...common,
      agent,
      ledgerPath: join(scratch, `agent-${agent}.ledger`),
      role: {
        kind: 'worker',
        connections: scenario.workers.connections,
        firstClaimer: w * CLAIMERS_PER_AGENT,
        leaseMs: leaseMsOf(plan),
        handlerFaults: handlerFaultsOf(scenario),
        ...(traits.retries ? { retry: scenario.job.retry } : {}),
        recordRuns: scenario.limits !== undefined,
        keys: { first: w, stride: agents, end: spare ? 0 : preloadedJobs(scenario) },
        ...(spare ? { spare: true as const } : {}),
      },
    });
  }
  const { http } = scenario.producers;
  if (http !== undefined && loads.length > 0) {
    const agent = assignments.length;
    const role: FrontRole = { kind: 'front', connections: frontConnections(scenario), ...http };
    assignments.push({ ...common, agent, ledgerPath: join(scratch, `agent-${agent}.ledger`), role });
  }
  return { assignments, keys: nextKey };
}

/**
 * Every job of an open loop's schedule, drawn once more as its producer draws it: its key, and when it is to be sent, µs
 * from the start of the load. None of a closed loop, whose jobs are intended when they are sent.
 */
export function* scheduledJobs(plan: CellPlan): Generator<{ readonly key: number; readonly atUs: number }> {
  let key = preloadedJobs(plan.scenario);
  for (const load of producerLoads(plan)) {
    if (load.loop !== 'open') return;
    for (const { atUs } of drawn(load)) {
      for (let i = 0; i < jobsPerArrival(plan.scenario); i += 1) yield { key: key + i, atUs };
      key += jobsPerArrival(plan.scenario);
    }
  }
}

/** Jobs that one arrival of the schedule brings. */
function jobsPerArrival({ producers }: Scenario): number {
  return producers.transaction?.jobs ?? 1;
}

function transactionOf({ producers }: Scenario, { orders = 'orders' }: Target): ProducerRole['transaction'] {
  return producers.transaction && { jobs: producers.transaction.jobs, table: orders };
}

/** Of the orders that producers place: the key of the first job, and whether the transaction is to roll back. */
export function* scheduledOrders(
  plan: CellPlan,
): Generator<{ readonly firstKey: number; readonly rollsBack: boolean }> {
  const { scenario } = plan;
  if (scenario.producers.transaction === undefined) return;
  const traits = new JobTraits(traitsOf(plan, preloadedJobs(scenario)));
  const jobs = jobsPerArrival(scenario);
  let place = 0;
  for (const { key } of scheduledJobs(plan)) {
    if (place % jobs === 0) yield { firstKey: key, rollsBack: traits.rollsBack(key) };
    place += 1;
  }
}

function handlerFaultsOf(scenario: Scenario): readonly HandlerFault[] {
  return scheduledFaults(scenario).flatMap((fault): HandlerFault[] => {
    const { atSeconds, forSeconds = 0 } = fault;
    if (fault.fault === 'failing-handlers')
      return [{ fault: fault.fault, atSeconds, forSeconds, share: fault.share }];
    if (fault.fault === 'slow-handlers')
      return [{ fault: fault.fault, atSeconds, forSeconds, addedMs: fault.addedMs, key: fault.key }];
    return [];
  });
}

function lateCommitsOf(scenario: Scenario): readonly LateCommit[] {
  return scheduledFaults(scenario).flatMap(({ fault, atSeconds, forSeconds = 0 }) =>
    fault === 'late-commit' ? [{ atSeconds, forSeconds }] : [],
  );
}

function jobShape({ job }: Scenario): Pick<Assignment, 'payloadBytes' | 'priorities' | 'delaysMs'> {
  return {
    payloadBytes: job.payloadBytes,
    priorities: job.priorities,
    delaysMs: job.delays,
  };
}

/** What each producer is to send; none where nothing arrives. */
function producerLoads(plan: CellPlan): readonly (ProducerSchedule | ProducerClients)[] {
  const { scenario, seed } = plan;
  if (arrivalsOf(scenario).length === 0) return [];
  const { agents } = scenario.producers;
  const stream = `${scenario.name}/${plan.repeat}/producer`;
  const each = Array.from({ length: agents }, (_, producer) => producer);
  if (!isClosedLoop(scenario)) {
    const phases = arrivalPhases(scenario);
    return each.map((producer) => ({
      loop: 'open',
      phases: shareOf(phases, producer, agents),
      seed,
      stream: `${stream}-${producer}`,
    }));
  }
  const phases = clientPhases(scenario);
  const maxJobs = arrivalsOf(scenario).reduce((sum, a) => sum + (a.model === 'closed' ? a.maxJobs : 0), 0);
  return each.map((producer) => ({
    loop: 'closed',
    phases,
    first: producer,
    stride: agents,
    seed,
    // A client draws alike whichever producer it belongs to.
    stream,
    maxJobs: Math.ceil(maxJobs / agents),
  }));
}

/** The coordinator draws the very schedule that the producer will draw, so that it knows what was offered. */
function countArrivals(schedule: ProducerSchedule): number {
  let count = 0;
  for (const _ of drawn(schedule)) count += 1;
  return count;
}

function drawn({ phases, seed, stream }: ProducerSchedule): ReturnType<typeof arrivals> {
  return arrivals(phases, randomStream(seed, stream));
}
