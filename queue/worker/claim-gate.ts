// How many sessions of a worker may claim at once, and which of those that want to is next?

/** Jobs that the claims under way may ask for together: so many rows at most does each walk past that others are taking. */
const JOBS_AT_ONCE = 400;
/** Fewer would leave the server idle while one of them waits for its commit. */
const CLAIMS_AT_ONCE_MIN = 4;
/** A claim without an answer for so long, on a connection that is dead perhaps, gives its place up. */
const HANGS_MS = 5_000;

/**
 * How many claims of `batch` jobs may be under way together. Beyond that they stand in each other's way: with SKIP LOCKED
 * each walks past the rows that the others are taking, so that the work grows with the square of their number.
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
  /** Whether whoever asks to enter was called to. */
  #called = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True: one claim is let through, which is to be given to `passing`. Where sessions with outcomes wait nobody goes before them. */
  enter(): boolean {
    if (this.#passed >= this.#limit || (this.#withOutcomes.size > 0 && !this.#called)) return false;
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

  /** Sends a claim that was let through. One that hangs keeps the others waiting for so long only. */
  async passing<T>(claim: () => Promise<T>): Promise<T> {
    let inside = true;
    const hanging = setTimeout(() => {
      inside = false;
      this.#leave();
    }, HANGS_MS);
    try {
      return await claim();
    } finally {
      clearTimeout(hanging);
      if (inside) this.#leave();
    }
  }

  /**
   * A claim has ended. Whoever ended it, and has done its jobs by then, takes its place in the line of those with outcomes,
   * or enters where there is none, before idle sessions are called.
   */
  #leave(): void {
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
      this.#called = true;
      call();
      this.#called = false;
    }
  }
}
