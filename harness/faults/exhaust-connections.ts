// How does somebody else take every connection that a server has, those of the workers included?

import type pg from 'pg';
import { errorCode } from '../errors.ts';
import { nowUs } from '../load/clock.ts';
import { connect } from '../server/connect.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { ContenderSessions } from './contender-sessions.ts';
import { endSessions, FAULT_MARK, FAULT_NAME, openFaultSession } from './fault-session.ts';
import { DidNotBite, databaseOf, type Held, type Holder, rolesOf } from './held.ts';
import { refuseAmongOthers } from './others.ts';
import { startRepeating } from './repeating.ts';

/** Each is a process of the server and a socket here. */
const MOST = 2_000;
const AT_ONCE = 8;
const AGAIN_MS = 50;
/** too_many_connections: of the server, or as many as role or database may have. */
const REFUSED = '53300';

/**
 * Fills the server, ends the sessions of the workers and takes their places, again and again: a worker that finds one first
 * loses it a moment later. Producers and the harness keep what they have. A superuser takes the reserve, too. Refused where
 * others are at work on the server: they would be locked out with the workers.
 */
export async function exhaustConnections(held: Held): Promise<Holder> {
  const roleOf = rolesOf(held);
  const connection = databaseOf(held);
  const control = await openFaultSession(connection);
  const slots = new Slots(connection);
  try {
    await refuseLarge(control);
    await refuseAmongOthers(control, held);
    const workers = new ContenderSessions(control, roleOf, ['worker', 'support']);
    const sinceUs = nowUs();
    await slots.takeAll();
    const repeating = await startRepeating(AGAIN_MS, async () => {
      await workers.end(MOST);
      await slots.takeAll();
    });
    return {
      sinceUs,
      told: () =>
        `exhaust-connections held up to ${slots.most} connections and ended ${workers.ended} sessions of workers`,
      async [Symbol.asyncDispose]() {
        try {
          await repeating[Symbol.asyncDispose]();
        } finally {
          await slots.letGo();
          await endSessions([control]);
        }
        if (workers.ended === 0) throw new DidNotBite('no session of a worker was found that could be ended');
      },
    };
  } catch (error) {
    await slots.letGo();
    await endSessions([control]);
    throw error;
  }
}

async function refuseLarge(control: pg.Client): Promise<void> {
  const { rows } = await control.query<{ most: number }>(
    `SELECT ${FAULT_MARK} current_setting('max_connections')::int AS most`,
  );
  const most = rows[0]?.most ?? 0;
  if (most > MOST)
    throw new Error(
      `the server has ${most} connections, and no more than ${MOST} are taken: lower max_connections, or leave the fault out`,
    );
}

/** The connections that were taken. */
class Slots {
  readonly #connection: ConnectionSettings;
  readonly #taken = new Set<pg.Client>();
  #letGo = false;
  /** At once, so far. */
  most = 0;

  constructor(connection: ConnectionSettings) {
    this.#connection = connection;
  }

  /** Until one is refused. More and more at once, so that a server that is full is asked once. */
  async takeAll(): Promise<void> {
    for (let width = 1; !this.#letGo; width = Math.min(AT_ONCE, width * 2)) {
      const taken = await Promise.all(Array.from({ length: width }, () => this.#takeOne()));
      if (taken.includes(false)) return;
    }
  }

  async letGo(): Promise<void> {
    this.#letGo = true;
    await endSessions([...this.#taken]);
    this.#taken.clear();
  }

  async #takeOne(): Promise<boolean> {
    if (this.#taken.size >= MOST) return false;
    try {
      const client = await connect(this.#connection, { applicationName: FAULT_NAME });
      this.#taken.add(client);
      client.once('end', () => this.#taken.delete(client));
      this.most = Math.max(this.most, this.#taken.size);
      // One that came while the others went.
      if (this.#letGo) await endSessions([client]);
      return true;
    } catch (error) {
      if (errorCode(error) === REFUSED) return false;
      throw error;
    }
  }
}
