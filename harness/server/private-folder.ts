// Who owns the files and processes of an embedded server, and who clears them away when the owner dies?

import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, chown, lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RuntimeFailure } from '../errors.ts';
import { isGone, ownerSchema, thisOwner } from './owner.ts';
import { type Account, commandLineOf, goneWithin, isAlive, signalProcess } from './processes.ts';

const PREFIX = 'claimbench-pg-';
const OWNER_FILE = 'owner.json';
/** Of a PgBouncer, where a folder is one's. */
export const POOLER_CONFIGURATION = 'pgbouncer.ini';
export const POOLER_PID_FILE = 'pgbouncer.pid';

/** Makes the private folder: mode 0700, of the server's account, with a record of the process that owns it. */
export async function makePrivateFolder(base: string, account: Account | undefined): Promise<string> {
  const folder = await mkdtemp(path.join(base, PREFIX));
  // Stays owned by the harness's user: a sweep trusts only records that its own user wrote.
  await writeFile(path.join(folder, OWNER_FILE), JSON.stringify(thisOwner()), { mode: 0o600 });
  await chmod(folder, 0o700);
  if (account) await chown(folder, account.uid, account.gid);
  return folder;
}

/**
 * The watchdog: outlives the harness, holds the read end of a pipe, and acts when the pipe closes, which the kernel
 * does however the harness dies. Each line names the process that is running now; `done` says that the harness has
 * cleared everything away itself. SIGQUIT is PostgreSQL's immediate shutdown. `rm` is repeated, since a process that
 * is just ending may still be writing. The whole process group is ended, which a detached child leads: initdb's backend
 * would go on in a folder that is gone, and keep its shared memory. `kill -s` is the form that every sh has for groups.
 */
const WATCHDOG = `
folder=$1; child=
trap : HUP INT TERM
while IFS= read -r line; do
  case $line in done) exit 0;; none) child=;; *) child=$line;; esac
done
tries=0
if [ -n "$child" ]; then
  kill -s QUIT -- "-$child" 2>/dev/null
  while kill -s 0 -- "-$child" 2>/dev/null && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL -- "-$child" 2>/dev/null
fi
tries=0
while [ -e "$folder" ] && [ $tries -lt 50 ]; do
  rm -rf -- "$folder" 2>/dev/null
  [ -e "$folder" ] && sleep 0.1
  tries=$((tries + 1))
done
`;

/** The harness's end of the watchdog. */
export interface Watchdog {
  /** The process to stop should the harness die; undefined when it has ended. */
  guard(pid: number | undefined): void;
  /** Nothing is left to guard. */
  dismiss(): void;
}

/** Starts the watchdog of a private folder, under the server's account and in a session of its own. */
export function startWatchdog(folder: string, account: Account | undefined): Watchdog {
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'claimbench-watchdog', folder], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    ...account,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // A watchdog that somebody killed is no reason to fail: the next start sweeps.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  if (child.pid === undefined) {
    throw new RuntimeFailure(
      'cannot run /bin/sh under the account of the embedded server: run claimbench as a user other than root',
    );
  }
  unref(child);
  return {
    guard: (pid) => void child.stdin.write(`${pid ?? 'none'}\n`),
    dismiss: () => void child.stdin.end('done\n'),
  };
}

/** A server that nobody disposed of must not keep the harness from ending; the watchdog sees to it then. */
function unref(child: ChildProcess): void {
  child.unref();
  if (child.stdin && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
}

/** Removes a folder; repeated for a while, since a process that is just ending may still be writing in it. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

/**
 * Clears away what dead harnesses of this user left in `base`, for instance after a crash that took the watchdog as
 * well. A folder is touched only when this user wrote its record and the owner has certainly gone.
 */
export async function sweepLeftovers(base: string): Promise<void> {
  for (const entry of await readdir(base)) {
    if (!entry.startsWith(PREFIX)) continue;
    const folder = path.join(base, entry);
    // Another start may be sweeping the same folder, and other users' folders are none of our business.
    if (await isLeftover(folder).catch(() => false)) {
      await stopLeftoverServer(path.join(folder, 'data')).catch(() => {});
      await stopLeftoverPooler(folder).catch(() => {});
      await removeFolder(folder).catch(() => {});
    }
  }
}

async function isLeftover(folder: string): Promise<boolean> {
  const stats = await lstat(folder);
  if (!stats.isDirectory()) return false;
  const record = path.join(folder, OWNER_FILE);
  const recordStats = await lstat(record);
  if (!recordStats.isFile() || recordStats.uid !== process.getuid?.()) return false;
  return isGone(ownerSchema.parse(JSON.parse(await readFile(record, 'utf8'))));
}

/** Stops a postmaster only if the process with the recorded id really serves this very data folder. */
async function stopLeftoverServer(data: string): Promise<void> {
  const lines = (await readFile(path.join(data, 'postmaster.pid'), 'utf8')).split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1 || lines[1] !== data) return;
  const servesData = () => isAlive(pid) && (commandLineOf(pid)?.includes(` -D ${data} `) ?? false);
  if (!servesData()) return;
  signalProcess(pid, 'SIGQUIT');
  if (await goneWithin(pid, 5_000)) return;
  if (servesData()) signalProcess(pid, 'SIGKILL');
  await sleep(100);
}

/** The same for a PgBouncer, by the configuration that it was started with. */
async function stopLeftoverPooler(folder: string): Promise<void> {
  const pid = Number(await readFile(path.join(folder, POOLER_PID_FILE), 'utf8'));
  if (!Number.isInteger(pid) || pid <= 1) return;
  if (commandLineOf(pid)?.includes(` ${path.join(folder, POOLER_CONFIGURATION)}`))
    signalProcess(pid, 'SIGKILL');
}
