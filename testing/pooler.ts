// How does a test put a PgBouncer in front of the test server?

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverAccount, temporaryBase } from '../harness/server/account.ts';
import { makePrivateFolder, removeFolder, startWatchdog } from '../harness/server/private-folder.ts';
import { endsWithin } from '../harness/server/processes.ts';
import { testServer } from './command.ts';
import type { TestDatabase } from './database.ts';

const DEADLINE_MS = 20_000;
const LOOK_AGAIN_MS = 10;
/** What it gets to end by itself, as a newer one does when its last client has left. */
const GOODBYE_MS = 500;

/** A PgBouncer that is installed. */
export interface PoolerBinary {
  readonly file: string;
  /** As it says it: 1.18.0. */
  readonly version: string;
  /** Whether it can keep prepared statements in transaction mode (from 1.21 on). */
  readonly keepsPrepared: boolean;
}

/** The PgBouncer of `CLAIMBENCH_TEST_PGBOUNCER`, else the system's; absent where there is none. */
export function poolerBinary(): PoolerBinary | undefined {
  const named = process.env['CLAIMBENCH_TEST_PGBOUNCER'];
  // Debian keeps it where only root's PATH leads.
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  const files = named ? [named] : folders.map((folder) => path.join(folder, 'pgbouncer'));
  const file = files.find((candidate) => existsSync(candidate));
  if (file === undefined) return undefined;
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', timeout: 5_000 });
  const [, version, minor] = /PgBouncer (1\.(\d+)\S*)/.exec(stdout) ?? [];
  if (version === undefined) return undefined;
  return { file, version, keepsPrepared: Number(minor) >= 21 };
}

/** Why a test that needs a pooler is left out; false where it can run. For the option `skip` of `node:test`. */
export const withoutPooler: string | false =
  poolerBinary() === undefined ? 'there is no pgbouncer: apt-get install pgbouncer' : false;

/** How it pools. */
export interface PoolerOptions {
  /** Default `transaction`. */
  readonly mode?: 'transaction' | 'session';
  /** Connections to the server per database and user; default 4. */
  readonly size?: number;
  /** Further lines of its configuration. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Said on each connection to the server, before any client has it. */
  readonly connectQuery?: string;
}

/** A PgBouncer in front of the test server, until it is disposed. */
export interface Pooler extends AsyncDisposable {
  readonly binary: PoolerBinary;
  /** The address of `database` through the pooler. */
  through(database: TestDatabase): TestDatabase['settings'];
  /** Ends the process, with every connection through it. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
}

/** Starts one on a port of its own. Throws where none is installed: ask `withoutPooler` before. */
export async function startPooler(options: PoolerOptions = {}): Promise<Pooler> {
  const binary = poolerBinary();
  if (binary === undefined) throw new Error('there is no pgbouncer');
  const account = serverAccount();
  const folder = await makePrivateFolder(await temporaryBase(account), account);
  const watchdog = startWatchdog(folder, account);
  const port = await freePort();
  const files = configuration(new URL(testServer()), port, folder, options);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    if (account) await chown(file, account.uid, account.gid);
  }
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(binary.file, ['--quiet', path.join(folder, 'pgbouncer.ini')], {
      cwd: folder,
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      ...account,
      // A group of its own, which the watchdog ends.
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
    child.kill('SIGTERM');
    if (await endsWithin(child, GOODBYE_MS)) return;
    child.kill('SIGKILL');
    await endsWithin(child, DEADLINE_MS);
  };
  await start();
  return {
    binary,
    through: ({ settings }) => ({ ...settings, host: '127.0.0.1', port }),
    stop,
    restart: start,
    async [Symbol.asyncDispose]() {
      await stop();
      await removeFolder(folder);
      watchdog.dismiss();
    },
  };
}

function configuration(
  server: URL,
  port: number,
  folder: string,
  { mode = 'transaction', size = 4, settings = {}, connectQuery }: PoolerOptions,
): Readonly<Record<string, string>> {
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: path.join(folder, 'users.txt'),
    logfile: path.join(folder, 'pgbouncer.log'),
    pool_mode: mode,
    default_pool_size: size,
    max_client_conn: 500,
    ...settings,
  };
  const query = connectQuery === undefined ? '' : ` connect_query='${connectQuery.replaceAll("'", "''")}'`;
  const quoted = (text: string): string => `"${decodeURIComponent(text).replaceAll('"', '""')}"`;
  return {
    'pgbouncer.ini': [
      '[databases]',
      `* = host=${server.hostname} port=${server.port || 5432}${query}`,
      '[pgbouncer]',
      ...Object.entries(lines).map(([name, value]) => `${name} = ${value}`),
      '',
    ].join('\n'),
    'users.txt': `${quoted(server.username)} ${quoted(server.password)}\n`,
  };
}

/** A port that nobody listens on at present. */
async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (!isAddress(address)) throw new Error('the system gave no port');
  return address.port;
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

async function answers(port: number, child: ChildProcess, folder: string): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > endMs)
      throw new Error(`pgbouncer did not start; its log is in ${folder}`);
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
