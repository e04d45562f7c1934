// Which share of a queue's latest outcomes were failures?

/** Slots of a window: what is counted covers the window, less a sixtieth of it at most. */
const SLOTS = 60;

/** Outcomes of the last `windowMs`, in so many counters whatever their number. */
export class FailureWindow {
  readonly #slotMs: number;
  readonly #nowMs: () => number;
  readonly #jobs = new Float64Array(SLOTS);
  readonly #failures = new Float64Array(SLOTS);
  /** Number of the slot that is filled now, counted from the clock's zero. */
  #slot: number;

  /** `nowMs` is a clock that does not go back. */
  constructor(windowMs: number, nowMs: () => number = () => performance.now()) {
    this.#slotMs = windowMs / SLOTS;
    this.#nowMs = nowMs;
    this.#slot = Math.floor(nowMs() / this.#slotMs);
  }

  add(failed: boolean): void {
    const at = this.#advance();
    this.#jobs[at] = (this.#jobs[at] ?? 0) + 1;
    if (failed) this.#failures[at] = (this.#failures[at] ?? 0) + 1;
  }

  /**
   * Failures per outcome, 0 when there was none. `undefined` when there were some, and fewer outcomes than `minJobs`: too few to
   * tell whether a breach begins, or ends.
   */
  share(minJobs: number): number | undefined {
    this.#advance();
    const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
    const failures = sum(this.#failures);
    if (failures === 0) return 0;
    const jobs = sum(this.#jobs);
    return jobs < minJobs ? undefined : failures / jobs;
  }

  /** Empties the slots that time has gone over; returns the index of the present one. */
  #advance(): number {
    const slot = Math.floor(this.#nowMs() / this.#slotMs);
    for (let passed = Math.max(this.#slot + 1, slot - SLOTS + 1); passed <= slot; passed += 1) {
      this.#jobs[passed % SLOTS] = 0;
      this.#failures[passed % SLOTS] = 0;
    }
    this.#slot = Math.max(slot, this.#slot);
    return this.#slot % SLOTS;
  }
}
