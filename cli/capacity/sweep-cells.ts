// Which cell does a sweep measure next? The grid in shuffled blocks, then the points that refine it; never one that is there.

import type { CellPlan } from '../../harness/cell/plan.ts';
import type { CellOutcome } from '../../harness/cell/result.ts';
import type { Capacity, CapacityPurpose, Cell, Sweep } from '../../harness/result/result.ts';
import { type PlannedCell, sharesOf } from '../../harness/run/plan.ts';
import type { AdaptiveCells } from '../../harness/run/run.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { randomStream, shuffled } from '../../stats/random.ts';
import { type Axis, type AxisValue, gridOf, type Place, placeKey } from './grid.ts';
import { refinements } from './refine.ts';
import { type PointLoad, pointLoad, type SweepBase } from './sweep-load.ts';

export interface SweepOptions {
  readonly axes: readonly Axis[];
  readonly base: SweepBase;
  readonly repeats: number;
  /** Points that may be put beside those of the grid. */
  readonly refine: number;
  readonly seed: number;
  /** For the bundle: from these an interrupted sweep goes on. */
  readonly words: Readonly<Record<string, unknown>>;
  /** What an earlier part has left: its cells, and its points in their order. */
  readonly earlier?: { readonly cells: readonly Cell[]; readonly points: readonly Place[] };
}

/** A point, and what is measured there. */
interface SweepPoint {
  readonly at: Place;
  /** Its place among all points, which names its cells. */
  readonly index: number;
  readonly load: PointLoad;
}

/** A cell that is to be measured, block by block. */
interface Wanted {
  readonly id: string;
  readonly point: SweepPoint;
  readonly scenario: Scenario;
  readonly purpose: CapacityPurpose;
  readonly repeat: number;
}

/** A sweep under way. */
export class SweepCells implements AdaptiveCells {
  readonly cells: AdaptiveCells['cells'];
  readonly #options: SweepOptions;
  readonly #points: SweepPoint[] = [];
  readonly #byKey = new Map<string, SweepPoint>();
  readonly #gridPoints: number;
  /** By id. */
  readonly #done: Map<string, Cell>;

  constructor(options: SweepOptions) {
    this.#options = options;
    for (const at of gridOf(options.axes)) this.#add(at);
    this.#gridPoints = this.#points.length;
    for (const at of options.earlier?.points ?? []) this.#add(at);
    this.#done = new Map(options.earlier?.cells.map((cell) => [cell.id, cell]));
    this.cells = this.#next();
  }

  /** Loads of all points, those to come left out. */
  get loads(): readonly PointLoad[] {
    return this.#points.map(({ load }) => load);
  }

  /** Cells that are measured. */
  get done(): number {
    return this.#done.size;
  }

