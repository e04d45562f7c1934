// How is a whole run measured? Cell after cell, in planned order, each kept as soon as it is done.

import { randomUUID } from 'node:crypto';
import { loadModel } from '../../scenarios/load-model.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { median } from '../../stats/spread.ts';
import { measureCeiling } from '../calibrate/ceiling.ts';
import { Ceilings } from '../calibrate/ceilings.ts';
import { type CellContext, runCell } from '../cell/cell.ts';
import type { CellPlan, CellProgress } from '../cell/plan.ts';
import type { CellOutcome } from '../cell/result.ts';
import { voidCell } from '../cell/void.ts';
import { openContender } from '../contenders/index.ts';
import { CannotMeasure, isForUser, oneLine, UsageError } from '../errors.ts';
import type { Priority } from '../load/priority.ts';
import type { LiveMetrics } from '../metrics/live-metrics.ts';
import {
  type Capacity,
  type Cell,
  type Check,
  type ContractClass,
  type Environment,
  METHOD_VERSION,
  type RunResult,
  SCHEMA_VERSION,
} from '../result/result.ts';
import { requireTopology } from '../topology/topology.ts';
import type { BundleWriter } from './bundle.ts';
import { declaredOf } from './definition.ts';
import { continued, inParts } from './earlier.ts';
import { cellsOf, type PlannedCell, type RunPlan, resolveRates, rowsOf, type StepOutcome } from './plan.ts';
import { openScratch } from './scratch.ts';
import { requireServerNeeds } from './server-needs.ts';
import { type LostServer, type RunServer, RunServers } from './servers.ts';

/** Cells that are decided upon while the run goes on. */
export interface AdaptiveCells {
  /** Gives the next cell, and is sent what became of it; the run ends with it. */
  readonly cells: Generator<PlannedCell, void, StepOutcome>;
  /** How many cells there will be, as far as can be told now. */
  readonly expected: () => number;
  /** What has been made of the cells so far, for the result; absent where they are all there is to tell. */
  readonly capacity?: () => Capacity;
}

export interface RunOptions {
  /** With `adaptive` its scenarios are those whose needs are looked at before the start, as patterns of what may come. */
  readonly plan: RunPlan;
  /** Absent: the cells of the plan, in its order. */
  readonly adaptive?: AdaptiveCells;
  /** Which sides are measured, and how they are judged; of a check alone. */
  readonly check?: Check;
  /** An earlier part of the same run, whose cells this one goes on from: with `adaptive` alone. */
  readonly earlier?: RunResult;
  /** One without a label, or those that the plan labels. */
  readonly servers: readonly [RunServer, ...RunServer[]];
  readonly bundle: BundleWriter;
  /** Words of the command line, without passwords. */
  readonly command: readonly string[];
  readonly signal: AbortSignal;
  /**
   * Reads the machine and the server; called before the first cell and again after the last, with the null contender's
   * rate at one job per claim, and its rates by claim size.
   */
  readonly environment: (
    nullCeilingPerSec: number | undefined,
    nullCeilings: Readonly<Record<string, number>>,
  ) => Promise<Environment>;
  readonly onProgress: (progress: RunProgress) => void;
  readonly onCell: (cell: Cell, done: number, of: number) => void;
  readonly agentCpus?: readonly number[];
  readonly producerPriority?: Priority;
  /** False: nothing is read of the server while a load runs. Default: true. */
  readonly sampling?: boolean;
  /** Metrics of the running cell, and the port that they are served on; absent: none, and agents do nothing for them. */
  readonly metrics?: { readonly live: LiveMetrics; readonly port: number };
}

export interface RunProgress extends CellProgress {
  readonly done: number;
  readonly of: number;
}

