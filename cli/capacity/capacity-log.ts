// What has a command on capacity found so far? Gathered cell by cell, for the bundle.

import type { CellOutcome } from '../../harness/cell/result.ts';
import type { ContenderSpec } from '../../harness/contender.ts';
import type { Capacity } from '../../harness/result/result.ts';
import type { CellSequence, PlannedCell } from '../../harness/run/plan.ts';
import { type Crew, handlersOf } from '../../reports/planning/crew.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { withConcurrency } from './loads.ts';

type Entry = Capacity['cells'][number];

/** Cells one by one, each with what it is for, and what was made of them. */
export class CapacityLog {
  readonly #sequence: CellSequence;
  readonly #entries: Entry[] = [];
  #found: Omit<Capacity, 'cells'> = {};

  constructor(sequence: CellSequence) {
    this.#sequence = sequence;
  }

  /** Has one cell measured: `yield*` it. */
  *cell(
    scenario: Scenario,
    contender: ContenderSpec,
    crew: Crew,
    purpose: Entry['purpose'],
  ): Generator<PlannedCell, CellOutcome, CellOutcome> {
    const planned = this.#sequence.next(scenario, withConcurrency(contender, crew));
    const outcome = yield planned;
    this.#entries.push({ id: planned.plan.id, purpose, handlers: handlersOf(crew) });
    return outcome;
  }

  /** Goes over what was found of the same part before. */
  found(part: Omit<Capacity, 'cells'>): void {
    this.#found = { ...this.#found, ...part };
  }

  get finished(): number {
    return this.#entries.length;
  }

  value(): Capacity {
    return { cells: [...this.#entries], ...this.#found };
  }
}
