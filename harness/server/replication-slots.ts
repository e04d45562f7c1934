// How is a replication slot made and dropped?

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { errorCode } from '../errors.ts';
import { withConnection } from './connect.ts';
import type { ConnectionSettings } from './server.ts';

/** What the names of the harness's slots begin with. */
export const SLOT_PREFIX = 'claimbench_';

const ADMIN = { applicationName: 'claimbench admin' } as const;
/** A WAL sender whose receiver has gone lets go of its slot as soon as it notices. */
const LET_GO_WITHIN_MS = 5_000;
const LOOK_AGAIN_MS = 20;

/** Creates a physical slot that keeps WAL from now on. */
export async function createSlot(client: pg.Client, slot: string): Promise<void> {
  await client.query('SELECT pg_create_physical_replication_slot($1, true)', [slot]);
}

/** Drops a slot that nobody uses any more; one that is gone already, alone or with its server, is no error. */
export async function dropSlot(primary: ConnectionSettings, slot: string): Promise<void> {
  try {
    await withConnection(primary, ADMIN, (client) => dropBy(client, slot));
  } catch (error) {
    // A server that recovers from a crash answers: with 57P03.
    if (errorCode(error) !== 'ECONNREFUSED') throw error;
  }
}

async function dropBy(client: pg.Client, slot: string): Promise<void> {
  const deadline = performance.now() + LET_GO_WITHIN_MS;
  for (;;) {
    try {
      await client.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
        [slot],
      );
      return;
    } catch (error) {
      // object_in_use
      if (errorCode(error) !== '55006' || performance.now() > deadline) throw error;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}
