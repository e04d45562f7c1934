// Which faults hold until they are disposed, and who takes hold? One line and one file for each.

import { NETWORK_FAULTS } from '../../scenarios/fault.ts';
import type { ScheduledFault } from '../../scenarios/scenario.ts';
import { dropSlot } from '../server/replication-slots.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { abandonSlot } from './abandoned-slot.ts';
import { stormOfCheckpoints } from './checkpoint-storm.ts';
import { exhaustConnections } from './exhaust-connections.ts';
import { databaseOf, type Held, type Holder, type Untimed } from './held.ts';
import { holdXmin, staggerReaders } from './held-xmin.ts';
import { openListeners } from './idle-listeners.ts';
import { breakNetwork } from './network-faults.ts';
import { storm } from './notify-storm.ts';
import { leavePrepared } from './prepared-transaction.ts';
import { starve } from './starved-autovacuum.ts';
import { terminateBackends } from './terminate-backends.ts';

const HOLDING = [
  ...['held-xmin', 'prepared-transaction', 'starved-autovacuum', 'abandon-slot'],
  ...['standby-query', 'lose-standby', 'terminate-backends', 'exhaust-connections'],
  ...['notify-storm', 'idle-listeners', 'checkpoint-storm'],
  ...NETWORK_FAULTS,
] as const;

/** A fault that holds something back, or goes on, until it ends. */
export type HoldingFault = Extract<ScheduledFault, { fault: (typeof HOLDING)[number] }>;

type ByName = { [F in HoldingFault as F['fault']]: Untimed<F> };
type Holders = { readonly [N in keyof ByName]: (fault: ByName[N], held: Held) => Promise<Holder> };

const HOLDERS: Holders = {
  'held-xmin': async ({ kind, eachSeconds }, held) => {
    const connection = ownDatabaseOf(held);
    return kind === 'staggered' ? staggerReaders(connection, eachSeconds) : holdXmin(connection, kind);
  },
  'prepared-transaction': async (_, held) => leavePrepared(ownDatabaseOf(held)),
  'starved-autovacuum': (_, held) => starve(databaseOf(held), schemaOf(held)),
  'abandon-slot': (_, held) => abandonSlot(databaseOf(held)),
  'standby-query': (_, held) =>
    holdXmin({ ...standbyOf(held).connection, database: databaseOf(held).database }, 'reader'),
  'lose-standby': async (_, held) => {
    const connection = databaseOf(held);
    const standby = standbyOf(held);
    await standby.stop();
    return { [Symbol.asyncDispose]: () => dropSlot(connection, standby.slot) };
  },
  'terminate-backends': terminateBackends,
  'exhaust-connections': (_, held) => exhaustConnections(held),
  'notify-storm': ({ perSec }, held) => storm(databaseOf(held), perSec),
  'idle-listeners': ({ listeners }, held) => openListeners(databaseOf(held), listeners),
  'slow-network': (fault, held) => breakNetwork(fault, networkOf(held)),
  'reset-connections': (fault, held) => breakNetwork(fault, networkOf(held)),
  'black-hole': (fault, held) => breakNetwork(fault, networkOf(held)),
  'cut-network': (fault, held) => breakNetwork(fault, networkOf(held)),
  'checkpoint-storm': ({ everySeconds }, held) => stormOfCheckpoints(databaseOf(held), everySeconds),
};

/** @throws Error where it is the user's own: what holds its horizon keeps VACUUM from all of his tables. */
function ownDatabaseOf(held: Held): ConnectionSettings {
  if (held.shared === 'database')
    throw new Error(
      'it would keep VACUUM from all tables of your database: give a role that may create databases, or another server',
    );
  return databaseOf(held);
}

export function isHolding(fault: ScheduledFault): fault is HoldingFault {
  return HOLDING.some((one) => one === fault.fault);
}

/** As the timeline names it. */
export function labelOf(fault: HoldingFault): string {
  if (fault.fault !== 'held-xmin') return fault.fault;
  return fault.kind === 'staggered' ? 'held-xmin by staggered readers' : `held-xmin by a ${fault.kind}`;
}

/** Resolves when the fault holds; disposing ends it, and rejects when it had ended before. Rejects when it cannot be had. */
export async function takeHold(fault: Untimed<HoldingFault>, held: Held): Promise<Holder> {
  return await takenBy(fault.fault, fault, held);
}

function takenBy<N extends keyof ByName>(name: N, fault: ByName[N], held: Held): Promise<Holder> {
  return HOLDERS[name](fault, held);
}

function standbyOf({ standby }: Held) {
  if (standby === undefined) throw new Error('there is no standby');
  return standby;
}

function networkOf(held: Held) {
  // Who has no database has nothing between: that is to be said first.
  databaseOf(held);
  const { network } = held;
  if (network === undefined) throw new Error('there is no proxy');
  return network;
}

function schemaOf({ schema }: Held): string {
  if (schema === undefined) throw new Error('the contender has no schema');
  return schema;
}
