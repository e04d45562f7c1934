// In which order are the cells of a run measured? Randomised, interleaved blocks.

import { mapRates, ratesOf } from '../../scenarios/arrival.ts';
import { arrivalsOf, type Scenario } from '../../scenarios/scenario.ts';
import { randomStream, shuffled } from '../../stats/random.ts';
import type { CellPlan } from '../cell/plan.ts';
import type { CellOutcome } from '../cell/result.ts';
import type { ContenderSpec } from '../contender.ts';
import { UsageError } from '../errors.ts';

export interface RunPlan {
  readonly scenarios: readonly Scenario[];
  readonly contenders: readonly ContenderSpec[];
  /** Labels of the servers, such as PostgreSQL majors: each contender is measured on each. Absent for the one of a run. */
  readonly servers?: readonly string[];
  /** `smoke`: the scenarios are in their short form. */
  readonly scale?: 'smoke';
  readonly repeats: number;
  /** Of the order, and of every scenario that has none of its own. */
  readonly seed: number;
}

/** What has a row of its own in every table: a contender, or a contender on one of several servers. */
export interface RunRow {
  /** Its name says the server too, where there are several: `batch on 14`. */
  readonly contender: ContenderSpec;
  /** The contender's own name. */
  readonly asked: string;
  readonly server?: string;
}

/** The rows of a run: all servers of the first contender, then of the second. The very first is the baseline. */
export function rowsOf({ contenders, servers }: Pick<RunPlan, 'contenders' | 'servers'>): RunRow[] {
  return contenders.flatMap((contender): RunRow[] => {
    const asked = contender.name;
    if (servers === undefined) return [{ contender, asked }];
    return servers.map((server) => ({
      contender: { ...contender, name: `${asked} on ${server}` },
      asked,
      server,
    }));
  });
}

/** A cell whose rate may still be a share of what the same contender settles in another scenario. */
export interface PlannedCell {
  readonly plan: CellPlan;
  readonly needs: readonly string[];
  /** Cells that are run at the same time, each on a server of its own; absent: none. */
  readonly beside?: readonly PlannedCell[];
}

/** What became of a cell, and of those that ran at the same time, in their order. */
export interface StepOutcome extends CellOutcome {
  readonly beside?: readonly CellOutcome[];
}

/**
 * One block per repeat; in it every contender meets every scenario once, on each of the servers, in random order, so that a machine that grows
 * slower hurts all alike. Scenarios whose rates are shares of another come after all blocks of that other.
 */
export function planCells(run: RunPlan): PlannedCell[] {
  const random = randomStream(run.seed, 'order');
  const waves = dependencyWaves(run.scenarios);
  const rows = rowsOf(run);
  const cells: PlannedCell[] = [];
  for (const wave of waves) {
    for (let repeat = 1; repeat <= run.repeats; repeat += 1) {
      const block = wave.index * run.repeats + repeat - 1;
      const pairs = wave.scenarios.flatMap((scenario) =>
        rows.map((row, place) => ({ ...row, scenario, place })),
      );
      for (const { scenario, contender, server, place } of shuffled(pairs, random)) {
        const order = cells.length;
        const plan: CellPlan = {
          id: cellId(scenario, contender, place, repeat),
          block,
          order,
          repeat,
          scenario,
          contender,
          ...(server === undefined ? {} : { server }),
          ...(run.scale === undefined ? {} : { scale: run.scale }),
          seed: scenario.seed ?? run.seed,
        };
        cells.push({ plan, needs: sharesOf(scenario) });
      }
    }
  }
  return cells;
}

/** The same, one by one, as a run takes them. */
export function cellsOf(run: RunPlan): {
  readonly cells: Generator<PlannedCell, void, unknown>;
  readonly expected: () => number;
} {
  const planned = planCells(run);
  return {
    cells: (function* () {
      yield* planned;
    })(),
    expected: () => planned.length,
  };
}

/** Makes the cells of a run whose next cell depends on the last: each a block by itself, numbered as they come. */
export class CellSequence {
  readonly #seed: number;
  readonly #contenders: string[] = [];
  readonly #repeats = new Map<string, number>();
  #order = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** A scenario that comes again is a repeat, with arrivals of its own. */
  next(scenario: Scenario, contender: ContenderSpec, server?: string): PlannedCell {
    if (!this.#contenders.includes(contender.name)) this.#contenders.push(contender.name);
    const key = JSON.stringify([scenario.name, contender.name, server]);
    const repeat = (this.#repeats.get(key) ?? 0) + 1;
    this.#repeats.set(key, repeat);
    const order = this.#order;
    this.#order += 1;
    const plan: CellPlan = {
      id: `${cellId(scenario, contender, this.#contenders.indexOf(contender.name), repeat)}${server === undefined ? '' : `.${server}`}`,
      ...{ block: order, order, repeat, scenario, contender },
      ...(server === undefined ? {} : { server }),
      seed: scenario.seed ?? this.#seed + order,
    };
    return { plan, needs: sharesOf(scenario) };
  }
}

/**
 * Fills in the rates that are shares: `settledPerSec` gives what a contender settled in a scenario, by the median of its valid
 * cells; on one of several servers, of those on the same one, as its name says.
 */
export function resolveRates(
  plan: CellPlan,
  settledPerSec: (scenario: string, contender: string) => number | undefined,
): CellPlan | { readonly unresolved: string } {
  let unresolved: string | undefined;
  const phases = plan.scenario.phases.map((phase) => {
    if (phase.arrival === undefined) return phase;
    const arrival = mapRates(phase.arrival, (rate) => {
      if (typeof rate === 'number') return rate;
      const base = settledPerSec(rate.of, plan.contender.name);
      if (base === undefined) unresolved = rate.of;
      return Math.max(1, rate.share * (base ?? 0));
    });
    return { ...phase, arrival };
  });
  if (unresolved !== undefined) {
    return {
      unresolved: `its rate is a share of ${unresolved}, which has no valid cell of ${plan.contender.name}`,
    };
  }
  return { ...plan, scenario: { ...plan.scenario, phases } };
}

/** The scenarios that rates of this one are shares of. */
export function sharesOf(scenario: Scenario): string[] {
  return arrivalsOf(scenario)
    .flatMap(ratesOf)
    .flatMap((rate) => (typeof rate === 'object' ? [rate.of] : []));
}

function dependencyWaves(scenarios: readonly Scenario[]): { index: number; scenarios: Scenario[] }[] {
  const names = new Set(scenarios.map((s) => s.name));
  for (const scenario of scenarios) {
    for (const needed of sharesOf(scenario)) {
      if (!names.has(needed)) {
        throw new UsageError(
          `scenario ${scenario.name} takes its rate from ${needed}, which is not in this run: add --scenario ${needed}, or give --rate`,
        );
      }
    }
  }
  const waves: { index: number; scenarios: Scenario[] }[] = [];
  const placed = new Set<string>();
  while (placed.size < names.size) {
    const wave = scenarios.filter((s) => !placed.has(s.name) && sharesOf(s).every((n) => placed.has(n)));
    if (wave.length === 0) {
      throw new UsageError(
        'scenarios take their rates from each other in a circle: give one of them a rate in jobs per second',
      );
    }
    for (const scenario of wave) placed.add(scenario.name);
    waves.push({ index: waves.length, scenarios: wave });
  }
  return waves;
}

/** Names the cell's files too: letters, digits, hyphens, dots. The contender's place tells two of like names apart. */
function cellId(scenario: Scenario, contender: ContenderSpec, place: number, repeat: number): string {
  const safe = contender.name
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 40);
  return `${scenario.name}.${place}-${safe}.${repeat}`;
}
