// How did a load go, to be asked of any stretch of it? When jobs were due, got in, were settled and left.

import type { FigureInput, Stretch } from './figures.ts';
import { enteredUs, finished, leftUs } from './job-ends.ts';

/** The instants of a cell's jobs, sorted, in µs of the machine's clock. A stretch ends before its last instant. */
export class Course {
  /** Jobs that had got in and had been neither acked nor dead-lettered. */
  readonly backlog: Level;
  /**
   * The same from the instant at which each was due to be sent: what an outage keeps on its way to the queue is among them, and
   * the queue has it still to do. Jobs that never got in are not.
   */
  readonly owed: Level;
  readonly #due: Float64Array;
  readonly #settled: Float64Array;

  constructor(input: Pick<FigureInput, 'ledger' | 'assumedSettled' | 'preloaded'>) {
    const { ledger, preloaded } = input;
    const arrivals = function* (of: (key: number) => number) {
      for (let key = preloaded; key < ledger.size; key += 1) yield of(key);
    };
    const all = function* (of: (key: number) => number) {
      for (let key = 0; key < ledger.size; key += 1) yield of(key);
    };
    this.#due = sorted(arrivals((key) => ledger.eligibleUs(key)));
    this.#settled = sorted(all((key) => finished(input, key)?.settledUs ?? Number.NaN));
    const left = sorted(all((key) => leftUs(input, key)));
    this.backlog = new Level(preloaded, sorted(arrivals((key) => enteredUs(ledger, key))), left);
    const intended = (key: number): number =>
      Number.isNaN(enteredUs(ledger, key)) ? Number.NaN : (ledger.intendedUs[key] ?? Number.NaN);
    this.owed = new Level(preloaded, sorted(arrivals(intended)), left);
  }

  /** Jobs that came due, sent or not; the preload's not among them. */
  due(stretch: Stretch): number {
    return within(this.#due, stretch);
  }

  /** Jobs that were acked. */
  settled(stretch: Stretch): number {
    return within(this.#settled, stretch);
  }
}

/** A number of jobs: so many from the start, one more at each instant at which one came, one less where one left. */
class Level {
  readonly #preloaded: number;
  readonly #came: Float64Array;
  readonly #left: Float64Array;

  constructor(preloaded: number, came: Float64Array, left: Float64Array) {
    this.#preloaded = preloaded;
    this.#came = came;
    this.#left = left;
  }

  at(us: number): number {
    // An answer to an enqueue may be read after the job was settled: never below zero.
    return Math.max(0, this.#preloaded + below(this.#came, us) - below(this.#left, us));
  }

  /** The largest within a stretch. */
  max(stretch: Stretch): number {
    let most = this.at(stretch.fromUs);
    const last = below(this.#came, stretch.toUs);
    // It grows where one comes alone; the walk keeps its place among those that left.
    let left = below(this.#left, stretch.fromUs);
    for (let i = below(this.#came, stretch.fromUs); i < last; i += 1) {
      const us = this.#came[i] ?? 0;
      while (left < this.#left.length && (this.#left[left] ?? 0) <= us) left += 1;
      most = Math.max(most, this.#preloaded + i + 1 - left);
    }
    return most;
  }

  /** The first instant within a stretch at which it is no more than so many; undefined when there is none. */
  firstAtMost(jobs: number, stretch: Stretch): number | undefined {
    if (this.at(stretch.fromUs) <= jobs) return stretch.fromUs;
    const last = below(this.#left, stretch.toUs);
    let came = below(this.#came, stretch.fromUs);
    for (let i = below(this.#left, stretch.fromUs); i < last; i += 1) {
      const us = this.#left[i] ?? 0;
      while (came < this.#came.length && (this.#came[came] ?? 0) <= us) came += 1;
      if (this.#preloaded + came - (i + 1) <= jobs) return us;
    }
    return undefined;
  }
}

function sorted(instants: Iterable<number>): Float64Array {
  return Float64Array.from([...instants].filter((us) => !Number.isNaN(us))).sort();
}

/** How many of sorted instants lie before `us`. */
function below(instants: Float64Array, us: number): number {
  let [from, to] = [0, instants.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((instants[middle] ?? 0) < us) from = middle + 1;
    else to = middle;
  }
  return from;
}

function within(instants: Float64Array, { fromUs, toUs }: Stretch): number {
  return Math.max(0, below(instants, toUs) - below(instants, fromUs));
}
