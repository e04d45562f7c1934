// How is a PostgreSQL cluster made in a private folder, started, and stopped?

import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { errorCode, oneLine, RuntimeFailure } from '../errors.ts';
import { freePort } from './free-port.ts';
import { complaintsIn } from './log-lines.ts';
import { type Account, endsWithin, hasEnded, type RunResult, runToEnd } from './processes.ts';

const INITDB_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 30_000;
const FAST_SHUTDOWN_MS = 10_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;
const BIND_ATTEMPTS = 5;
const PORT_FREE_AGAIN_MS = 100;

/** The superuser of an embedded server. */
export const SUPERUSER = 'postgres';

/** Where a cluster lies and who runs it. */
export interface ClusterPlace {
  /** The private folder; holds `install`, `data` and `server.log`. */
  readonly folder: string;
  readonly account: Account | undefined;
  /** Cores to pin the server to; absent: all. */
  readonly cpus?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each process that must not outlive the harness, and of its end. */
  readonly onProcess: (pid: number | undefined) => void;
}

/** A running postmaster. */
export interface Postmaster {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
}

/** The data folder of a cluster. */
export function dataFolder(folder: string): string {
  return path.join(folder, 'data');
}

/** Makes the cluster: UTF-8, C locale, scram-sha-256 with the given password. */
export async function initCluster(place: ClusterPlace, password: string, settings: string): Promise<void> {
  const passwordFile = path.join(place.folder, 'password');
  await writeOwned(passwordFile, NEW_FILE, `${password}\n`, place.account);
  try {
    await runInitdb(place, passwordFile);
  } finally {
    place.onProcess(undefined);
    await rm(passwordFile, { force: true });
  }
  const settingsFile = path.join(dataFolder(place.folder), 'postgresql.conf');
  await writeOwned(
    settingsFile,
    constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW,
    settings,
    undefined,
  );
}

/** To be written by this call alone, through no link. */
export const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes a file in the server's folder. That belongs to the server's account: what lies there under the file's name may
 * be a link of its making, and root would write, and give away, whatever it points to. Links are not followed.
 */
export async function writeOwned(
  file: string,
  flags: number,
  text: string,
  account: Account | undefined,
): Promise<void> {
  const handle = await open(file, flags, 0o600);
  try {
    await handle.writeFile(text);
    if (account) await handle.chown(account.uid, account.gid);
  } finally {
    await handle.close();
  }
}

async function runInitdb(place: ClusterPlace, passwordFile: string): Promise<void> {
  const program = path.join(place.folder, 'install', 'bin', 'initdb');
  const args = [
    ...['-D', dataFolder(place.folder), '-U', SUPERUSER, '-A', 'scram-sha-256', '--pwfile', passwordFile],
    // The C locale: no collation library decides what an index costs. --no-sync: of initdb only, whose files need
    // not survive a power cut; it is most of its time.
    ...['-E', 'UTF8', '--no-locale', '--no-sync', '--no-instructions'],
  ];
  let result: RunResult;
  try {
    result = await runToEnd(program, args, {
      cwd: place.folder,
      env: serverEnv(),
      account: place.account,
      timeoutMs: INITDB_TIMEOUT_MS,
      signal: place.signal,
      onSpawn: place.onProcess,
    });
  } catch (error) {
    throw cannotRun(error, place.folder);
  }
  if (result.code === 0) return;
  if (result.timedOut) throw new RuntimeFailure(`initdb did not end within ${INITDB_TIMEOUT_MS / 1000} s`);
  const missing = /error while loading shared libraries: ([^:]+)|Library not loaded: (\S+)/.exec(
    result.stderr,
  );
  if (missing) {
    throw new RuntimeFailure(
      `the PostgreSQL binaries lack the library ${missing[1] ?? missing[2]}: install it, or give --server postgres://…`,
    );
  }
  throw new RuntimeFailure(`initdb failed in ${place.folder}: ${oneLine(result.stderr || result.stdout)}`);
}

/** A failure to start a program at all, in words. */
function cannotRun(error: unknown, folder: string): unknown {
  switch (errorCode(error)) {
    case 'ENOENT':
      // The file is there (it was just installed): what does not exist is the loader that it names.
      return new RuntimeFailure(
        'the PostgreSQL binaries need glibc 2.27 or newer, which this system lacks (Alpine uses musl): use another image, or give --server postgres://…',
      );
    case 'EACCES':
      return new RuntimeFailure(
        `programs may not be run in ${folder} (mounted noexec?): set TMPDIR to a folder where they may`,
      );
    default:
      return error;
  }
}

