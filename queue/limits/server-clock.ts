// What time is it on the server, as far as this process can know?

/**
 * How far two clocks may drift apart in a ms, in ms: as fast as a kernel slews its clock to the time of the network, and a
 * monotonic one not at all.
 */
const DRIFT = 500e-6;

/**
 * Bounds of what must be added to an instant of `performance.now()` for the server's clock. Each answer with a stamp gives
 * two: it was taken after the question was sent, and before the answer came. The closest of all answers count, each the wider
 * the older it is, so one that came slowly is as good as a quick one. When the server's clock is set, what was known before
 * contradicts what is seen, and is forgotten; what is too little to contradict is less than the bounds were apart.
 */
export class ServerClock {
  #atMs = Number.NEGATIVE_INFINITY;
  #leastMs = Number.NEGATIVE_INFINITY;
  #mostMs = Number.POSITIVE_INFINITY;

  /** The server said `stampMs` of its clock between two instants of this process's. */
  observe(stampMs: number, afterMs: number, beforeMs: number): void {
    const widthMs = this.#atMs === Number.NEGATIVE_INFINITY ? 0 : (beforeMs - this.#atMs) * DRIFT;
    // Both hold when the answer has come: the clocks drift on its way too, which moves only the bound of a stamp taken early.
    const seenLeastMs = stampMs - beforeMs;
    const seenMostMs = stampMs - afterMs + (beforeMs - afterMs) * DRIFT;
    const leastMs = Math.max(this.#leastMs - widthMs, seenLeastMs);
    const mostMs = Math.min(this.#mostMs + widthMs, seenMostMs);
    const contradicts = leastMs > mostMs;
    this.#leastMs = contradicts ? seenLeastMs : leastMs;
    this.#mostMs = contradicts ? seenMostMs : mostMs;
    this.#atMs = beforeMs;
  }

  /** The server's clock is ahead by at least this, in ms. */
  get leastMs(): number {
    return this.#leastMs;
  }

  /** And by at most this. */
  get mostMs(): number {
    return this.#mostMs;
  }
}
