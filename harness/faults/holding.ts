// How does each fault take hold that lasts until it is disposed: a transaction, a slot, a standby that is gone?

import { randomBytes } from 'node:crypto';
import type { ScheduledFault } from '../../scenarios/scenario.ts';
import { errorCode, oneLine } from '../errors.ts';
import { connect } from '../server/connect.ts';
import { ownsItsSession } from '../server/own-session.ts';
import { dropSlot, SLOT_PREFIX } from '../server/replication-slots.ts';
import type { ConnectionSettings, Standby } from '../server/server.ts';
import { FAULT_NAME, holdXmin } from './held-xmin.ts';
import type { Restartable } from './restart-server.ts';

/** A fault that holds something back until it ends. */
export type HoldingFault = Extract<ScheduledFault, { fault: (typeof HOLDING)[number] }>;

const HOLDING = ['held-xmin', 'standby-query', 'lose-standby', 'abandon-slot'] as const;

/** What they take hold of. Both absent for a contender without a database. */
export interface Held {
  /** The cell's database, not through a pooler. */
  readonly connection: ConnectionSettings | undefined;
  readonly standby: Standby | undefined;
  /** The server itself; absent where no fault is to strike it. */
  readonly server?: Restartable | undefined;
}

export function isHolding(fault: ScheduledFault): fault is HoldingFault {
  return HOLDING.some((one) => one === fault.fault);
}

/** As the timeline names it. */
export function labelOf(fault: HoldingFault): string {
  return fault.fault === 'held-xmin' ? `held-xmin by a ${fault.kind}` : fault.fault;
}

/** When it strikes is its schedule's affair. */
type Untimed<F> = F extends infer G ? Omit<G, 'afterSeconds' | 'atSeconds' | 'forSeconds'> : never;

/** Resolves when the fault holds; disposing ends it, and rejects when it had ended before. Rejects when it cannot be had. */
export async function takeHold(
  fault: Untimed<HoldingFault>,
  { connection, standby }: Held,
): Promise<AsyncDisposable> {
  if (connection === undefined) throw new Error('the contender has no database');
  if (fault.fault === 'held-xmin') return await holdXmin(connection, fault.kind);
  if (fault.fault === 'abandon-slot') return await abandonSlot(connection);
  if (standby === undefined) throw new Error('there is no standby');
  if (fault.fault === 'standby-query')
    return await holdXmin({ ...standby.connection, database: connection.database }, 'reader');
  await standby.stop();
  return { [Symbol.asyncDispose]: () => dropSlot(connection, standby.slot) };
}

/**
 * A temporary slot: it keeps WAL as any other, and goes with its session, so that a run that is killed leaves none behind to
 * fill a user's disk. It is told from a lasting one by `active` alone.
 */
async function abandonSlot(connection: ConnectionSettings): Promise<AsyncDisposable> {
  const client = await connect(connection, { applicationName: FAULT_NAME });
  const leave = async (): Promise<void> => client.end().catch(() => undefined);
  const slot = `${SLOT_PREFIX}abandoned_${randomBytes(4).toString('hex')}`;
  try {
    // A pooler keeps its session, and with it the slot, when its client has gone; DISCARD ALL does not drop a slot.
    if (!(await ownsItsSession(client)))
      throw new Error("the address is a pooler's, whose session would keep the slot: give the server's own");
    await client.query('SET idle_session_timeout = 0');
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [slot]);
  } catch (error) {
    await leave();
    throw refused(error, connection.user);
  }
  return {
    async [Symbol.asyncDispose]() {
      try {
        // Past max_slot_wal_keep_size the server takes it back, and ends the session.
        await client.query('SELECT pg_drop_replication_slot($1)', [slot]);
      } finally {
        await leave();
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
