// How can somebody listen to a session, and say something on it, without being part of what its user does?

/** One session of a driver, for one who watches it and now and then has something to say on it himself. */
export interface DriverSession {
  /** What `connect` was called with; absent for a connection of the pool. */
  readonly purpose: string | undefined;
  /**
   * Sends `text` when no transaction is open and no answer is awaited, so that it is part of nothing that the connection's
   * user does, and breaks nothing when it fails: at once while `onSession` is called, else at the next such moment, which
   * may never come. `onStatement` is not told. Rejects as the statement does.
   */
  between(text: string): Promise<void>;
}

/** Listens: what it returns is told of every message that the server sends beside its answers. Neither may throw. */
export type OnSession = (session: DriverSession) => (message: string) => void;

/** What a driver lets one do with the connection under a session. */
export interface SessionWire {
  send(text: string): Promise<unknown>;
  /**
   * Calls `idle` whenever the last answer is in and no transaction is open: before whoever awaits that answer goes on, so
   * that what is sent then goes before whatever he sends next.
   */
  onIdle(idle: () => void): void;
  onNotice(notice: (message: string) => void): void;
}

/** Calls `onSession` with a session on which its user has sent nothing yet; resolves when what was said at once is answered. */
export async function watchSession(
  wire: SessionWire,
  purpose: string | undefined,
  onSession: OnSession | undefined,
): Promise<void> {
  if (onSession === undefined) return;
  const first: Promise<unknown>[] = [];
  let fresh = true;
  const waiting: (() => void)[] = [];
  wire.onIdle(() => waiting.shift()?.());
  const onNotice = onSession({
    purpose,
    between: async (text) => {
      const sent = Promise.withResolvers<unknown>();
      // Sent within the call of `idle`: a promise later, the user's next statement would go first.
      const send = (): void => sent.resolve(wire.send(text));
      if (fresh) {
        send();
        first.push(sent.promise);
      } else waiting.push(send);
      await sent.promise;
    },
  });
  fresh = false;
  wire.onNotice(onNotice);
  // A failure is the affair of who said it.
  await Promise.allSettled(first);
}
