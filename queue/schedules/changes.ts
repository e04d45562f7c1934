// How does a sleeping scheduler learn that somebody has changed a schedule through the same queue object?

/** Who wants to know of changes, and who makes them. */
export class ScheduleChanges {
  readonly #listeners = new Set<() => void>();

  /** Calls `listener`, which must not throw, at each change until the function that is returned is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  announce(): void {
    for (const listener of this.#listeners) listener();
  }
}
