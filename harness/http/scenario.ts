// What does a scenario say of its HTTP front?

import type { Scenario } from '../../scenarios/scenario.ts';

/** An application's pool is no larger for having more clients. */
const POOL_MAX = 20;

/** Connections of the front to the database: as many as requests can be under way, up to what an application's pool has. */
export function frontConnections({ producers }: Pick<Scenario, 'producers'>): number {
  return Math.min(POOL_MAX, producers.agents * producers.connections);
}
