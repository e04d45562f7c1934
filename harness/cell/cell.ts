// How is one cell measured? From a fresh database to a verdict.

import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { preloadedJobs, type Scenario, totalSeconds } from '../../scenarios/scenario.ts';
import type { Contender, ContenderSpec, Target } from '../contender.ts';
import { openContender } from '../contenders/index.ts';
import { countSessions } from '../fairness/cell.ts';
import { durabilityAsFound, readStored } from '../fairness/reading.ts';
import { costsOfFaults } from '../faults/costs.ts';
import type { Pacing } from '../load/alarm.ts';
import { nowUs } from '../load/clock.ts';
import { LoadRun } from '../load/coordinator.ts';
import type { QueueClock } from '../load/delays.ts';
import { JobTraits, traitsOf } from '../load/job-traits.ts';
import type { Load } from '../load/load.ts';
import type { Priority } from '../load/priority.ts';
import { Workload } from '../load/workload.ts';
import { Ledger } from '../measure/ledger.ts';
import type { LiveReading } from '../metrics/live-metrics.ts';
import { type Bystander, openBystander } from '../neighbours/bystander.ts';
import type { CellDatabase, PostgresServer } from '../server/server.ts';
import { PlanWatch } from '../telemetry/plan-watch.ts';
import { ServerWatch } from '../telemetry/server-watch.ts';
import { OF_THE_WHOLE_SERVER, withoutShared } from '../telemetry/shared-costs.ts';
import { type CellTopology, openTopology, type TopologyReport } from '../topology/topology.ts';
import { requireAbilities } from './abilities.ts';
import { committedOrders, costsOfOrders, createOrders, ordersTable } from './application.ts';
import type { CellPlan, CellProgress } from './plan.ts';
import { delayPreload, dueInstantUs, startFor, withRunAt } from './preload.ts';
import { queueClock } from './queue-clock.ts';
import { intendUnsent, reconcile } from './reconcile.ts';
import { assemble, type CellOutcome, type Delayed, type Prepared } from './result.ts';

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
  /** Given what the agents have told so far, to be asked at any time; absent: they tell no latencies before the end. */
  readonly onLoad?: (live: () => LiveReading) => void;
  /** How producers wait; absent: by an alarm thread. */
  readonly pacing?: Pacing;
  /** How urgent producers are that send on schedule; absent: normal. */
  readonly producerPriority?: Priority;
}

