// Wake-up `notify`: a NOTIFY in every enqueue's transaction; polling with jitter stays as the safety net.
//
// Exact, and what many libraries do by trigger: the signal is delivered if and only if the jobs commit. It does not
// scale: a transaction that notifies takes a lock of the whole cluster while it commits, so such commits queue up.

import { listenFor, notifySql } from './channel.ts';
import { jittered } from './jitter.ts';
import type { WakeupFactory } from './wakeup.ts';

/** One NOTIFY per enqueue. */
export const notify: WakeupFactory = {
  wakeupName: 'notify',
  summary: 'NOTIFY inside each enqueue; exact and quick, but commits that notify run one after another',
  defaultPollMs: 5000,
  signaller: (context) => ({
    insideEnqueue: async (db, queues) => {
      await db.query(notifySql(context.schema, queues));
    },
    [Symbol.asyncDispose]: async () => undefined,
  }),
  listen: listenFor,
  drawPollMs: jittered,
};
