// How is one cell measured? From a fresh database to a verdict.

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Scenario } from '../scenarios/scenario.ts';
import { loadModel, totalSeconds } from '../scenarios/scenario.ts';
import type { CellPlan, CellProgress } from './cell-plan.ts';
import type { Contender, ContenderSpec, FenceReport, Target } from './contender.ts';
import { openContender } from './contenders/index.ts';
import { type Load, LoadRun } from './load/coordinator.ts';
import { Workload } from './load/workload.ts';
import { type FigureInput, type Figures, figures, LOG_HEAD, timeline } from './measure/figures.ts';
import { Ledger } from './measure/ledger.ts';
import { costPerJob, type ServerAccount, ServerWatch } from './measure/server-watch.ts';
import type { Cell, Sample } from './result.ts';
import type { CellDatabase, PostgresServer } from './server/server.ts';
import { type CheckResult, check } from './verify/checker.ts';
import { judge } from './verify/verdict.ts';

export interface CellContext {
  /** Absent for contenders without a database. */
  readonly server: PostgresServer | undefined;
  /** A folder for the agents' ledgers; in memory where the system has such. */
  readonly scratchDir: string;
  /** The null contender's rate with so many jobs per claim, per agent; undefined where it was not measured. */
  readonly ceilingFor: (batch: number) => Promise<number | undefined>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CellProgress) => void;
  /** Cores for the agents; absent for all. */
  readonly agentCpus?: readonly number[];
}

/** A measured cell, with what the bundle keeps beside result.json. */
export interface CellOutcome {
  readonly cell: Cell;
  readonly samples: readonly Sample[];
  readonly histogramLog: string;
}

