// How are checkpoints forced on a server again and again?

import { errorCode } from '../errors.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { endSessions, FAULT_MARK, openFaultSession } from './fault-session.ts';
import type { Holder } from './held.ts';
import { startRepeating } from './repeating.ts';

/** The first at once; those that fall into one that takes longer are left out. Disposing rejects when its session had gone before. */
export async function stormOfCheckpoints(
  connection: ConnectionSettings,
  everySeconds: number,
): Promise<Holder> {
  const client = await openFaultSession(connection);
  let made = 0;
  try {
    const repeating = await startRepeating(everySeconds * 1000, async () => {
      await client.query(`${FAULT_MARK} CHECKPOINT`);
      made += 1;
    });
    return {
      told: () => `checkpoint-storm made ${made} checkpoints`,
      async [Symbol.asyncDispose]() {
        try {
          await repeating[Symbol.asyncDispose]();
        } finally {
          await endSessions([client]);
        }
      },
    };
  } catch (error) {
    await endSessions([client]);
    throw errorCode(error) === '42501'
      ? new Error(
          `role "${connection.user}" may not make checkpoints: GRANT pg_checkpoint to it (15 and later), or take a superuser`,
        )
      : error;
  }
}
