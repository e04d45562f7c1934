// Is anybody else at work on a server whom a fault would hurt?

import type pg from 'pg';
import { FAULT_MARK } from './fault-session.ts';
import type { Held } from './held.ts';

/** What the names of the harness's sessions, and of the reference queue's, begin with. */
const OURS = 'claimbench ';

/**
 * Sessions on a shared server that are neither the harness's nor the contender's. In a database of the cell's own every session of
 * its role is the contender's.
 * @throws Error in one line, which names one of them.
 */
export async function refuseAmongOthers(
  client: pg.Client,
  { shared, roleOf }: Pick<Held, 'shared' | 'roleOf'>,
): Promise<void> {
  if (shared === undefined) return;
  // Of a session of another role its kind is hidden from some.
  const { rows } = await client.query<{ name: string; who: string; own: boolean }>(
    `SELECT ${FAULT_MARK} coalesce(application_name, '') AS name, format('%s in %s', usename, datname) AS who,
            datname = current_database() AND usename = current_user AS own
       FROM pg_stat_activity
      WHERE usename IS NOT NULL AND datname IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'`,
  );
  const others = rows.filter(
    ({ name, own }) =>
      !name.startsWith(OURS) && roleOf?.(name) === undefined && !(own && shared === 'server'),
  );
  const [one] = others;
  if (one !== undefined)
    throw new Error(
      `others are at work on the server (${others.length} sessions, of ${one.who} for one), and would be hurt with the workers: take --server embedded, or a server of your own, or leave the fault out`,
    );
}