/** Runs one cell. Rejects only when it was aborted or the server is gone; a failing contender is a verdict. */
export async function runCell(plan: CellPlan, context: CellContext): Promise<CellOutcome> {
  const scratch = mkdtempSync(join(context.scratchDir, 'cell-'));
  let database: CellDatabase | undefined;
  try {
    context.onProgress(progress(plan, 'preparing'));
    database = await context.server?.openDatabase(`b${plan.block}_c${plan.order}`);
    await using topology = await openTopology(plan, context.server, database, context.signal);
    const plans = new PlanWatch(context.sampling === false ? undefined : database?.connection);
    const access = await plans.access(topology.pooler !== undefined);
    const target = { ...targetOf(database, plan.scenario), ...(database && access) };
    await using watch = new ServerWatch(database, context.server, {
      sampling: context.sampling,
      leave: workerSessions(plan),
    });
    return await measure(plan, context, { database, target, topology, scratch, watch, plans });
  } finally {
    await database?.[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Beside its sessions each worker agent has a pool of two and a connection that listens; the harness needs a few. */
function workerSessions({ scenario }: CellPlan): number {
  return scenario.workers.agents * (scenario.workers.connections + 3) + 3;
}

function targetOf(database: CellDatabase | undefined, { preload, producers }: Scenario): Target {
  if (database === undefined) return { schema: 'claimbench' };
  return {
    connection: database.connection,
    schema: database.schema,
    ...(preload.finished > 0 ? { keepFinished: true } : {}),
    ...(producers.transaction === undefined ? {} : { orders: ordersTable(database) }),
  };
}

/** Where a cell is measured. */
interface Surroundings {
  readonly database: CellDatabase | undefined;
  /** The server itself, whatever stands between it and the agents. */
  readonly target: Target;
  readonly topology: CellTopology;
  readonly scratch: string;
  readonly watch: ServerWatch;
  readonly plans: PlanWatch;
}

async function measure(
  plan: CellPlan,
  context: CellContext,
  surroundings: Surroundings,
): Promise<CellOutcome> {
  const { scenario } = plan;
  const { database, target, topology, watch } = surroundings;
  const { server: host } = context;
  const found =
    host === undefined || database === undefined
      ? undefined
      : await durabilityAsFound(host, database.connection);
  // It may take seconds, and delayed jobs would be due meanwhile.
  if (scenario.preload.delayed !== undefined) await context.ceilingFor(await batchOf(plan, target));
  await using loadRun = new LoadRun({
    plan,
    target: topology.entrance === undefined ? target : { ...target, connection: topology.entrance },
    held: {
      connection: database?.connection,
      standby: topology.standby,
      schema: database?.schema,
      server: watch.struck(host),
      network: topology.network?.proxy,
      shared: host?.kind !== 'url' ? undefined : database?.exclusive === true ? 'server' : 'database',
    },
    scratch: surroundings.scratch,
    ...(context.agentCpus === undefined ? {} : { agentCpus: context.agentCpus }),
    ...(context.pacing === undefined ? {} : { pacing: context.pacing }),
    ...(context.producerPriority === undefined ? {} : { producerPriority: context.producerPriority }),
    ...(context.onLoad === undefined ? {} : { liveLatencies: true }),
  });
  context.onLoad?.(() => loadRun.live());
  await using bystander = openBystander({
    ...{ plan, database, scratch: surroundings.scratch, cpus: context.agentCpus },
    ...{ pacing: context.pacing, priority: context.producerPriority },
  });
  const prepared = await prepare(plan, context, surroundings, loadRun.keys, bystander);
  const ceilingPerSec = await context.ceilingFor(prepared.contender.declared.batch);
  await using counting = countSessions(scenario, database, prepared.contender, topology.pooler);
  const effective = { ...prepared.effective, ...(await topology.ready()) };
  const run = await withContender(plan.contender, target, (contender) =>
    loadRun.run({
      contender,
      queueOffsetUs: prepared.delayed?.clock.offsetUs ?? 0,
      ...startAt(scenario, prepared.delayed),
      signal: context.signal,
      onProgress: (p) => context.onProgress({ plan, ...p }),
      beforeStart: async () => {
        await bystander?.ready();
        await watch.begin();
        counting.start();
        await topology.begin();
      },
      onStart: (startUs) => bystander?.start(startUs),
      onLoadOver: () => {
        topology.loadOver();
        bystander?.loadOver();
      },
    }),
  );
  const beside = await bystander?.end();
  const sessions = await counting.stop();
  context.onProgress(progress(plan, 'checking'));
  // Before the server is looked at: a pooler's connections to it outlive the agents.
  const ran = withReport(run, await topology.end(run.startUs));
  const server = withoutShared(await watch.end(ran.startUs, ran.endUs), [
    ...costsOfFaults(scenario),
    ...costsOfOrders(scenario),
    ...(beside === undefined ? [] : [{ by: 'the bystander', costs: OF_THE_WHOLE_SERVER }]),
  ]);
  const load = withReport(ran, {
    failures: [...server.failures, ...(beside?.failures ?? [])],
    notes: beside?.notes ?? [],
  });
  const stored = database === undefined ? undefined : await readStored(database);
  const ledger = new Ledger(load.keys, preloadedJobs(scenario), load.startUs);
  for (const file of load.ledgerFiles) ledger.readFile(file.path, file.agent);
  if (prepared.delayed !== undefined) delayPreload(scenario, ledger, load.startUs, prepared.delayed);
  const placed =
    database === undefined || scenario.producers.transaction === undefined
      ? undefined
      : await committedOrders(database);
  const { checked, toleranceUs } = await withContender(plan.contender, target, (contender) =>
    reconcile(plan, contender, ledger, load, prepared.delayed, placed),
  );
  if (checked.jobs.skipped > 0) intendUnsent(plan, ledger, load, prepared.delayed);
  const plans = await surroundings.plans.end(plan.id, load);
  return assemble({
    plan,
    ceilingPerSec,
    // Where they are not bound, they get what the system grants this process.
    agentCores: context.agentCpus?.length ?? availableParallelism(),
    prepared: { ...prepared, effective },
    load,
    ledger,
    checked,
    server,
    bystander: beside,
    toleranceUs,
    plans,
    read: { found, sessions, stored },
  });
}

function startAt(scenario: Scenario, delayed: Delayed | undefined): { startUs?: number } {
  const startUs = startFor(scenario, delayed);
  return startUs === undefined ? {} : { startUs };
}

function withReport(load: Load, { failures, notes }: TopologyReport): Load {
  return { ...load, failures: [...load.failures, ...failures], notes: [...load.notes, ...notes] };
}

/** Install, probe, preload, settle down. Its connections close before the counters are reset, so that none reports late. */
async function prepare(
  plan: CellPlan,
  context: CellContext,
  { database, target, watch }: Pick<Surroundings, 'database' | 'target' | 'watch'>,
  offered: number,
  bystander: Bystander | undefined,
): Promise<Prepared> {
  const { scenario } = plan;
  const { job } = scenario;
  const prepared = await withContender(plan.contender, target, async (contender) => {
    requireAbilities(plan, contender);
    await contender.install();
    if (database !== undefined && scenario.producers.transaction !== undefined) await createOrders(database);
    if (!scenario.preload.analysed) await watch.analyse();
    if (scenario.limits !== undefined) await contender.limits?.set(scenario.limits);
    const clock = await queueClock(plan.scenario, contender);
    const fence = await contender.probeFence?.();
    const before = await watch.walBytes();
    const delayed = clock === undefined ? undefined : delayedFrom(scenario, clock);
    if (scenario.preload.finished > 0) await contender.preloadFinished?.(scenario.preload.finished);
    if (preloadedJobs(scenario) > 0) {
      context.onProgress(progress(plan, 'preloading'));
      const traits = new JobTraits(traitsOf(plan, preloadedJobs(scenario)));
      const workload = new Workload(job.payloadBytes, job.priorities, traits);
      const jobs = workload.preload(preloadedJobs(scenario));
      await contender.preload(delayed === undefined ? jobs : withRunAt(jobs, scenario, delayed));
    }
    const after = await watch.walBytes();
    return {
      fence,
      preloadWalBytes: before === undefined || after === undefined ? undefined : after - before,
      contender: {
        class: contender.class,
        promises: contender.promises,
        declared: contender.declared,
        ...(contender.retries === undefined ? {} : { retries: contender.retries }),
        ...(contender.sessionRole === undefined
          ? {}
          : { sessionRole: (name: string) => contender.sessionRole?.(name) }),
      },
      effective: await contender.effective(),
      delayed,
    };
  });
  await bystander?.prepare(prepared.contender.class);
  const jobs = offered + (bystander?.expected ?? 0);
  await watch.settleDown({ jobs, payloadBytes: job.payloadBytes }, scenario.preload.analysed);
  return prepared;
}

function delayedFrom(scenario: Scenario, clock: QueueClock): Delayed {
  const preloadUs = nowUs();
  const dueUs = dueInstantUs(scenario, preloadUs);
  return { clock, preloadUs, ...(dueUs === undefined ? {} : { dueUs }) };
}

async function batchOf(plan: CellPlan, target: Target): Promise<number> {
  return await withContender(plan.contender, target, async ({ declared }) => declared.batch);
}

async function withContender<T>(
  spec: ContenderSpec,
  target: Target,
  use: (contender: Contender) => Promise<T>,
): Promise<T> {
  await using contender = await openContender(spec, target);
  return await use(contender);
}

function progress(plan: CellPlan, stage: CellProgress['stage']): CellProgress {
  return { plan, stage, secondsLeft: totalSeconds(plan.scenario) };
}
