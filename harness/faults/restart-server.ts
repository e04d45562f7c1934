// How does a fault stop the server and start it again?

import type { PostgresServer, Restart, StopMode } from '../server/server.ts';

/** What of a server is needed. */
export type Restartable = Pick<PostgresServer, 'restart'>;

/**
 * Resolves when the server accepts connections again.
 * @throws Error without a server of the harness's own, RuntimeFailure when it does not stop or come back.
 */
export async function restartServer(server: Restartable | undefined, mode: StopMode): Promise<Restart> {
  if (server === undefined) throw new Error('the contender has no database');
  if (server.restart === undefined)
    throw new Error(
      'the harness cannot restart this server: take --server embedded, or docker with its data on a volume and --network host where its port is published',
    );
  return await server.restart(mode);
}