/** Runs one cell. Rejects only when it was aborted or the server is gone; a failing contender is a verdict. */
export async function runCell(plan: CellPlan, context: CellContext): Promise<CellOutcome> {
  const scratch = mkdtempSync(join(context.scratchDir, 'cell-'));
  let database: CellDatabase | undefined;
  try {
    context.onProgress(progress(plan, 'preparing'));
    database = await context.server?.openDatabase(`b${plan.block}_c${plan.order}`);
    const target: Target = database === undefined ? { schema: 'claimbench' } : targetOf(database);
    await using watch = new ServerWatch(database, context.server);
    return await measure(plan, context, target, scratch, watch);
  } finally {
    await database?.[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function targetOf(database: CellDatabase): Target {
  return { connection: database.connection, schema: database.schema };
}

async function measure(
  plan: CellPlan,
  context: CellContext,
  target: Target,
  scratch: string,
  watch: ServerWatch,
): Promise<CellOutcome> {
  const { scenario } = plan;
  await using loadRun = new LoadRun({
    plan,
    target,
    scratch,
    ...(context.agentCpus === undefined ? {} : { agentCpus: context.agentCpus }),
  });
  const prepared = await prepare(plan, context, target, watch);
  const ceilingPerSec = await context.ceilingFor(prepared.contender.declared.batch);
  const load = await withContender(plan.contender, target, (contender) =>
    loadRun.run({
      contender,
      signal: context.signal,
      onProgress: (p) => context.onProgress({ plan, ...p }),
      beforeStart: () => watch.begin(),
    }),
  );
  context.onProgress(progress(plan, 'checking'));
  const server = await watch.end(load.startUs);
  const ledger = new Ledger(load.keys, scenario.preloadJobs, load.startUs);
  for (const file of load.ledgerFiles) ledger.readFile(file.path, file.agent);
  const checked = await withContender(plan.contender, target, (contender) =>
    reconcile(plan, contender, ledger, load),
  );
  return assemble({ plan, ceilingPerSec, prepared, load, ledger, checked, server });
}

interface Prepared {
  readonly fence: FenceReport | undefined;
  readonly preloadWalBytes: number | undefined;
  readonly contender: Pick<Contender, 'class' | 'promises' | 'declared'>;
  readonly effective: Readonly<Record<string, string | number | boolean>>;
}

/** Install, probe, preload, settle down. Its connections close before the counters are reset, so that none reports late. */
async function prepare(
  plan: CellPlan,
  context: CellContext,
  target: Target,
  watch: ServerWatch,
): Promise<Prepared> {
  const { scenario } = plan;
  const prepared = await withContender(plan.contender, target, async (contender) => {
    await contender.install();
    const fence = await contender.probeFence?.();
    const before = await watch.walBytes();
    if (scenario.preloadJobs > 0) {
      context.onProgress(progress(plan, 'preloading'));
      const workload = new Workload(scenario.payloadBytes, scenario.priorities);
      await contender.preload(workload.preload(scenario.preloadJobs));
    }
    const after = await watch.walBytes();
    return {
      fence,
      preloadWalBytes: before === undefined || after === undefined ? undefined : after - before,
      contender: { class: contender.class, promises: contender.promises, declared: contender.declared },
      effective: await contender.effective(),
    };
  });
  await watch.settleDown();
  return prepared;
}

async function withContender<T>(
  spec: ContenderSpec,
  target: Target,
  use: (contender: Contender) => Promise<T>,
): Promise<T> {
  await using contender = await openContender(spec, target);
  return await use(contender);
}

async function reconcile(
  plan: CellPlan,
  contender: Contender,
  ledger: Ledger,
  load: Load,
): Promise<CheckResult> {
  const workload = new Workload(plan.scenario.payloadBytes, plan.scenario.priorities);
  return check({
    ledger,
    promises: contender.promises,
    leaseMs: plan.scenario.leaseMs,
    preloaded: plan.scenario.preloadJobs,
    priorityOf: (key) => workload.priorityOf(key),
    held: contender.held?.(),
    brokenAgents: load.brokenAgents,
  });
}

interface Parts {
  readonly plan: CellPlan;
  readonly ceilingPerSec: number | undefined;
  readonly prepared: Prepared;
  readonly load: Load;
  readonly ledger: Ledger;
  readonly checked: CheckResult;
  readonly server: ServerAccount;
}

function assemble(parts: Parts): CellOutcome {
  const { plan, prepared, load, ledger, checked, server } = parts;
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
    fence: prepared.fence,
    figures: found,
    ceilingPerSec: parts.ceilingPerSec,
    serverNotes: server.notes,
  });
  const correct = judged.verdict !== 'incorrect';
  const preload = { walBytes: prepared.preloadWalBytes, jobs: plan.scenario.preloadJobs };
  const cost = costPerJob(server, checked.jobs.settled, load.roundTrips, preload);
  const cell: Cell = {
    id: plan.id,
    block: plan.block,
    order: plan.order,
    repeat: plan.repeat,
    scenario: plan.scenario.name,
    parameters: parametersOf(plan.scenario),
    contender: contenderOf(plan, prepared, load),
    ...judged,
    window: windowOf(plan.scenario, load, found),
    jobs: checked.jobs,
    ...(correct && found !== undefined ? { throughput: found.throughput, latencyUs: found.latencyUs } : {}),
    audit: {
      ...checked.audit,
      acceptedStaleSettles: checked.audit.acceptedStaleSettles + (prepared.fence?.accepted ?? 0),
    },
    ...(correct && cost !== undefined ? { cost } : {}),
  };
  const samples = [
    ...timeline(input, plan.id, load.totalSeconds <= 60 ? 0.5 : 1),
    ...server.samples(plan.id),
  ];
  return {
    cell,
    samples,
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

function contenderOf(plan: CellPlan, prepared: Prepared, load: Load): Cell['contender'] {
  const { class: contractClass, declared } = prepared.contender;
  return {
    name: plan.contender.name,
    class: contractClass,
    ...(declared.strategy === undefined ? {} : { strategy: declared.strategy }),
    ...(declared.wakeup === undefined ? {} : { wakeup: declared.wakeup }),
    ...(declared.driver === undefined ? {} : { driver: declared.driver }),
    batch: declared.batch,
    effective: {
      ...prepared.effective,
      ...(load.meanClaim === undefined ? {} : { meanJobsPerClaim: Math.round(load.meanClaim * 100) / 100 }),
      workerConnections: plan.scenario.workers.agents * plan.scenario.workers.connections,
    },
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

function windowOf(scenario: Scenario, load: Load, found: Figures | undefined): Cell['window'] {
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

function progress(plan: CellPlan, stage: CellProgress['stage']): CellProgress {
  return { plan, stage, secondsLeft: totalSeconds(plan.scenario) };
}
