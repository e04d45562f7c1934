// When may a transaction of its own be sent on a session's connection?

/** Keeps what is a transaction of several statements apart from claims and heartbeats, which would fall into it. */
export class Apart {
  #beside = 0;
  #alone: Promise<unknown> | undefined;

  /** Whether a transaction may begin now. */
  get isFree(): boolean {
    return this.#beside === 0 && this.#alone === undefined;
  }

  /** Sends a transaction; only while `isFree`. */
  async alone<T>(transaction: () => Promise<T>): Promise<T> {
    const answered = transaction();
    this.#alone = answered;
    try {
      return await answered;
    } finally {
      this.#alone = undefined;
    }
  }

  /** Sends what is to be part of no transaction, once that is over which is under way. */
  async beside<T>(send: () => Promise<T>): Promise<T> {
    // Counted while it waits: else one transaction after the other could go before it.
    this.#beside += 1;
    try {
      while (this.#alone !== undefined) await this.#alone.catch(() => undefined);
      return await send();
    } finally {
      this.#beside -= 1;
    }
  }
}
