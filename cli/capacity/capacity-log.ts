// What has a command on capacity found so far? Gathered cell by cell, for the bundle.

import type { CellOutcome } from '../../harness/cell/result.ts';
import type { ContenderSpec } from '../../harness/contender.ts';
import type { Capacity } from '../../harness/result/result.ts';
import type { CellSequence, PlannedCell, StepOutcome } from '../../harness/run/plan.ts';
import { type Crew, handlersOf } from '../../reports/planning/crew.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { withConcurrency } from './loads.ts';

type Entry = Capacity['cells'][number];

/** Cells one by one, each with what it is for, and what was made of them. */
export class CapacityLog {
  readonly #sequence: CellSequence;
  readonly #entries: Entry[] = [];
  #found: Omit<Capacity, 'cells'> = {};

  /** The first server's label, where there are several. */
  readonly #server: string | undefined;

  constructor(sequence: CellSequence, server?: string) {
    this.#sequence = sequence;
    this.#server = server;
  }

  /** Has one cell measured: `yield*` it. */
  *cell(
    scenario: Scenario,
    contender: ContenderSpec,
    crew: Crew,
    purpose: Entry['purpose'],
  ): Generator<PlannedCell, CellOutcome, CellOutcome> {
    const planned = this.#sequence.next(scenario, withConcurrency(contender, crew), this.#server);
    const outcome = yield planned;
    this.#entries.push({ id: planned.plan.id, purpose, handlers: handlersOf(crew) });
    return outcome;
  }

  /** The same on each of several servers at the same time. */
  *everywhere(
    scenario: Scenario,
    contender: ContenderSpec,
    crew: Crew,
    servers: readonly string[],
  ): Generator<PlannedCell, readonly CellOutcome[], StepOutcome> {
    const [first, ...beside] = servers.map((server) =>
      this.#sequence.next(scenario, withConcurrency(contender, crew), server),
    );
    if (first === undefined) return [];
    const outcome = yield { ...first, beside };
    for (const { plan } of [first, ...beside])
      this.#entries.push({ id: plan.id, purpose: 'partition', handlers: handlersOf(crew) });
    return [outcome, ...(outcome.beside ?? [])];
  }

  /** Goes over what was found of the same part before. */
  found(part: Omit<Capacity, 'cells'>): void {
    this.#found = { ...this.#found, ...part };
  }

  get finished(): number {
    return this.#entries.length;
  }

  /** Pass, fail, unclear or void, of a cell that was a probe. */
  outcomeOf(cell: string): string | undefined {
    return this.#found.search?.probes.find((probe) => probe.cell === cell)?.outcome;
  }

  value(): Capacity {
    return { cells: [...this.#entries], ...this.#found };
  }
}
