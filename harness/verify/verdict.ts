// Is a cell valid, invalid or incorrect, and why?

import { type Scenario, totalSeconds } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell/plan.ts';
import type { FenceReport } from '../contender.ts';
import type { Load } from '../load/load.ts';
import { COALESCE_US } from '../load/pacer.ts';
import type { AgentAccount } from '../measure/agent-account.ts';
import type { Figures } from '../measure/figures.ts';
import type { Cell, ContractClass } from '../result/result.ts';
import { agentProblems, worstClock } from './agent-audit.ts';
import type { CheckResult } from './checker.ts';
import { LIMITS, limitsAt, percent } from './generator-limits.ts';

export interface VerdictInput {
  readonly contractClass: ContractClass;
  readonly scenario: Scenario;
  /** Absent: the scenario as it is. */
  readonly scale?: CellPlan['scale'];
  readonly openLoop: boolean;
  readonly load: Load;
  readonly checked: CheckResult;
  /** What the agents' ledgers say of them. */
  readonly accounts: readonly AgentAccount[];
  readonly fence: FenceReport | undefined;
  /** Absent when nothing lay in the measured window. */
  readonly figures: Figures | undefined;
  /** Per agent; absent when it could not be measured. */
  readonly ceilingPerSec: number | undefined;
  /** Cores that the agents may use: so many of them at most reach their ceiling together. */
  readonly agentCores: number;
  readonly serverNotes: readonly string[];
}

export type Judged = Pick<Cell, 'verdict' | 'reasons' | 'notes' | 'generator'>;

/** Incorrect before invalid: a job that was lost is not excused by a busy machine. */
export function judge(input: VerdictInput): Judged {
  const incorrect = [...input.checked.violations, ...fenceProblems(input.fence)];
  const invalid = [
    ...input.load.failures,
    ...agentProblems(input.load.agents, input.accounts, LIMITS.clockOffsetUs),
    ...generatorProblems(input),
    ...windowProblems(input),
  ];
  const generator = generatorOf(input);
  const reasons = [...incorrect, ...invalid];
  const verdict = incorrect.length > 0 ? 'incorrect' : invalid.length > 0 ? 'invalid' : 'valid';
  return { verdict, reasons, notes: notesOf(input, generator.generatorBound), generator };
}

function fenceProblems(fence: FenceReport | undefined): string[] {
  if (fence === undefined) return [];
  return fence.problem === undefined ? [] : [`fence probe: ${fence.problem}`];
}

function generatorProblems(input: VerdictInput): string[] {
  const limits = limitsAt(input.scale);
  const stallLimit = input.openLoop ? limits.stalledShare : limits.drainStalledShare;
  const found = generators(input.load).flatMap((agent) => stallProblem(agent, stallLimit));
  if (!input.openLoop) return found;
  // Of measured jobs: without figures there are none, and the cell is void.
  const { failedShare: failed = 0, unsentShare: unsent = 0, lateShare: late = 0 } = input.figures ?? {};
  if (failed > LIMITS.failedShare) {
    found.push(
      `${percent(failed)} of the enqueues failed (limit ${percent(LIMITS.failedShare)}): what never got in lightened the load of the rest`,
    );
  }
  if (unsent > limits.lateShare) {
    found.push(
      `generator: ${percent(unsent)} of the jobs of the schedule were never sent (limit ${percent(limits.lateShare)}): fewer jobs per second, or a system that confirms them sooner`,
    );
  }
  if (late > limits.lateShare) {
    found.push(
      `generator: ${percent(late)} of the jobs were sent more than 10 ms late (limit ${percent(limits.lateShare)}): close other programs, or offer less, and run again`,
    );
  }
  for (const agent of input.load.agents) {
    const health = agent.report?.health;
    if (health === undefined || agent.broken) continue;
    if (agent.role === 'producer' && health.cpuShare > LIMITS.producerCpuShare) {
      found.push(
        `generator: producer agent ${agent.agent} used ${percent(health.cpuShare)} of a core (limit ${percent(LIMITS.producerCpuShare)}): give it more agents`,
      );
    }
  }
  return found;
}

/** An HTTP front is part of what is measured: that it was busy or stood still is no fault of the load. */
function generators({ agents }: Load): Load['agents'] {
  return agents.filter((agent) => agent.role !== 'front');
}

