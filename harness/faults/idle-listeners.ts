// How do many idle sessions come to LISTEN on a server?

import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { errorCode } from '../errors.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { endSessions, openFaultSession } from './fault-session.ts';
import type { Holder } from './held.ts';

const AT_ONCE = 8;

/**
 * Opens so many, each of which listens on a channel of its own where nobody ever speaks: whatever is notified wakes them all
 * the same, as the server looks through its queue for each. Disposing closes them, and rejects when some had gone before.
 */
export async function openListeners(connection: ConnectionSettings, listeners: number): Promise<Holder> {
  const channel = `claimbench_idle_${randomBytes(4).toString('hex')}`;
  const clients: pg.Client[] = [];
  let lost = 0;
  let next = 0;
  let failure: unknown;
  const open = async (): Promise<void> => {
    while (next < listeners && failure === undefined) {
      const nth = next;
      next += 1;
      try {
        const client = await openFaultSession(connection);
        clients.push(client);
        client.once('end', () => {
          lost += 1;
        });
        await client.query(`LISTEN ${channel}_${nth}`);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, listeners) }, open));
  if (failure !== undefined) {
    const opened = clients.length;
    await endSessions(clients);
    throw errorCode(failure) === '53300'
      ? new Error(
          `the server let in ${opened} of ${listeners} listeners: raise max_connections by what is missing, or say so in serverNeeds`,
        )
      : failure;
  }
  return {
    told: () => `idle-listeners: ${listeners} sessions listened`,
    async [Symbol.asyncDispose]() {
      const gone = lost;
      await endSessions(clients);
      if (gone > 0) throw new Error(`${gone} of ${listeners} listeners were gone before its end`);
    },
  };
}
