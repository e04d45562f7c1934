// What did a load take of its pooler, and may the pooler have been the bound?

/** A pooler at an instant; what could not be read is undefined. */
export interface PoolerReading {
  readonly atUs: number;
  /** CPU time of its process since it started, µs. */
  readonly cpuUs: number | undefined;
  /** How long its clients have waited for a server connection since it started, µs in all. */
  readonly waitedUs: number | undefined;
  /** Why its console did not tell. */
  readonly problem?: string;
}

/** Share of its one core from which on it may be what the load ran into: at stretches it is busier than on the whole. */
const BUSY = 0.85;

/**
 * Notes of a cell, from a reading before its load started at `startUs` and one at the end of the last phase. Between the first
 * reading and the start nothing is asked of the pooler, so that time is not in the share.
 */
export function poolerNotes(before: PoolerReading, after: PoolerReading, startUs: number): string[] {
  const notes: string[] = [];
  if (before.cpuUs !== undefined && after.cpuUs !== undefined && after.atUs > startUs) {
    const share = (after.cpuUs - before.cpuUs) / (after.atUs - startUs);
    notes.push(
      `PgBouncer shared the machine of the agents, and took ${Math.round(share * 100)} % of one core under the load, of which it can use one`,
    );
    if (share > BUSY)
      notes.push(
        `PgBouncer was busy for over ${BUSY * 100} % of the load: it may be the bound, and not the queue behind it`,
      );
  }
  const problem = before.problem ?? after.problem;
  if (problem !== undefined) notes.push(`PgBouncer did not tell how long its clients waited: ${problem}`);
  else if (before.waitedUs !== undefined && after.waitedUs !== undefined) {
    const seconds = (after.waitedUs - before.waitedUs) / 1e6;
    notes.push(
      `its clients waited ${Number(seconds.toPrecision(3))} s in all for a server connection under the load`,
    );
  }
  return notes;
}
