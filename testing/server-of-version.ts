// How do the tests of one `describe` get a server of a version, which may have to be fetched?

import { after, before } from 'node:test';
import { isForUser } from '../harness/errors.ts';
import type { PostgresMajor } from '../harness/server/binary-pins.ts';
import { startEmbedded } from '../harness/server/embedded.ts';
import type { PostgresServer } from '../harness/server/server.ts';

/** `server` is absent where the version cannot be fetched, and `why` says so: whoever needs it skips with that. */
export interface ServerOfVersion {
  readonly server: PostgresServer | undefined;
  readonly why: string;
}

/** To be called within a `describe`: the server starts before its tests and ends after them. */
export function serverOfVersion(
  version: PostgresMajor,
  settings: Readonly<Record<string, string>> = {},
): ServerOfVersion {
  const found: { server: PostgresServer | undefined; why: string } = { server: undefined, why: 'no server' };
  before(async () => {
    try {
      found.server = await startEmbedded({ version, settings });
    } catch (error) {
      if (!isForUser(error) || !/could not fetch|not published/.test(error.message)) throw error;
      found.why = error.message;
    }
  });
  after(async () => found.server?.[Symbol.asyncDispose]());
  return found;
}
