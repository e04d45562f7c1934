// How does a run get a real PostgreSQL server without Docker, installation or root, that leaves nothing behind?
//
// A private folder (mode 0700, of the server's account) below the one for temporary files holds everything: binaries,
// data, log. Its watchdog, started before any server process, stops the server and removes the folder if the harness
// dies. What even the watchdog did not survive, the next start sweeps.
//
// Clients connect by TCP on 127.0.0.1, with a random password. A Unix socket would save a few microseconds per round
// trip, equally for all contenders; but TCP is what deployments use, every driver and peer takes it in every form of
// address, and no limit of 100 bytes stands between a long TMPDIR and the socket's path.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { errorCode, RuntimeFailure, UsageError } from '../errors.ts';
import { serverAccount, temporaryBase } from './account.ts';
import { findBinaries, installBinaries } from './binaries.ts';
import { POSTGRES_MAJORS, type PostgresMajor } from './binary-pins.ts';
import { createCellDatabase } from './cell-database.ts';
import { type ClusterPlace, dataFolder, initCluster, logOf, SUPERUSER, startPostmaster } from './cluster.ts';
import { LivePostmaster } from './live-postmaster.ts';
import { refusedSetting } from './log-lines.ts';
import {
  makePrivateFolder,
  removeFolder,
  startWatchdog,
  sweepLeftovers,
  type Watchdog,
} from './private-folder.ts';
import type { ConnectionSettings, PostgresServer, Standby, StandbyOptions } from './server.ts';
import { settingsFile } from './server-settings.ts';
import { type Primary, startStandby } from './standby.ts';
import { prepareTemplate, type TemplateFacts } from './template.ts';

export interface EmbeddedOptions {
  /** Major version; default 18. Others are fetched through npm when the cache lacks them. */
  readonly version?: PostgresMajor;
  /** Settings of postgresql.conf that replace the harness's own choice. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Extensions that every cell's database is to hold. */
  readonly extensions?: readonly string[];
  /** Cores to pin the server to, by number. Linux with `taskset` only. */
  readonly cpus?: readonly number[];
  /** Abandons the start. A server that has started is stopped by disposing it. */
  readonly signal?: AbortSignal;
}

/** Whether a text names a PostgreSQL major that can be embedded. */
export function isPostgresMajor(text: string): text is PostgresMajor {
  return (POSTGRES_MAJORS as readonly string[]).includes(text);
}

/**
 * Starts a real PostgreSQL server of this process's own, durable, reachable only from this machine. Several may run
 * at once. Disposing it stops it and removes every file; if this process dies instead, by whatever means, the
 * watchdog does so.
 * @throws UsageError (unknown setting's form, platform without binaries), RuntimeFailure (cannot be fetched or started).
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<PostgresServer> {
  const { version = '18', cpus, signal } = options;
  const settings = settingsFile(options.settings ?? {});
  if (cpus) checkPinning(cpus);
  const account = serverAccount();
  const base = await temporaryBase(account);
  const native = await findBinaries(version, signal);
  await sweepLeftovers(base);

  const folder = await makePrivateFolder(base, account);
  let watchdog: Watchdog | undefined;
  let postmaster: LivePostmaster | undefined;
  const standbys = new Set<Standby>();
  const dispose = async () => {
    // One that fails keeps neither the others nor the server from their end.
    const ends = await Promise.allSettled([...standbys].map((standby) => standby[Symbol.asyncDispose]()));
    await postmaster?.stop();
    await removeFolder(folder);
    // Last: until here the watchdog would have finished the work.
    watchdog?.dismiss();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  };
  try {
    const dog = startWatchdog(folder, account);
    watchdog = dog;
    const place: ClusterPlace = { folder, account, cpus, signal, onProcess: (pid) => dog.guard(pid) };
    await installBinaries(native, path.join(folder, 'install'), account);
    const password = randomBytes(24).toString('base64url');
    await initCluster(place, password, settings);
    postmaster = new LivePostmaster(place, await startPostmaster(place));
    const admin: ConnectionSettings = {
      host: '127.0.0.1',
      port: postmaster.port,
      user: SUPERUSER,
      password,
      database: 'postgres',
    };
    const facts = await prepareTemplate(admin, options.extensions);
    return serverOf(admin, postmaster, facts, dataFolder(folder), {
      openStandby: (wish) => trackedStandby({ place, admin }, wish, standbys),
      dispose: once(dispose),
    });
  } catch (error) {
    const refused = refusedSetting(await logOf(folder), options.settings);
    await dispose();
    if (refused !== undefined) throw refused;
    if (errorCode(error) !== 'ENOSPC' && errorCode(error) !== 'EDQUOT') throw error;
    throw new RuntimeFailure(
      `no space left in ${base} for an embedded server (about 100 MB, 1 GB of WAL under load, and its data): set TMPDIR`,
    );
  }
}

interface ServerParts {
  readonly openStandby: (wish: StandbyOptions) => Promise<Standby>;
  readonly dispose: () => Promise<void>;
}

function serverOf(
  admin: ConnectionSettings,
  postmaster: LivePostmaster,
  { version, extensions }: TemplateFacts,
  dataDirectory: string,
  { openStandby, dispose }: ServerParts,
): PostgresServer {
  const { cpuUs, processes } = postmaster.meters;
  return {
    kind: 'embedded',
    version,
    extensions,
    description: `embedded PostgreSQL ${version} on ${admin.host}:${admin.port}`,
    get pid() {
      return postmaster.pid;
    },
    dataDirectory,
    ...(cpuUs && { cpuUs }),
    ...(processes && { processes }),
    openDatabase: (label) => createCellDatabase(admin, label),
    openStandby,
    restart: (mode, options) => postmaster.restart(mode, options),
    whyGone: () => postmaster.whyGone(),
    [Symbol.asyncDispose]: dispose,
  };
}

/** A standby that is disposed with its server, if not before. */
async function trackedStandby(
  primary: Primary,
  options: StandbyOptions,
  standbys: Set<Standby>,
): Promise<Standby> {
  const standby = await startStandby(primary, options);
  const tracked: Standby = {
    ...standby,
    async [Symbol.asyncDispose]() {
      standbys.delete(tracked);
      await standby[Symbol.asyncDispose]();
    },
  };
  standbys.add(tracked);
  return tracked;
}

/** Disposing twice, or while a disposal runs, waits for the first. */
function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}

function checkPinning(cpus: readonly number[]): void {
  if (cpus.length === 0 || !cpus.every((cpu) => Number.isInteger(cpu) && cpu >= 0)) {
    throw new UsageError('cores to pin the server to are numbers from 0 on: name at least one');
  }
  const available =
    process.platform === 'linux' && spawnSync('taskset', ['--version'], { timeout: 5_000 }).status === 0;
  if (!available)
    throw new UsageError('pinning the server to cores needs Linux with taskset (util-linux): leave it out');
}
