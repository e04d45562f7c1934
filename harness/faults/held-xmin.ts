// How is the horizon held back, below which VACUUM may remove what is dead?

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { ConnectionSettings } from '../server/server.ts';
import { endSessions, openFaultSession } from './fault-session.ts';
import type { Holder } from './held.ts';

/** `reader`: REPEATABLE READ with its snapshot taken. `writer`: READ COMMITTED with a transaction id. */
type OneHolder = 'reader' | 'writer';

/** Readers that overlap: the eldest leaves when the youngest is two thirds through. */
const STAGGERED = 3;
const LET_GO_WITHIN_MS = 5_000;

async function begin(client: pg.Client, by: OneHolder): Promise<void> {
  if (by === 'reader') {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // BEGIN takes no snapshot, the first statement does.
    await client.query('SELECT count(*) FROM pg_catalog.pg_class');
  } else {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    await client.query('SELECT txid_current()');
  }
}

/**
 * Opens a transaction that stays idle until it is disposed. Neither touches a table of the queue: what follows is the
 * horizon's doing, no lock's. A writer holds it too: nobody's snapshot begins above the oldest transaction id in use.
 * Disposing it rejects when the transaction had ended before.
 * @throws UsageError or RuntimeFailure, when the server cannot be reached.
 */
export async function holdXmin(connection: ConnectionSettings, by: OneHolder): Promise<Holder> {
  const client = await openFaultSession(connection);
  try {
    await begin(client, by);
  } catch (error) {
    await endSessions([client]);
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      try {
        await client.query('COMMIT');
      } finally {
        await endSessions([client]);
      }
    },
  };
}

/**
 * Readers one after the other, each open for `eachSeconds` and begun a third of that apart: somebody always holds the horizon,
 * and never for longer than that. Disposing rejects when one of them had ended before its time.
 */
export async function staggerReaders(connection: ConnectionSettings, eachSeconds: number): Promise<Holder> {
  const opened = await Promise.allSettled(
    Array.from({ length: STAGGERED }, () => openFaultSession(connection)),
  );
  const clients = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const refused = opened.find((one) => one.status === 'rejected');
  const [first] = clients;
  try {
    if (refused !== undefined) throw refused.reason;
    if (first !== undefined) await begin(first, 'reader');
  } catch (error) {
    await endSessions(clients);
    throw error;
  }
  const stop = new AbortController();
  const startMs = performance.now();
  const failures: unknown[] = [];
  const until = (seconds: number): Promise<unknown> =>
    sleep(Math.max(0, startMs + seconds * 1000 - performance.now()), undefined, {
      signal: stop.signal,
    }).catch(() => undefined);
  const read = async (client: pg.Client, nth: number): Promise<void> => {
    const offset = (nth * eachSeconds) / STAGGERED;
    await until(offset);
    for (let turn = 1; !stop.signal.aborted; turn += 1) {
      // The first reader's first is open already.
      if (nth > 0 || turn > 1) await begin(client, 'reader');
      await until(offset + turn * eachSeconds);
      await client.query('COMMIT');
    }
  };
  const readers = clients.map((client, nth) =>
    read(client, nth).catch((error: unknown) => {
      failures.push(error);
    }),
  );
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.race([Promise.all(readers), sleep(LET_GO_WITHIN_MS, undefined, { ref: false })]);
      await endSessions(clients);
      if (failures.length > 0) throw failures[0];
    },
  };
}
