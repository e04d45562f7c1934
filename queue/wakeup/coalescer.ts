// How do many signals become few, without the last one being late or lost?

/** What the coalescer needs of a clock. */
export interface Timers {
  /** Calls `work` after `delayMs`; the result cancels it. */
  schedule(work: () => void, delayMs: number): () => void;
}

/** The process's own clock. A pending signal does not keep the process alive: polling covers it. */
const processTimers: Timers = {
  schedule(work, delayMs) {
    const timer = setTimeout(work, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Per key: the first signal is sent at once (leading edge); those within `windowMs` after it become one at the
 * window's end (trailing edge), which opens a window in turn. So a key is sent at most once per window, a lone signal
 * is never late, and the last one of a burst is sent after every enqueue of it.
 */
export class Coalescer {
  readonly #windowMs: number;
  readonly #send: (key: string) => void;
  readonly #timers: Timers;
  /** Open windows: whether a signal came within, and how to cancel the end. */
  readonly #windows = new Map<string, { due: boolean; cancel: () => void }>();

  constructor(windowMs: number, send: (key: string) => void, timers: Timers = processTimers) {
    this.#windowMs = windowMs;
    this.#send = send;
    this.#timers = timers;
  }

  /** Notes a signal for `key`; sends it now or at the end of the open window. */
  signal(key: string): void {
    const open = this.#windows.get(key);
    if (open === undefined) this.#fire(key);
    else open.due = true;
  }

  /** Whether a signal for `key` could be sent now; if so the caller sends it, and a window is open from now on. */
  take(key: string): boolean {
    if (this.#windows.has(key)) return false;
    this.#open(key);
    return true;
  }

  #fire(key: string): void {
    this.#open(key);
    this.#send(key);
  }

  #open(key: string): void {
    const cancel = this.#timers.schedule(() => this.#close(key), this.#windowMs);
    this.#windows.set(key, { due: false, cancel });
  }

  #close(key: string): void {
    const due = this.#windows.get(key)?.due ?? false;
    this.#windows.delete(key);
    if (due) this.#fire(key);
  }

  /** Sends what is due now and closes every window. */
  flush(): void {
    for (const [key, { due, cancel }] of this.#windows) {
      cancel();
      if (due) this.#send(key);
    }
    this.#windows.clear();
  }
}
