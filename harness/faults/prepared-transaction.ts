// How is a transaction left prepared for two-phase commit, as by a coordinator that died between the phases?

import { randomBytes } from 'node:crypto';
import { errorCode } from '../errors.ts';
import { PREPARED_PREFIX } from '../server/prepared-transactions.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { endSessions, insist, openFaultSession } from './fault-session.ts';
import type { Holder } from './held.ts';

/**
 * Prepares a transaction with an id of its own, which holds the horizon and no session. Disposing rolls it back, and rejects
 * when somebody else had finished it. What a killed run leaves, `rollBackPrepared` finds by its name.
 */
export async function leavePrepared(connection: ConnectionSettings): Promise<Holder> {
  // Hexadecimal: nothing to escape.
  const gid = `${PREPARED_PREFIX}fault_${randomBytes(8).toString('hex')}`;
  const client = await openFaultSession(connection);
  try {
    await client.query('BEGIN');
    await client.query('SELECT txid_current()');
    await client.query(`PREPARE TRANSACTION '${gid}'`);
  } catch (error) {
    throw refused(error);
  } finally {
    await endSessions([client]);
  }
  return {
    [Symbol.asyncDispose]: () =>
      insist(connection, async (own) => {
        await own.query(`ROLLBACK PREPARED '${gid}'`);
      }),
  };
}

function refused(error: unknown): unknown {
  // object_not_in_prerequisite_state: prepared transactions are disabled. out_of_memory: there are as many as may be.
  switch (errorCode(error)) {
    case '55000':
      return new Error(
        'the server allows no prepared transactions: give the scenario serverNeeds: { max_prepared_transactions: 1 }, or, on a server of your own, set it there and restart',
      );
    case '53200':
      return new Error('the server has no room for a prepared transaction: raise max_prepared_transactions');
    default:
      return error;
  }
}
