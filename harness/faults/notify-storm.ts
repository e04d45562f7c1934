// How does somebody else NOTIFY at a rate, each time in a transaction of its own?

import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { ConnectionSettings } from '../server/server.ts';
import { endSessions, FAULT_MARK, openFaultSession } from './fault-session.ts';
import { DidNotBite, type Holder } from './held.ts';
import { startRepeating } from './repeating.ts';

/** What is due within it travels in one statement, which commits after each: this process would else send them one by one. */
const TICK_MS = 20;
const PER_LANE_PER_SEC = 500;
const LANES_MOST = 8;
/** In one statement: what a server that cannot follow has missed is left out, so that the end is never far. */
const AT_ONCE_MOST = 500;

/** How many of them got through is told at its end. Rejects then when none did, or a session had gone before. */
export async function storm(connection: ConnectionSettings, perSec: number): Promise<Holder> {
  const channel = `claimbench_storm_${randomBytes(4).toString('hex')}`;
  const lanes = Math.min(LANES_MOST, Math.ceil(perSec / PER_LANE_PER_SEC));
  const clients: pg.Client[] = [];
  const repeating: AsyncDisposable[] = [];
  const startMs = performance.now();
  let sent = 0;
  const act = async (client: pg.Client, lane: { asked: number }): Promise<void> => {
    const due = Math.floor(((performance.now() - startMs) * perSec) / lanes / 1000) - lane.asked;
    if (due <= 0) return;
    lane.asked += due;
    const now = Math.min(due, AT_ONCE_MOST);
    await client.query(
      `DO ${FAULT_MARK} $$ BEGIN
         FOR i IN 1..${now} LOOP PERFORM pg_notify('${channel}', ''); COMMIT; END LOOP;
       END $$`,
    );
    sent += now;
  };
  const leave = async (): Promise<void> => {
    const ends = await Promise.allSettled(repeating.map((one) => one[Symbol.asyncDispose]()));
    await endSessions(clients);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  };
  try {
    for (let nth = 0; nth < lanes; nth += 1) {
      const client = await openFaultSession(connection);
      clients.push(client);
      const lane = { asked: 0 };
      repeating.push(await startRepeating(TICK_MS, () => act(client, lane)));
    }
  } catch (error) {
    await leave().catch(() => undefined);
    throw error;
  }
  let meant = 0;
  return {
    told: () => `notify-storm sent ${sent} of ${meant} notifications`,
    async [Symbol.asyncDispose]() {
      meant = Math.round(((performance.now() - startMs) * perSec) / 1000);
      await leave();
      if (sent === 0) throw new DidNotBite('the server took none of its notifications');
    },
  };
}
