// Wake-up `coalesced`: NOTIFY behind the enqueue, not within it, at most once per few ms and queue. The default.
//
// The enqueue itself notifies nothing, so its commit takes no cluster-wide lock; a burst of enqueues costs one signal
// at its start and one at its end. The first travels with its enqueue, on the same connection: the server gets to it as
// soon as the jobs are committed, without a round trip in between. A signal may get lost with its process: polling with
// jitter is the safety net. For jobs enqueued in the caller's own transaction nobody here knows when that commits: call
// `queue.signal` afterwards, or let the poll find them.

import { listenFor, signalSql } from './channel.ts';
import { Coalescer } from './coalescer.ts';
import { jittered } from './jitter.ts';
import type { Signaller, WakeupContext, WakeupFactory } from './wakeup.ts';

/** Least time between two signals of one queue, in ms. */
const WINDOW_MS = 2;

function signaller({ driver, schema, onError }: WakeupContext): Signaller {
  const sending = new Set<Promise<void>>();
  /** Keeps a signal on its way in mind until the function that is returned is called. */
  const begin = (): ((error?: unknown) => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    sending.add(promise);
    return (error) => {
      if (error !== undefined) onError(error);
      sending.delete(promise);
      resolve();
    };
  };
  const send = (queue: string): void => {
    const end = begin();
    driver.query(signalSql(schema, queue)).then(() => end(), end);
  };
  const coalescer = new Coalescer(WINDOW_MS, send);
  return {
    behindEnqueue(queue) {
      if (!coalescer.take(queue)) return undefined;
      return {
        query: (statement) => driver.queryFollowed(statement, signalSql(schema, queue), begin()),
        async transaction(work) {
          const result = await driver.transaction(work);
          send(queue);
          return result;
        },
      };
    },
    afterEnqueue(queues) {
      for (const queue of queues) coalescer.signal(queue);
    },
    async [Symbol.asyncDispose]() {
      coalescer.flush();
      await Promise.all(sending);
    },
  };
}

/** NOTIFY behind the enqueue, leading and trailing edge. */
export const coalesced: WakeupFactory = {
  wakeupName: 'coalesced',
  summary: 'NOTIFY behind the enqueue, at most once per 2 ms and queue; as quick when idle, free under load',
  defaultPollMs: 5000,
  signaller,
  listen: listenFor,
  drawPollMs: jittered,
};
