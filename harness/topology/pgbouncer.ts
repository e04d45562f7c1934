// How is a PgBouncer found, put in front of a server, and ended again?

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneLine, RuntimeFailure } from '../errors.ts';
import { serverAccount, temporaryBase } from '../server/account.ts';
import { NEW_FILE, serverEnv, writeOwned } from '../server/cluster.ts';
import { freePort } from '../server/free-port.ts';
import {
  makePrivateFolder,
  POOLER_CONFIGURATION,
  POOLER_PID_FILE,
  removeFolder,
  startWatchdog,
} from '../server/private-folder.ts';
import { endsWithin, hasEnded } from '../server/processes.ts';
import type { ConnectionSettings } from '../server/server.ts';

const START_WITHIN_MS = 20_000;
const LOOK_AGAIN_MS = 10;
/** What it gets to end by itself, as a newer one does when its last client has left. */
const GOODBYE_MS = 500;
const KILLED_WITHIN_MS = 5_000;
const BIND_ATTEMPTS = 5;

/** A PgBouncer that is installed. */
export interface PgBouncerBinary {
  readonly file: string;
  /** As it says it: 1.18.0. */
  readonly version: string;
  /** Whether it can keep prepared statements in transaction mode (from 1.21 on). */
  readonly keepsPrepared: boolean;
}

/** The PgBouncer at `named`, by default that of `CLAIMBENCH_PGBOUNCER`, else the system's; absent where there is none. */
export function findPgBouncer(named = process.env['CLAIMBENCH_PGBOUNCER']): PgBouncerBinary | undefined {
  // Debian keeps it where only root's PATH leads.
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  const files = named ? [path.resolve(named)] : folders.map((folder) => path.join(folder, 'pgbouncer'));
  const file = files.find((candidate) => existsSync(candidate));
  if (file === undefined) return undefined;
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', timeout: 5_000 });
  const [, version, minor] = /PgBouncer (1\.(\d+)\S*)/.exec(stdout ?? '') ?? [];
  if (version === undefined) return undefined;
  return { file, version, keepsPrepared: Number(minor) >= 21 };
}

export interface PgBouncerOptions {
  /** Where it connects to, and as whom its clients come. */
  readonly server: Omit<ConnectionSettings, 'database'>;
  readonly mode: 'transaction' | 'session';
  /** Connections to the server per database and user. */
  readonly poolSize: number;
  /** Further lines of its configuration. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Said on each connection to the server, before any client has it. */
  readonly connectQuery?: string;
}

/**
 * A PgBouncer on 127.0.0.1, of this process's own: its folder and it go when it is disposed, and by a watchdog if this process
 * dies. Its user may also look into its console, the database `pgbouncer`.
 */
export interface PgBouncer extends AsyncDisposable {
  readonly binary: PgBouncerBinary;
  readonly port: number;
  /** Of the process that runs at present. */
  readonly pid: number;
  /** Whether that has not ended. */
  readonly alive: boolean;
  /** Ends the process, with every connection through it. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
}

/** Starts one, under the account of embedded servers. @throws RuntimeFailure when it does not start. */
export async function startPgBouncer(binary: PgBouncerBinary, options: PgBouncerOptions): Promise<PgBouncer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn(await freePort(), binary, options);
    } catch (error) {
      // Between finding a free port and binding it, another process may take it.
      if (attempt === BIND_ATTEMPTS || !/in use/i.test(oneLine(error))) throw error;
    }
  }
}

async function startOn(port: number, binary: PgBouncerBinary, options: PgBouncerOptions): Promise<PgBouncer> {
  const account = serverAccount();
  const folder = await makePrivateFolder(await temporaryBase(account), account);
  const watchdog = startWatchdog(folder, account);
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(binary.file, ['--quiet', path.join(folder, POOLER_CONFIGURATION)], {
      cwd: folder,
      env: serverEnv(),
      ...account,
      // A group of its own, which the watchdog ends, and which Ctrl-C on the terminal does not reach.
      detached: true,
      stdio: 'ignore',
    });
    child.on('error', () => undefined);
    child.unref();
    if (child.pid !== undefined) watchdog.guard(child.pid);
    await answers(port, child, folder);
  };
  const stop = async (): Promise<void> => {
    watchdog.guard(undefined);
    if (child === undefined || child.pid === undefined) return;
    child.kill('SIGTERM');
    if (await endsWithin(child, GOODBYE_MS)) return;
    child.kill('SIGKILL');
    await endsWithin(child, KILLED_WITHIN_MS);
  };
  const dispose = async (): Promise<void> => {
    await stop();
    await removeFolder(folder);
    watchdog.dismiss();
  };
  try {
    for (const [name, text] of Object.entries(configuration(port, folder, options)))
      await writeOwned(path.join(folder, name), NEW_FILE, text, account);
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    binary,
    port,
    get pid() {
      return child?.pid ?? 0;
    },
    get alive() {
      return child !== undefined && !hasEnded(child);
    },
    stop,
    restart: start,
    [Symbol.asyncDispose]: dispose,
  };
}

function configuration(
  port: number,
  folder: string,
  { server, mode, poolSize, settings = {}, connectQuery }: PgBouncerOptions,
): Readonly<Record<string, string>> {
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: path.join(folder, 'users.txt'),
    logfile: path.join(folder, 'pgbouncer.log'),
    pidfile: path.join(folder, POOLER_PID_FILE),
    stats_users: server.user,
    pool_mode: mode,
    default_pool_size: poolSize,
    max_client_conn: 500,
    ...(server.ssl === undefined || server.ssl === false ? {} : { server_tls_sslmode: 'require' }),
    ...settings,
  };
  const words = { host: server.host, port: server.port, connect_query: connectQuery };
  const target = Object.entries(words).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}='${String(value).replaceAll("'", "''")}'`],
  );
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  return {
    [POOLER_CONFIGURATION]: [
      '[databases]',
      `* = ${target.join(' ')}`,
      '[pgbouncer]',
      ...Object.entries(lines).map(([name, value]) => `${name} = ${value}`),
      '',
    ].join('\n'),
    'users.txt': `${quoted(server.user)} ${quoted(server.password)}\n`,
  };
}

async function answers(port: number, child: ChildProcess, folder: string): Promise<void> {
  const endMs = performance.now() + START_WITHIN_MS;
  while (hasEnded(child) || child.pid === undefined || !(await accepts(port))) {
    if (hasEnded(child) || child.pid === undefined || performance.now() > endMs) {
      const log = await readFile(path.join(folder, 'pgbouncer.log'), 'utf8').catch(() => '');
      const said = log.split('\n').filter((line) => /ERROR|FATAL|WARNING/.test(line));
      throw new RuntimeFailure(`pgbouncer did not start: ${oneLine(said.join(' | ')) || 'its log is empty'}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
