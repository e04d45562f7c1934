// What became of every job of a cell? Ledgers, schedule and database of one cell, brought together for the checker.

import { isClosedLoop, preloadedJobs } from '../../scenarios/scenario.ts';
import type { Contender } from '../contender.ts';
import { outagesOf } from '../faults/outages.ts';
import { scheduledJobs, scheduledOrders } from '../load/assignments.ts';
import { Delays, earlyToleranceUs } from '../load/delays.ts';
import { JobTraits, traitsOf } from '../load/job-traits.ts';
import type { Load } from '../load/load.ts';
import { Workload } from '../load/workload.ts';
import { ENQUEUE, type Ledger } from '../measure/ledger.ts';
import { clocksDisagree } from '../verify/agent-audit.ts';
import { type CheckResult, type CheckRules, check } from '../verify/checker.ts';
import { LIMITS } from '../verify/generator-limits.ts';
import { type CellPlan, leaseMsOf } from './plan.ts';
import { queueClock } from './queue-clock.ts';
import type { Delayed } from './result.ts';

/** `placed` are the first keys of the orders that are committed. Reads what the contender holds to its end. */
export async function reconcile(
  plan: CellPlan,
  contender: Contender,
  ledger: Ledger,
  load: Load,
  delayed: Delayed | undefined,
  placed: ReadonlySet<number> | undefined,
): Promise<{ readonly checked: CheckResult; readonly toleranceUs: number | undefined }> {
  const workload = new Workload(plan.scenario.job.payloadBytes, plan.scenario.job.priorities);
  const clock = delayed === undefined ? undefined : await queueClock(plan.scenario, contender);
  const toleranceUs =
    delayed === undefined || clock === undefined ? undefined : earlyToleranceUs(delayed.clock, clock);
  const checked = await check({
    ledger,
    closedLoop: isClosedLoop(plan.scenario),
    ...(toleranceUs === undefined ? {} : { earlyToleranceUs: toleranceUs }),
    promises: contender.promises,
    leaseMs: leaseMsOf(plan),
    preloaded: preloadedJobs(plan.scenario),
    priorityOf: (key) => workload.priorityOf(key),
    held: contender.held?.(),
    startUs: load.startUs,
    endUs: load.endUs,
    lastFaultUs: Math.max(load.startUs, ...load.faults.map((fault) => fault.atUs)),
    cleanStop: load.cleanStop,
    troubled: load.troubled || clocksDisagree(load.agents, ledger.accounts, LIMITS.clockOffsetUs),
    stalls: stallsOf(load),
    outages: outagesOf(load.faults, load.endUs),
    brokenAgents: load.brokenAgents,
    killedAgents: load.killedAgents,
    rules: rulesOf(plan, contender, load, placed),
  });
  return { checked, toleranceUs };
}

function rulesOf(
  plan: CellPlan,
  contender: Contender,
  load: Load,
  placed: ReadonlySet<number> | undefined,
): CheckRules {
  const { scenario } = plan;
  const { job, limits, producers } = scenario;
  const stallUs = longestStallUs(load);
  return {
    traits: new JobTraits(traitsOf(plan, preloadedJobs(scenario))),
    ...(contender.retries === undefined ? {} : { maxAttempts: job.maxAttempts }),
    ...(limits === undefined ? {} : { limits: { limits, stallUs } }),
    ...(placed === undefined
      ? {}
      : {
          orders: {
            scheduled: [...scheduledOrders(plan)].map(({ firstKey }) => firstKey),
            committed: placed,
            jobs: producers.transaction?.jobs ?? 1,
          },
        }),
  };
}

/** Of the workers' event loops: the largest share of the load in which one stood still, and the longest stall. */
function stallsOf(load: Load): { share: number; longestUs: number } {
  const shares = load.agents
    .filter(({ role }) => role === 'worker')
    .map((a) => a.report?.health.stalledShare ?? 0);
  return { share: Math.max(0, ...shares), longestUs: longestStallUs(load) ?? 0 };
}

/** Of the workers' event loops, µs; undefined when one did not live to tell. */
function longestStallUs({ agents }: Load): number | undefined {
  const healths = agents.filter(({ role }) => role === 'worker').map(({ report }) => report?.health);
  if (healths.some((health) => health === undefined)) return undefined;
  return Math.max(0, ...healths.map((h) => Math.max(h?.eventLoopMaxUs ?? 0, h?.stalledAfterUs ?? 0)));
}

/** Jobs that were never sent were intended all the same: no agent's ledger says when. */
export function intendUnsent(plan: CellPlan, ledger: Ledger, load: Load, delayed: Delayed | undefined): void {
  const delays = new Delays(plan.scenario.job.delays, delayed?.clock.offsetUs ?? 0);
  for (const { key, atUs } of scheduledJobs(plan)) {
    if (ledger.enqueueState[key] !== ENQUEUE.notSent) continue;
    const intendedUs = load.startUs + atUs;
    ledger.intendedUs[key] = intendedUs;
    const eligibility = delays.of(key, intendedUs);
    if (eligibility !== undefined) ledger.delay(key, eligibility.delayUs);
  }
}