/**
 * Runs all cells. After an abort the result holds the cells that had finished, with `complete: false`; so it does when a
 * server was lost in mid-run: its later cells are void, and when no server is left the run ends.
 * @throws UsageError, before anything is measured, for a scenario whose topology cannot be had, or that needs more than a server allows.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  for (const { server } of options.servers) {
    requireTopology(options.plan.scenarios, server);
    await requireServerNeeds(options.plan.scenarios, server);
  }
  const { bundle, adaptive } = options;
  const { cells, expected } = adaptive ?? cellsOf(options.plan);
  const servers = new RunServers(options.servers);
  await using scratch = await openScratch();
  const context: Omit<CellContext, 'server' | 'ceilingFor' | 'onProgress'> = {
    scratchDir: scratch.path,
    signal: options.signal,
    ...(options.agentCpus === undefined ? {} : { agentCpus: options.agentCpus }),
    ...(options.producerPriority === undefined ? {} : { producerPriority: options.producerPriority }),
    ...(options.sampling === undefined ? {} : { sampling: options.sampling }),
  };
  const ceilings = new Ceilings((batch) =>
    measureCeiling({ ...context, onProgress: () => undefined }, batch),
  );
  // Before the first cell: measured between two, it would leave one of them a busier coordinator than the others.
  const declared = await declaredBy(options);
  for (const { batch } of declared.values()) await ceilings.of(batch);
  const found = await options.environment(await ceilings.of(1), ceilings.known());
  const { earlier } = options;
  let result = earlier === undefined ? emptyResult(options, found) : continued(earlier, found);
  bundle.save(result);
  const measuring: Measuring = {
    options,
    servers,
    context: { ...context, ceilingFor: (batch: number) => ceilings.of(batch) },
    classOf: (contender) => declared.get(contender)?.class ?? 'job-queue',
    expected,
  };
  let step = cells.next();
  while (step.done !== true) {
    const group = [step.value, ...(step.value.beside ?? [])];
    const outcomes = await together(group, result.cells, measuring);
    const [first, ...beside] = outcomes;
    if (first === undefined) {
      options.metrics?.live.dropped();
      cells.return();
      break;
    }
    // Kept before anything is made of it: what cannot be judged is not lost.
    for (const [i, outcome] of outcomes.entries()) {
      options.metrics?.live.ended(outcome.cell);
      const planned = group[i];
      result = {
        ...result,
        ...(planned && { scenarios: withScenario(result.scenarios, planned.plan.scenario) }),
        contenders: withContender(result.contenders, outcome.cell.contender.name),
        cells: [...result.cells, outcome.cell],
        finishedAt: new Date().toISOString(),
      };
      bundle.add(outcome, result);
    }
    step = cells.next({ ...first, ...(beside.length === 0 ? {} : { beside }) });
    if (adaptive?.capacity !== undefined) {
      result = { ...result, capacity: adaptive.capacity() };
      bundle.save(result);
    }
    for (const [i, { cell }] of outcomes.entries())
      options.onCell(cell, result.cells.length - outcomes.length + i + 1, expected());
    if (servers.allLost) {
      cells.return();
      break;
    }
  }
  result = {
    ...result,
    complete: step.done === true && servers.lost.length === 0,
    ...(servers.lost.length === 0 ? {} : { lostServers: [...servers.lost] }),
    environment: inParts(earlier, await options.environment(await ceilings.of(1), ceilings.known())),
    finishedAt: new Date().toISOString(),
  };
  bundle.save(result);
  return result;
}

function withContender(known: readonly string[], name: string): string[] {
  return known.includes(name) ? [...known] : [...known, name];
}

/** One that was decided upon in mid-run is told when its first cell is. */
function withScenario(known: RunResult['scenarios'], scenario: Scenario): RunResult['scenarios'] {
  return known.some(({ name }) => name === scenario.name) ? known : [...known, toldOf(scenario)];
}

function toldOf(scenario: Scenario): RunResult['scenarios'][number] {
  return {
    name: scenario.name,
    question: scenario.question,
    loadModel: loadModel(scenario),
    definition: declaredOf(scenario),
  };
}

type Declared = { readonly batch: number; readonly class: ContractClass };

/** What each contender says of itself, by its name in tables: which sizes of claim occur in a run, and which classes. */
async function declaredBy({ servers: [first], plan }: RunOptions): Promise<ReadonlyMap<string, Declared>> {
  await using database = await first.server.openDatabase('ceilings');
  const target = { connection: database.connection, schema: database.schema };
  const declared = new Map<string, Declared>();
  for (const spec of plan.contenders) {
    await using contender = await openContender(spec, target);
    const said = { batch: contender.declared.batch, class: contender.class };
    for (const row of rowsOf({ ...plan, contenders: [spec] })) declared.set(row.contender.name, said);
  }
  return declared;
}

/** What all cells of a run share. */
interface Measuring {
  readonly options: RunOptions;
  readonly servers: RunServers;
  readonly context: Omit<CellContext, 'server' | 'onProgress'>;
  /** Of a contender whose cell could not be measured. */
  readonly classOf: (contender: string) => ContractClass;
  /** Cells of the run, as far as can be told. */
  readonly expected: () => number;
}

/** All of a group at the same time; none when the run was aborted. A failure waits for the others: none is left running. */
async function together(
  group: readonly PlannedCell[],
  done: readonly Cell[],
  measuring: Measuring,
): Promise<readonly CellOutcome[]> {
  const ended = await Promise.allSettled(group.map((planned) => one(planned, done, measuring)));
  const outcomes: CellOutcome[] = [];
  for (const end of ended) {
    if (end.status === 'rejected') throw end.reason;
    const outcome = withMetricsMark(end.value, measuring.options.metrics?.port);
    if (outcome === 'aborted') return [];
    outcomes.push(outcome);
  }
  return outcomes;
}

