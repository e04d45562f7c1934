// Is the backlog within its limit? Known by a cheap reading now and then, and by what was let in since.

import { setTimeout as sleep } from 'node:timers/promises';

/** What the readings have cost, and what they saw. Milliseconds. */
export interface BacklogReport {
  readonly readings: number;
  readonly failedReadings: number;
  readonly meanReadingMs: number;
  readonly longestReadingMs: number;
  /** The most jobs that a reading found. */
  readonly peak: number;
}

export interface BacklogOptions {
  /** Jobs that can still run, as of now. */
  readonly read: () => Promise<number>;
  readonly limit: number;
  readonly onError: (error: unknown) => void;
}

/** From the end of a reading to the next at least. */
const READ_EVERY_MS = 250;
/**
 * A reading may read every row of the queue. It is followed by a rest of so many times its own length, so that readings keep
 * one connection busy for a tenth of the time at most, however deep the backlog.
 */
const REST_PER_READING = 9;

/**
 * What was let in since the last reading began counts in full, and what was settled meanwhile does not; what was under way at its
 * beginning may count twice until the next. Between two readings the estimate thus errs by turning jobs away early, never by letting
 * the backlog grow past its limit: a limit of fewer jobs than workers settle in that time lets them run dry. An enqueue that
 * failed is forgotten by the next reading. While readings fail, the last one stands.
 */
export class Backlog implements AsyncDisposable {
  readonly #options: BacklogOptions;
  readonly #abort = new AbortController();
  #found = 0;
  #underWay = 0;
  /** Let in since the reading that `#found` comes from began, and what was under way at its beginning. */
  #since = 0;
  #readings = 0;
  #failedReadings = 0;
  #readingMs = 0;
  #longestReadingMs = 0;
  #peak = 0;
  #reading: Promise<void> = Promise.resolve();

  private constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** Resolves after the first reading. @throws what that throws. */
  static async open(options: BacklogOptions): Promise<Backlog> {
    const backlog = new Backlog(options);
    await backlog.#read();
    backlog.#reading = backlog.#keepReading();
    return backlog;
  }

  /** Jobs that wait or run, as far as is known. */
  get estimate(): number {
    return this.#found + this.#since;
  }

  /** Whether one more job may come in; who is let in says `answered` when its enqueue has ended, however. */
  admit(): boolean {
    if (this.estimate >= this.#options.limit) return false;
    this.#underWay += 1;
    this.#since += 1;
    return true;
  }

  answered(): void {
    this.#underWay -= 1;
  }

  report(): BacklogReport {
    const round = (ms: number): number => Math.round(ms * 100) / 100;
    return {
      readings: this.#readings,
      failedReadings: this.#failedReadings,
      meanReadingMs: this.#readings === 0 ? 0 : round(this.#readingMs / this.#readings),
      longestReadingMs: round(this.#longestReadingMs),
      peak: this.#peak,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async #keepReading(): Promise<void> {
    const { signal } = this.#abort;
    let lastMs = 0;
    while (!signal.aborted) {
      const restMs = Math.max(READ_EVERY_MS, lastMs * REST_PER_READING);
      await sleep(restMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      const startMs = performance.now();
      await this.#read().catch((error: unknown) => {
        this.#failedReadings += 1;
        this.#options.onError(error);
      });
      lastMs = performance.now() - startMs;
    }
  }

  async #read(): Promise<void> {
    const startMs = performance.now();
    const before = this.#since;
    // Of those nobody knows whether the reading will see them.
    const underWay = this.#underWay;
    const found = await this.#options.read();
    this.#found = found;
    this.#since = this.#since - before + underWay;
    this.#peak = Math.max(this.#peak, found);
    const tookMs = performance.now() - startMs;
    this.#readings += 1;
    this.#readingMs += tookMs;
    this.#longestReadingMs = Math.max(this.#longestReadingMs, tookMs);
  }
}
