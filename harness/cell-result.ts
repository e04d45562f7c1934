// Which result does a measured cell have? Its verdict and, when that allows, its figures.

import { loadModel, type Scenario, totalSeconds } from '../scenarios/scenario.ts';
import { fairnessOf, type ServerReadings, withoutReading } from './cell-fairness.ts';
import type { CellPlan } from './cell-plan.ts';
import type { Contender, FenceReport } from './contender.ts';
import type { Load } from './load/coordinator.ts';
import { type FigureInput, type Figures, figures, LOG_HEAD } from './measure/figures.ts';
import type { Ledger } from './measure/ledger.ts';
import type { CellPlans } from './measure/plan-watch.ts';
import { costPerJob, type ServerAccount } from './measure/server-watch.ts';
import { timeline } from './measure/timeline.ts';
import type { Cell, Plan, Sample } from './result.ts';
import type { CheckResult } from './verify/checker.ts';
import { judge } from './verify/verdict.ts';

/** A measured cell, with what the bundle keeps beside result.json. */
export interface CellOutcome {
  readonly cell: Cell;
  readonly samples: readonly Sample[];
  readonly histogramLog: string;
  readonly plans: readonly Plan[];
}

/** What is known of the contender before the load. */
export interface Prepared {
  readonly fence: FenceReport | undefined;
  readonly preloadWalBytes: number | undefined;
  readonly contender: Pick<Contender, 'class' | 'promises' | 'declared' | 'sessionRole'>;
  readonly effective: Readonly<Record<string, string | number | boolean>>;
}

/** All that a cell's result is made from. */
export interface CellParts {
  readonly plan: CellPlan;
  readonly ceilingPerSec: number | undefined;
  readonly prepared: Prepared;
  readonly load: Load;
  readonly ledger: Ledger;
  readonly checked: CheckResult;
  readonly server: ServerAccount;
  readonly read: ServerReadings;
  readonly plans: CellPlans;
}

/** Judges the cell and derives its figures; an incorrect one gets none. */
export function assemble(parts: CellParts): CellOutcome {
  const { plan, prepared, load, ledger, checked } = parts;
  const server = withoutReading(parts.server, load, parts.read);
  const fairness = fairnessOf(plan, prepared.contender, load, parts.read);
  const openLoop = plan.scenario.phases.some((phase) => phase.arrival !== undefined);
  const input: FigureInput = {
    ledger,
    preloaded: plan.scenario.preloadJobs,
    openLoop,
    startUs: load.startUs,
    endUs: load.endUs,
    measured: measuredStretches(plan.scenario, load, openLoop, ledger, checked),
    assumedSettled: checked.assumedSettled,
  };
  const found = input.measured.length === 0 ? undefined : figures(input);
  const judged = judge({
    scenario: plan.scenario,
    openLoop,
    load,
    checked,
    accounts: ledger.accounts,
    fence: prepared.fence,
    figures: found,
    ceilingPerSec: parts.ceilingPerSec,
    serverNotes: server.notes,
  });
  const correct = judged.verdict !== 'incorrect';
  const preload = { walBytes: prepared.preloadWalBytes, jobs: plan.scenario.preloadJobs };
  const telemetry = server.telemetry && {
    ...server.telemetry,
    missing: [...server.telemetry.missing, ...parts.plans.missing],
  };
  const cost = costPerJob(server, checked.jobs.settled, load.roundTrips, preload);
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
    window: windowOf(plan.scenario, load, found),
    jobs: checked.jobs,
    ...(correct && found !== undefined ? { throughput: found.throughput, latencyUs: found.latencyUs } : {}),
    audit: {
      ...checked.audit,
      acceptedStaleSettles: checked.audit.acceptedStaleSettles + (prepared.fence?.accepted ?? 0),
    },
    ...(correct && cost !== undefined ? { cost } : {}),
    ...(correct && telemetry !== undefined ? { telemetry } : {}),
  };
  const samples = [
    ...timeline(input, plan.id, load.totalSeconds <= 60 ? 0.5 : 1),
    ...server.samples(plan.id),
  ];
  return {
    cell,
    samples,
    plans: parts.plans.plans,
    histogramLog: LOG_HEAD + (correct && found !== undefined ? found.log.map((l) => `${l}\n`).join('') : ''),
  };
}

/**
 * The measured phases without the warm-up; a drain ends when its last job is settled. One that left jobs behind lasted
 * to the end: a queue that stops working half-way must not look as fast as it was until then.
 */
export function measuredStretches(
  scenario: Scenario,
  load: Pick<Load, 'startUs' | 'loadEndUs'>,
  openLoop: boolean,
  ledger: Pick<Ledger, 'settledUs'>,
  checked: CheckResult,
): FigureInput['measured'] {
  let lastUs = load.loadEndUs;
  const { inFlight, retried } = checked.jobs;
  if (!openLoop && inFlight + retried + checked.audit.lost === 0) {
    let lastSettledUs = Number.NEGATIVE_INFINITY;
    for (const us of ledger.settledUs) if (us > lastSettledUs) lastSettledUs = us;
    // One microsecond more, as the end of a stretch lies outside it.
    lastUs = Math.min(lastUs, lastSettledUs + 1);
  }
  const warmUs = load.startUs + scenario.warmupSeconds * 1e6;
  let fromUs = load.startUs;
  return scenario.phases.flatMap((phase) => {
    const stretch = {
      fromUs: Math.max(fromUs, warmUs),
      toUs: Math.min(fromUs + phase.seconds * 1e6, lastUs),
    };
    fromUs += phase.seconds * 1e6;
    return phase.measured && stretch.toUs > stretch.fromUs ? [stretch] : [];
  });
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

function parametersOf(scenario: Scenario): Cell['parameters'] {
  const rates = scenario.phases.flatMap((p) =>
    p.arrival === undefined ? [] : [Number(p.arrival.ratePerSec)],
  );
  return {
    workerAgents: scenario.workers.agents,
    workerConnections: scenario.workers.connections,
    handlerMs: scenario.workers.handlerMs,
    preloadJobs: scenario.preloadJobs,
    payloadBytes: scenario.payloadBytes,
    leaseMs: scenario.leaseMs,
    ...(rates.length === 0 ? {} : { ratePerSec: Math.max(...rates) }),
  };
}

/** Two checkpoints of the default five minutes: anything shorter says nothing of checkpoints and vacuum. */
const STEADY_STATE_SECONDS = 600;

/** When what happened, and whether that was long enough to be called a steady state. */
export function windowOf(
  scenario: Scenario,
  load: Pick<Load, 'startUs' | 'endUs' | 'faults'>,
  found: Pick<Figures, 'measuredSeconds'> | undefined,
): Cell['window'] {
  let from = 0;
  return {
    loadModel: loadModel(scenario),
    kind: totalSeconds(scenario) >= STEADY_STATE_SECONDS ? 'steady-state' : 'burst',
    warmupSeconds: scenario.warmupSeconds,
    measuredSeconds: found?.measuredSeconds ?? 0,
    totalSeconds: (load.endUs - load.startUs) / 1e6,
    phases: scenario.phases.map((phase) => {
      const row = {
        label: phase.label,
        fromSeconds: from,
        toSeconds: from + phase.seconds,
        measured: phase.measured,
      };
      from += phase.seconds;
      return row;
    }),
    faults: load.faults.map((fault) => ({
      label: fault.label,
      atSeconds: (fault.atUs - load.startUs) / 1e6,
    })),
  };
}
