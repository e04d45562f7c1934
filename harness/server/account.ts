// As whom does an embedded server run, and in which folder for temporary files may that account work?

import { spawnSync } from 'node:child_process';
import { type Stats, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { RuntimeFailure } from '../errors.ts';
import { liesInMemory } from './in-memory.ts';
import type { Account } from './processes.ts';

/**
 * PostgreSQL refuses to run as root. So root lends it an account that exists: `postgres`, else `nobody`; any other
 * user runs it as themselves (undefined). No account is ever created.
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const uid = idOf('-u', name);
    const gid = idOf('-g', name);
    if (uid !== undefined && gid !== undefined && uid !== 0) return { uid, gid };
  }
  throw new RuntimeFailure(
    'PostgreSQL refuses to run as root and this machine has neither an account "postgres" nor "nobody": run claimbench as another user',
  );
}

/** `id` asks the system's own directory of users (files, LDAP, macOS), which no parsing of /etc/passwd does. */
function idOf(flag: '-u' | '-g', name: string): number | undefined {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8', timeout: 5_000 });
  const id = Number(stdout?.trim());
  // macOS prints nobody as 4294967294; the system call takes the signed form.
  return status === 0 && Number.isInteger(id) ? id | 0 : undefined;
}

/**
 * The folder in which servers' private folders are made: the system's for temporary files, or `/tmp` when root's own
 * lies where the server's account may not go. One in memory, where nothing is durable, is taken last. Symbolic links resolved.
 */
export async function temporaryBase(account: Account | undefined): Promise<string> {
  const tried: string[] = [];
  let inMemory: string | undefined;
  for (const candidate of [tmpdir(), '/tmp', '/var/tmp']) {
    const folder = await realpath(candidate).catch(() => undefined);
    if (folder === undefined) {
      tried.push(candidate);
      continue;
    }
    if (account === undefined || mayReach(folder, account)) {
      // Asked for by name, it is taken; else only where there is no disk.
      if (process.env['TMPDIR'] !== undefined || !(await liesInMemory(folder))) return folder;
      inMemory ??= folder;
    }
    tried.push(folder);
  }
  if (inMemory !== undefined) return inMemory;
  throw new RuntimeFailure(
    `no folder for temporary files that the server's account can reach (tried ${tried.join(', ')}): set TMPDIR to one`,
  );
}

function mayReach(folder: string, account: Account): boolean {
  for (let at = folder; ; at = path.dirname(at)) {
    if (!mayEnter(statSync(at), account)) return false;
    if (at === path.dirname(at)) return true;
  }
}

function mayEnter(stats: Stats, account: Account): boolean {
  if (stats.uid === account.uid) return (stats.mode & 0o100) !== 0;
  if (stats.gid === account.gid) return (stats.mode & 0o010) !== 0;
  return (stats.mode & 0o001) !== 0;
}
