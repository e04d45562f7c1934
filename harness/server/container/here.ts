// Does a container run on this very machine, and where can its processes and files be seen?

import { readFileSync } from 'node:fs';
import type { ContainerInspectInfo } from 'dockerode';

/** Addresses of an engine whose published ports are this machine's own. */
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1']);

/** Whether ports that the engine publishes appear on this machine. */
export function isLocalEngine(host: string): boolean {
  return LOOPBACK.has(host);
}

/**
 * The process id of a container's first process as this machine has it; undefined where the container runs in a machine of the
 * engine's own (Docker Desktop), or elsewhere: a number that belongs to some other process here must not be taken for it.
 */
export function pidHere({ Id, State }: Pick<ContainerInspectInfo, 'Id' | 'State'>): number | undefined {
  if (process.platform !== 'linux' || State.Pid <= 0) return undefined;
  try {
    return readFileSync(`/proc/${State.Pid}/cgroup`, 'utf8').includes(Id) ? State.Pid : undefined;
  } catch {
    return undefined;
  }
}