/** A worker that stood still is charged to the queue otherwise, in a drain as in an open loop. */
function stallProblem(agent: Load['agents'][number], limit: number): string[] {
  const health = agent.report?.health;
  if (health === undefined || agent.broken || health.stalledShare <= limit) return [];
  return [
    `generator: ${agent.role} agent ${agent.agent} stood still for ${percent(health.stalledShare)} of the time (limit ${percent(limit)}; longest ${Math.round(health.eventLoopMaxUs / 1000)} ms): close other programs and run again`,
  ];
}

/** The queue works off what is left, and a stall is in the response of those jobs; but no share of the load says so. */
function stallsAfterwards({ load, openLoop, scenario }: VerdictInput): string[] {
  if (!openLoop) return [];
  const limitUs = totalSeconds(scenario) * 1e6 * LIMITS.stalledShare;
  return generators(load).flatMap((agent) => {
    const { stalledAfterUs = 0 } = agent.report?.health ?? {};
    if (agent.broken || stalledAfterUs <= limitUs) return [];
    return [
      `${agent.role} agent ${agent.agent} stood still for ${Math.round(stalledAfterUs / 1000)} ms after the load, while the queue worked off the rest`,
    ];
  });
}

function windowProblems(input: VerdictInput): string[] {
  const { contractClass, figures, scenario, openLoop } = input;
  const mend = 'a longer --duration brings a deeper backlog, in a scenario of your own raise preload.ready';
  if (figures === undefined)
    return [
      openLoop
        ? 'nothing was measured: the load ended within the warm-up; run longer with --duration'
        : `nothing was measured: the backlog was drained within the warm-up; ${mend}`,
    ];
  const planned = scenario.phases.reduce((sum, phase) => sum + (phase.measured ? phase.seconds : 0), 0);
  const least = Math.min(LIMITS.drainSeconds, (planned - scenario.warmupSeconds) / 2);
  // Without a server nothing is due that a short drain would miss.
  return openLoop || contractClass === 'null' || figures.measuredSeconds >= least
    ? []
    : [
        `the backlog was drained after ${figures.measuredSeconds.toFixed(2)} s of measuring, too soon to tell a rate; ${mend}`,
      ];
}

function generatorOf(input: VerdictInput): Cell['generator'] {
  const healths = generators(input.load).flatMap((a) =>
    a.report === undefined || a.broken ? [] : [a.report.health],
  );
  const worst = (of: (h: (typeof healths)[number]) => number): number => Math.max(...healths.map(of));
  const lag = input.figures?.latencyUs.generatorLag;
  const settled = input.figures?.throughput.settledPerSec ?? 0;
  const ceiling = ceilingOf(input);
  return {
    ...(healths.length === 0
      ? {}
      : {
          eventLoopP99Us: Math.round(worst((h) => h.eventLoopP99Us)),
          eventLoopMaxUs: Math.round(worst((h) => h.eventLoopMaxUs)),
          stalledShare: round(worst((h) => h.stalledShare)),
          cpuShare: round(worst((h) => h.cpuShare)),
          gcShare: round(worst((h) => h.gcShare)),
        }),
    ...(lag?.p99 === undefined ? {} : { lagP99Us: lag.p99 }),
    ...(lag === undefined ? {} : { lagMaxUs: lag.max }),
    ...(ceiling === undefined ? {} : { ceilingPerSec: Math.round(ceiling) }),
    ...poolWait(input.load),
    ...worstClock(input.load.agents),
    generatorBound:
      (ceiling !== undefined && settled > ceiling * LIMITS.ceilingShare) || busyWorker(input.load),
    peakRssBytes: input.load.peakRssBytes,
  };
}

/** Of all worker agents together: two on one core get no further than one. */
function ceilingOf({ ceilingPerSec, scenario, agentCores }: VerdictInput): number | undefined {
  return ceilingPerSec === undefined
    ? undefined
    : ceilingPerSec * Math.min(scenario.workers.agents, Math.max(1, agentCores));
}

function busyWorker(load: Load): boolean {
  return load.agents.some(
    (a) => !a.broken && a.role === 'worker' && (a.report?.health.cpuShare ?? 0) > LIMITS.workerCpuShare,
  );
}

