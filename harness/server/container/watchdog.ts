// Who removes a container when the harness dies before it can?

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The harness's end of it. */
export interface ContainerWatchdog {
  /** Nothing is left to guard. */
  dismiss(): void;
}

/** Waits on a pipe, which the kernel closes however the harness dies; then runs the words that it was given. */
const WATCHDOG = `
trap : HUP INT TERM
while IFS= read -r line; do [ "$line" = done ] && exit 0; done
exec "$@"
`;

/**
 * Guards the containers of one server. Testcontainers' own guard, Ryuk, is a container with the engine's socket in its hands, of an
 * image of its own: a shell costs less, is ready at once, and needs no registry.
 */
export function guardContainers(serverId: string): ContainerWatchdog {
  const removal = fileURLToPath(import.meta.resolve('./removal.ts'));
  // As this process reads TypeScript, whichever way that is.
  const words = [process.execPath, ...process.execArgv, removal, serverId];
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'claimbench-watchdog', ...words], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // One that somebody killed is no reason to fail: the next start sweeps.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  return { dismiss: () => void child.stdin.end('done\n') };
}