/** No PG* variable, library path or locale of the user's reaches the server. */
export function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** Starts the postmaster on a free port of 127.0.0.1 and waits until it accepts connections. */
export async function startPostmaster(place: ClusterPlace): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const postmaster = await launch(place, port);
    try {
      await waitUntilReady(place, postmaster);
      return postmaster;
    } catch (error) {
      await stopPostmaster(postmaster.child);
      place.onProcess(undefined);
      // Between finding a free port and binding it, another process may take it.
      if (!(error instanceof PortTaken)) throw error;
      if (attempt === BIND_ATTEMPTS) {
        throw new RuntimeFailure(`no free port on 127.0.0.1 after ${BIND_ATTEMPTS} attempts: try again`);
      }
    }
  }
}

/**
 * Starts the postmaster of a cluster that was stopped, on the port that it had; resolves when it accepts connections. `onLaunch` is
 * told of each attempt, whose process is then the caller's to stop.
 * @throws RuntimeFailure when it is not ready in time.
 */
export async function startPostmasterAgain(
  place: ClusterPlace,
  port: number,
  onLaunch: (postmaster: Postmaster) => void,
): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const postmaster = await launch(place, port);
    onLaunch(postmaster);
    try {
      return await waitUntilReady(place, postmaster);
    } catch (error) {
      // A client that is asking for the server may have the port for a moment, as the address that it asks from.
      if (!(error instanceof PortTaken)) throw error;
      if (performance.now() > deadline)
        throw new RuntimeFailure(`port ${port} was taken while the server was down: try again`);
      await sleep(PORT_FREE_AGAIN_MS, undefined, { ...(place.signal && { signal: place.signal }) });
    }
  }
}

class PortTaken extends Error {}

async function launch(place: ClusterPlace, port: number): Promise<Postmaster> {
  // Each attempt to bind a port starts the log anew.
  await rm(logFile(place.folder), { force: true });
  const log = await open(logFile(place.folder), NEW_FILE, 0o600);
  try {
    const postgres = path.join(place.folder, 'install', 'bin', 'postgres');
    const args = ['-D', dataFolder(place.folder), '-p', String(port)];
    const pin = place.cpus ? ['taskset', '-c', place.cpus.join(',')] : [];
    const [program = postgres, ...rest] = [...pin, postgres, ...args];
    const child = spawn(program, rest, {
      cwd: place.folder,
      env: serverEnv(),
      ...place.account,
      // A session of its own: Ctrl-C must not reach the server before the harness has finished with it.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const pid = child.pid;
    if (pid === undefined) {
      const error = await new Promise<unknown>((resolve) => child.once('error', resolve));
      throw cannotRun(error, place.folder);
    }
    child.on('error', () => {});
    child.unref();
    place.onProcess(pid);
    return { child, pid, port };
  } finally {
    await log.close();
  }
}

/** The postmaster writes `ready` into the eighth line of postmaster.pid when it accepts connections; pg_ctl waits so, too. */
async function waitUntilReady(place: ClusterPlace, { child, pid }: Postmaster): Promise<void> {
  const statusFile = path.join(dataFolder(place.folder), 'postmaster.pid');
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    place.signal?.throwIfAborted();
    if (hasEnded(child)) throw await whyItEnded(place.folder);
    const lines = (await readFile(statusFile, 'utf8').catch(() => '')).split('\n');
    // Of a server that was stopped at once its own file is still there.
    if (lines[0] === String(pid) && lines[7]?.startsWith('ready')) return;
    await sleep(10);
  }
  throw new RuntimeFailure(
    `the embedded server was not ready within ${START_TIMEOUT_MS / 1000} s: ${await complaints(place.folder)}`,
  );
}

async function whyItEnded(folder: string): Promise<Error> {
  const text = await complaints(folder);
  if (/Address already in use|could not bind/i.test(text)) return new PortTaken(text);
  return new RuntimeFailure(`the embedded server ended while it started: ${text}`);
}

export async function complaints(folder: string): Promise<string> {
  return complaintsIn(await logOf(folder));
}

/** What the server has said so far; empty before it has a log. */
export async function logOf(folder: string): Promise<string> {
  return readFile(logFile(folder), 'utf8').catch(() => '');
}

function logFile(folder: string): string {
  return path.join(folder, 'server.log');
}

/** Fast shutdown; past its deadline an immediate one; past that, SIGKILL. Returns when the postmaster has ended. */
export async function stopPostmaster(child: ChildProcess): Promise<void> {
  child.ref();
  // A fast shutdown waits for its last checkpoint and for every WAL sender.
  child.kill('SIGINT');
  if (await endsWithin(child, FAST_SHUTDOWN_MS)) return;
  child.kill('SIGQUIT');
  if (await endsWithin(child, IMMEDIATE_SHUTDOWN_MS)) return;
  child.kill('SIGKILL');
  await endsWithin(child, IMMEDIATE_SHUTDOWN_MS);
}
