// How did a load go, to be asked of any stretch of it? When jobs were due, got in, were settled and left.

import type { FigureInput, Stretch } from './figures.ts';
import { finished, leftUs } from './job-ends.ts';
import { ENQUEUE } from './ledger.ts';

/** The instants of a cell's jobs, sorted, in µs of the machine's clock. A stretch ends before its last instant. */
export class Course {
  readonly #preloaded: number;
  readonly #due: Float64Array;
  readonly #entered: Float64Array;
  readonly #settled: Float64Array;
  readonly #left: Float64Array;

  constructor(input: Pick<FigureInput, 'ledger' | 'assumedSettled' | 'preloaded'>) {
    const { ledger, preloaded } = input;
    this.#preloaded = preloaded;
    const arrivals = function* (of: (key: number) => number) {
      for (let key = preloaded; key < ledger.size; key += 1) yield of(key);
    };
    const all = function* (of: (key: number) => number) {
      for (let key = 0; key < ledger.size; key += 1) yield of(key);
    };
    this.#due = sorted(arrivals((key) => ledger.eligibleUs(key)));
    this.#entered = sorted(
      arrivals((key) =>
        ledger.enqueueState[key] === ENQUEUE.confirmed
          ? (ledger.enqueuedUs[key] ?? Number.NaN)
          : // Nobody heard that it got in, and it was handed out: it was there by then.
            (ledger.claimedUs[key] ?? Number.NaN),
      ),
    );
    this.#settled = sorted(all((key) => finished(input, key)?.settledUs ?? Number.NaN));
    this.#left = sorted(all((key) => leftUs(input, key)));
  }

  /** Jobs that came due, sent or not; the preload's not among them. */
  due(stretch: Stretch): number {
    return within(this.#due, stretch);
  }

  /** Jobs that were acked. */
  settled(stretch: Stretch): number {
    return within(this.#settled, stretch);
  }

  /** Jobs that had got in and had been neither acked nor dead-lettered at this instant. */
  backlogAt(us: number): number {
    // An answer to an enqueue may be read after the job was settled: never below zero.
    return Math.max(0, this.#preloaded + below(this.#entered, us) - below(this.#left, us));
  }

  /** The largest backlog within a stretch. */
  backlogMax(stretch: Stretch): number {
    let most = this.backlogAt(stretch.fromUs);
    const last = below(this.#entered, stretch.toUs);
    // It grows at an entry alone; the walk keeps its place among those that left.
    let left = below(this.#left, stretch.fromUs);
    for (let i = below(this.#entered, stretch.fromUs); i < last; i += 1) {
      const us = this.#entered[i] ?? 0;
      while (left < this.#left.length && (this.#left[left] ?? 0) <= us) left += 1;
      most = Math.max(most, this.#preloaded + i + 1 - left);
    }
    return most;
  }

  /** The first instant within a stretch at which no more than so many jobs wait; undefined when there is none. */
  firstAtMost(backlog: number, stretch: Stretch): number | undefined {
    if (this.backlogAt(stretch.fromUs) <= backlog) return stretch.fromUs;
    const last = below(this.#left, stretch.toUs);
    let entered = below(this.#entered, stretch.fromUs);
    for (let i = below(this.#left, stretch.fromUs); i < last; i += 1) {
      const us = this.#left[i] ?? 0;
      while (entered < this.#entered.length && (this.#entered[entered] ?? 0) <= us) entered += 1;
      if (this.#preloaded + entered - (i + 1) <= backlog) return us;
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