  readonly expected = (): number =>
    this.#points.reduce(
      (sum, { load }) => sum + this.#options.repeats * (load.capacity === undefined ? 1 : 2),
      0,
    );

  readonly capacity = (): Capacity => {
    const { base, repeats, words } = this.#options;
    const all = this.#points.flatMap((point) => this.#cellsOf(point));
    const sweep: Sweep = {
      contender: base.contender,
      axes: this.#axesSoFar(),
      repeats,
      load: this.#points.some(({ load }) => isOpen(load)) ? 'open' : 'drain',
      points: this.#points.map((point) => ({
        at: { ...point.at },
        cells: this.#cellsOf(point).flatMap(({ id, scenario }) =>
          scenario === point.load.scenario && this.#done.has(id) ? [id] : [],
        ),
      })),
      words: { ...words },
    };
    const cells = all.flatMap(({ id, purpose, point: { load } }) => {
      if (!this.#done.has(id)) return [];
      return [{ id, purpose, ...(load.handlers === undefined ? {} : { handlers: load.handlers }) }];
    });
    return { cells, sweep };
  };

  #add(at: Place): SweepPoint | undefined {
    if (this.#byKey.has(placeKey(at))) return undefined;
    const point = { at, index: this.#points.length, load: pointLoad(this.#options.base, at) };
    this.#points.push(point);
    this.#byKey.set(placeKey(at), point);
    return point;
  }

  *#next(): AdaptiveCells['cells'] {
    const grid = this.#points.slice(0, this.#gridPoints);
    yield* this.#blocks(grid, 'order', 0);
    // Those that an earlier part had begun with.
    yield* this.#blocks(this.#points.slice(this.#gridPoints), 'order.earlier', this.#nextBlock());
    for (let round = 1; ; round += 1) {
      const left = this.#options.refine - (this.#points.length - this.#gridPoints);
      // Half of what is left at a time: several points, so that their repeats are apart, and the next ones know of them.
      const found = refinements(this.#options.axes, this.#measured(), Math.ceil(left / 2));
      const points = found.flatMap((at) => this.#add(at) ?? []);
      if (points.length === 0) return;
      yield* this.#blocks(points, `order.${round}`, this.#nextBlock());
    }
  }

  /** One block per repeat with every point once; capacities come before the loads that are shares of them. */
  *#blocks(points: readonly SweepPoint[], order: string, firstBlock: number): AdaptiveCells['cells'] {
    const random = randomStream(this.#options.seed, order);
    const cells = points.flatMap((point) => this.#cellsOf(point));
    const waves = [cells.filter(isBase), cells.filter((one) => !isBase(one))].filter(
      (wave) => wave.length > 0,
    );
    let block = firstBlock;
    for (const wave of waves)
      for (let repeat = 1; repeat <= this.#options.repeats; repeat += 1) {
        const ofRepeat = wave.filter((one) => one.repeat === repeat);
        for (const one of shuffled(ofRepeat, random)) {
          if (this.#done.has(one.id)) continue;
          const { cell }: CellOutcome = yield this.#planned(one, block);
          this.#done.set(cell.id, cell);
        }
        block += 1;
      }
  }

  #planned({ id, point: { load }, scenario, repeat }: Wanted, block: number): PlannedCell {
    const plan: CellPlan = {
      ...{ id, block, order: this.#done.size, repeat, scenario, contender: load.contender },
      ...(load.server === undefined ? {} : { server: load.server }),
      // Arrivals of its own for each repeat, and the same for all points.
      seed: this.#options.seed + repeat - 1,
    };
    return { plan, needs: sharesOf(scenario) };
  }

  #cellsOf(point: SweepPoint): Wanted[] {
    const { scenario, capacity } = point.load;
    const own = { scenario, purpose: isOpen(point.load) ? ('probe' as const) : ('closed' as const) };
    const loads = capacity === undefined ? [own] : [{ scenario: capacity, purpose: 'closed' as const }, own];
    return loads.flatMap((one) =>
      Array.from({ length: this.#options.repeats }, (_, i): Wanted => {
        const repeat = i + 1;
        return { ...one, id: `${one.scenario.name}.${point.index}.${repeat}`, point, repeat };
      }),
    );
  }

  #nextBlock(): number {
    return Math.max(-1, ...[...this.#done.values()].map(({ block }) => block)) + 1;
  }

  #measured() {
    return this.#points.map((point) => ({
      at: point.at,
      perSec: this.#cellsOf(point).flatMap(({ id, scenario }) => {
        const cell = this.#done.get(id);
        if (scenario !== point.load.scenario || cell?.verdict !== 'valid' || cell.throughput === undefined)
          return [];
        return [cell.throughput.settledPerSec];
      }),
    }));
  }

  /** With the values that refined points have brought. */
  #axesSoFar(): Sweep['axes'] {
    return this.#options.axes.map(({ name, values, range }) => {
      if (!range) return { name, values: [...values] };
      const all = new Set<AxisValue>([...values, ...this.#points.flatMap(({ at }) => at[name] ?? [])]);
      return { name, values: [...all].toSorted((x, y) => Number(x) - Number(y)) };
    });
  }
}

/** A cell that rates of others are shares of. */
function isBase({ point, scenario }: Wanted): boolean {
  return scenario === point.load.capacity;
}

function isOpen({ scenario }: PointLoad): boolean {
  return scenario.phases.some(({ arrival }) => arrival !== undefined);
}
