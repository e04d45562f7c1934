// How many sessions of a worker may claim at once, and which of those that want to is next?

/** Jobs that the claims under way ask for together, where batches are small. */
const JOBS_AT_ONCE = 32;
/** Fewer would leave the server idle while one of them waits for its commit. */
const CLAIMS_AT_ONCE_MIN = 4;

/**
 * How many claims of `batch` jobs gain by being under way together. Beyond that they stand in each other's way: with SKIP
 * LOCKED each walks past the rows that the others are taking, so that the work grows with the square of their number;
 * with a cursor they queue for it.
 */
export function claimsAtOnce(batch: number): number {
  return Math.max(CLAIMS_AT_ONCE_MIN, Math.ceil(JOBS_AT_ONCE / batch));
}

/**
 * Lets so many claims pass at once. Of the sessions that wait for their turn those with outcomes to settle go first, in the
 * order in which they came; of the others the one that came last, so that no more sessions are at work than are needed:
 * the fewer they are, the warmer are the server's processes behind them.
 */
export class ClaimGate {
  readonly #limit: number;
  #passed = 0;
  readonly #withOutcomes = new Set<() => void>();
  readonly #others = new Set<() => void>();
  #calling = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True: one claim is let through, until `leave`. */
  enter(): boolean {
    if (this.#passed >= this.#limit) return false;
    this.#passed += 1;
    return true;
  }

  /** `call` is called once there is room, when its turn has come; once more asked for, its new place counts. */
  wait(call: () => void, hasOutcomes: boolean): void {
    this.#others.delete(call);
    if (!hasOutcomes) {
      this.#withOutcomes.delete(call);
      this.#others.add(call);
    } else this.#withOutcomes.add(call);
  }

  /** A claim has ended. Whoever ended it may enter again before the next ones are called, when it has done its jobs by then. */
  leave(): void {
    this.#passed -= 1;
    if (this.#calling || this.#withOutcomes.size + this.#others.size === 0) return;
    this.#calling = true;
    setImmediate(() => this.#callNext());
  }

  #callNext(): void {
    this.#calling = false;
    // One that does not enter any more leaves its place to the next.
    while (this.#passed < this.#limit) {
      const [first] = this.#withOutcomes;
      const call = first ?? [...this.#others].at(-1);
      if (call === undefined) return;
      this.#withOutcomes.delete(call);
      this.#others.delete(call);
      call();
    }
  }
}
