// How does a worker's connection get the plans and the snapshots that a queue needs, whatever the database's defaults?

import type { Connection, Database } from '../../drivers/driver.ts';
import { bringSettings } from './brought-settings.ts';
import { isDriver } from './read-committed.ts';

/** Ways that read more than the few rows that are wanted. */
const OTHER_WAYS = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_sort: 'off',
  jit: 'off',
} as const;

/** The same for a routine on the server, which any connection may call, as clauses of CREATE FUNCTION. */
export const ROUTINE_PLANS = [
  ...Object.entries(OTHER_WAYS).map(([setting, value]) => `SET ${setting} = ${value}`),
  'SET plan_cache_mode = force_generic_plan',
].join('\n');

/** What a worker's session sets for itself. Behind a pooler in transaction mode, best the pooler: as its `connect_query`. */
export const sessionSettings: Readonly<Record<string, string>> = {
  ...OTHER_WAYS,
  plan_cache_mode: 'force_generic_plan',
  default_transaction_isolation: 'read committed',
};

const SETTINGS = [Object.keys(sessionSettings), Object.values(sessionSettings)] as const;

/**
 * A queue is empty at noon and holds 200,000 jobs a minute later. A prepared statement keeps the plan of noon: over an
 * empty table the cheapest is a sequential scan, and nothing replaces it before the next ANALYZE. Every statement of a
 * worker reaches its few rows by index or by ctid, so the other ways are switched off for its connection.
 *
 * Up to version 17 a way that is off still counts, at a price beyond any threshold: the server would then compile each
 * statement before it runs it (JIT), at 100 ms a claim. So that is off too.
 *
 * One plan is right for all values, so each statement is planned once per connection. Left to itself the server compares
 * the cost of a plan for any values with that of one for these: a LIMIT or a range that it does not know counts for a
 * share of the table, an array for ten elements. So it would plan anew at each claim, inside of routines too, which for
 * a claim of hundreds of jobs is as much work as all the rest.
 *
 * Claims look at rows that others have just let go of: only READ COMMITTED shows them as they are now, where a role or
 * database that defaults to a stricter level would abort them, or show a job that is done.
 *
 * Behind a pooler in transaction mode a SET would stick to a server connection that others use next. Where its connections
 * do not come with these settings, each statement brings them along.
 *
 * Answers with the connection that the session is to use.
 */
export async function keepIndexPlans(connection: Connection): Promise<Connection> {
  if (connection.pooler === 'transaction')
    return (await isSet(connection)) ? connection : bringSettings(connection, sessionSettings);
  await connection.query({
    text: `
SELECT set_config(setting, value, false)
FROM unnest($1::text[], $2::text[]) AS wanted (setting, value)
WHERE pg_backend_pid() = $3`,
    values: [...SETTINGS, connection.backendPid],
  });
  return connection;
}

async function isSet(db: Database): Promise<boolean> {
  const { rows } = await db.query<{ readonly set: boolean }>({
    text: 'SELECT bool_and(current_setting(setting) = value) AS set FROM unnest($1::text[], $2::text[]) AS wanted (setting, value)',
    values: SETTINGS,
  });
  return rows[0]?.set === true;
}

/**
 * Reads, or takes, a page of a queue by its indexes, whatever the statistics say: over tables that were never analysed each page would be
 * sorted out of all that is left. Within a caller's transaction the planner is left as it is.
 */
export function readByIndex<T>(db: Database, read: (db: Database) => Promise<T>): Promise<T> {
  if (!isDriver(db)) return read(db);
  return db.transaction((tx) => byIndex(tx, read));
}

/**
 * The same for what takes rows that others may be taking at the same time: at READ COMMITTED, whatever the database's
 * default, since a stricter level would abort one of them.
 */
export function changeByIndex<T>(db: Database, change: (db: Database) => Promise<T>): Promise<T> {
  if (!isDriver(db)) return change(db);
  return db.transaction(async (tx) => {
    await tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED' });
    return byIndex(tx, change);
  });
}

async function byIndex<T>(tx: Database, work: (db: Database) => Promise<T>): Promise<T> {
  await tx.query({
    text: 'SELECT set_config(setting, value, true) FROM unnest($1::text[], $2::text[]) AS wanted (setting, value)',
    values: [Object.keys(OTHER_WAYS), Object.values(OTHER_WAYS)],
  });
  return work(tx);
}
