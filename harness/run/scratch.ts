// Where do the agents' ledgers lie while a run goes on?

import { existsSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { makePrivateFolder, removeFolder, startWatchdog, sweepLeftovers } from '../server/private-folder.ts';

const WANTED_BYTES = 512 * 1024 * 1024;

/** A private folder; disposing it removes it, and so does its watchdog when this process is killed. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/**
 * In memory where the system offers /dev/shm with room, since ledger writes on the server's disk would compete with
 * its WAL; else in the folder for temporary files.
 */
export async function openScratch(): Promise<Scratch> {
  const base = roomInMemory() ? '/dev/shm' : tmpdir();
  await sweepLeftovers(base);
  const path = await makePrivateFolder(base, undefined);
  const watchdog = startWatchdog(path, undefined);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await removeFolder(path);
      watchdog.dismiss();
    },
  };
}

function roomInMemory(): boolean {
  if (process.platform !== 'linux' || !existsSync('/dev/shm')) return false;
  const { bavail, bsize } = statfsSync('/dev/shm');
  return bavail * bsize >= WANTED_BYTES;
}
