// Which result does a measured cell have? Its verdict and, when that allows, its figures.

import { ratesOf } from '../../scenarios/arrival.ts';
import { describeHandler, type HandlerTime } from '../../scenarios/job.ts';
import { arrivalsOf, isClosedLoop, preloadedJobs, type Scenario } from '../../scenarios/scenario.ts';
import type { Topology } from '../../scenarios/topology.ts';
import type { Contender, FenceReport } from '../contender.ts';
import { fairnessOf, type ServerReadings, withoutReading } from '../fairness/cell.ts';
import { outagesOf } from '../faults/outages.ts';
import { httpNotes, httpPart } from '../http/http-result.ts';
import { hasDelays, type QueueClock } from '../load/delays.ts';
import { JobTraits, traitsOf } from '../load/job-traits.ts';
import type { Load } from '../load/load.ts';
import { type FigureInput, figures } from '../measure/figures.ts';
import type { Ledger } from '../measure/ledger.ts';
import { LOG_HEAD } from '../measure/samples.ts';
import { timeline } from '../measure/timeline.ts';
import type { BystanderReport } from '../neighbours/bystander.ts';
import type { Cell, Plan, Sample } from '../result/result.ts';
import type { CellPlans } from '../telemetry/plan-watch.ts';
import { costPerJob, type ServerAccount } from '../telemetry/server-watch.ts';
import type { CheckResult } from '../verify/checker.ts';
import { judge } from '../verify/verdict.ts';
import { abilityNotes } from './abilities.ts';
import { withExpectations } from './expectations.ts';
import type { CellPlan } from './plan.ts';
import { tellPhases } from './recovery.ts';
import { lastMeasuredUs, measuredStretches, warmUpNote, warmUpOf, windowOf } from './window.ts';

/** A measured cell, with what the bundle keeps beside result.json. */
export interface CellOutcome {
  readonly cell: Cell;
  readonly samples: readonly Sample[];
  readonly histogramLog: string;
  readonly plans: readonly Plan[];
}

/** How delayed jobs' instants were told before the load. */
export interface Delayed {
  readonly clock: QueueClock;
  /** When the preload began, µs of the machine's clock: what the delays of preloaded jobs count from. */
  readonly preloadUs: number;
  /** When the jobs of `preload.delayed` are due, on the same clock; absent without such. */
  readonly dueUs?: number;
}

/** What is known of the contender before the load. */
export interface Prepared {
  readonly fence: FenceReport | undefined;
  readonly preloadWalBytes: number | undefined;
  readonly contender: Pick<Contender, 'class' | 'promises' | 'declared' | 'sessionRole' | 'retries'>;
  readonly effective: Readonly<Record<string, string | number | boolean>>;
  /** Absent when no job is delayed. */
  readonly delayed: Delayed | undefined;
}

/** All that a cell's result is made from. */
export interface CellParts {
  readonly plan: CellPlan;
  readonly ceilingPerSec: number | undefined;
  /** Cores that the agents may use. */
  readonly agentCores: number;
  readonly prepared: Prepared;
  readonly load: Load;
  readonly ledger: Ledger;
  readonly checked: CheckResult;
  readonly server: ServerAccount;
  /** Absent where the scenario has none. */
  readonly bystander: BystanderReport | undefined;
  readonly read: ServerReadings;
  readonly plans: CellPlans;
  /** How far the clocks of queue and harness may be apart, µs; absent when no job is delayed. */
  readonly toleranceUs: number | undefined;
}

