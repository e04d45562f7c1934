// How is a whole run measured? Cell after cell, in planned order, each kept as soon as it is done.

import { randomUUID } from 'node:crypto';
import { loadModel } from '../scenarios/scenario.ts';
import { median } from '../stats/spread.ts';
import type { BundleWriter } from './bundle.ts';
import { measureCeiling } from './calibrate/ceiling.ts';
import { Ceilings } from './calibrate/ceilings.ts';
import { type CellContext, runCell } from './cell.ts';
import type { CellProgress } from './cell-plan.ts';
import type { CellOutcome } from './cell-result.ts';
import { openContender } from './contenders/index.ts';
import { declaredOf } from './definition.ts';
import { CannotMeasure, isForUser, oneLine } from './errors.ts';
import type { Priority } from './load/priority.ts';
import { type Cell, type Environment, METHOD_VERSION, type RunResult, SCHEMA_VERSION } from './result.ts';
import { type PlannedCell, planCells, type RunPlan, resolveRates } from './run-plan.ts';
import { openScratch } from './scratch.ts';
import type { PostgresServer } from './server/server.ts';
import { requireTopology } from './topology/topology.ts';
import { voidCell } from './void-cell.ts';

export interface RunOptions {
  readonly plan: RunPlan;
  readonly server: PostgresServer;
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
}

export interface RunProgress extends CellProgress {
  readonly done: number;
  readonly of: number;
}

/**
 * Runs all cells. After an abort the result holds the cells that had finished, with `complete: false`.
 * @throws UsageError, before anything is measured, for a scenario whose topology cannot be had.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  requireTopology(options.plan.scenarios, options.server);
  const cells = planCells(options.plan);
  const { bundle } = options;
  await using scratch = await openScratch();
  const context: Omit<CellContext, 'ceilingFor' | 'onProgress'> = {
    server: options.server,
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
  for (const batch of await declaredBatches(options)) await ceilings.of(batch);
  let result = emptyResult(options, await options.environment(await ceilings.of(1), ceilings.known()));
  bundle.save(result);
  for (const planned of cells) {
    const withCeilings = { ...context, ceilingFor: (batch: number) => ceilings.of(batch) };
    const outcome = await one(planned, result.cells, options, withCeilings, cells.length);
    if (outcome === 'aborted') break;
    result = { ...result, cells: [...result.cells, outcome.cell], finishedAt: new Date().toISOString() };
    bundle.add(outcome, result);
    options.onCell(outcome.cell, result.cells.length, cells.length);
  }
  result = {
    ...result,
    complete: result.cells.length === cells.length,
    environment: await options.environment(await ceilings.of(1), ceilings.known()),
    finishedAt: new Date().toISOString(),
  };
  bundle.save(result);
  return result;
}

/** The sizes of claim that occur in a run. */
async function declaredBatches(options: RunOptions): Promise<ReadonlySet<number>> {
  await using database = await options.server.openDatabase('ceilings');
  const target = { connection: database.connection, schema: database.schema };
  const batches = new Set<number>();
  for (const spec of options.plan.contenders) {
    await using contender = await openContender(spec, target);
    batches.add(contender.declared.batch);
  }
  return batches;
}

async function one(
  planned: PlannedCell,
  done: readonly Cell[],
  options: RunOptions,
  context: Omit<CellContext, 'onProgress'>,
  of: number,
): Promise<CellOutcome | 'aborted'> {
  if (options.signal.aborted) return 'aborted';
  const plan = resolveRates(planned.plan, (scenario, contender) => medianSettled(done, scenario, contender));
  if ('unresolved' in plan) return voidCell(planned.plan, 'job-queue', plan.unresolved);
  try {
    return await runCell(plan, {
      ...context,
      onProgress: (progress) => options.onProgress({ ...progress, done: done.length, of }),
    });
  } catch (error) {
    if (options.signal.aborted) return 'aborted';
    // A server that is gone ends the run: every later cell would fail in the same way.
    if (isForUser(error)) throw error;
    if (error instanceof CannotMeasure) return voidCell(plan, error.contractClass, error.message);
    return voidCell(plan, 'job-queue', `the contender failed: ${oneLine(error)}`);
  }
}

function medianSettled(done: readonly Cell[], scenario: string, contender: string): number | undefined {
  const rates = done
    .filter((c) => c.scenario === scenario && c.contender.name === contender && c.verdict === 'valid')
    .flatMap((c) => (c.throughput === undefined ? [] : [c.throughput.settledPerSec]));
  return rates.length === 0 ? undefined : median(rates);
}

function emptyResult(options: RunOptions, environment: Environment): RunResult {
  const now = new Date().toISOString();
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
    contenders: options.plan.contenders.map((c) => c.name),
    scenarios: options.plan.scenarios.map((s) => ({
      name: s.name,
      question: s.question,
      loadModel: loadModel(s),
      definition: declaredOf(s),
    })),
    cells: [],
    comparisons: [],
  };
}
