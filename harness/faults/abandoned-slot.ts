// How is a replication slot left behind that nobody reads from?

import { randomBytes } from 'node:crypto';
import { errorCode, oneLine } from '../errors.ts';
import { ownsItsSession } from '../server/own-session.ts';
import { SLOT_PREFIX } from '../server/replication-slots.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { endSessions, openFaultSession } from './fault-session.ts';
import type { Holder } from './held.ts';

/**
 * A temporary slot: it keeps WAL as any other, and goes with its session, so that a run that is killed leaves none behind to
 * fill a user's disk. It is told from a lasting one by `active` alone.
 */
export async function abandonSlot(connection: ConnectionSettings): Promise<Holder> {
  const client = await openFaultSession(connection);
  const slot = `${SLOT_PREFIX}abandoned_${randomBytes(4).toString('hex')}`;
  try {
    // A pooler keeps its session, and with it the slot, when its client has gone; DISCARD ALL does not drop a slot.
    if (!(await ownsItsSession(client)))
      throw new Error("the address is a pooler's, whose session would keep the slot: give the server's own");
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [slot]);
  } catch (error) {
    await endSessions([client]);
    throw refused(error, connection.user);
  }
  return {
    async [Symbol.asyncDispose]() {
      try {
        // Past max_slot_wal_keep_size the server takes it back, and ends the session.
        await client.query('SELECT pg_drop_replication_slot($1)', [slot]);
      } finally {
        await endSessions([client]);
      }
    },
  };
}

function refused(error: unknown, user: string): unknown {
  switch (errorCode(error)) {
    case '42501':
      return new Error(`role "${user}" may not create a replication slot: ALTER ROLE … REPLICATION`);
    case '53400':
      return new Error(`the server has no replication slot left: raise max_replication_slots`);
    case '55000':
      return new Error(`the server cannot have a replication slot: ${oneLine(error)}`);
    default:
      return error;
  }
}
