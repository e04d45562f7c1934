// Is a cell valid, invalid or incorrect, and why?

import type { Scenario } from '../../scenarios/scenario.ts';
import type { FenceReport } from '../contender.ts';
import type { Load } from '../load/coordinator.ts';
import type { Figures } from '../measure/figures.ts';
import type { Cell } from '../result.ts';
import type { CheckResult } from './checker.ts';

/** Limits past which the generator, not the system under test, made the figures. METHOD.md states them to users. */
export const LIMITS = {
  /** Share of an open loop's jobs that may be sent more than 10 ms after their intended instant, or not at all. */
  lateShare: 0.01,
  /** 99th percentile of an agent's event-loop delay in an open loop, µs. */
  eventLoopP99Us: 20_000,
  /** Share of one core that a producer may use. */
  producerCpuShare: 0.95,
  /** Share of the null contender's rate above which the generator may be the bound. */
  ceilingShare: 0.2,
} as const;

export interface VerdictInput {
  readonly scenario: Scenario;
  readonly openLoop: boolean;
  readonly load: Load;
  readonly checked: CheckResult;
  readonly fence: FenceReport | undefined;
  /** Absent when nothing lay in the measured window. */
  readonly figures: Figures | undefined;
  readonly ceilingPerSec: number | undefined;
  readonly serverNotes: readonly string[];
}

export type Judged = Pick<Cell, 'verdict' | 'reasons' | 'notes' | 'generator'>;

/** Incorrect before invalid: a job that was lost is not excused by a busy machine. */
export function judge(input: VerdictInput): Judged {
  const incorrect = [...input.checked.violations, ...fenceProblems(input.fence)];
  const invalid = [...input.load.failures, ...generatorProblems(input), ...windowProblems(input)];
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
  if (!input.openLoop) return [];
  const found: string[] = [];
  const { skipped, offered } = input.checked.jobs;
  const unsent = skipped / Math.max(1, offered - input.scenario.preloadJobs);
  // What was not sent has no latency, and would have had the longest.
  if (unsent > LIMITS.lateShare) {
    found.push(
      `generator: ${percent(unsent)} of the jobs of the schedule were never sent (limit ${percent(LIMITS.lateShare)}): fewer jobs per second, or a system that confirms them sooner`,
    );
  }
  const late = input.figures?.lateShare ?? 0;
  if (late > LIMITS.lateShare) {
    found.push(
      `generator: ${percent(late)} of the jobs were sent more than 10 ms late (limit ${percent(LIMITS.lateShare)}): fewer jobs per second per producer, more producer agents, or a less busy machine`,
    );
  }
  for (const agent of input.load.agents) {
    const health = agent.report?.health;
    if (health === undefined || agent.broken) continue;
    if (health.eventLoopP99Us > LIMITS.eventLoopP99Us) {
      found.push(
        `generator: the event loop of ${agent.role} agent ${agent.agent} was late by ${Math.round(health.eventLoopP99Us / 1000)} ms at p99 (limit ${LIMITS.eventLoopP99Us / 1000} ms)`,
      );
    }
    if (agent.role === 'producer' && health.cpuShare > LIMITS.producerCpuShare) {
      found.push(
        `generator: producer agent ${agent.agent} used ${percent(health.cpuShare)} of a core (limit ${percent(LIMITS.producerCpuShare)}): give it more agents`,
      );
    }
  }
  return found;
}

function windowProblems(input: VerdictInput): string[] {
  if (input.figures === undefined) {
    return ['nothing was measured: the load ended within the warm-up; preload more jobs or run longer'];
  }
  return [];
}

function generatorOf(input: VerdictInput): Cell['generator'] {
  const healths = input.load.agents.flatMap((a) =>
    a.report === undefined || a.broken ? [] : [a.report.health],
  );
  const worst = (of: (h: (typeof healths)[number]) => number): number => Math.max(...healths.map(of));
  const lag = input.figures?.latencyUs.generatorLag;
  const settled = input.figures?.throughput.settledPerSec ?? 0;
  const ceiling = input.ceilingPerSec;
  const workers = input.scenario.workers.agents;
  return {
    ...(healths.length === 0
      ? {}
      : {
          eventLoopP99Us: Math.round(worst((h) => h.eventLoopP99Us)),
          cpuShare: round(worst((h) => h.cpuShare)),
          gcShare: round(worst((h) => h.gcShare)),
        }),
    ...(lag?.p99 === undefined ? {} : { lagP99Us: lag.p99 }),
    ...(lag === undefined ? {} : { lagMaxUs: lag.max }),
    ...(ceiling === undefined ? {} : { ceilingPerSec: Math.round(ceiling * workers) }),
    generatorBound: ceiling !== undefined && settled > ceiling * workers * LIMITS.ceilingShare,
    peakRssBytes: input.load.peakRssBytes,
  };
}

function notesOf(input: VerdictInput, generatorBound: boolean): string[] {
  const notes = [...(input.figures?.notes ?? []), ...input.serverNotes, ...input.load.notes];
  if (generatorBound) {
    notes.push(
      `generator-bound: more than ${percent(LIMITS.ceilingShare)} of what an agent reaches without a database; the queue may be faster than shown`,
    );
  }
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
  if (jobs.failed > 0) notes.push(`${jobs.failed} enqueues failed`);
  if (input.openLoop && jobs.inFlight > 0)
    notes.push(`${jobs.inFlight} jobs were still waiting at the end: the queue did not keep up`);
  return notes;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
