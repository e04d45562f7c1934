// How do a worker's idle sessions wait for a signal without losing one that came a moment too early?

/**
 * A bell with a count of its strokes. A session notes the count *before* it claims; when the claim comes back empty it
 * waits only if the count is still the same. A signal between the two thus always leads to another claim.
 */
export class Bell {
  #strokes = 0;
  readonly #waiting = new Set<() => void>();

  /** The strokes so far: hand it to `wait`. */
  get strokes(): number {
    return this.#strokes;
  }

  /** Sessions that wait at present. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Wakes the session that came last: the server's process behind it is the warmest. One, not all: a session that then
   * claims a full batch rings for the next, so that a lone job does not cost a claim per idle session.
   */
  ring(): void {
    this.#strokes += 1;
    this.pass();
  }

  /** Wakes every waiting session: each is to look for itself. */
  ringAll(): void {
    this.#strokes += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Wakes one more waiting session, for who has found more work than its own; no stroke for those at work. */
  pass(): void {
    [...this.#waiting].at(-1)?.();
  }

  /**
   * Resolves at the next stroke meant for the caller, at once when `strokes` is no longer the count, after `timeoutMs`,
   * or when `signal` aborts: it never rejects.
   */
  wait(strokes: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (strokes !== this.#strokes || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      signal.addEventListener('abort', wake, { once: true });
      this.#waiting.add(wake);
    });
  }
}
