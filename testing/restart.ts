// How does a test stop an embedded server as a power cut would, and start it again on what is on its disk?

import { spawn } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const DEADLINE_MS = 30_000;
const LOOK_AGAIN_MS = 10;

/** What of a server is needed. */
interface Restartable {
  readonly pid?: number;
  readonly dataDirectory?: string;
}

/** A server that was started again. To be disposed before the one that it goes on for. */
export interface Restarted extends AsyncDisposable {
  /** When it accepted connections again, in ms since the Unix epoch. */
  readonly readyMs: number;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Stops `server` in the mode `immediate` (no checkpoint, every session cut off) and starts it again on the same port. */
export async function restartImmediately(
  { pid, dataDirectory }: Restartable,
  port: number,
): Promise<Restarted> {
  if (pid === undefined || dataDirectory === undefined)
    throw new Error('only an embedded server is restarted');
  process.kill(pid, 'SIGQUIT');
  await until(() => !isAlive(pid), 'the server has ended');
  const { uid, gid } = await stat(dataDirectory);
  const folder = path.dirname(dataDirectory);
  const program = path.join(folder, 'install', 'bin', 'postgres');
  const child = spawn(program, ['-D', dataDirectory, '-p', String(port)], {
    cwd: folder,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    // Root lends it the account that the data belong to.
    ...(process.getuid?.() === 0 ? { uid, gid } : {}),
    detached: true,
    stdio: 'ignore',
  });
  child.on('error', () => undefined);
  child.unref();
  const status = path.join(dataDirectory, 'postmaster.pid');
  await until(async () => {
    const lines = (await readFile(status, 'utf8').catch(() => '')).split('\n');
    // The file of the one that was stopped is still there at first.
    return lines[0] === String(child.pid) && lines[7]?.startsWith('ready') === true;
  }, 'the server is ready again');
  const readyMs = Date.now();
  return {
    readyMs,
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT');
      await until(() => child.exitCode !== null || child.signalCode !== null, 'the second server has ended');
    },
  };
}
