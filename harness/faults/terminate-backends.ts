// How are sessions of the contender ended at a rate, as by an administrator, a failover or a proxy that recycles connections?

import { nowUs } from '../load/clock.ts';
import { ContenderSessions } from './contender-sessions.ts';
import { endSessions, openFaultSession } from './fault-session.ts';
import { DidNotBite, databaseOf, type Held, type Holder, rolesOf } from './held.ts';
import { startRepeating } from './repeating.ts';

/** Those that are due within it are ended together. */
const TICK_MS = 10;

/** Ends sessions of workers and producers, and those beside them, one after the other, each drawn at random. */
export async function terminateBackends(
  { perSec }: { readonly perSec: number },
  held: Held,
): Promise<Holder> {
  const roleOf = rolesOf(held);
  const client = await openFaultSession(databaseOf(held));
  const sessions = new ContenderSessions(client, roleOf, ['worker', 'producer', 'support']);
  const startMs = performance.now();
  const sinceUs = nowUs();
  let asked = 0;
  const everyMs = Math.max(TICK_MS, 1000 / perSec);
  const act = async (): Promise<void> => {
    // The first at once. What was missed for want of sessions is not made up for.
    const due = Math.floor(((performance.now() - startMs) * perSec) / 1000) + 1 - asked;
    asked += due;
    await sessions.end(due);
  };
  try {
    const repeating = await startRepeating(everyMs, act);
    return {
      sinceUs,
      told: () => `terminate-backends ended ${sessions.ended} sessions of the contender`,
      async [Symbol.asyncDispose]() {
        try {
          await repeating[Symbol.asyncDispose]();
        } finally {
          await endSessions([client]);
        }
        if (sessions.ended === 0)
          throw new DidNotBite('no session of the contender was found that could be ended');
      },
    };
  } catch (error) {
    await endSessions([client]);
    throw error;
  }
}