function poolWait(load: Load): { poolWaitShare?: number } {
  const producers = load.agents.filter((a) => a.role === 'producer');
  const sent = producers.reduce((sum, a) => sum + (a.report?.counters.sent ?? a.live.sent), 0);
  const waited = producers.reduce((sum, a) => sum + (a.report?.counters.poolWaits ?? a.live.poolWaits), 0);
  return sent === 0 ? {} : { poolWaitShare: round(waited / sent) };
}

function notesOf(input: VerdictInput, generatorBound: boolean): string[] {
  const notes = [...(input.figures?.notes ?? []), ...input.serverNotes, ...input.load.notes];
  if (generatorBound) {
    notes.push(
      `perhaps generator-bound: more than ${percent(LIMITS.ceilingShare)} of what the harness records without a database, or a worker agent above ${percent(LIMITS.workerCpuShare)} of a core; the queue may be faster than shown`,
    );
  }
  if (input.ceilingPerSec === undefined) {
    notes.push(
      'no ceiling could be measured: generator-bound is not judged, but for a worker agent that fills its core',
    );
  }
  notes.push(...stallsAfterwards(input));
  const { poolWaitShare = 0 } = poolWait(input.load);
  if (poolWaitShare > LIMITS.lateShare) {
    notes.push(
      `${percent(poolWaitShare)} of the enqueues waited for one of the producer's connections: pickup and response hold that wait, as an application with such a pool would see it`,
    );
  }
  notes.push(...lagNote(input.figures));
  const { audit, jobs } = input.checked;
  const assumedSettled = input.checked.assumedSettled.size;
  if (audit.redelivered > 0)
    notes.push(
      `${audit.redelivered} jobs were handed out again after their lease had ended, as at-least-once allows`,
    );
  if (audit.staleSettles > 0) notes.push(`${audit.staleSettles} late settles were refused`);
  if (audit.recovered > 0)
    notes.push(`${audit.recovered} jobs turned up although the outcome of their enqueue was unknown`);
  if (assumedSettled > 0)
    notes.push(
      `${assumedSettled} jobs count as settled: their settle was sent, its answer was never heard, and they are gone from the database; their response ends with the sending`,
    );
  if (jobs.skipped > 0) notes.push(`${jobs.skipped} jobs of the schedule were never sent`);
  const { rejected = 0, rolledBack = 0 } = jobs;
  const failed = jobs.failed - rejected - rolledBack;
  if (failed > 0) notes.push(`${failed} enqueues failed`);
  notes.push(...excusedNote(input.figures));
  if (rejected > 0 && input.scenario.job.unique !== undefined)
    notes.push(
      `${rejected} jobs were not taken, as another one held their unique key: they are in jobs.failed and jobs.rejected, and neither in pickup nor in response`,
    );
  if (rolledBack > 0)
    notes.push(
      `${rolledBack} jobs were in transactions that were rolled back on purpose: they are in jobs.failed and jobs.rolledBack, and neither in pickup nor in response`,
    );
  if (input.openLoop && jobs.inFlight > 0)
    notes.push(`${jobs.inFlight} jobs were still waiting at the end: the queue did not keep up`);
  return notes;
}

/** What an outage that the scenario asked for did to the load. */
function excusedNote(figures: Figures | undefined): string[] {
  const { failed = 0, unsent = 0, late = 0 } = figures?.excused ?? {};
  const met = [
    ...(failed > 0 ? [`${failed} failed enqueues`] : []),
    ...(unsent > 0 ? [`${unsent} jobs never sent`] : []),
    ...(late > 0 ? [`${late} jobs sent late`] : []),
  ];
  return met.length === 0
    ? []
    : [`met an outage of the scenario's own making, and void nothing: ${met.join(', ')}`];
}

/** A lag that is a large part of the latency is the generator's, not the queue's. Up to COALESCE_US it is meant. */
function lagNote(figures: Figures | undefined): string[] {
  if (
    figures === undefined ||
    figures.pickupP99Us === 0 ||
    figures.lagP99Us <= figures.pickupP99Us * 0.2 ||
    figures.lagP99Us < COALESCE_US
  )
    return [];
  return [
    `the generator's own lag at p99 (about ${(figures.lagP99Us / 1000).toFixed(1)} ms) is ${percent(figures.lagP99Us / figures.pickupP99Us)} of pickup p99: that part is not the queue's`,
  ];
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
