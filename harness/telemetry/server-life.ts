// Has the server lived through the whole load, and do its counters still count from the same zero?

import { COSTS_NAME, type OwnSession } from './server-costs.ts';

/** What of a server changes when it is started again, crashes or has its counters reset. Instants in µs of its clock. */
export interface ServerLife {
  readonly startedUs: number;
  /** Its own processes (checkpointer, WAL writer, …), by id and, where the role may see it, start: a crash renews them all. */
  readonly processes: readonly string[];
  /**
   * When the counters of WAL were last set to zero, as a crash does with all counters. The database's own instant is no
   * such witness: up to 14 it is written late, and for a new database only once somebody has reported.
   */
  readonly walSinceUs: number | null;
}

/** Needs no privilege: of the processes a plain role sees the ids alone. */
export async function readLife(session: OwnSession): Promise<ServerLife> {
  const [row] = await session.query<ServerLife>(
    `SELECT /* ${COSTS_NAME} */
            extract(epoch FROM pg_postmaster_start_time())::float8 * 1e6 AS "startedUs",
            (SELECT extract(epoch FROM stats_reset)::float8 * 1e6 FROM pg_stat_wal) AS "walSinceUs",
            ARRAY(SELECT pid || coalesce(' since ' || extract(epoch FROM backend_start), '')
                    FROM pg_stat_activity WHERE datid IS NULL) AS processes`,
  );
  if (row === undefined) throw new Error('the server does not say since when it runs');
  return row;
}

/** Why counters of before and after have nothing to do with each other, in words; undefined when they have. */
export function lifeBroken(before: ServerLife, after: ServerLife): string | undefined {
  if (before.startedUs !== after.startedUs)
    return 'the server was started again while the load ran: its counters began anew';
  // One by one they come and go (autovacuum, senders of WAL); the checkpointer stays as long as the server does.
  if (before.processes.length > 0 && !before.processes.some((one) => after.processes.includes(one)))
    return 'the server crashed and recovered while the load ran: its counters began anew';
  if (before.walSinceUs !== after.walSinceUs)
    return "the server's counters were reset while the load ran, by somebody or by a crash: run again while nobody resets them";
  return undefined;
}
