// How can somebody listen to a connection of pg, and say something on it, without being part of what its user does?

import type pg from 'pg';

/** A connection, for one who watches it and now and then has something to say on it himself. */
export interface PgSession {
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
export type OnSession = (session: PgSession) => (message: string) => void;

/** Calls `onSession` with a connection on which nothing was sent yet. */
export function watchSession(
  client: pg.ClientBase,
  purpose: string | undefined,
  onSession: OnSession | undefined,
): void {
  if (onSession === undefined) return;
  let fresh = true;
  const waiting: (() => void)[] = [];
  // pg drains when the last answer is in and nothing is queued. Whoever awaits that answer goes on in a microtask, so what
  // is sent here goes before whatever he sends next.
  client.on('drain', () => {
    if (waiting.length > 0 && client.getTransactionStatus() === 'I') waiting.shift()?.();
  });
  const onNotice = onSession({
    purpose,
    between: (text) =>
      new Promise((resolve, reject) => {
        const send = () => client.query(text).then(() => resolve(), reject);
        if (fresh) send();
        else waiting.push(send);
      }),
  });
  fresh = false;
  client.on('notice', ({ message }) => onNotice(message ?? ''));
}