/** One cell on its server, with the server's label and version among its parameters where there are several. */
async function one(
  planned: PlannedCell,
  done: readonly Cell[],
  measuring: Measuring,
): Promise<CellOutcome | 'aborted'> {
  const host = measuring.servers.of(planned.plan.server);
  const outcome = withScaleMark(await measured(planned, done, host, measuring), planned.plan.scale);
  if (outcome === 'aborted' || host.label === undefined) return outcome;
  const where = host.apart ?? { pg: host.label, pgVersion: host.server.version };
  const parameters = { ...where, ...outcome.cell.parameters };
  return { ...outcome, cell: { ...outcome.cell, parameters } };
}

async function measured(
  planned: PlannedCell,
  done: readonly Cell[],
  host: RunServer,
  { options, servers, context, classOf, expected }: Measuring,
): Promise<CellOutcome | 'aborted'> {
  const { signal } = options;
  if (signal.aborted) return 'aborted';
  const contractClass = classOf(planned.plan.contender.name);
  const lost = servers.lossOf(host);
  if (lost !== undefined) return voidCell(planned.plan, contractClass, lossText(lost));
  const plan = resolveRates(planned.plan, (scenario, contender) => medianSettled(done, scenario, contender));
  if ('unresolved' in plan) return voidCell(planned.plan, contractClass, plan.unresolved);
  const live = options.metrics?.live;
  try {
    return await runCell(plan, {
      ...context,
      server: host.server,
      onProgress: (progress) => {
        live?.progress(progress);
        options.onProgress({ ...progress, done: done.length, of: Math.max(expected(), done.length + 1) });
      },
      ...(live === undefined ? {} : { onLoad: (read) => live.watch(read) }),
    });
  } catch (error) {
    if (signal.aborted) return 'aborted';
    if (error instanceof CannotMeasure) return voidCell(plan, error.contractClass, error.message);
    const loss = await servers.examine(host, done.length, signal);
    if (signal.aborted) return 'aborted';
    if (loss !== undefined) return voidCell(plan, contractClass, lossText(loss));
    // What the user must mend would befall every later cell in the same way.
    if (error instanceof UsageError) throw error;
    const what = isForUser(error) ? 'the server failed, and answers again' : 'the contender failed';
    return voidCell(plan, contractClass, `${what}: ${oneLine(error)}`);
  }
}

const LOSS = 'the server was lost';

function lossText({ description, reason }: LostServer): string {
  return `${LOSS} (${description}): ${reason}`;
}

/** A cell that is void because its server had gone: it says nothing of what was to be measured. */
export function fellWithServer({ verdict, reasons }: Cell): boolean {
  return verdict === 'invalid' && reasons.some((reason) => reason.startsWith(`${LOSS} (`));
}

/** A smoke test asserts: its figures are of too short a load to be compared with others. */
function withScaleMark(outcome: CellOutcome | 'aborted', scale: CellPlan['scale']): CellOutcome | 'aborted' {
  if (outcome === 'aborted' || scale === undefined) return outcome;
  const { cell } = outcome;
  const parameters = { ...cell.parameters, scale };
  const note = `--scale ${scale}: a short load, made to assert what must hold and not to measure`;
  return { ...outcome, cell: { ...cell, parameters, notes: [...cell.notes, note] } };
}

/** Who reads a figure, or compares it, shall know that agents listened for something else meanwhile. */
function withMetricsMark(
  outcome: CellOutcome | 'aborted',
  port: number | undefined,
): CellOutcome | 'aborted' {
  if (outcome === 'aborted' || port === undefined) return outcome;
  const { cell } = outcome;
  const note = `live metrics were served on port ${port} while it ran`;
  const parameters = { ...cell.parameters, metrics: true };
  return { ...outcome, cell: { ...cell, parameters, notes: [...cell.notes, note] } };
}

function medianSettled(done: readonly Cell[], scenario: string, contender: string): number | undefined {
  const rates = done
    .filter((c) => c.scenario === scenario && c.contender.name === contender && c.verdict === 'valid')
    .flatMap((c) => (c.throughput === undefined ? [] : [c.throughput.settledPerSec]));
  return rates.length === 0 ? undefined : median(rates);
}

function emptyResult(options: RunOptions, environment: Environment): RunResult {
  const now = new Date().toISOString();
  const rows = rowsOf(options.plan);
  const matrix = rows.flatMap(({ contender, asked, server }) =>
    server === undefined ? [] : [{ name: contender.name, contender: asked, server }],
  );
  return {
    schemaVersion: SCHEMA_VERSION,
    methodVersion: METHOD_VERSION,
    runId: randomUUID(),
    seed: options.plan.seed,
    startedAt: now,
    finishedAt: now,
    command: [...options.command],
    complete: false,
    environment,
    contenders: rows.map((row) => row.contender.name),
    ...(matrix.length === 0 ? {} : { matrix }),
    scenarios: options.adaptive === undefined ? options.plan.scenarios.map(toldOf) : [],
    cells: [],
    comparisons: [],
    ...(options.adaptive?.capacity === undefined ? {} : { capacity: options.adaptive.capacity() }),
    ...(options.check === undefined ? {} : { check: options.check }),
  };
}
