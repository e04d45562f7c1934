// What goes into the stand-in of the official postgres image?

import { chmodSync, cpSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { findBinaries, installBinaries } from '../../harness/server/binaries.ts';
import type { PostgresMajor } from '../../harness/server/binary-pins.ts';

/**
 * The major of Debian's own packages: its server comes from them, and is complete. The binaries of npm, which all other
 * majors have, lack psql, pg_isready, pg_basebackup and pgbench; Debian's psql and pg_isready of this major serve them.
 */
const DEBIAN_MAJOR: PostgresMajor = '17';

/** Fills `context`, a folder, and gives the build's arguments. @throws as findBinaries. */
export async function postgresContext(
  major: PostgresMajor,
  context: string,
): Promise<Record<string, string>> {
  cpSync(path.join(import.meta.dirname, 'postgres'), context, { recursive: true });
  const target = path.join(context, 'pgsql');
  if (major === DEBIAN_MAJOR) mkdirSync(target);
  else await installBinaries(await findBinaries(major), target, undefined);
  openFolders(target);
  return {
    MAJOR: major,
    PACKAGES: major === DEBIAN_MAJOR ? `postgresql-${major}` : `postgresql-client-${DEBIAN_MAJOR}`,
    // The official image moved its volume with 18.
    VOLUME: Number(major) >= 18 ? '/var/lib/postgresql' : '/var/lib/postgresql/data',
    PGDATA: Number(major) >= 18 ? `/var/lib/postgresql/${major}/docker` : '/var/lib/postgresql/data',
  };
}

/** Folders of a server are private elsewhere; an image's are for all its accounts. */
function openFolders(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) openFolders(path.join(folder, entry.name));
  }
}
