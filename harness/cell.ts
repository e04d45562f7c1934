// How is one cell measured? From a fresh database to a verdict.

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { totalSeconds } from '../scenarios/scenario.ts';
import { countSessions } from './cell-fairness.ts';
import type { CellPlan, CellProgress } from './cell-plan.ts';
import { assemble, type CellOutcome, type Prepared } from './cell-result.ts';
import type { Contender, ContenderSpec, Target } from './contender.ts';
import { openContender } from './contenders/index.ts';
import { type Load, LoadRun } from './load/coordinator.ts';
import { Workload } from './load/workload.ts';
import { durabilityAsFound, readStored } from './measure/fairness-reading.ts';
import { Ledger } from './measure/ledger.ts';
import { PlanWatch } from './measure/plan-watch.ts';
import { ServerWatch } from './measure/server-watch.ts';
import type { CellDatabase, PostgresServer } from './server/server.ts';
import { type CheckResult, check } from './verify/checker.ts';

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
  /** False: nothing is read of the server while the load runs, and no plan is captured. Default: true. */
  readonly sampling?: boolean;
}

/** Runs one cell. Rejects only when it was aborted or the server is gone; a failing contender is a verdict. */
export async function runCell(plan: CellPlan, context: CellContext): Promise<CellOutcome> {
  const scratch = mkdtempSync(join(context.scratchDir, 'cell-'));
  let database: CellDatabase | undefined;
  try {
    context.onProgress(progress(plan, 'preparing'));
    database = await context.server?.openDatabase(`b${plan.block}_c${plan.order}`);
    const plans = new PlanWatch(context.sampling === false ? undefined : database?.connection);
    const target: Target =
      database === undefined
        ? { schema: 'claimbench' }
        : { ...targetOf(database), ...(await plans.access()) };
    await using watch = new ServerWatch(database, context.server, {
      sampling: context.sampling,
      leave: workerSessions(plan),
    });
    return await measure(plan, context, database, target, scratch, watch, plans);
  } finally {
    await database?.[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Beside its sessions each worker agent has a pool of two and a connection that listens; the harness needs a few. */
function workerSessions({ scenario }: CellPlan): number {
  return scenario.workers.agents * (scenario.workers.connections + 3) + 3;
}

function targetOf(database: CellDatabase): Target {
  return { connection: database.connection, schema: database.schema };
}

async function measure(
  plan: CellPlan,
  context: CellContext,
  database: CellDatabase | undefined,
  target: Target,
  scratch: string,
  watch: ServerWatch,
  planWatch: PlanWatch,
): Promise<CellOutcome> {
  const { scenario } = plan;
  const { server: host } = context;
  const found =
    host === undefined || database === undefined
      ? undefined
      : await durabilityAsFound(host, database.connection);
  await using loadRun = new LoadRun({
    plan,
    target,
    scratch,
    ...(context.agentCpus === undefined ? {} : { agentCpus: context.agentCpus }),
  });
  const prepared = await prepare(plan, context, target, watch);
  const ceilingPerSec = await context.ceilingFor(prepared.contender.declared.batch);
  await using counting = countSessions(scenario, database, prepared.contender);
  const load = await withContender(plan.contender, target, (contender) =>
    loadRun.run({
      contender,
      signal: context.signal,
      onProgress: (p) => context.onProgress({ plan, ...p }),
      beforeStart: async () => {
        await watch.begin();
        counting.start();
      },
    }),
  );
  const sessions = await counting.stop();
  context.onProgress(progress(plan, 'checking'));
  const server = await watch.end(load.startUs, load.endUs);
  const plans = await planWatch.end(plan.id, load);
  const stored = database === undefined ? undefined : await readStored(database);
  const ledger = new Ledger(load.keys, scenario.preloadJobs, load.startUs);
  for (const file of load.ledgerFiles) ledger.readFile(file.path, file.agent);
  const checked = await withContender(plan.contender, target, (contender) =>
    reconcile(plan, contender, ledger, load),
  );
  return assemble({
    plan,
    ceilingPerSec,
    prepared,
    load,
    ledger,
    checked,
    server,
    plans,
    read: { found, sessions, stored },
  });
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
      contender: {
        class: contender.class,
        promises: contender.promises,
        declared: contender.declared,
        ...(contender.sessionRole === undefined
          ? {}
          : { sessionRole: (name: string) => contender.sessionRole?.(name) }),
      },
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
    startUs: load.startUs,
    endUs: load.endUs,
    lastFaultUs: Math.max(load.startUs, ...load.faults.map((fault) => fault.atUs)),
    cleanStop: load.cleanStop,
    troubled: load.troubled || clockWentBack(ledger),
    brokenAgents: load.brokenAgents,
    killedAgents: load.killedAgents,
  });
}

function progress(plan: CellPlan, stage: CellProgress['stage']): CellProgress {
  return { plan, stage, secondsLeft: totalSeconds(plan.scenario) };
}

/** By a clock that goes back nothing can be proven of who came first. */
function clockWentBack(ledger: Ledger): boolean {
  return ledger.accounts.some((account) => account.clockBackUs > 0);
}