/** Judges the cell and derives its figures; an incorrect one gets none. */
export function assemble(parts: CellParts): CellOutcome {
  const { plan, prepared, load, ledger, checked } = parts;
  const server = withoutReading(parts.server, load, parts.read);
  const fairness = fairnessOf(plan, prepared.contender, load, parts.read);
  const openLoop = arrivalsOf(plan.scenario).length > 0;
  const lastUs = lastMeasuredUs(load, openLoop, ledger, checked);
  const warmUp = warmUpOf(plan.scenario, load, openLoop, ledger, lastUs);
  const traits = new JobTraits(traitsOf(plan, preloadedJobs(plan.scenario)));
  const input: FigureInput = {
    ledger,
    preloaded: preloadedJobs(plan.scenario),
    openLoop,
    closedLoop: isClosedLoop(plan.scenario),
    startUs: load.startUs,
    endUs: load.endUs,
    measured: measuredStretches(plan.scenario, load, warmUp.seconds, lastUs),
    assumedSettled: checked.assumedSettled,
    failed: checked.failed,
    outages: outagesOf(load.faults, load.endUs),
    isPoison: (key) => traits.isPoison(key),
    ...(plan.scenario.preload.delayed === undefined ? {} : { dueFrom: plan.scenario.preload.ready }),
  };
  const found = input.measured.length === 0 ? undefined : figures(input);
  const told =
    found === undefined ? undefined : tellPhases(plan.scenario, load, input, warmUp.seconds, lastUs);
  const http = httpPart(plan.scenario, load, input);
  const judged = judge({
    contractClass: prepared.contender.class,
    scenario: plan.scenario,
    ...(plan.scale === undefined ? {} : { scale: plan.scale }),
    openLoop,
    load,
    checked,
    accounts: ledger.accounts,
    fence: prepared.fence,
    figures: found,
    ceilingPerSec: parts.ceilingPerSec,
    agentCores: parts.agentCores,
    serverNotes: [
      ...server.notes,
      ...delayNote(parts.toleranceUs),
      ...warmUpNote(warmUp),
      ...(told?.notes ?? []),
      ...httpNotes(http),
      ...abilityNotes(plan.scenario, prepared.contender),
      ...checked.notes,
    ],
  });
  const correct = judged.verdict !== 'incorrect';
  const preload = { walBytes: prepared.preloadWalBytes, jobs: preloadedJobs(plan.scenario) };
  const telemetry = server.telemetry && {
    ...server.telemetry,
    missing: [...server.telemetry.missing, ...parts.plans.missing],
  };
  const cost = costPerJob(server, checked.jobs.settled, load, preload);
  const cell: Cell = {
    id: plan.id,
    block: plan.block,
    order: plan.order,
    repeat: plan.repeat,
    scenario: plan.scenario.name,
    parameters: {
      ...parametersOf(plan.scenario),
      ...(telemetry?.sampling === false ? { sampling: false } : {}),
    },
    contender: {
      ...contenderOf(plan, prepared),
      declared: fairness.declared,
      effective: { ...prepared.effective, ...fairness.effective },
    },
    fairness: fairness.rows,
    ...judged,
    window: windowOf(plan.scenario, load, warmUp, found),
    jobs: checked.jobs,
    ...(correct && found !== undefined ? { throughput: found.throughput, latencyUs: found.latencyUs } : {}),
    ...(correct && told !== undefined ? { phases: told.phases } : {}),
    ...(judged.verdict === 'valid' && told?.recovery !== undefined ? { recovery: told.recovery } : {}),
    ...(correct && http !== undefined ? { http } : {}),
    audit: {
      ...checked.audit,
      acceptedStaleSettles: checked.audit.acceptedStaleSettles + (prepared.fence?.accepted ?? 0),
    },
    ...(correct && cost !== undefined ? { cost } : {}),
    ...(correct && parts.bystander?.figures !== undefined ? { bystander: parts.bystander.figures } : {}),
    ...(correct && telemetry !== undefined ? { telemetry } : {}),
  };
  const samples = [
    ...timeline(input, plan.id, load.totalSeconds <= 60 ? 0.5 : 1),
    ...server.samples(plan.id),
    ...(parts.bystander?.samples ?? []),
  ];
  const log = correct && found !== undefined ? [...found.log, ...(parts.bystander?.log ?? [])] : [];
  return {
    cell: withExpectations(cell, plan.scenario, checked.unjudged),
    samples,
    plans: parts.plans.plans,
    histogramLog: LOG_HEAD + log.map((line) => `${line}\n`).join(''),
  };
}

/** Pickup and response of delayed jobs hold the clocks' uncertainty. */
function delayNote(toleranceUs: number | undefined): string[] {
  if (toleranceUs === undefined) return [];
  return [
    `delayed jobs were due by the queue's clock, whose place on ours is known to ±${(toleranceUs / 1000).toFixed(1)} ms`,
  ];
}

function contenderOf(plan: CellPlan, prepared: Prepared): Omit<Cell['contender'], 'effective'> {
  const { class: contractClass, declared } = prepared.contender;
  return {
    name: plan.contender.name,
    class: contractClass,
    ...(declared.strategy === undefined ? {} : { strategy: declared.strategy }),
    ...(declared.wakeup === undefined ? {} : { wakeup: declared.wakeup }),
    ...(declared.driver === undefined ? {} : { driver: declared.driver }),
    batch: declared.batch,
  };
}

function topologyOf({ pooler, standby }: Topology = {}): Cell['parameters'] {
  return {
    ...(pooler === undefined ? {} : { pooler: pooler.mode, poolSize: pooler.poolSize }),
    ...(standby === undefined ? {} : { standby: standby.feedback ? 'feedback' : 'no feedback' }),
  };
}

/** `handlerMs` where every job takes as long, else the distribution in words. */
function handlerOf(handler: HandlerTime): Cell['parameters'] {
  if (handler.time === 'none') return { handlerMs: 0 };
  return handler.time === 'constant' ? { handlerMs: handler.ms } : { handler: describeHandler(handler) };
}

function parametersOf(scenario: Scenario): Cell['parameters'] {
  const arrivals = arrivalsOf(scenario);
  const rates = arrivals.flatMap(ratesOf).map(Number);
  const clients = arrivals.flatMap((a) => (a.model === 'closed' ? [a.clients] : []));
  return {
    workerAgents: scenario.workers.agents,
    workerConnections: scenario.workers.connections,
    ...handlerOf(scenario.job.handler),
    preloadJobs: preloadedJobs(scenario),
    payloadBytes: scenario.job.payloadBytes,
    leaseMs: scenario.leaseMs,
    ...(rates.length === 0 ? {} : { ratePerSec: Math.max(...rates) }),
    ...(clients.length === 0 ? {} : { clients: Math.max(...clients) }),
    ...(hasDelays(scenario.job.delays) ? { delaysMs: scenario.job.delays.join(', ') } : {}),
    ...(scenario.producers.http === undefined ? {} : { backlogLimit: scenario.producers.http.backlogLimit }),
    ...topologyOf(scenario.topology),
  };
}
