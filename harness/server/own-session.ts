// Does a connection have a session of its own at the server, or does a pooler lend it one of its own?

import assert from 'node:assert';
import type pg from 'pg';

/**
 * What a session holds (a temporary slot, an advisory lock) goes with it. A pooler's outlives its clients. It answers with a
 * process id of its own making when a connection starts, which is not that of the session behind it.
 */
export async function ownsItsSession(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  assert('processID' in client, 'the driver keeps what the server said as the connection started');
  return client.processID === rows[0]?.pid;
}
