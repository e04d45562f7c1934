// How do signals travel through NOTIFY, and how does a listener outlive its connection?

import type { Connection, Statement } from '../drivers/driver.ts';
import { digest, prepared } from '../sql.ts';
import type { Listener, WakeupContext } from './wakeup.ts';

/** First and longest wait before a lost LISTEN connection is opened again. */
const REOPEN_MIN_MS = 50;
const REOPEN_MAX_MS = 2000;

const DEAF =
  "behind a pooler in transaction mode no signal is heard, so workers poll instead: give the driver the server's own address as its option direct, or the queue the wakeup jitter";

/** The channel of a schema's queues: a digest, since a channel's name holds 63 bytes only. */
function channelOf(schema: string): string {
  return `claimbench_${digest(schema)}`;
}

const inTransaction = prepared('SELECT pg_notify($1, queue) FROM unnest($2::text[]) AS signalled (queue)');

/** Signals every queue of `queues` when the transaction around it commits; the payload is the queue's name. */
export function notifySql(schema: string, queues: readonly string[]): Statement {
  return inTransaction([channelOf(schema), queues]);
}

/**
 * A notifying transaction gets an id and writes a commit record. Nothing but the signal hangs on it, so its commit does
 * not wait for the disk. The setting ends with the statement's own transaction, and is read only as that commits.
 */
const alone = prepared(`
SELECT pg_notify($1, $2)
FROM (SELECT set_config('synchronous_commit', 'off', true) OFFSET 0) AS setting`);

/** Signals one queue at once, in a transaction of the statement's own. */
export function signalSql(schema: string, queue: string): Statement {
  return alone([channelOf(schema), queue]);
}

/**
 * Listens for signals of one queue. While the connection is lost nothing is heard, so `onSignal` is called once it is
 * back: whatever was missed is looked for then, and meanwhile polling goes on. Behind a pooler in transaction mode nothing is
 * ever heard: a LISTEN there would have others' connections told, so none is sent, and the connection is given up.
 */
export function listenFor(context: WakeupContext, queue: string, onSignal: () => void): Listener {
  const stopped = new AbortController();
  let connection: Connection | undefined;
  let timer: NodeJS.Timeout | undefined;
  let waitMs = REOPEN_MIN_MS;

  const reopenLater = (): void => {
    connection = undefined;
    if (stopped.signal.aborted) return;
    // Half of the wait is drawn, so that all workers of a restarted server do not come back at once.
    timer = setTimeout(() => void open(), waitMs * (0.5 + Math.random() / 2));
    waitMs = Math.min(REOPEN_MAX_MS, waitMs * 2);
  };

  const open = async (): Promise<void> => {
    let opened: Connection | undefined;
    try {
      opened = await context.driver.connect('listen', 'session');
      if (opened.pooler === 'transaction') {
        context.onError(new Error(DEAF));
        context.onDeaf?.();
        return await opened[Symbol.asyncDispose]();
      }
      await opened.listen(channelOf(context.schema), (payload) => {
        if (payload === queue) onSignal();
      });
      if (stopped.signal.aborted) return await opened[Symbol.asyncDispose]();
      connection = opened;
      waitMs = REOPEN_MIN_MS;
      if (opened.closed) return reopenLater();
      opened.ended.addEventListener('abort', reopenLater, { once: true });
      onSignal();
    } catch (error) {
      context.onError(error);
      await opened?.[Symbol.asyncDispose]();
      reopenLater();
    }
  };

  const opening = open();
  return {
    get listening() {
      return connection !== undefined && !connection.closed;
    },
    async [Symbol.asyncDispose]() {
      stopped.abort();
      clearTimeout(timer);
      await opening;
      await connection?.[Symbol.asyncDispose]();
    },
  };
}
